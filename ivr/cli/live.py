"""Asks the running daemon, over its HTTP interface: about calls in progress, about flows, to change them."""

from __future__ import annotations

import http.client
import json
import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Any

from ivr.errors import IvrError
from ivr.settings import HostPort

__all__ = ["DaemonError", "NoDaemonError", "ask", "fetch", "read_token", "send"]

TIMEOUT_SECONDS = 3.0
"""The daemon is on this machine and answers from memory."""
CHANGE_SECONDS = 60.0
"""A folder of flows is read, and the store written, before a change is answered."""

MAX_ANSWER_BYTES = 16 * 2**20

_ANY_ADDRESSES = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class DaemonError(IvrError):
    """The daemon does not answer, or not with what was asked for."""


class NoDaemonError(DaemonError):
    """Nobody answers."""


def ask(listen: HostPort, path: str, body: object = None, token: str | None = None) -> Any:
    """JSON that the daemon at `listen` gives for `path`; None where it has no such thing. DaemonError otherwise.

    With a token something is changed: the body is posted, and what is not there is an error too.
    """
    address = _address(listen)
    request = urllib.request.Request(f"http://{address}{path}", headers={"Accept": "application/json"})
    if token is not None:
        request.data = json.dumps(body or {}).encode()
        request.add_header("Content-Type", "application/json")
        request.add_header("Authorization", f"Bearer {token}")
    answer = _answer(request, address, TIMEOUT_SECONDS if token is None else CHANGE_SECONDS, missing=token is None)
    try:
        return None if answer is None else json.loads(answer)
    except ValueError as error:
        raise NoDaemonError(f"no daemon answers at {address}") from error


def fetch(listen: HostPort, path: str, token: str | None) -> bytes | None:
    """What the daemon gives for `path`, as it is; None where it has no such thing. DaemonError otherwise."""
    address = _address(listen)
    request = urllib.request.Request(f"http://{address}{path}")
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    return _answer(request, address, TIMEOUT_SECONDS, missing=True)


def send(
    listen: HostPort,
    path: str,
    token: str,
    *,
    method: str = "POST",
    body: IO[bytes] | bytes | None = None,
    size: int | None = None,
    kind: str = "application/json",
    into: IO[bytes] | None = None,
) -> bytes:
    """The answer to a request with a token; DaemonError where it is refused. A file is sent as a stream of `size`
    bytes; the answer is written `into` a file where one is given, however long it is."""
    address = _address(listen)
    request = urllib.request.Request(f"http://{address}{path}", data=body, method=method)
    request.add_header("Authorization", f"Bearer {token}")
    if body is not None:
        request.add_header("Content-Type", kind)
        request.add_header("Content-Length", str(len(body) if isinstance(body, bytes) else size))
    return _answer(request, address, CHANGE_SECONDS, missing=False, into=into) or b""


def _address(listen: HostPort) -> HostPort:
    return HostPort(_ANY_ADDRESSES.get(listen.host, listen.host), listen.port)


def _answer(
    request: urllib.request.Request,
    address: HostPort,
    timeout: float,
    *,
    missing: bool,
    into: IO[bytes] | None = None,
) -> bytes | None:
    """The body of an answer; None for what is not there, where that may be."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the machine's proxy is not for loopback
    try:
        with opener.open(request, timeout=timeout) as response:
            if into is not None:
                shutil.copyfileobj(response, into)
                return None
            body: bytes = response.read(MAX_ANSWER_BYTES)
            return body
    except urllib.error.HTTPError as error:
        with error:
            if error.code == http.client.NOT_FOUND and missing:
                return None
            raise DaemonError(_told(error, address)) from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise NoDaemonError(f"no daemon answers at {address}") from error


def _told(error: urllib.error.HTTPError, address: HostPort) -> str:
    """What the daemon says of an error (RFC 9457)."""
    try:
        problem = json.loads(error.read(MAX_ANSWER_BYTES))
        detail: str = problem["detail"]
        return "\n".join([detail, *(fault for fault in problem.get("faults", ()) if fault not in detail)])
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return f"the daemon at {address} answers {error.code} {error.reason}"


def read_token(path: Path) -> str | None:
    """The token that a running daemon has left for this machine; None where there is none, or it is not for us."""
    try:
        return path.read_text().strip() or None
    except OSError:
        return None
