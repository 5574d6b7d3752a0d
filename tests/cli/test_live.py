"""What commands say of what a daemon refuses."""

from __future__ import annotations

import io
import json
import urllib.error
from email.message import Message

import pytest

from ivr.cli.live import _told
from ivr.settings import HostPort

HERE = HostPort("127.0.0.1", 8080)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"detail": "from: not a moment", "faults": ["from: not a moment"]}, "from: not a moment"),
        ({"detail": "a: wrong\nb: wrong", "faults": ["a: wrong", "b: wrong"]}, "a: wrong\nb: wrong"),
        ({"detail": "two do not hold", "faults": ["a: wrong", "b: wrong"]}, "two do not hold\na: wrong\nb: wrong"),
        ({"detail": "there is no such queue"}, "there is no such queue"),
        ({"detail": 7}, "the daemon at 127.0.0.1:8080 answers 422 Unprocessable"),
        ([], "the daemon at 127.0.0.1:8080 answers 422 Unprocessable"),
    ],
)
def test_every_fault_is_told_once(body: object, told: str) -> None:
    answer = io.BytesIO(json.dumps(body).encode())
    with urllib.error.HTTPError("http://127.0.0.1:8080/", 422, "Unprocessable", Message(), answer) as error:
        assert _told(error, HERE) == told
