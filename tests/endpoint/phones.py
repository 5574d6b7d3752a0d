"""Phones without a sound card, as `ivr phone` makes them of its command line."""

from __future__ import annotations

from ivr.cli.phone.command import Options, Plain, make_engine
from ivr.cli.phone.script import parse_script


def options(home: str, user: str = "", **more: object) -> Options:
    """A phone that calls numbers at `home`; `user` registers there."""
    base = {
        "target": None, "user": user or "phone", "password": f"secret-{user}" if user else "", "name": "",
        "registrar": home if user else "", "home": home, "listen": None, "input": None, "output": None, "play": None,
        "record": None, "silent": "play" not in more, "loop": False, "answer": False, "keys": None, "dtmf": None,
        "duration": None, "codecs": ("pcma", "pcmu"), "srtp": "off", "ca": None, "transfers": True, "engine": "own",
    }  # fmt: skip
    return Options(**{**base, **more})  # type: ignore[arg-type]


async def telephone(what: Options, script: str) -> int:
    """Run a script; its exit code."""
    return await Plain(what, make_engine(what), as_json=True).run(parse_script(script))
