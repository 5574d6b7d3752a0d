"""One run of the daemon: what it consists of, made and joined in order, and taken down in the other."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path

from ivr import __version__
from ivr.api import Guard, HttpServer, OperationRoutes, Sight, StreamRoutes, local_token, where_to_listen
from ivr.call.contacts import Contacts
from ivr.call.events import CALL_ENDED, EventHub
from ivr.call.gate import Gate
from ivr.call.identity import LineTable
from ivr.call.languages import learn_languages
from ivr.call.manager import CallManager
from ivr.call.policies import media_policies
from ivr.call.profiles import ProfileBook
from ivr.call.protection import FILE_NAME as GUARD_FILE
from ivr.call.protection import Protection
from ivr.call.services import Services
from ivr.call.sounds import SoundBook, tone_sounds
from ivr.call.targets import Directory
from ivr.call.unfinished import settle
from ivr.call.waiting import WaitingFlows
from ivr.call.world import World
from ivr.capture import Captures
from ivr.center.house import House
from ivr.center.office import Office
from ivr.daemon.configured import ANYWHERE, challenger, media_config, prompt_store, registrar, stack_config
from ivr.daemon.ending import Ending
from ivr.daemon.interface import http_server
from ivr.daemon.reloading import Reloading
from ivr.devices import Devices
from ivr.dialer import BlockList, CampaignOffice, Dialler
from ivr.errors import FaultsError, IvrError
from ivr.flow import FlowSet
from ivr.flow.elements.queue_sound import prompts_of
from ivr.flow.ports import PromptSpec
from ivr.flow.spoken import Languages
from ivr.handoff.ai import AiDesk
from ivr.handoff.applications import ApplicationDesk
from ivr.handoff.callstatus import CallStatuses
from ivr.handoff.forks import Forks
from ivr.handoff.letters import Letters
from ivr.lines import LOOPBACK, Ground, Trunks, instance_of
from ivr.metrics import CONTENT_TYPE, DaemonMetrics
from ivr.net import ConnectionLimits, Resolver, SipShell, TlsFiles
from ivr.outside import HttpClient, Mailer
from ivr.service import Health, ServiceManager, Upkeep, line_down, privileges, set_up_logging, silent_worker
from ivr.settings import Listener, Settings, load_settings
from ivr.sip import Stack
from ivr.store import Store
from ivr.tasks import TaskSet
from ivr.versions import FlowKeeper, LiveFlows
from ivr.webhooks import Courier, Sender, Webhooks
from media import MediaError, MediaPool, allow_listed

log = logging.getLogger("ivr.daemon")

EXIT_OK, EXIT_FAULTS = 0, 1
SWITCH_INTERVAL = 0.0005
"""Seconds that the store's thread keeps the interpreter while a packet waits; the default is ten times as long."""


def main(config: Path | None) -> int:
    """Run until told to stop; the exit code."""
    set_up_logging()
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        settings = load_settings(config)
        privileges.drop(settings)
        set_up_logging(settings.log)
        return asyncio.run(Daemon(settings).run())
    except FaultsError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return EXIT_FAULTS
    except (IvrError, MediaError, OSError) as error:
        print(f"ivr: {error}", file=sys.stderr)
        return EXIT_FAULTS


class Daemon:
    """One run."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._service = ServiceManager()
        self._ending = Ending(self._service, settings.limits.drain_timeout)
        self._health = Health(settings.health, self._service)
        self._metrics = DaemonMetrics(settings.lines)
        self._warmed: frozenset[PromptSpec] = frozenset()
        """What callers of queues hear, as it was last made ahead."""

    async def run(self) -> int:
        """Start everything, take calls, stop everything."""
        settings = self._settings
        loop = asyncio.get_running_loop()
        async with AsyncExitStack() as exits:
            settings.recordings.mkdir(parents=True, exist_ok=True)
            store = await asyncio.to_thread(Store.open, settings.store, settings.cache)
            exits.push_async_callback(asyncio.to_thread, store.close)
            keeper = FlowKeeper(settings, store.versions)
            flows, faults = await asyncio.to_thread(keeper.begin)
            for fault in faults:
                log.error("%s", fault)
            if faults:
                log.error("the flows folder does not hold: what was in force last stays in force")
            devices = Devices(settings)
            exits.push_async_callback(devices.close)
            media = media_config(settings, devices=bool(devices.lines))
            pool = await MediaPool.start(media)
            exits.push_async_callback(pool.close)
            prompts = prompt_store(settings)
            await prompts.start()
            exits.push_async_callback(prompts.close)
            tones = await asyncio.to_thread(tone_sounds, settings.cache)
            stack = Stack(stack_config(settings), os.urandom)
            manager: CallManager | None = None
            shell = SipShell(
                stack,
                [(entry.transport, entry.host, entry.port) for entry in settings.sip.listen],
                lambda event: manager.on_event(event) if manager is not None else None,
                public_address=settings.sip.given_address,
                stun=(stun.host, stun.port) if (stun := settings.sip.stun) is not None else None,
                tls=TlsFiles(**dict(settings.sip.tls)),
                limits=ConnectionLimits(
                    settings.limits.connections, settings.limits.connections_per_source, settings.sip.trusted
                ),
                inner=devices.addresses,
            )
            captures = Captures(settings.capture, settings.cache / "captures")
            shell.tap = captures.tap
            await shell.start()
            exits.push_async_callback(shell.close)
            # After the calls and before the sockets: what a line's process says last is still heard.
            exits.push_async_callback(devices.close)
            lines = LineTable(settings, devices.ends)
            protection = Protection(
                settings, settings.token_file.with_name(GUARD_FILE), lambda host: lines.at(host) is not None, time.time
            )
            await asyncio.to_thread(protection.load)
            protection.join(stack, shell)
            exits.push_async_callback(protection.close)
            phones = registrar(settings)
            background = TaskSet()
            exits.push_async_callback(background.close)
            if captures.exporter is not None:
                background.spawn(captures.exporter.run())
            events = EventHub(store, background.spawn, time.time)
            await events.begin()
            profiles = ProfileBook(store, loop)
            exits.callback(profiles.close)
            requests, mails = HttpClient(settings), Mailer(settings.mail)
            exits.push_async_callback(requests.close)
            exits.push_async_callback(mails.close)
            world = World(store, requests, mails, profiles, events, time.time)
            names = Resolver()
            exits.push_async_callback(names.close)
            ground = Ground(loop, shell, stack, names, background.spawn, instance_of(settings.source))
            trunks = Trunks(lines.lines, ground, lines.account, lines.resolved)
            trunks.trouble, trunks.hardware = devices.trouble, devices.hardware
            devices.on_change = lambda name: trunks.look(name) if devices.trouble(name) else trunks.anew(name)
            devices.on_death = shell.peer_died
            shell.on_gone = trunks.connection_lost
            services = Services(
                settings=settings,
                loop=loop,
                shell=shell,
                stack=stack,
                pool=pool,
                sounds=SoundBook(prompts, tones),
                directory=Directory(settings, phones, lines),
                lines=lines,
                names=names,
                trunks=trunks,
                store=store,
                policies=media_policies(
                    settings, lines, shell.media_address, LOOPBACK if media.host == ANYWHERE else media.host
                ),
                outside=world,
                languages=Languages(settings.speech.language, settings.speech.languages),
                captures=captures,
                measured=self._metrics.calls.ended,
            )
            courier = Courier(store.deliveries, Sender(allow_listed(settings.http.allow)))
            exits.push_async_callback(courier.close)
            webhooks = Webhooks(settings.webhooks, services.feed, courier)
            self._metrics.read_deliveries(courier.states)
            exits.callback(webhooks.close)
            services.desks.ai = ai = AiDesk(settings)
            letters = Letters(settings, courier)
            applications = ApplicationDesk(settings, requests, letters, services, time.time)
            services.desks.applications = applications
            services.desks.forks = forks = Forks(settings, lambda call: ai.agent_of(call) is not None)
            exits.push_async_callback(forks.close)
            statuses = CallStatuses(services.feed, letters, time.time)
            exits.callback(statuses.close)
            exits.callback(ai.close)
            await ai.open()
            protection.keep(services.outbound)
            gate = Gate(
                settings,
                stack,
                phones,
                challenger(settings),
                lines,
                lambda number, line: manager is not None and manager.flows.find(number, line) is not None,
                loop.time,
                protection.guard,
            )
            manager = CallManager(services, gate, flows)
            ai.knows_key = manager.knows_key

            def in_force(flows: FlowSet) -> None:
                manager.flows = flows
                # Who asked for the change need not wait for speech.
                background.spawn(self._warm(services, flows, house.office))

            waiting = WaitingFlows(services, events, lambda: manager.flows, keeper.flow)
            exits.push_async_callback(waiting.close)
            await waiting.begin()
            dialler = Dialler(settings, store, waiting, lambda: manager.flows, time.time, loop, services.feed.tell)
            await dialler.begin()
            exits.callback(dialler.close)
            listed = BlockList(store, loop, time.time, settings.country)
            exits.callback(listed.close)
            world.reserve, world.prepare = dialler.reserve, dialler.prepare
            world.permitted, world.block = listed.may_contact, listed.change
            office = CampaignOffice(settings, store, dialler, lambda: manager.flows, time.time, services.feed.tell)
            contacts = Contacts(services, waiting, background.spawn, manager.refusal)
            world.begin = contacts.begin
            services.keep = waiting.keep
            waiting.dials.calls = manager
            manager.on_ended = lambda call_id, summary: events.happened(f"call.ended:{call_id}", CALL_ENDED, summary)
            house = await House.open(services, ground, phones, waiting, contacts, background.spawn)
            exits.callback(house.close)
            dialler.matches.standing = house.office.standing
            exits.callback(services.feed.listen(lambda event: dialler.happened(event.type, event.call)))
            self._metrics.read_center(lambda: house.office.center.figures())
            live = LiveFlows(keeper, flows, faults, in_force)
            await trunks.start()
            local = exits.enter_context(local_token(settings.token_file))
            self._metrics.read(
                services, manager, phones, waiting, prompts, protection.guard, lambda: not self._health.unready()
            )
            self._watch(services, manager)
            operations = OperationRoutes(self._health, self._metrics.text, CONTENT_TYPE, settings.metrics)
            guard = Guard(store, local)
            guard.of_calls = applications.token
            sight = Sight(services.feed.concerns, house.office.pool, house.office.calls_by_name)
            house.office.on_change.append(lambda _: sight.forget())
            keeper.knows(house.office.settings)
            house.office.on_change.append(keeper.knows)
            house.office.on_change.append(lambda _: background.spawn(self._warm_queues(services, house.office)))
            streams = StreamRoutes(services.feed, guard, sight)
            streams.console = house.office.console
            listen = where_to_listen(
                settings.http.listen, open_to_somebody=await asyncio.to_thread(_may_be_asked, settings, store)
            )
            if listen != settings.http.listen:
                log.warning("nobody has a token (ivr token create): HTTP listens on %s alone", listen)
            http = http_server(
                listen,
                guard,
                operations,
                streams,
                sight,
                services=services,
                manager=manager,
                contacts=contacts,
                applications=applications,
                statuses=statuses,
                campaigns=office,
                world=world,
                events=events,
                webhooks=webhooks,
                courier=courier,
                letters=letters,
                protection=protection,
                flows=live,
                house=house,
            )
            await courier.begin()
            cut_off = [one.record for one in store.cut_off]
            statuses.begin(await asyncio.to_thread(store.waits.watched, store.node), cut_off)
            await settle(store, services.feed, manager.on_ended, applications.cut_off)
            await http.start()
            applications.base_url = settings.http.public_url or f"http://{http.address}"
            exits.push_async_callback(http.close)
            exits.callback(streams.close)
            privileges.forget()
            devices.start(shell.inner_address)
            reloading = Reloading(self._service, live, shell, house, services)
            loop.add_signal_handler(signal.SIGHUP, reloading.ask)
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._ending.ask)
            upkeep = Upkeep(settings, store, lambda: stack.counts.transactions)
            async with asyncio.TaskGroup() as tasks:
                dialling = tasks.create_task(dialler.run())
                running = [
                    dialling,
                    tasks.create_task(self._health.beat()),
                    tasks.create_task(upkeep.forget()),
                    tasks.create_task(upkeep.collect()),
                    tasks.create_task(reloading.run()),
                    tasks.create_task(waiting.run()),
                    tasks.create_task(courier.run()),
                    tasks.create_task(self._warm(services, manager.flows, house.office)),
                ]
                if settings.watch_flows:
                    running.append(tasks.create_task(live.watch(settings.flows)))
                upkeep.begin_collecting()
                self._say_ready(shell, http, pool, len(flows))
                await self._ending.begun.wait()
                self._service.stopping()
                dialling.cancel()
                # The registrars send new calls elsewhere while those in progress end.
                await asyncio.gather(trunks.close(), self._ending.drain(manager, house.desk.close))
                for task in running:
                    task.cancel()
        log.info("stopped; %d calls taken, %d refused, %d placed", manager.total, manager.refused, manager.placed)
        return EXIT_OK

    def _say_ready(self, shell: SipShell, http: HttpServer, pool: MediaPool, flows: int) -> None:
        listening = ",".join(str(Listener(*address)) for address in shell.addresses)
        log.info("ivr %s: %d flows, %d workers, batch=%s", __version__, flows, len(pool.pids), pool.batch)
        print(f"ready sip={listening} http={http.address}", flush=True)
        self._service.ready()

    def _watch(self, services: Services, manager: CallManager) -> None:
        """What has to work so that calls are taken."""
        self._health.on_lag = self._metrics.lag.observe
        self._health.sentence = lambda: f"{len(manager.calls)} calls in progress, {manager.total} taken"
        self._health.vital.append(lambda: silent_worker(services.pool, self._settings.health.worker_silence))
        self._health.needed.extend(
            [
                lambda: "no new calls are taken: the daemon stops" if manager.draining else None,
                lambda: None if services.shell.addresses else "no listener is open",
                lambda: None if services.store.writer.available else "the store cannot be written",
                lambda: None if services.pool.free else "every media port is taken",
                lambda: line_down(services.trunks.states(), self._settings.health.lines),
            ]
        )

    async def _warm(self, services: Services, flows: FlowSet, office: Office) -> None:
        """Make prompts ahead; a call makes those that fail here, or goes on without them."""
        try:
            await learn_languages(services.languages, flows.values())
            await services.sounds.warm(flows.prompts(services.languages))
            await self._warm_queues(services, office)
        except Exception:
            log.exception("the prompts cannot be made ahead")

    async def _warm_queues(self, services: Services, office: Office) -> None:
        """The same for what callers of queues hear, as far as that is new."""
        found, before = prompts_of(office.settings, services.languages), self._warmed
        self._warmed = frozenset(found)
        await services.sounds.warm(each for each in found if each not in before)


def _may_be_asked(settings: Settings, store: Store) -> bool:
    """Whether anybody could use the HTTP interface from another machine. Blocks."""
    return bool(store.tokens.all() or settings.applications or settings.ai_agents)
