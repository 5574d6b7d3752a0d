"""Scripts of the phone: what is read, what is refused with its line, and what each step waits for."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.cli.phone.engine import CallView
from ivr.cli.phone.script import COMMANDS, Step, StepFailed, Witness, parse_line, parse_script, perform
from ivr.errors import ConfigError
from tests.cli.phone.fake import FakeEngine

WHOLE = """
# a comment
call sip:100@127.0.0.1
wait answered within 5s
keys 12# info
keys 1 2 a
wait heard 2s
wait quiet 500ms within 1m
wait key 5
hold
resume
mute
unmute
transfer 201
connect
swap
play hello.wav
record both.wav
reject 603
answer
sleep 1s
expect not ended
hang up
"""


def test_every_command_is_read() -> None:
    steps = parse_script(WHOLE)
    assert {step.verb for step in steps} == {command.split(" ")[0] for command in COMMANDS} - {"hang"} | {"hang up"}
    assert steps[0] == Step(3, "call sip:100@127.0.0.1", "call", "sip:100@127.0.0.1")
    assert steps[2] == Step(5, "keys 12# info", "keys", "12#", way="info")
    assert steps[3].argument == "12A"
    assert (steps[5].argument, steps[5].seconds, steps[5].within) == ("quiet", 0.5, 60.0)
    assert steps[-2].negated


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("dial 100", "no command 'dial'"),
        ("hang", "hang what"),
        ("call", "whom to call"),
        ("play", "a file"),
        ("keys", "keys are of"),
        ("keys 12x", "keys are of"),
        ("keys events", "keys are of"),
        ("hold on", "stands alone"),
        ("sleep", "duration is missing"),
        ("sleep soon", "not a duration"),
        ("wait", "for what"),
        ("wait tea", "for what"),
        ("wait answered now", "for what"),
        ("wait answered within", "for what"),
        ("wait key", "one key"),
        ("wait key 12", "one key"),
        ("wait heard", "duration is missing"),
        ("expect happiness", "expect` what"),
        ("expect transferred", "expect` what"),
        ("reject 200", "from 400 to 699"),
    ],
)
def test_a_wrong_line_is_named(line: str, says: str) -> None:
    with pytest.raises(ConfigError) as found:
        parse_script(f"answer\n\n{line}\n", "call.txt")
    (fault,) = found.value.faults
    assert (fault.line, fault.file) == (3, "call.txt")
    assert says in fault.text


def test_all_wrong_lines_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as found:
        parse_script("a\nanswer\nb\nc")
    assert [fault.line for fault in found.value.faults] == [1, 3, 4]


@given(st.text(max_size=60))
def test_no_line_raises_anything_else(line: str) -> None:
    try:
        step = parse_line(line)
    except ValueError:
        return
    assert step is None or step.verb


async def run(script: str, engine: FakeEngine, *later: tuple[float, object]) -> None:
    """Perform a script while things happen: (seconds, what)."""
    witness = Witness()
    engine.on_event = witness.note
    loop = asyncio.get_running_loop()
    for seconds, what in later:
        loop.call_later(seconds, what)  # type: ignore[arg-type]
    async with asyncio.timeout(30):
        await perform(parse_script(script), engine, witness)


def becomes(engine: FakeEngine, kind: str, **view: object) -> object:
    def happen() -> None:
        engine.view = replace(engine.view, **view)  # type: ignore[arg-type]
        engine.say(kind, **{"status": 200, "final": True} if kind == "transfer" else {})

    return happen


async def test_steps_go_one_after_the_other() -> None:
    engine = FakeEngine()
    await run(
        "call 100\nwait answered\nkeys 1 tones\nhold\nwait held\nresume\nwait resumed\ntransfer 201\nwait transferred\n"
        "wait ended\nexpect ended\nexpect idle\nexpect not answered",
        engine,
        (0.05, becomes(engine, "answered", phase="answered")),
        (0.10, becomes(engine, "held", held_by_us=True)),
        (0.15, becomes(engine, "held", held_by_us=False)),
        (0.20, becomes(engine, "transfer")),
        (0.25, becomes(engine, "ended", phase="ended", cause="bye")),
    )
    assert engine.done == ["dial 100", "keys 1 tones", "hold", "resume", "transfer 201"]


async def test_what_was_passed_through_counts() -> None:
    """A call that was answered and is over before anybody looks was answered."""
    engine = FakeEngine()

    def quick() -> None:
        for kind in ("ringing", "answered", "ended"):
            engine.say(kind)
        engine.view = CallView("ended", cause="bye")

    await run("call 100\nwait ringing\nwait answered\nwait ended", engine, (0.02, quick))


async def test_heard_and_quiet_are_of_sound_from_now_on() -> None:
    engine = FakeEngine()
    engine.view = CallView("answered", heard_seconds=7.0, quiet_seconds=9.0)

    def sound(heard: float, quiet: float) -> object:
        return lambda: setattr(engine, "view", replace(engine.view, heard_seconds=heard, quiet_seconds=quiet))

    begun = asyncio.get_running_loop().time()
    await run(
        "wait heard 2s\nwait quiet 1s",
        engine,
        (0.05, sound(8.0, 0.0)),
        (0.10, sound(9.1, 0.0)),
        (0.15, sound(9.5, 0.0)),
        (0.20, sound(9.5, 1.2)),
    )
    assert asyncio.get_running_loop().time() - begun >= 0.19


async def test_keys_are_waited_for_in_order() -> None:
    engine = FakeEngine()
    engine.view = CallView("answered")
    keys = [(0.02 * n, lambda key=key: engine.say("key", key=key)) for n, key in enumerate("1231", 1)]
    await run("wait key 1\nwait key 3\nwait key 1", engine, *keys)
    with pytest.raises(StepFailed, match=r"line 1: wait key 2 within 50ms: not within 0\.05 s"):
        await run("wait key 2 within 50ms", engine)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("wait answered within 100ms", "line 1: wait answered within 100ms: not within 0.1 s: it is idle"),
        ("sleep 1ms\nexpect answered", "line 2: expect answered: it is idle"),
        ("expect not idle", "it is idle"),
    ],
)
async def test_a_step_that_fails_names_its_line(script: str, says: str) -> None:
    with pytest.raises(StepFailed, match=says):
        await run(script, FakeEngine())


async def test_who_waits_hears_that_the_call_is_over() -> None:
    engine = FakeEngine()
    with pytest.raises(StepFailed, match=r"wait answered: the call ended before: refused"):
        await run("call 100\nwait answered", engine, (0.02, becomes(engine, "ended", phase="ended", cause="refused")))


async def test_what_the_engine_refuses_ends_the_script() -> None:
    engine = FakeEngine()
    engine.refuses = "there is no call"
    with pytest.raises(StepFailed, match="line 1: keys 1: there is no call"):
        await run("keys 1", engine)
