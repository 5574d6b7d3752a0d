"""Voice applications in the configuration."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from ivr.settings import Application, parse_settings

SECRET = "0123456789abcdef0123456789abcdef"


def application(**fields: Any) -> Application:
    return Application.model_validate({"url": "https://app.example/calls", "secret": SECRET, **fields})


def test_defaults() -> None:
    found = application()
    assert (found.protocol, found.timeout, found.idle, found.retry.times) == ("events", 10.0, 60.0, 1)
    assert application(retry="never").retry.times == 0
    assert SECRET not in repr(found)


def test_every_application_has_an_account_of_its_own() -> None:
    one = application(protocol="twiml")
    assert re.fullmatch("AC[0-9a-f]{32}", one.account_sid("one"))
    assert one.account_sid("one") == one.account_sid("one") != one.account_sid("two")
    own = "AC" + "0" * 32
    assert application(protocol="twiml", account=own).account_sid("one") == own


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"url": "ftp://app.example/"}, "not a URL"),
        ({"url": "https://user:word@app.example/"}, "no secrets in the URL"),
        ({"secret": "short"}, "at least 16 characters"),
        ({"protocol": "twiml", "account": "AC1"}, "not an account"),
        ({"account": "AC" + "0" * 32}, "account is for twiml alone"),
        ({"from": "100"}, "from is for twiml alone"),
        ({"protocol": "twiml", "idle": "5s"}, "idle is for events alone"),
        ({"headers": {"X-Key": "a\nb"}}, "line breaks"),
        ({"timeout": "2h"}, "less than or equal"),
    ],
)
def test_what_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        application(**fields)


def test_in_the_file() -> None:
    text = f"applications: {{shop: {{protocol: twiml, url: 'http://127.0.0.1:5000/voice', secret: '{SECRET}'}}}}"
    settings = parse_settings(text, None, {})
    assert settings.applications["shop"].protocol == "twiml"
