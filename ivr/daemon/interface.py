"""The HTTP interface of the daemon: each group of addresses joined to what it shows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ivr.api import (
    AgentRoutes,
    AnswerKeeper,
    BanRoutes,
    CallRoutes,
    CampaignRoutes,
    CaptureRoutes,
    ConsoleRoutes,
    ControlRoutes,
    DrawingRoutes,
    EventRoutes,
    FlowRoutes,
    Guard,
    HttpServer,
    Limiter,
    LineRoutes,
    MessageRoutes,
    OperationRoutes,
    PeopleRoutes,
    PlacingRoutes,
    QueueRoutes,
    RecordingRoutes,
    RoutingRoutes,
    Sight,
    StreamRoutes,
    TwilioRoutes,
    WebhookRoutes,
)
from ivr.center.house import kept_between

if TYPE_CHECKING:
    from ivr.call.contacts import Contacts
    from ivr.call.events import EventHub
    from ivr.call.manager import CallManager
    from ivr.call.protection import Protection
    from ivr.call.services import Services
    from ivr.call.world import World
    from ivr.center.house import House
    from ivr.dialer import CampaignOffice
    from ivr.handoff.applications import ApplicationDesk
    from ivr.handoff.callstatus import CallStatuses
    from ivr.handoff.letters import Letters
    from ivr.settings import HostPort
    from ivr.versions import LiveFlows
    from ivr.webhooks import Courier, Webhooks

__all__ = ["http_server"]


def http_server(
    listen: HostPort,
    guard: Guard,
    operations: OperationRoutes,
    streams: StreamRoutes,
    sight: Sight,
    *,
    services: Services,
    manager: CallManager,
    contacts: Contacts,
    applications: ApplicationDesk,
    statuses: CallStatuses,
    campaigns: CampaignOffice,
    world: World,
    events: EventHub,
    webhooks: Webhooks,
    courier: Courier,
    letters: Letters,
    protection: Protection,
    flows: LiveFlows,
    house: House,
) -> HttpServer:
    """The server, not started yet."""
    settings, store = services.settings, services.store
    parts = (
        CallRoutes(manager, sight, contacts.state, store.reader),
        PlacingRoutes(contacts, lambda: house.office.settings),
        ControlRoutes(manager, lambda: house.office.settings, applications),
        TwilioRoutes(
            manager,
            services.desks,
            settings,
            store.reader,
            kept=contacts.state,
            placer=contacts,
            statuses=statuses,
            guard=guard,
        ),
        MessageRoutes(services.captures),
        CaptureRoutes(services.captures, manager),
        LineRoutes(services.trunks.states),
        CampaignRoutes(campaigns),
        RecordingRoutes(store.reader, settings.recordings, store.writer.recording_deleted, services.feed),
        PeopleRoutes(store, world.update_profile, country=settings.country),
        EventRoutes(events),
        streams,
        WebhookRoutes(webhooks, courier, letters.endpoints),
        BanRoutes(protection),
        FlowRoutes(flows, manager),
        DrawingRoutes(flows),
        AgentRoutes(house.office),
        QueueRoutes(house.office, partial(kept_between, store)),
        RoutingRoutes(house.office),
        ConsoleRoutes(),
    )
    return HttpServer(
        listen,
        guard,
        operations,
        parts,
        keeper=AnswerKeeper(store.answers),
        limiter=Limiter(settings.http.requests_per_second, settings.http.burst, guard),
    )
