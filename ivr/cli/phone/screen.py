"""The phone's screen: the call, meters, quality, keypad, buttons and messages, by keyboard or mouse."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar, Final

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid, Horizontal, Vertical
from textual.widgets import Button, Footer, Input, RichLog, Static

from ivr.cli.phone.engine import Engine, PhoneEvent
from ivr.cli.phone.widgets import CallPanel, Meter, QualityPanel
from ivr.errors import IvrError

__all__ = ["PhoneApp"]

REFRESH: Final = 1 / 15
"""Seconds between two looks at the call: a meter moves smoothly, and a terminal far away keeps up."""
KEYPAD: Final = "123456789*0#"
NAMES: Final = {"*": "star", "#": "hash"}
LETTERS: Final = dict(zip("23456789", ["abc", "def", "ghi", "jkl", "mno", "pqrs", "tuv", "wxyz"], strict=True))
LONGEST_LOG: Final = 500
EXIT_FAULTS: Final = 1

CSS: Final = """
Screen { layout: vertical; }
#bar { height: 1; background: $primary-background; padding: 0 1; }
#body { height: 1fr; }
#left { width: 46; padding: 0 1; }
#messages { width: 1fr; border-left: solid $primary-background; padding: 0 1; scrollbar-size-vertical: 1; }
#call { height: 3; padding: 1 0 0 0; }
#quality { height: auto; max-height: 2; margin: 0 0 1 0; }
Meter { height: 1; }
#said { margin: 0 0 1 0; }
#keypad { grid-size: 3 4; grid-gutter: 0 1; height: 12; }
#keypad Button { width: 100%; min-width: 6; }
#buttons { height: 3; margin: 1 0 0 0; }
#buttons Button { width: 1fr; min-width: 6; margin: 0 1 0 0; }
#target { height: 3; }
.-narrow #body { layout: vertical; }
.-narrow #left { width: 100%; height: auto; }
.-narrow #messages { width: 100%; height: 1fr; border-left: none; border-top: solid $primary-background; }
.-low #keypad, .-tiny #keypad { display: none; }
.-tiny #target { height: 1; border: none; }
.-tiny #call { height: 2; padding: 0; }
.-narrow.-middle #keypad { display: none; }
"""

_STYLES: Final = {
    "answered": "green", "incoming": "bold yellow", "error": "red", "ended": "dim", "key": "cyan", "card": "yellow",
}  # fmt: skip
"""Of what has happened, by the kind of the event."""


class PhoneApp(App[int]):
    """Runs an engine behind a screen."""

    CSS = CSS
    TITLE = "ivr phone"
    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (84, "-wide")]  # noqa: RUF012 - as declared by App
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (20, "-low"), (28, "-middle"), (38, "-high")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "answer", "Answer"),
        Binding("x", "hang_up", "Hang up"),
        Binding("h", "hold", "Hold"),
        Binding("m", "mute", "Mute"),
        Binding("t", "ask('transfer')", "Transfer"),
        Binding("c", "ask('dial')", "Call"),
        Binding("s", "swap", "Other call", show=False),
        Binding("k", "connect", "Connect", show=False),
        Binding("escape", "leave", "Back", show=False),
        Binding("q", "leave_app", "Quit"),
    ]

    def __init__(
        self,
        engine: Engine,
        target: str | None = None,
        *,
        keys: str | None = None,
        way: str | None = None,
        duration: float | None = None,
    ) -> None:
        super().__init__()
        self._engine = engine
        self._first_target = target
        self._keys = keys
        self._way = way
        self._duration = duration
        self._asking = "dial"
        self._answered = False
        self._started = False
        engine.on_event = self._happened

    def compose(self) -> ComposeResult:
        """Everything that is seen."""
        yield Static(id="bar")
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield CallPanel(id="call")
                yield Meter("heard", "heard")
                yield Meter("said", "said")
                yield QualityPanel(id="quality")
                with Grid(id="keypad"):
                    for key in KEYPAD:
                        letters = LETTERS.get(key, "")
                        button = Button(f"{key} {letters}".strip(), id=f"key-{NAMES.get(key, key)}", name=key)
                        button.can_focus = False
                        yield button
                with Horizontal(id="buttons"):
                    for name, title, style in (
                        ("answer", "Answer", "success"),
                        ("hold", "Hold", "default"),
                        ("mute", "Mute", "default"),
                        ("hang_up", "Hang up", "error"),
                    ):
                        button = Button(title, id=name, variant=style)  # type: ignore[arg-type]
                        button.can_focus = False
                        yield button
                yield Input(placeholder="whom to call: c", id="target")
            yield RichLog(id="messages", max_lines=LONGEST_LOG, wrap=True, markup=False, highlight=False)
        yield Footer()

    async def on_mount(self) -> None:
        """Open the phone; without it there is nothing to show."""
        self.query_one("#messages").can_focus = False
        self.set_focus(None)
        try:
            await self._engine.start()
        except IvrError as error:
            self._write(str(error), "red")
        else:
            self._started = True
            if self._first_target is not None:
                self._try(lambda: self._engine.dial(self._first_target or ""))
        self.look()
        self.set_interval(REFRESH, self.look)

    def telephone(self) -> int:
        """Run until the user quits; the exit code: 0 where there was a call, or nobody was called."""
        self.run()
        return 0 if self._started and (self._answered or self._first_target is None) else EXIT_FAULTS

    # What happens

    def _happened(self, event: PhoneEvent) -> None:
        self._write(event.text, _STYLES.get(event.kind, ""))
        if event.kind == "incoming":
            self.bell()
        if event.kind == "answered":
            self._answered = True
            if self._keys:
                keys, self._keys = self._keys, None
                self._try(lambda: self._engine.keys(keys, self._way))
            if self._duration is not None:
                self.set_timer(self._duration, lambda: self._try(self._engine.hang_up, quiet=True))

    def _write(self, text: str, style: str = "") -> None:
        from rich.text import Text

        with contextlib.suppress(Exception):  # the screen is not there yet, or no more
            line = Text(f"{datetime.now():%H:%M:%S}  ", "dim").append(text, style)
            self.query_one("#messages", RichLog).write(line)

    def look(self) -> None:
        """Show what is."""
        if not self.query("#bar"):
            return  # the screen is being taken down
        call, phone = self._engine.call(), self._engine.phone()
        state = {True: "registered", False: f"not registered: {phone.problem}", None: "not registered anywhere"}
        others = f"   waiting: {', '.join(phone.waiting)}" if phone.waiting else ""
        colour = {True: "green", False: "red", None: "grey50"}[phone.registered]
        self.query_one("#bar", Static).update(
            f"[{colour}]●[/] [b]{_plain(phone.account)}[/]  [dim]{_plain(state[phone.registered])}{_plain(others)}[/]"
        )
        self.query_one("#call", CallPanel).call = call
        heard, said = self.query_one("#heard", Meter), self.query_one("#said", Meter)
        heard.level, said.level, said.off = call.heard, call.said, call.muted
        self.query_one("#quality", QualityPanel).quality = call.quality
        standing = call.phase == "answered"
        self._enable("answer", call.phase == "incoming" or bool(phone.rings))
        self._enable("hold", standing, "Resume" if call.held_by_us else "Hold")
        self._enable("mute", standing, "Unmute" if call.muted else "Mute")
        self._enable(
            "hang_up", call.phase not in ("idle", "ended"), "Refuse" if call.phase == "incoming" else "Hang up"
        )

    def _enable(self, name: str, enabled: bool, label: str | None = None) -> None:
        button = self.query_one(f"#{name}", Button)
        if button.disabled is enabled:
            button.disabled = not enabled
        if label is not None and str(button.label) != label:
            button.label = label

    # What is done

    def _try(self, action: Callable[[], None], *, quiet: bool = False) -> None:
        try:
            action()
        except IvrError as error:
            if not quiet:
                self._write(str(error), "red")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """A button was clicked."""
        if event.button.name:
            self._press(event.button.name)
        elif event.button.id:
            getattr(self, f"action_{event.button.id}")()

    def on_key(self, event: object) -> None:
        """Digits are keys of the telephone wherever nothing is typed."""
        character = getattr(event, "character", None)
        if character and character in KEYPAD and not isinstance(self.focused, Input):
            self._press(character)

    def _press(self, key: str) -> None:
        self._try(lambda: self._engine.keys(key, self._way))
        with contextlib.suppress(Exception):
            button = self.query_one(f"#key-{NAMES.get(key, key)}", Button).add_class("-active")
            self.set_timer(0.15, lambda: button.remove_class("-active"))  # the screen may be gone by then
        self._write(f"pressed {key}", "dim cyan")

    def action_answer(self) -> None:
        """Take the call."""
        self._try(self._engine.answer)

    def action_hang_up(self) -> None:
        """End or refuse the call."""
        refuse = self._engine.call().phase == "incoming"
        self._try(self._engine.reject if refuse else self._engine.hang_up)

    def action_hold(self) -> None:
        """Hold, or take back."""
        self._try(self._engine.resume if self._engine.call().held_by_us else self._engine.hold)

    def action_mute(self) -> None:
        """Switch the microphone."""
        self._try(lambda: self._engine.mute(not self._engine.call().muted))

    def action_swap(self) -> None:
        """Bring the other call to the front."""
        self._try(self._engine.swap)

    def action_connect(self) -> None:
        """Connect the two others with each other."""
        self._try(self._engine.connect)

    def action_ask(self, what: str) -> None:
        """Ask whom."""
        self._asking = what
        field = self.query_one("#target", Input)
        field.placeholder = "transfer to" if what == "transfer" else "whom to call"
        field.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Somebody was named."""
        target = event.value.strip()
        event.input.value = ""
        self.action_leave()
        if target:
            asked = self._engine.transfer if self._asking == "transfer" else self._engine.dial
            self._try(lambda: asked(target))

    def action_leave(self) -> None:
        """Leave the field."""
        self.query_one("#target", Input).placeholder = "whom to call: c"
        self.set_focus(None)

    async def action_leave_app(self) -> None:
        """Hang up and end."""
        await self._engine.close()
        self.exit(0)


def _plain(text: str) -> str:
    """Text that is no markup."""
    return text.replace("[", "\\[")
