"""What came back over HTTP, made into a value for flows: size, packing, depth and numbers are all bounded."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable
from math import isfinite
from typing import Any

from ivr.errors import IvrError

__all__ = ["BadAnswerError", "TooLargeError", "body_value", "is_json", "unpack"]

MAX_DEPTH = 32
"""Lists and objects inside one another; deeper ones say nothing, and what walks over them might not come back."""

MAX_DIGITS = 400
"""Digits of a number: reading one is quadratic in them, and no float has more."""

CHARSET = re.compile(
    r"charset\s*=\s*\"?(utf-?(?:8|16)(?:[bl]e)?|us-ascii|iso-8859-\d{1,2}|windows-125\d|koi8-r|gbk|big5|shift_jis)\b",
    re.ASCII | re.I,
)
"""Those that are read in a time that grows with their length alone."""
_LONE = re.compile(r"[\ud800-\udfff]")
TEXTS = ("application/xml", "application/javascript", "application/x-www-form-urlencoded", "application/yaml")


class BadAnswerError(IvrError):
    """An answer is not what it says it is."""


class TooLargeError(IvrError):
    """An answer is larger than flows take."""


def unpack(body: bytes, encoding: str, limit: int) -> bytes:
    """A body without its content coding; never more than `limit` bytes are made of it."""
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            return _inflated(body, 16 + zlib.MAX_WBITS, limit)
        case "deflate":
            try:
                return _inflated(body, zlib.MAX_WBITS, limit)
            except BadAnswerError:  # some servers send it without the header of zlib (RFC 9110 section 8.4.1.2)
                return _inflated(body, -zlib.MAX_WBITS, limit)
        case _:
            raise BadAnswerError("the answer is packed in a way that was not asked for")


def _inflated(body: bytes, bits: int, limit: int) -> bytes:
    unpacker = zlib.decompressobj(bits)
    try:
        found = unpacker.decompress(body, limit + 1)
    except zlib.error:
        raise BadAnswerError("the answer is packed wrongly") from None
    if len(found) > limit:
        raise TooLargeError("the answer is too large when it is unpacked")
    if not unpacker.eof:
        raise BadAnswerError("the answer breaks off")
    return found


def is_json(content_type: str) -> bool:
    """Whether an answer says that it is JSON."""
    kind = _kind(content_type)
    return kind == "application/json" or kind.endswith("+json")


def body_value(body: bytes, content_type: str) -> Any:
    """The JSON value of an answer that says it is JSON, the text of one that is text, else None."""
    if not body:
        return None
    if is_json(content_type):
        return _json(body)
    kind = _kind(content_type)
    if kind and not kind.startswith("text/") and not kind.endswith("+xml") and kind not in TEXTS:
        return None
    named = CHARSET.search(content_type)
    try:
        return body.decode(named[1] if named else "utf-8-sig", "replace")
    except (LookupError, UnicodeError, ValueError):
        return body.decode("utf-8", "replace")


def _kind(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _json(body: bytes) -> Any:
    try:
        value = json.loads(body, parse_int=_int, parse_float=_float, parse_constant=_constant)
        # Half of a pair is no text that could be stored or sent on. Plain UTF-8 cannot have it but in an escape.
        plain = body.isascii() and b"\\u" not in body and b"\0" not in body
        if not plain and _LONE.search(json.dumps(value, ensure_ascii=False)):
            raise ValueError
    except (ValueError, RecursionError):
        raise BadAnswerError("the answer says that it is JSON, and is none") from None
    if isinstance(value, (dict, list)) and body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        _check_depth(value)
    return value


def _int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError
    return int(digits)


def _float(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError  # no JSON that could be written again
    return number


def _constant(name: str) -> Any:
    raise ValueError(name)  # NaN and Infinity are no JSON


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [item for each in level for item in _items(each) if isinstance(item, (dict, list))]
        if not level:
            return
    raise BadAnswerError(f"the answer is nested too deep (limit {MAX_DEPTH})")


def _items(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value
