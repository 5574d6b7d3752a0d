"""The ring between a card's thread and a call's."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from media.devices.ring import Ring


@given(st.lists(st.tuples(st.sampled_from(("write", "take", "skip")), st.integers(0, 40)), max_size=60))
def test_what_is_taken_is_what_was_written_in_its_order(steps: list[tuple[str, int]]) -> None:
    ring, held, number = Ring(32), list[int](), 0
    for what, count in steps:
        if what == "write":
            samples = list(range(number, number + count))
            fits = len(held) + count <= 32
            assert ring.write(np.array(samples, np.int16)) is fits
            if fits:
                held += samples
                number += count
        elif what == "take":
            assert ring.take(count).tolist() == held[:count]
            del held[:count]
        else:
            ring.skip(count)
            del held[:count]
        assert ring.held == len(held)
