from __future__ import annotations

import pytest

from ivr.webhooks import sign, verify

SECRET = "correct horse battery staple"
BODY = b'{"type": "call.ended"}'


def test_what_is_signed_is_verified() -> None:
    header = sign(SECRET, BODY, 1_772_000_000)
    assert header.startswith("t=1772000000,v1=")
    assert verify(SECRET, BODY, header, 1_772_000_299.0)
    assert verify(SECRET, BODY, f"{header},v1=other", 1_772_000_000.0)
    assert verify(SECRET, BODY, f"v1=other, {header}", 1_772_000_000.0)


def test_while_a_secret_is_exchanged_both_are_good() -> None:
    header = sign(("new and shiny secret", SECRET), BODY, 1_772_000_000)
    assert header.count("v1=") == 2
    for secret in ("new and shiny secret", SECRET):
        assert verify(secret, BODY, header, 1_772_000_000.0)
    assert not verify("another", BODY, header, 1_772_000_000.0)


def test_a_known_value() -> None:
    # printf '1.{}' | openssl dgst -sha256 -hmac key
    digest = "1ba6b8171186efc613e8bcc0cbdab2748f24984d7c5a84faa2637afa0e40d224"
    assert sign("key", b"{}", 1) == f"t=1,v1={digest}"


@pytest.mark.parametrize(
    ("secret", "body", "header", "now"),
    [
        ("another", BODY, None, 1_772_000_000.0),
        (SECRET, BODY + b" ", None, 1_772_000_000.0),
        (SECRET, BODY, None, 1_772_000_301.0),
        (SECRET, BODY, None, 1_771_999_000.0),
        (SECRET, BODY, "", 1_772_000_000.0),
        (SECRET, BODY, "t=1772000000", 1_772_000_000.0),
        (SECRET, BODY, "t=x,v1=y", 1_772_000_000.0),
        (SECRET, BODY, "t=99999999999999999999999,v1=y", 1_772_000_000.0),
        (SECRET, BODY, "t=1772000000,v1=\u00e9", 1_772_000_000.0),
    ],
)
def test_what_is_not_good(secret: str, body: bytes, header: str | None, now: float) -> None:
    assert not verify(secret, body, sign(SECRET, BODY, 1_772_000_000) if header is None else header, now)
