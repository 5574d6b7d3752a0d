"""Hook flashes by INFO are for the other party alone."""

from __future__ import annotations

from ivr.call.keys import Keys
from ivr.flow import ports


def test_a_flash_by_info_is_passed_on_and_never_a_key_of_the_flow() -> None:
    fed: list[ports.Event] = []
    passed: list[str | None] = []

    def pass_on(digit: str | None) -> bool:
        passed.append(digit)
        return False

    keys = Keys(lambda: 100.0, fed.append, pass_on)
    keys.info("!", 0.25)
    assert (fed, passed) == ([], ["!"])
    keys.info("5", 0.1)
    assert fed == [ports.Digit("5", "info", 99.9, 0.1)]
