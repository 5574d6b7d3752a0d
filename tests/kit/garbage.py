"""What a test leaves to the garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["counting"]


@contextmanager
def counting(*kinds: type) -> Iterator[Callable[[], list[object]]]:
    """Without collections: the function gives objects of these kinds that were made since. Those of earlier tests may
    still be held by caches of libraries (aiohttp's, of middlewares with all that they serve)."""
    gc.collect()
    older = [one for one in gc.get_objects() if isinstance(one, kinds)]
    known = set(map(id, older))
    gc.disable()
    try:
        yield lambda: [one for one in gc.get_objects() if isinstance(one, kinds) and id(one) not in known]
    finally:
        gc.enable()
