"""How everything fares that calls need, read when somebody asks: each function gives the families of one part."""

from __future__ import annotations

import os
import platform
import resource
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric

from ivr import __version__
from ivr.call.gate import Gate
from ivr.call.outbound import Outbound
from ivr.call.services import PlacedResult
from ivr.guard import SourceGuard
from ivr.lines import Trunks
from ivr.metrics.calls import CallMetrics
from ivr.metrics.distribution import Distribution
from ivr.net import SipShell
from ivr.sip import Stack
from ivr.store import Store
from media import PACING_BOUNDS, WorkerStatistics

__all__ = [
    "build",
    "calls",
    "dialled",
    "guard",
    "lines",
    "media",
    "placed",
    "policy",
    "process",
    "prompts",
    "sip",
    "store",
    "transports",
    "waiting_flows",
    "worker_processes",
]

CLASSES = range(1, 7)
"""First digits of SIP statuses."""
STREAMS = ("tcp", "tls", "ws", "wss")


class Calls(Protocol):
    """What is asked of the call manager."""

    total: int
    draining: bool
    refusals: Counter[int]

    def by_line(self) -> Counter[str | None]:
        """Calls in progress by name of the line; phones by their own name, guests as None."""


class Pool(Protocol):
    """What is asked of the media pool."""

    @property
    def free(self) -> int:
        """Port pairs that calls may still take."""

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers."""

    def statistics(self) -> Sequence[WorkerStatistics]:
        """What each worker did."""


class Prompts(Protocol):
    """What is asked of the book of sounds."""

    hits: int
    made: int
    failed: int


def _gauge(name: str, help_text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_text, value=value)


def _counter(name: str, help_text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, help_text, value=value)


def build(batch: str) -> Iterator[Metric]:
    """What runs."""
    values = {"version": __version__, "batch": batch, "python": platform.python_version()}
    yield InfoMetricFamily("ivr_build", "Version, socket loops of the media plane, Python.", value=values)


def calls(manager: Calls, limit: int, metrics: CallMetrics, ready: bool) -> Iterator[Metric]:
    """Calls in progress, and those not taken."""
    now = dict.fromkeys(metrics.labels, 0)
    for name, count in manager.by_line().items():
        now[metrics.line_of(name)] += count
    active = GaugeMetricFamily("ivr_active_calls", "Calls in progress.", labels=["line"])
    for label, count in now.items():
        active.add_metric([label], count)
    yield active
    yield _gauge("ivr_active_calls_limit", "Calls that may be in progress at the same time.", limit)
    yield _counter("ivr_calls_taken", "Calls that a flow was begun for.", manager.total)
    refused = CounterMetricFamily("ivr_calls_refused", "Calls that were not taken, by SIP status.", labels=["status"])
    for status, count in sorted(manager.refusals.items()):
        refused.add_metric([str(status)], count)
    yield refused
    yield _gauge("ivr_ready", "1 while calls are taken, as /readyz says.", ready)
    yield _gauge("ivr_draining", "1 while the daemon waits for its last calls to end.", manager.draining)


def waiting_flows(count: int) -> Iterator[Metric]:
    """Flows without a caller."""
    yield _gauge("ivr_waiting_flows", "Flows that wait or run without a caller.", count)


def sip(stack: Stack, registrations: int) -> Iterator[Metric]:
    """Messages and what is kept of them; phones that are registered."""
    traffic, counts = stack.layer.traffic, stack.counts
    requests = CounterMetricFamily(
        "ivr_sip_requests", "SIP requests, repeats included.", labels=["direction", "method"]
    )
    for direction, methods in (("in", traffic.requests_in), ("out", traffic.requests_out)):
        for method, count in sorted(methods.items()):
            requests.add_metric([direction, method], count)
    yield requests
    answers = CounterMetricFamily(
        "ivr_sip_responses", "SIP responses, repeats included.", labels=["direction", "class"]
    )
    for direction, classes in (("in", traffic.responses_in), ("out", traffic.responses_out)):
        for first in CLASSES:
            answers.add_metric([direction, f"{first}xx"], classes[first])
    yield answers
    repeats = CounterMetricFamily(
        "ivr_sip_repeats", "Requests that came again, and messages that were sent again.", labels=["direction"]
    )
    repeats.add_metric(["in"], traffic.repeats_in)
    repeats.add_metric(["out"], traffic.repeats_out)
    yield repeats
    yield _counter("ivr_sip_timeouts", "SIP requests of ours that nobody answered in time.", traffic.timeouts)
    yield _counter("ivr_sip_broken", "SIP messages that could not be read.", traffic.broken)
    yield _gauge("ivr_sip_sessions", "SIP sessions, both directions.", counts.sessions)
    yield _gauge("ivr_sip_dialogs", "SIP dialogs.", counts.dialogs)
    yield _gauge("ivr_sip_transactions", "SIP transactions in memory, for 32 s after their end.", counts.transactions)
    yield _gauge("ivr_sip_overloaded", "1 while new calls are refused because packets wait.", stack.overloaded)
    yield _gauge("ivr_registrations", "Contacts of phones that are registered.", registrations)


def store(opened: Store) -> Iterator[Metric]:
    """What waits to be written."""
    writer = opened.writer
    yield _gauge("ivr_store_backlog", "Rows that wait to be written.", writer.backlog)
    yield _gauge("ivr_store_available", "1 while the store can be written.", writer.available)
    rows = CounterMetricFamily(
        "ivr_store_rows",
        "Rows in the store, put into a file because it could not be written, or refused by it.",
        labels=["result"],
    )
    for result, count in (("written", writer.written), ("spilled", writer.spilled), ("rejected", writer.rejected)):
        rows.add_metric([result], count)
    yield rows


def prompts(sounds: Prompts, used: int, limit: int) -> Iterator[Metric]:
    """Sounds that flows asked for."""
    asked = CounterMetricFamily(
        "ivr_prompts", "Prompts that flows asked for: cached, made, or failed to be made.", labels=["result"]
    )
    for result, count in (("cached", sounds.hits), ("made", sounds.made), ("failed", sounds.failed)):
        asked.add_metric([result], count)
    yield asked
    yield _gauge("ivr_prompt_cache_bytes", "Size of the prompt cache on disk.", used)
    yield _gauge("ivr_prompt_cache_limit_bytes", "Size that the prompt cache is kept to.", limit)


def media(pool: Pool) -> Iterator[Metric]:
    """Workers, their ports, and how they keep their time."""
    yield _gauge("ivr_media_workers", "Media workers at work.", len(pool.pids))
    yield _gauge("ivr_media_ports_free", "Pairs of media ports that calls may still take.", pool.free)
    told = pool.statistics()
    pacing = [0] * (len(PACING_BOUNDS) + 1)
    for one in told:
        pacing = [so_far + count for so_far, count in zip(pacing, one.pacing, strict=True)]
    yield Distribution.family_of(
        "ivr_media_pacing_error_seconds",
        "How late the packets of a tick (20 ms) left.",
        PACING_BOUNDS,
        pacing,
        sum(one.pacing_seconds for one in told),
    )
    for name, text, values in (
        ("ivr_media_worker_restarts", "Media workers that died or hung, with their calls.", [w.deaths for w in told]),
        (
            "ivr_media_ticks_skipped",
            "Ticks left out after the machine had stalled.",
            [w.skipped for w in told],
        ),
        ("ivr_media_packets_sent", "RTP packets given to the kernel.", [w.sent for w in told]),
        ("ivr_media_packets_unsent", "RTP packets that the kernel did not take.", [w.unsent for w in told]),
        ("ivr_media_packets_received", "Datagrams that came to RTP ports.", [w.received for w in told]),
        ("ivr_media_packets_refused", "Datagrams that were not a caller's RTP.", [w.refused for w in told]),
        ("ivr_media_packets_unopened", "Of these, SRTP that did not open.", [w.unopened for w in told]),
        ("ivr_media_ports_starved", "Times that no port could be bound.", [w.starved for w in told]),
        ("ivr_media_streams_untold", "Ticks of sound streams dropped unheard.", [w.untold for w in told]),
    ):
        yield _counter(name, text, sum(values))


def process(started: float) -> Iterator[Metric]:
    """What the daemon uses, by the names that Prometheus has for it; `started` is seconds since the epoch.

    Read from /proc/self alone: the unit hides what is not of processes.
    """
    used = _used("self")
    if used is not None:
        yield _counter("process_cpu_seconds", "Processor time of the daemon.", used[0])
        yield _gauge("process_resident_memory_bytes", "Resident memory of the daemon.", used[1])
        yield _gauge("process_open_fds", "File descriptors that are open.", len(os.listdir("/proc/self/fd")))
    yield _gauge("process_max_fds", "File descriptors that may be open.", resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    yield _gauge("process_start_time_seconds", "When the daemon was started.", started)


def worker_processes(pool: Pool) -> Iterator[Metric]:
    """What the media workers use; nothing where the system does not tell."""
    cpu = CounterMetricFamily("ivr_media_worker_cpu_seconds", "Processor time of a media worker.", labels=["worker"])
    memory = GaugeMetricFamily("ivr_media_worker_memory_bytes", "Resident memory of a media worker.", labels=["worker"])
    for number, pid in enumerate(pool.pids):
        used = _used(str(pid))
        if used is not None:
            cpu.add_metric([str(number)], used[0])
            memory.add_metric([str(number)], used[1])
    yield cpu
    yield memory


def _used(pid: str) -> tuple[float, int] | None:
    """Seconds of processor time and bytes of memory of a process (proc(5)); None where Linux does not tell."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return seconds, int(fields[21]) * os.sysconf("SC_PAGE_SIZE")


def placed(counts: Counter[tuple[str | None, PlacedResult]]) -> Iterator[Metric]:
    """What became of INVITEs of ours."""
    family = CounterMetricFamily(
        "ivr_outbound_invites",
        "INVITEs of ours: reached somebody, were refused, or failed on the way.",
        labels=["line", "result"],
    )
    for (line, result), count in counts.items():
        family.add_metric([line or "phones", result], count)
    yield family


def dialled(attempts: Counter[tuple[str, str]]) -> Iterator[Metric]:
    """What became of calls that flows placed."""
    told = CounterMetricFamily(
        "ivr_dial_attempts", "Attempts of flows to call somebody that are over.", labels=["outcome", "reason"]
    )
    for (outcome, reason), count in sorted(attempts.items()):
        told.add_metric([outcome, reason], count)
    yield told


def transports(shell: SipShell) -> Iterator[Metric]:
    """Connections that stand, those that were refused, and our certificates."""
    connections = GaugeMetricFamily("ivr_sip_connections", "SIP connections that stand.", labels=["transport"])
    counts = shell.connections
    for transport in STREAMS:
        connections.add_metric([transport], counts.get(transport, 0))
    yield connections
    yield _counter(
        "ivr_sip_connections_refused", "Connections not taken: a limit, or a guard.", shell.connections_refused
    )
    ends = GaugeMetricFamily(
        "ivr_certificate_expiry_timestamp_seconds", "When a certificate of ours ends.", labels=["certificate"]
    )
    for state in shell.certificates():
        ends.add_metric([state.path.name], state.expires_at)
    yield ends


def lines(trunks: Trunks) -> Iterator[Metric]:
    """Lines to the outside."""
    usable = GaugeMetricFamily("ivr_line_usable", "1 while calls go out by a line first of all.", labels=["line"])
    registered = GaugeMetricFamily(
        "ivr_line_registered", "1 while a line that has to be is registered.", labels=["line"]
    )
    answers = GaugeMetricFamily("ivr_line_answers", "1 while a line's peer answers OPTIONS.", labels=["line"])
    trip = GaugeMetricFamily(
        "ivr_line_round_trip_seconds", "From the last OPTIONS to a line's peer to its answer.", labels=["line"]
    )
    for state in trunks.states():
        usable.add_metric([state.name], state.usable)
        for family, value in ((registered, state.registered), (answers, state.answers), (trip, state.round_trip)):
            if value is not None:
                family.add_metric([state.name], value)
    yield from (usable, registered, answers, trip)


def guard(sources: SourceGuard, now: float) -> Iterator[Metric]:
    """Strangers who were kept out; `now` is the guard's time."""
    yield _gauge("ivr_guard_bans", "Sources that are banned now.", len(sources.bans(now)))
    yield _gauge("ivr_guard_half_open", "Calls of strangers that nobody has acknowledged yet.", sources.half_open)
    yield _gauge("ivr_guard_pressed", "1 while strangers send more than they may together.", sources.pressed)
    yield _counter("ivr_guard_dropped", "SIP messages dropped unread.", sources.dropped)
    noted = CounterMetricFamily(
        "ivr_guard_events", "Faults of sources by kind, bans, and connections that were refused.", labels=["kind"]
    )
    for kind, count in sorted(sources.counts.items()):
        noted.add_metric([kind], count)
    yield noted


def policy(outbound: Outbound, gate: Gate) -> Iterator[Metric]:
    """Calls that rules forbade: out through lines, and in for who called or how many he had."""
    refused = CounterMetricFamily(
        "ivr_outbound_refused", "Calls out that outbound_policy forbade, by rule or limit.", labels=["rule"]
    )
    for rule, count in sorted(outbound.refused.items()):
        refused.add_metric([rule], count)
    yield refused
    yield _counter("ivr_outbound_emergencies", "Emergency calls placed.", outbound.emergencies)
    full = CounterMetricFamily("ivr_calls_over_limit", "Calls refused with 486, by what was full.", labels=["of"])
    for kind, count in sorted(gate.capacity.refused.items()):
        full.add_metric([kind], count)
    yield full
    yield _counter("ivr_calls_blocked", "Calls refused for who called.", gate.blocked)
