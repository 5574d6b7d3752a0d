"""Load on a real daemon, and the figures beside those of the peers: `python tests/bench/load.py --help`.

Uses the generator of ../shared/load where it is there, else calls of our own, which give a smaller table: README.md.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench import harness
from tests.conftest import free_port

HOLD_LEVELS = "200,400,1000"
RATE_LEVELS = "200,400,800,1000,1200"
MENU_LEVELS = "200,500"
PAUSE = 1.0
"""Seconds between two runs: the last calls' records and port releases are then over."""

RTP_PORTS = range(40_000, 49_900)
"""Of the generator: apart from the daemon's, and from those of another generator most probably."""

PEERS: dict[str, tuple[str, str]] = {
    "setup-server-hangup": ("0.93-1.3 ms a call, clean to 1,200/s", "3.4-4.1 ms a call, at its limit at 400/s"),
    "play-ulaw": ("2.39 at 200, 2.31 at 400, 2.28 at 500", "2.12 at 200, 2.22 at 400"),
    "play-wav": ("2.61", "2.58"),
    "inband": ("2.4-2.7", "3.1"),
    "inband-notones": ("2.4-2.7", "3.1"),
    "menu-ulaw": ("3.35; reaction 101.7 / 102.6", "3.51; reaction 132 / 143"),
    "record-wav": ("1.5", "3.0"),
    "listen": ("1.20", "1.5-2.0"),
}
"""CPU ms per call and second of Asterisk 22.10.1 and FreeSWITCH 1.10.12 on a 2-core machine (../shared/load/README.md).
They react to the end of a key, 100 ms after its first packet; the reaction here counts from the first packet."""


def command(
    folder: Path, name: str, spec: dict[str, Any], level: int, target: str, pid: int, window: float
) -> list[str]:
    """The generator's command line for one run."""
    options = dict(spec)
    local = f"{options.pop('local', '127.0.0.1')}:{free_port()}"
    line = [str(folder / "callgen"), "--target", target, "--local", local, "--number", options.pop("number")]
    line += ["--pid", str(pid), "--window", f"{window:g}", "--label", name, "--rtp-socks", "4"]
    line += ["--rtp-base", str(random.randrange(RTP_PORTS.start, RTP_PORTS.stop, 10))]
    if options["mode"] == "rate":
        line += ["--rate", str(level), "--settle", "0.5", "--max-calls", "3000"]
    else:
        ramp = max(20.0, level / 5) if name.startswith("menu") else min(200.0, max(20.0, level / 2))
        line += ["--calls", str(level), "--ramp-cps", f"{ramp:g}", "--settle", "3"]
    for key, value in options.items():
        line += [f"--{key.replace('_', '-')}"] + ([] if value is True else [str(value)])
    return line


def say(run: dict[str, Any]) -> None:
    """One run in a line, while the bench goes on."""
    print(
        f"{run['label']:20} {run['level']:>5} #{run['repeat']} cores={run['cores']:.2f} "
        f"ms/call-s={run['cpu_per_call_s'] * 1e3:.3f} ms/call={run['cpu_per_call'] * 1e3:.2f} "
        f"rx/20ms={run['rx_per_20ms_per_call']:.3f} jitter99={run['jitter_ms']['p99']} loss={run['loss']:.5f} "
        f"ok={run['ok']}/{run['tried']} codes={run['codes']} setup={run['setup_ms']['p50']}/{run['setup_ms']['p99']} "
        f"react={run['react_ms']['p50']}/{run['react_ms']['p99']} gen={run['gen_cores']:.2f} "
        f"late={run['gen_late_ticks']}",
        flush=True,
    )


def _middle(values: Iterable[float], form: str) -> str:
    found = list(values)
    return form.format(statistics.median(found)) if found else "-"


Column = tuple[str, Callable[[list[dict[str, Any]]], str]]


def _sum(key: str) -> Callable[[list[dict[str, Any]]], int]:
    return lambda runs: sum(run[key] for run in runs)


def _refused(runs: list[dict[str, Any]]) -> str:
    return f"{sum(run['codes'].get('503', 0) for run in runs)}"


def _failed(runs: list[dict[str, Any]]) -> str:
    lost = sum(run["fail_final"] + run["fail_timeout"] + run["bye_timeout"] for run in runs)
    return f"{lost - int(_refused(runs))}/{_sum('tried')(runs)}"


def _memory(runs: list[dict[str, Any]]) -> str:
    grown = [(run["pss_end_kb"] - run["pss_idle_kb"]) / run["up_end"] for run in runs if run["fresh"] and run["up_end"]]
    return _middle(grown, "{:.0f}")


HOLD: list[Column] = [
    ("CPU ms per call and s", lambda runs: _middle((run["cpu_per_call_s"] * 1e3 for run in runs), "{:.3f}")),
    ("CPU ms per call", lambda runs: _middle((run["cpu_per_call"] * 1e3 for run in runs if run["ok"]), "{:.2f}")),
    ("packets per 20 ms", lambda runs: _middle((run["rx_per_20ms_per_call"] for run in runs), "{:.3f}")),
    ("pacing jitter p99 ms", lambda runs: _middle((run["jitter_ms"]["p99"] for run in runs if run["rx"]), "{:.2f}")),
    ("lost packets", lambda runs: f"{_sum('lost')(runs)}"),
    ("KiB per call", _memory),
    (
        "reaction p50 / p99 ms",
        lambda runs: " / ".join(
            _middle((run["react_ms"][key] for run in runs if run["react_ms"]["n"]), "{:.1f}") for key in ("p50", "p99")
        ),
    ),
    ("failed", _failed),
    ("generator cores", lambda runs: _middle((run["gen_cores"] for run in runs), "{:.2f}")),
]
RATE: list[Column] = [
    ("CPU ms per call", lambda runs: _middle((run["cpu_per_call"] * 1e3 for run in runs if run["ok"]), "{:.2f}")),
    ("answered", lambda runs: f"{_sum('ok')(runs)}"),
    ("refused (503)", _refused),
    ("failed", _failed),
    (
        "set-up p50 / p99 ms",
        lambda runs: " / ".join(_middle((run["setup_ms"][key] for run in runs), "{:.1f}") for key in ("p50", "p99")),
    ),
    ("retransmitted", lambda runs: f"{_sum('retrans_inv')(runs)}"),
    ("cores", lambda runs: _middle((run["cores"] for run in runs), "{:.2f}")),
    ("generator cores", lambda runs: _middle((run["gen_cores"] for run in runs), "{:.2f}")),
]


def print_table(runs: list[dict[str, Any]]) -> None:
    """The runs as Markdown, medians over the repeats, with the peers' figures."""
    groups: dict[tuple[str, int, str], list[dict[str, Any]]] = {}
    for run in runs:
        groups.setdefault((run["label"], run["level"], run["batch"]), []).append(run)
    for title, columns, mode in (("calls", HOLD, "hold"), ("calls/s", RATE, "rate")):
        chosen = {key: found for key, found in groups.items() if found[0]["mode"] == mode}
        if not chosen:
            continue
        heads = ["workload", title, *(name for name, _ in columns), "Asterisk 22", "FreeSWITCH"]
        print(f"\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
        for (name, level, batch), found in chosen.items():
            shown = name if batch == "compiled" else f"{name}, batch={batch}"
            cells = [shown, str(level), *(cell(found) for _, cell in columns), *PEERS.get(name, ("-", "-"))]
            print(f"| {' | '.join(cells)} |")


def run_all(options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Every workload at every level, each with a daemon of its own."""
    known = harness.workloads(folder)
    runs: list[dict[str, Any]] = []
    for name in options.workload or known:
        spec = known[name]
        levels = options.levels or (
            RATE_LEVELS if spec["mode"] == "rate" else MENU_LEVELS if name.startswith("menu") else HOLD_LEVELS
        )
        for level in map(int, levels.split(",")):
            with harness.server(folder / "audio", batch=options.batch, workers=options.workers) as daemon:
                for repeat in range(options.repeats):
                    target = f"127.0.0.1:{daemon.sip_port}"
                    line = command(folder, name, spec, level, target, daemon.process.pid, options.window)
                    done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=False)
                    if done.returncode:
                        raise SystemExit(f"the generator failed ({done.returncode}): {' '.join(line)}")
                    run = json.loads(done.stdout)
                    run.update(level=level, repeat=repeat, fresh=repeat == 0, batch=options.batch, at=time.time())
                    runs.append(run)
                    say(run)
                    with options.out.open("a") as file:
                        file.write(json.dumps(run) + "\n")
                    time.sleep(PAUSE)
                if "Traceback" in daemon.log():
                    print(daemon.log(), file=sys.stderr)
    return runs


def main() -> int:
    """Run, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", action="append", help="one of the workloads; again for more; default: all")
    parser.add_argument("--levels", help=f"calls: {HOLD_LEVELS}, menus {MENU_LEVELS}; calls/s: {RATE_LEVELS}")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each level; the table shows medians")
    parser.add_argument("--window", type=float, default=8.0, help="seconds measured in each run")
    parser.add_argument("--batch", choices=["compiled", "python"], default="compiled", help="the workers' socket loops")
    parser.add_argument("--workers", default="auto", help="media workers")
    parser.add_argument("--out", type=Path, help="JSON lines of the runs are added here; default: var/bench/TIME.jsonl")
    parser.add_argument("--report", type=Path, nargs="+", help="print the table of such files and do nothing else")
    parser.add_argument("--own", action="store_true", help="call with our own caller even where the generator is there")
    options = parser.parse_args()
    if options.report:
        print_table([json.loads(line) for path in options.report for line in path.read_text().splitlines()])
        return 0
    harness.CACHE.mkdir(parents=True, exist_ok=True)
    options.out = options.out or harness.CACHE / f"{time.strftime('%Y%m%d-%H%M%S')}.jsonl"
    folder = None if options.own else harness.generator()
    print(f"{harness.machine()}, batch={options.batch}")
    if folder is None:
        from tests.bench.own_calls import run_own

        return run_own(options)
    print_table(run_all(options, folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
