"""Write the Grafana dashboard: `python deploy/grafana/dashboard.py > deploy/grafana/ivr.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
ON = '{instance=~"$instance"}'
WIDTH, HEIGHT, COLUMNS = 8, 7, 24


@dataclass(frozen=True)
class Panel:
    """One picture."""

    title: str
    queries: tuple[tuple[str, str], ...]
    """Expression and legend; `%` in the expression stands for the selector of the instance."""
    unit: str = "short"
    about: str = ""
    kind: str = "timeseries"
    stacked: bool = False
    bounds: tuple[tuple[float | None, str], ...] = ()
    """From which value on which colour."""
    width: int = WIDTH


def quantiles(metric: str, *shares: float) -> tuple[tuple[str, str], ...]:
    """Of a histogram, over five minutes."""
    rate = f"sum by (le) (rate({metric}_bucket%[5m]))"
    return tuple((f"histogram_quantile({share}, {rate})", f"p{share * 100:g}") for share in shares)


def rate(metric: str, *by: str, window: str = "5m") -> str:
    """Per second, summed by labels."""
    return f"sum by ({', '.join(by)}) (rate({metric}%[{window}]))" if by else f"sum(rate({metric}%[{window}]))"


GOOD_BAD = ((None, "red"), (1, "green"))
BAD_GOOD = ((None, "green"), (1, "red"))

ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "At a glance",
        (
            Panel("Takes calls", (("min(ivr_ready%)", ""),), kind="stat", bounds=GOOD_BAD, width=3),
            Panel("Calls now", (("sum(ivr_active_calls%)", ""),), kind="stat", width=3),
            Panel("Calls per minute", (("60 * sum(rate(ivr_calls_taken_total%[5m]))", ""),), kind="stat", width=3),
            Panel(
                "Refused, last hour",
                (("sum(increase(ivr_calls_refused_total%[1h])) or vector(0)", ""),),
                kind="stat",
                width=3,
            ),
            Panel(
                "Lines down", (("sum(1 - ivr_line_usable%) or vector(0)", ""),), kind="stat", bounds=BAD_GOOD, width=3
            ),
            Panel("Store can be written", (("min(ivr_store_available%)", ""),), kind="stat", bounds=GOOD_BAD, width=3),
            Panel("Banned sources", (("sum(ivr_guard_bans%)", ""),), kind="stat", width=3),
            Panel(
                "Certificate, days left",
                (("min(ivr_certificate_expiry_timestamp_seconds% - time()) / 86400", ""),),
                kind="stat",
                bounds=((None, "red"), (7, "yellow"), (21, "green")),
                width=3,
            ),
        ),
    ),
    (
        "Calls",
        (
            Panel("Calls in progress", (("sum by (line) (ivr_active_calls%)", "{{line}}"),), stacked=True),
            Panel(
                "Calls that ended, by cause", ((rate("ivr_calls_total", "cause"), "{{cause}}"),), "cps", stacked=True
            ),
            Panel("Calls not taken, by status", ((rate("ivr_calls_refused_total", "status"), "{{status}}"),), "cps"),
            Panel("Answer", quantiles("ivr_call_answer_seconds", 0.5, 0.95, 0.99), "s", "From INVITE to 200."),
            Panel(
                "First sound",
                quantiles("ivr_call_first_audio_seconds", 0.5, 0.95, 0.99),
                "s",
                "From INVITE to the first RTP packet of a prompt.",
            ),
            Panel(
                "Reaction to keys",
                quantiles("ivr_call_digit_reaction_seconds", 0.5, 0.95, 0.99),
                "s",
                "From a key to the first RTP packet of the next prompt.",
            ),
            Panel("Duration", quantiles("ivr_call_duration_seconds", 0.5, 0.95), "s"),
            Panel(
                "Endings by flow", ((rate("ivr_flow_endings_total", "flow", "cause"), "{{flow}}: {{cause}}"),), "cps"
            ),
            Panel("Hand-offs", ((rate("ivr_hand_offs_total", "outcome"), "{{outcome}}"),), "cps", stacked=True),
        ),
    ),
    (
        "Sound",
        (
            Panel(
                "How late packets left",
                quantiles("ivr_media_pacing_error_seconds", 0.5, 0.99, 0.999),
                "s",
                "Of ticks of 20 ms; phones even out some tens of milliseconds.",
            ),
            Panel(
                "Quality (MOS)",
                quantiles("ivr_rtp_mos", 0.05, 0.5),
                "none",
                "Of what was heard of callers; 3.6 is fair.",
            ),
            Panel("Packets lost of callers", quantiles("ivr_rtp_loss_ratio", 0.5, 0.95), "percentunit"),
            Panel("Jitter of callers", quantiles("ivr_rtp_jitter_seconds", 0.5, 0.95), "s"),
            Panel("Round trip to callers", quantiles("ivr_rtp_round_trip_seconds", 0.5, 0.95), "s"),
            Panel(
                "RTP packets",
                (
                    (rate("ivr_media_packets_received_total", window="1m"), "received"),
                    (rate("ivr_media_packets_sent_total", window="1m"), "sent"),
                    (rate("ivr_media_packets_refused_total", window="1m"), "refused"),
                    (rate("ivr_media_packets_unsent_total", window="1m"), "not taken by the kernel"),
                ),
                "pps",
            ),
            Panel(
                "Workers",
                (
                    ("sum by (worker) (rate(ivr_media_worker_cpu_seconds_total%[1m]))", "processor, worker {{worker}}"),
                    ("sum(increase(ivr_media_worker_restarts_total%[5m]))", "restarts"),
                    ("sum(increase(ivr_media_ticks_skipped_total%[5m]))", "ticks skipped"),
                ),
            ),
            Panel("Media ports that are free", (("sum(ivr_media_ports_free%)", "free"),)),
            Panel("Packets of calls that are bad", ((rate("ivr_rtp_bad_packets_total", "kind"), "{{kind}}"),), "pps"),
        ),
    ),
    (
        "Signalling and lines",
        (
            Panel(
                "Requests that came",
                (
                    (
                        'sum by (method) (rate(ivr_sip_requests_total{instance=~"$instance",direction="in"}[1m]))',
                        "{{method}}",
                    ),
                ),
                "reqps",
            ),
            Panel(
                "Responses that we gave",
                (
                    (
                        'sum by (class) (rate(ivr_sip_responses_total{instance=~"$instance",direction="out"}[1m]))',
                        "{{class}}",
                    ),
                ),
                "reqps",
            ),
            Panel(
                "Repeats and time-outs",
                (
                    (rate("ivr_sip_repeats_total", "direction", window="1m"), "repeats {{direction}}"),
                    (rate("ivr_sip_timeouts_total", window="1m"), "time-outs"),
                    (rate("ivr_sip_broken_total", window="1m"), "could not be read"),
                ),
                "reqps",
            ),
            Panel(
                "In memory",
                (
                    ("sum(ivr_sip_transactions%)", "transactions"),
                    ("sum(ivr_sip_dialogs%)", "dialogs"),
                    ("sum(ivr_sip_sessions%)", "sessions"),
                    ("sum(ivr_sip_connections%)", "connections"),
                    ("sum(ivr_registrations%)", "registered contacts"),
                ),
            ),
            Panel(
                "Lines",
                (
                    ("min by (line) (ivr_line_usable%)", "{{line}} usable"),
                    ("min by (line) (ivr_line_registered%)", "{{line}} registered"),
                    ("min by (line) (ivr_line_answers%)", "{{line}} answers"),
                ),
                kind="state-timeline",
                bounds=GOOD_BAD,
            ),
            Panel(
                "Calls out", ((rate("ivr_outbound_invites_total", "line", "result"), "{{line}}: {{result}}"),), "cps"
            ),
            Panel("Round trip to lines", (("max by (line) (ivr_line_round_trip_seconds%)", "{{line}}"),), "s"),
            Panel(
                "Kept out",
                (
                    (rate("ivr_guard_dropped_total", window="1m"), "messages dropped"),
                    (rate("ivr_guard_events_total", "kind", window="1m"), "{{kind}}"),
                    ("sum(ivr_guard_half_open%)", "calls of strangers not acknowledged"),
                ),
            ),
        ),
    ),
    (
        "Daemon",
        (
            Panel("How late the loop was", quantiles("ivr_event_loop_lag_seconds", 0.5, 0.99, 0.999), "s"),
            Panel(
                "Store",
                (
                    ("sum(ivr_store_backlog%)", "rows waiting"),
                    (rate("ivr_store_rows_total", "result"), "{{result}} per second"),
                ),
            ),
            Panel("Prompts", ((rate("ivr_prompts_total", "result"), "{{result}}"),), "ops"),
            Panel(
                "Processor and memory of the daemon",
                (
                    ("rate(process_cpu_seconds_total%[1m])", "processor"),
                    ("process_open_fds% / process_max_fds%", "share of file descriptors"),
                ),
                "percentunit",
            ),
            Panel(
                "Memory",
                (
                    ("process_resident_memory_bytes%", "daemon"),
                    ("sum by (worker) (ivr_media_worker_memory_bytes%)", "worker {{worker}}"),
                    ("sum(ivr_prompt_cache_bytes%)", "prompt cache on disk"),
                ),
                "bytes",
            ),
            Panel("Flows that wait", (("sum(ivr_waiting_flows%)", "waiting"),)),
        ),
    ),
)


def panel(number: int, what: Panel, x: int, y: int) -> dict[str, Any]:
    """As Grafana keeps it."""
    steps = [{"color": colour, "value": value} for value, colour in what.bounds or ((None, "green"),)]
    custom: dict[str, Any] = {}
    options: dict[str, Any] = {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True}}
    if what.kind == "timeseries":
        custom = {"fillOpacity": 10, "stacking": {"mode": "normal" if what.stacked else "none"}, "showPoints": "never"}
        options["tooltip"] = {"mode": "multi", "sort": "desc"}
    elif what.kind == "stat":
        reduce = {"calcs": ["lastNotNull"], "fields": "", "values": False}
        options = {"colorMode": "background" if what.bounds else "value", "graphMode": "area", "reduceOptions": reduce}
    else:
        custom = {"fillOpacity": 70}
        options["mergeValues"] = True
    return {
        "id": number,
        "type": what.kind,
        "title": what.title,
        "description": what.about,
        "datasource": SOURCE,
        "gridPos": {"h": HEIGHT if what.kind != "stat" else 4, "w": what.width, "x": x, "y": y},
        "fieldConfig": {
            "defaults": {"unit": what.unit, "custom": custom, "thresholds": {"mode": "absolute", "steps": steps}},
            "overrides": [],
        },
        "options": options,
        "targets": [
            {"refId": chr(65 + k), "datasource": SOURCE, "expr": expression.replace("%", ON), "legendFormat": legend}
            for k, (expression, legend) in enumerate(what.queries)
        ],
    }


def dashboard() -> dict[str, Any]:
    """All of it."""
    panels: list[dict[str, Any]] = []
    y = 0
    for title, row in ROWS:
        place = {"h": 1, "w": COLUMNS, "x": 0, "y": y}
        panels.append(
            {"id": len(panels) + 1, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}
        )
        x, y, height = 0, y + 1, 0
        for what in row:
            if x + what.width > COLUMNS:
                x, y = 0, y + height
            panels.append(panel(len(panels) + 1, what, x, y))
            height = panels[-1]["gridPos"]["h"]
            x += what.width
        y += height
    return {
        "uid": "ivr",
        "title": "ivr",
        "tags": ["ivr", "telephony"],
        "schemaVersion": 38,
        "version": 1,
        "editable": True,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
                {
                    "name": "instance",
                    "label": "Instance",
                    "type": "query",
                    "datasource": SOURCE,
                    "query": {"query": "label_values(ivr_ready, instance)", "refId": "instance"},
                    "refresh": 2,
                    "includeAll": True,
                    "multi": True,
                    "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
                },
            ]
        },
        "annotations": {"list": []},
        "links": [],
        "panels": panels,
    }


if __name__ == "__main__":
    print(json.dumps(dashboard(), indent=1))
