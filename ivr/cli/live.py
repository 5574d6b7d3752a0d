"""Asks the running daemon, over its HTTP interface, about calls in progress."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from typing import Any

from ivr.errors import IvrError
from ivr.settings import HostPort

__all__ = ["DaemonError", "ask"]

TIMEOUT_SECONDS = 3.0
"""The daemon is on this machine and answers from memory."""

MAX_ANSWER_BYTES = 16 * 2**20

_ANY_ADDRESSES = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class DaemonError(IvrError):
    """The daemon does not answer, or not with what was asked for."""


def ask(listen: HostPort, path: str) -> Any:
    """JSON that the daemon at `listen` gives for `path`; None where it has no such thing. DaemonError otherwise."""
    address = HostPort(_ANY_ADDRESSES.get(listen.host, listen.host), listen.port)
    request = urllib.request.Request(f"http://{address}{path}", headers={"Accept": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the machine's proxy is not for loopback
    try:
        with opener.open(request, timeout=TIMEOUT_SECONDS) as response:
            return json.loads(response.read(MAX_ANSWER_BYTES))
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.client.NOT_FOUND:
            return None
        raise DaemonError(f"the daemon at {address} answers {error.code} {error.reason}") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise DaemonError(f"no daemon answers at {address}") from error
