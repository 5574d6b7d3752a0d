"""Random histories of a hand-off: whatever endpoint, caller, flow and time do, it ends once and leaves nothing."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ivr.flow import ports
from ivr.handoff.ai_call import AiCall
from ivr.handoff.protocols import Accepted, Clear, Given, Kept, Keys, Lost, MarkSet, Odd, Send, Speech
from ivr.settings import AiAgent
from tests.kit.ai import SILENCE, VOICE, FakeCall
from tests.kit.virtual_time import VirtualLoop


class FakeDialect:
    """Messages are what they say."""

    encoding = "ulaw"
    keys_interrupt = False

    def __init__(self, at_once: bool) -> None:
        self.accepts_at_once = at_once

    def begin(self) -> list[Any]:
        return ["begin"]

    def heard(self, payload: bytes, at: float) -> str:
        return "heard"

    def pressed(self, digit: str) -> list[Any]:
        return ["pressed"]

    def received(self, message: Any) -> list[Any]:
        return [message]

    def marked(self, name: str, cleared: bool) -> list[Any]:
        return [f"mark {name}"]

    def cleared(self, heard: dict[str, float]) -> list[Any]:
        assert all(seconds >= 0 for seconds in heard.values())
        return ["cleared"]

    def end(self) -> list[Any]:
        return ["end"]


class FakeLink:
    """Keeps what is sent."""

    octets_in = octets_out = messages_in = messages_out = 0

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.over = False

    def send(self, message: Any) -> None:
        assert not self.over
        self.sent.append(message)

    def send_sound(self, message: Any) -> bool:
        self.send(message)
        return len(self.sent) % 7 != 0

    def look(self) -> None:
        pass

    def close(self) -> None:
        self.over = True


class FakeMaking:
    """Connects as the test says, one answer after the other: at once, later, not at all."""

    name = "bot"
    stream_sid = "MZ1"

    def __init__(self, agent: AiAgent, answers: list[str], at_once: bool) -> None:
        self.agent = agent
        self._answers = answers
        self._at_once = at_once
        self.links: list[FakeLink] = []
        self.closed = False

    def again(self) -> None:
        pass

    def dialect(self) -> Any:
        return FakeDialect(self._at_once)

    async def connect(self, host: AiCall, dialect: Any) -> None:
        answer = self._answers.pop(0) if self._answers else "opens"
        if answer == "refuses":
            raise ConnectionRefusedError
        if answer == "breaks":
            raise KeyError("a fault")
        if answer == "hangs":
            await asyncio.sleep(1_000)
        if answer == "slow":
            await asyncio.sleep(0.5)
        link = FakeLink()
        self.links.append(link)
        host.attached(link)  # type: ignore[arg-type]
        host.opened(link)  # type: ignore[arg-type]

    def close(self) -> None:
        self.closed = True


says = st.sampled_from(
    [
        Accepted(),
        Speech(VOICE * 10, "a"),
        Speech(VOICE, "b"),
        MarkSet("m"),
        Clear(),
        Keys("5"),
        Kept({"a": 1}, "s", ({"role": "user", "text": "x"},)),
        Send("answer"),
        Odd("odd"),
        Given("transfer_requested", "sales"),
        Given("endpoint_error", text="refused"),
        Lost("expired"),
    ]
)
steps = st.one_of(
    says.map(lambda said: ("says", said)),
    st.sampled_from([0.02, 0.3, 2.0, 30.0]).map(lambda seconds: ("passes", seconds)),
    st.sampled_from([0.02, 0.2, 5.0]).map(lambda seconds: ("plays", seconds)),
    st.sampled_from([1000, 1006, 1011]).map(lambda code: ("closes", code)),
    st.sampled_from(["speaks", "presses", "stops", "posts"]).map(lambda what: (what, None)),
)
answers = st.lists(st.sampled_from(["opens", "opens", "opens", "slow", "refuses", "hangs", "breaks"]), max_size=6)


async def history(
    loop: VirtualLoop, todo: list[tuple[str, Any]], found: list[str], at_once: bool, reconnect: int, leaves: bool
) -> None:
    agent = AiAgent.model_validate(
        {
            "url": "ws://h/",
            "reconnect": {"times": reconnect, "within": 20} if reconnect else "never",
            "max_duration": 60.0,
            "buffer": 1.0,
        }
    )
    making, over = FakeMaking(agent, found, at_once), list[bool]()
    call = FakeCall(SimpleNamespace(on_media=lambda _, event: hand_off.on_media(event)))  # type: ignore[arg-type]
    command = ports.StartAiAgent(7, "bot", {}, record_name="r")
    hand_off = AiCall(call, command, making, lambda: over.append(True))  # type: ignore[arg-type]
    hand_off.start()
    await asyncio.sleep(0)
    for what, value in todo:
        link = making.links[-1] if making.links else None
        if what == "says" and link is not None and not link.over:
            hand_off.received(link, value)  # type: ignore[arg-type]
        elif what == "closes" and link is not None and not link.over:
            link.over = True
            hand_off.closed(link, value, "")  # type: ignore[arg-type]
        elif what == "passes":
            await asyncio.sleep(value)
        elif what == "plays":
            call.port.play(value)
        elif what == "speaks":
            call.port.speak(VOICE)
            call.port.speak(SILENCE)
        elif what == "presses":
            hand_off.pressed("1")
        elif what == "stops":
            hand_off.stop()
        elif what == "posts":
            hand_off.end_call(None, None)
        await asyncio.sleep(0)
    if leaves:
        hand_off.gone()
        hand_off.gone()
    # Time alone ends what is left.
    await asyncio.sleep(200)
    done = [event for event in call.events if isinstance(event, ports.AiAgentDone)]
    assert len(done) + (leaves and not done) == 1, "the flow hears of the end once, unless the caller has left"
    assert over == [True] and len(call.entries) == 1 and making.closed
    assert call.port.open is None and all(link.over for link in making.links)
    kinds = call.kinds()
    assert kinds[0] == "AiAgentConnecting" and kinds.count("AiAgentStarted") <= 1
    if "AiAgentSpoke" in kinds:
        assert kinds.index("AiAgentStarted") < kinds.index("AiAgentSpoke")
    if done and done[0].reason == "not_started":
        assert "AiAgentStarted" not in kinds and not call.recorded
    assert call.recorded in ([], ["r", None])
    if "AiAgentStarted" in kinds:
        assert [what for what, _ in call.told] == ["ai.started", "ai.ended"]
    assert done == [] or call.events[-1] is done[0]
    waiting = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not waiting, "no task is left"


@given(st.lists(steps, max_size=25), answers, st.booleans(), st.integers(0, 2), st.booleans())
def test_a_hand_off_ends_once_and_leaves_nothing(
    todo: list[tuple[str, Any]], found: list[str], at_once: bool, reconnect: int, leaves: bool
) -> None:
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(1_000.0)) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        runner.run(history(loop, todo, found, at_once, reconnect, leaves))
