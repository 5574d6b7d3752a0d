"""A SIP message: raw headers in order, typed on first use (RFC 3261 §7).

Values are text, decoded from UTF-8 with surrogate escapes, so that any octet comes back as it was. A header that came
folded is one line here. What `parse_message` returned never raises on typed access; what was made by hand may raise
ParseError if a raw value given is malformed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from ivr.sip.errors import BuildError, ParseError
from ivr.sip.headers import MAX_LIST, NameAddr, Via, parse_number, split_list
from ivr.sip.names import KNOWN_NAMES, canonical_name
from ivr.sip.uri import TOKEN, Uri

__all__ = ["STAR", "Header", "Message", "Request", "Response", "checked", "checked_name"]

STAR: Final[list[NameAddr]] = []
"""What `contacts` is for `Contact: *`; compare with `is`. Never to be added to."""

MAX_CSEQ: Final = 0xFFFFFFFF
"""RFC 3261 §8.1.1.5 says below 2**31; peers that count from a random 32-bit number are served all the same."""

MAX_FORWARDS_LIMIT: Final = 255
"""RFC 3261 §20.22; more is read as this."""

MAX_EXPIRES: Final = 0xFFFFFFFF
"""RFC 3261 §20.19; more is read as this."""

_CSEQ: Final = re.compile(r"([0-9]{1,20})[ \t]++(" + TOKEN + r"++)")
_NAME: Final = re.compile(TOKEN + r"{1,128}")
_BREAKING: Final = re.compile(r"[\r\n\x00]")

Header = tuple[str, str]


def checked(value: str) -> str:
    """A value that stays in its line; raises BuildError for any other."""
    if _BREAKING.search(value) is not None:
        raise BuildError("a value with a line break or NUL cannot be sent")
    return value


def checked_name(name: str) -> str:
    """The canonical form of a header's name; raises BuildError for what is none."""
    if _NAME.fullmatch(name) is None:
        raise BuildError("no header name")
    return canonical_name(name)


class Message:
    """What requests and responses share."""

    __slots__ = (
        "_contacts",
        "_cseq",
        "_cseq_method",
        "_from",
        "_index",
        "_record_routes",
        "_repeated",
        "_routes",
        "_to",
        "_vias",
        "body",
        "headers",
    )

    def __init__(self, headers: list[Header], body: bytes = b"") -> None:
        self.headers = headers
        """(canonical name, value) in order; to be changed through the methods below only."""
        self.body = body
        self._index: dict[str, str] | None = None
        self._repeated: frozenset[str] | set[str] | None = None
        self._vias: list[Via] | None = None
        self._from: NameAddr | None = None
        self._to: NameAddr | None = None
        self._cseq = -1
        self._cseq_method = ""
        self._contacts: list[NameAddr] | None = None
        self._routes: list[NameAddr] | None = None
        self._record_routes: list[NameAddr] | None = None

    # Raw headers

    def get(self, name: str) -> str | None:
        """The first value of a header, whichever spelling or compact form is asked for; None where there is none."""
        index = self._index
        if index is None:
            # The last of a pair wins in dict(), hence the reversal.
            index = self._index = dict(reversed(self.headers))
        return index.get(KNOWN_NAMES.get(name) or canonical_name(name))

    def get_all(self, name: str) -> list[str]:
        """All values of a header in order, one for each line, comma lists not split."""
        name = KNOWN_NAMES.get(name) or canonical_name(name)
        repeated = self._repeated
        if repeated is not None and name not in repeated:
            value = self.get(name)
            return [] if value is None else [value]
        return [value for header, value in self.headers if header == name]

    def get_list(self, name: str) -> list[str]:
        """All items of a comma-list header, over all its lines; empty items are passed over."""
        values = self.get_all(name)
        return [item for value in values for part in value.split(",") if (item := part.strip())][:MAX_LIST]

    def add(self, name: str, value: str) -> None:
        """Append a header; raises BuildError for a line break or NUL in it."""
        self.headers.append((checked_name(name), checked(value)))
        self._forget()

    def replace(self, name: str, value: str) -> None:
        """Set the first header of this name, drop the others; append it where there is none."""
        name = canonical_name(name)
        checked(value)
        place = next((i for i, header in enumerate(self.headers) if header[0] == name), None)
        if place is None:
            self.add(name, value)
            return
        rest = [header for header in self.headers[place + 1 :] if header[0] != name]
        self.headers[place:] = [(name, value), *rest]
        self._forget()

    def remove(self, name: str) -> None:
        """Drop all headers of this name."""
        name = canonical_name(name)
        self.headers[:] = [header for header in self.headers if header[0] != name]
        self._forget()

    def _forget(self) -> None:
        self._index = None
        self._repeated = None
        self._vias = self._from = self._to = self._contacts = self._routes = self._record_routes = None
        self._cseq = -1

    def _required(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise ParseError(f"no {name}")
        return value

    # Typed headers

    @property
    def call_id(self) -> str:
        """Call-ID, compared octet for octet."""
        return self._required("Call-ID")

    @property
    def cseq(self) -> int:
        """Number of CSeq."""
        if self._cseq < 0:
            self._read_cseq()
        return self._cseq

    @property
    def cseq_method(self) -> str:
        """Method of CSeq."""
        if self._cseq < 0:
            self._read_cseq()
        return self._cseq_method

    def _read_cseq(self) -> None:
        match = _CSEQ.fullmatch(self._required("CSeq"))
        if match is None or (number := int(match[1])) > MAX_CSEQ:
            raise ParseError("malformed CSeq")
        self._cseq, self._cseq_method = number, match[2]

    @property
    def vias(self) -> list[Via]:
        """All hops, the nearest first."""
        if self._vias is None:
            vias = [Via.parse(part) for value in self.get_all("Via") for part in split_list(value)]
            if not vias or len(vias) > MAX_LIST:
                raise ParseError("no Via, or too many")
            self._vias = vias
        return self._vias

    @property
    def top_via(self) -> Via:
        """The nearest hop."""
        return self.vias[0]

    def replace_top_via(self, via: Via) -> None:
        """Write another nearest hop; those behind it stay."""
        place = next((i for i, header in enumerate(self.headers) if header[0] == "Via"), None)
        if place is None:
            raise ParseError("no Via")
        parts = split_list(self.headers[place][1])
        parts[0] = checked(str(via))
        self.headers[place] = ("Via", ", ".join(parts))
        self._index = None
        if self._vias is not None:
            self._vias = [via, *self._vias[1:]]

    @property
    def from_(self) -> NameAddr:
        """From."""
        if self._from is None:
            self._from = NameAddr.parse(self._required("From"))
        return self._from

    @property
    def to(self) -> NameAddr:
        """To."""
        if self._to is None:
            self._to = NameAddr.parse(self._required("To"))
        return self._to

    @property
    def contacts(self) -> list[NameAddr]:
        """All contacts in order; `STAR` itself for `Contact: *`."""
        if self._contacts is None:
            values = self.get_all("Contact")
            self._contacts = STAR if values == ["*"] else _addresses(values)
        return self._contacts

    @property
    def routes(self) -> list[NameAddr]:
        """Route, the next hop first."""
        if self._routes is None:
            self._routes = _addresses(self.get_all("Route"))
        return self._routes

    @property
    def record_routes(self) -> list[NameAddr]:
        """Record-Route as it stands (a client reverses it, RFC 3261 §12.1.2)."""
        if self._record_routes is None:
            self._record_routes = _addresses(self.get_all("Record-Route"))
        return self._record_routes

    @property
    def content_type(self) -> str | None:
        """Media type in lower case without parameters; None where there is none."""
        value = self.get("Content-Type")
        return None if value is None else value.partition(";")[0].strip().lower()

    @property
    def max_forwards(self) -> int | None:
        """Max-Forwards, at most 255; None where there is none or no number (served as if it were positive)."""
        value = self.get("Max-Forwards")
        return None if value is None else _bounded(value, MAX_FORWARDS_LIMIT)

    @property
    def expires(self) -> int | None:
        """Expires in seconds; None where there is none or no number."""
        value = self.get("Expires")
        return None if value is None else _bounded(value, MAX_EXPIRES)

    @property
    def require(self) -> list[str]:
        """Option tags of Require."""
        return self.get_list("Require")

    @property
    def allow(self) -> list[str]:
        """Methods of Allow."""
        return self.get_list("Allow")

    def unsupported(self, known: Iterable[str]) -> list[str]:
        """What is required and not known here: any makes it 420 with these as Unsupported (RFC 3261 §8.2.2.3)."""
        required = self.get("Require")
        if required is None:
            return []
        tags = {tag.lower() for tag in known}
        return [tag for tag in self.require if tag.lower() not in tags]

    def addresses(self, name: str) -> list[NameAddr]:
        """Any header of addresses (P-Asserted-Identity, Diversion, History-Info, Refer-To); raises ParseError."""
        return _addresses(self.get_all(name))

    # Wire

    def start_line(self) -> str:
        """The first line without its line break."""
        raise NotImplementedError

    def encode(self) -> bytes:
        """The message as sent. Content-Length is written from the body; raises BuildError where a value would break
        out of its line."""
        lines = [f"{name}: {value}" for name, value in self.headers if name != "Content-Length"]
        text = "\r\n".join((self.start_line(), *lines, f"Content-Length: {len(self.body)}\r\n\r\n"))
        if text.count("\n") != len(lines) + 3 or text.count("\r") != len(lines) + 3:
            raise BuildError("a value with a line break cannot be sent")
        return text.encode("utf-8", "surrogateescape") + self.body

    def __repr__(self) -> str:
        return f"<{self.start_line()!r}>"


def _addresses(values: Sequence[str]) -> list[NameAddr]:
    if not values:
        return []
    if len(values) == 1 and "," not in values[0]:
        return [NameAddr.parse(values[0])]
    addresses = [NameAddr.parse(part) for value in values for part in split_list(value)]
    if len(addresses) > MAX_LIST:
        raise ParseError("too many addresses")
    return addresses


def _bounded(text: str, maximum: int) -> int | None:
    digits = text.lstrip("0") or text[-1:]
    if not (digits.isascii() and digits.isdigit()):
        return None
    number = parse_number(digits)
    return maximum if number is None else min(number, maximum)


class Request(Message):
    """A request."""

    __slots__ = ("method", "uri")

    def __init__(self, method: str, uri: Uri, headers: list[Header], body: bytes = b"") -> None:
        super().__init__(headers, body)
        self.method = method
        """Case matters: `invite` is not INVITE."""
        self.uri = uri
        """Request-URI."""

    def start_line(self) -> str:
        return f"{self.method} {self.uri} SIP/2.0"

    def stamp_source(self, host: str, port: int) -> None:
        """Write where the request came from into the top Via, as a server must before it answers (RFC 3261 §18.2.1)."""
        self.replace_top_via(self.top_via.stamped(host, port))


class Response(Message):
    """A response."""

    __slots__ = ("reason", "status")

    def __init__(self, status: int, reason: str, headers: list[Header], body: bytes = b"") -> None:
        super().__init__(headers, body)
        self.status = status
        """100 to 699."""
        self.reason = reason
        """Reason phrase; may be empty."""

    def start_line(self) -> str:
        return f"SIP/2.0 {self.status} {self.reason}"
