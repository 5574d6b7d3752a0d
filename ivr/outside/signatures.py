"""How requests to applications that speak TwiML are signed: as Twilio signs them.

    X-Twilio-Signature: base64(HMAC-SHA1(auth token, URL + name + value + name + value…))

with the parameters of a form in the order of their names (of equal names in the order of their values), and nothing of
a body that is no form: then the URL has the query `bodySHA256`, the SHA-256 of the body in hexadecimal.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import parse_qsl

__all__ = ["TWILIO_HEADER", "form_of", "signed_body_query", "twilio_signature"]

TWILIO_HEADER = "X-Twilio-Signature"
MAX_FIELDS = 1_000
"""Of a form."""


def form_of(body: bytes | None) -> list[tuple[str, str]]:
    """The parameters of a form."""
    if not body:
        return []
    return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS)


def twilio_signature(token: str, url: str, form: list[tuple[str, str]] | None = None) -> str:
    """The signature of a request to a URL, as it is sent."""
    told = url + "".join(name + value for name, value in sorted(set(form or ())))
    return base64.b64encode(hmac.new(token.encode(), told.encode(), hashlib.sha1).digest()).decode()


def signed_body_query(body: bytes) -> str:
    """What is added to the query of a URL whose request has a body that is no form."""
    return f"bodySHA256={hashlib.sha256(body).hexdigest()}"
