"""The HTTP interface of the daemon."""

from ivr.api.agents import AgentRoutes
from ivr.api.app import HttpServer
from ivr.api.bans import BanRoutes
from ivr.api.calls import CallRoutes
from ivr.api.campaigns import CampaignRoutes
from ivr.api.captures import CaptureRoutes
from ivr.api.console import ConsoleRoutes
from ivr.api.control import ControlRoutes
from ivr.api.drawings import DrawingRoutes
from ivr.api.endpoints import Answer, Ask, Endpoint, File, Model, Part, Query, Raw
from ivr.api.events import EventRoutes
from ivr.api.faults import refusal
from ivr.api.flows import FlowRoutes
from ivr.api.guard import Guard, local_token, where_to_listen
from ivr.api.idempotency import AnswerKeeper
from ivr.api.limiting import Limiter
from ivr.api.lines import LineRoutes
from ivr.api.messages import MessageRoutes
from ivr.api.operations import OperationRoutes
from ivr.api.people import PeopleRoutes
from ivr.api.placing import PlacingRoutes
from ivr.api.problems import ProblemError
from ivr.api.queues import QueueRoutes
from ivr.api.recordings import RecordingRoutes
from ivr.api.routes import RoutingRoutes
from ivr.api.sight import Sight
from ivr.api.stream import StreamRoutes
from ivr.api.twilio import TwilioRoutes
from ivr.api.webhooks import WebhookRoutes

__all__ = [
    "AgentRoutes",
    "Answer",
    "AnswerKeeper",
    "Ask",
    "BanRoutes",
    "CallRoutes",
    "CampaignRoutes",
    "CaptureRoutes",
    "ConsoleRoutes",
    "ControlRoutes",
    "DrawingRoutes",
    "Endpoint",
    "EventRoutes",
    "File",
    "FlowRoutes",
    "Guard",
    "HttpServer",
    "Limiter",
    "LineRoutes",
    "MessageRoutes",
    "Model",
    "OperationRoutes",
    "Part",
    "PeopleRoutes",
    "PlacingRoutes",
    "ProblemError",
    "Query",
    "QueueRoutes",
    "Raw",
    "RecordingRoutes",
    "RoutingRoutes",
    "Sight",
    "StreamRoutes",
    "TwilioRoutes",
    "WebhookRoutes",
    "local_token",
    "refusal",
    "where_to_listen",
]
