"""All parts of the interface that declare what can be asked: `ivr schema openapi` and the reference come of them."""

from __future__ import annotations

from ivr.api.agents import AgentRoutes
from ivr.api.bans import BanRoutes
from ivr.api.calls import CallRoutes
from ivr.api.campaigns import CampaignRoutes
from ivr.api.captures import CaptureRoutes
from ivr.api.console import ConsoleRoutes
from ivr.api.control import ControlRoutes
from ivr.api.document import DocumentRoutes
from ivr.api.drawings import DrawingRoutes
from ivr.api.endpoints import Endpoint, Part
from ivr.api.events import EventRoutes
from ivr.api.flows import FlowRoutes
from ivr.api.lines import LineRoutes
from ivr.api.messages import MessageRoutes
from ivr.api.operations import OperationRoutes
from ivr.api.people import PeopleRoutes
from ivr.api.placing import PlacingRoutes
from ivr.api.queues import QueueRoutes
from ivr.api.recordings import RecordingRoutes
from ivr.api.routes import RoutingRoutes
from ivr.api.stream import StreamRoutes
from ivr.api.twilio import TwilioRoutes
from ivr.api.webhooks import WebhookRoutes

__all__ = ["PARTS", "all_endpoints"]

PARTS: tuple[type[Part], ...] = (
    CallRoutes,
    PlacingRoutes,
    ControlRoutes,
    StreamRoutes,
    WebhookRoutes,
    EventRoutes,
    AgentRoutes,
    QueueRoutes,
    RoutingRoutes,
    CampaignRoutes,
    RecordingRoutes,
    PeopleRoutes,
    FlowRoutes,
    DrawingRoutes,
    LineRoutes,
    BanRoutes,
    MessageRoutes,
    CaptureRoutes,
    ConsoleRoutes,
    TwilioRoutes,
    OperationRoutes,
    DocumentRoutes,
)


def all_endpoints() -> list[Endpoint]:
    """What can be asked of a daemon, without one: declarations hold nothing of the parts that carry them out."""
    return [endpoint for part in PARTS for endpoint in part.__new__(part).endpoints()]
