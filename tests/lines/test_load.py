from __future__ import annotations

from collections.abc import Callable

import pytest

from ivr.call.identity import LineTable
from ivr.errors import OverloadedError
from ivr.lines import LineLoad
from ivr.settings import Settings


def test_a_line_has_so_many_calls_at_once_and_so_many_a_second(make_settings: Callable[[str], Settings]) -> None:
    lines = LineTable(make_settings("lines: {a: {type: sip_trunk, host: h, max_calls: 3, calls_per_second: 2}}")).lines
    load = LineLoad(lines)
    load.take("a", True, 10.0)
    load.take("a", True, 10.0)
    with pytest.raises(OverloadedError, match="a second"):
        load.take("a", True, 10.1)
    load.take("a", False, 10.1)
    with pytest.raises(OverloadedError, match="no more"):
        load.take("a", False, 10.2)
    load.free("a")
    load.take("a", True, 10.6)
    assert load.calls["a"] == 3
    load.take(None, True, 10.6)
    load.free(None)
