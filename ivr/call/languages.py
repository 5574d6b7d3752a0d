"""Finds out the languages of the flows' texts in a process of its own.

The model takes 100 MB and a second, and holds the interpreter for a tenth of one: none of that in the daemon.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Iterable

from ivr.flow.model import Flow
from ivr.flow.spoken import Languages
from ivr.flow.walk import unnamed_texts

__all__ = ["learn_languages", "main", "texts_of"]

log = logging.getLogger("ivr.call")

TIME_LIMIT = 60.0
"""Seconds for one set of flows: 20,000 texts take three."""


def texts_of(flows: Iterable[Flow]) -> list[str]:
    """Texts of flows that say their language nowhere."""
    return [
        text
        for flow in flows
        if not flow.variables.get("language")
        for element in flow.elements.values()
        for text in unnamed_texts(element)
    ]


async def learn_languages(languages: Languages, flows: Iterable[Flow]) -> None:
    """Get ready to speak these flows; where it fails, their texts are taken to be in the configured language."""
    await asyncio.to_thread(languages.warm)
    texts = languages.open(texts_of(flows))
    if not texts:
        return
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ivr.call.languages",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    errors = b""
    try:
        async with asyncio.timeout(TIME_LIMIT):
            out, errors = await child.communicate(json.dumps([texts, languages.among]).encode())
        languages.keep(json.loads(out))
    except (TimeoutError, ValueError, OSError) as error:
        reason = errors.decode("utf-8", "replace").strip().splitlines()[-1:] if child.returncode else [repr(error)]
        log.warning("the languages of %d texts are not found out: %s", len(texts), "".join(reason))
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


def main() -> None:
    """The child: texts and languages as JSON on standard input, languages by text on standard output."""
    from ivr.flow.spoken.languages import detect

    texts, among = json.load(sys.stdin)
    json.dump(detect(texts, tuple(among)), sys.stdout)


if __name__ == "__main__":
    main()
