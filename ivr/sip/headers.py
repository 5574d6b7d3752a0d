"""Structured header values: addresses, Via, parameters, comma lists (RFC 3261 §20, §25).

Every pattern here is possessive or anchored, so that no input makes one of them try a text twice.
"""

from __future__ import annotations

import re
from typing import Final

from ivr.sip.errors import ParseError
from ivr.sip.uri import MAX_HOST, SIMPLE_SIP_URI, TOKEN, Uri, host_text, parse_host_port

__all__ = [
    "NameAddr",
    "Via",
    "format_params",
    "parse_number",
    "parse_params",
    "parse_value",
    "printable",
    "quote",
    "split_list",
    "unquote",
]

MAX_LIST: Final = 128
"""Items of one comma list, and Vias, Routes and Contacts of a message in all: Max-Forwards starts at 70, so that no
honest message carries more Vias; a longer list only costs time."""

MAX_PARAMS: Final = 64
"""Parameters of one value; phones write a dozen at most (+sip.instance, reg-id, media features)."""

_SIMPLE_PARAMS: Final = r"((?:;[A-Za-z0-9\-.!%*_+`'~]++(?:=[A-Za-z0-9\-.!%*_+`'~:\[\]]++)?+)*+)"
_SIMPLE_NAME_ADDR: Final = re.compile(
    r'(?:"([^"\\]*+)"[ \t]*+|([A-Za-z0-9\-.!%*_+`\'~ ]*+))<(' + SIMPLE_SIP_URI + r")>" + _SIMPLE_PARAMS
)
_SIMPLE_VIA: Final = re.compile(
    r"SIP/2\.0/([A-Za-z0-9\-]++) ([A-Za-z0-9](?:[A-Za-z0-9.\-_]*+))(?::([0-9]{1,5}))?+" + _SIMPLE_PARAMS
)
_VIA: Final = re.compile(
    r"[Ss][Ii][Pp][ \t]*+/[ \t]*+2\.0[ \t]*+/[ \t]*+(" + TOKEN + r"++)[ \t]++([^;]++)(;.*+)?+", re.DOTALL
)
_QUOTED: Final = re.compile(r'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_BACKSLASH: Final = re.compile(r"\\(.)", re.DOTALL)
_TOKEN: Final = re.compile(TOKEN + r"++")
_PARAM_VALUE: Final = re.compile(r'[^\s"<>;,]++')
_LIST_ITEM: Final = re.compile(r'(?:[^",<]++|"(?:[^"\\]++|\\.)*+"|<[^>]*+>)++', re.DOTALL)
# What may not stand in a display name without quotes: a comma there is two addresses to one reader and one to another.
_NO_DISPLAY: Final = re.compile(r'[",;<>\\]')
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

Params = dict[str, str | None]
UriParts = tuple[str, str | None, str, str | None, str, str]
"""Groups of SIMPLE_SIP_URI and the text: a URI that is known to be sound, made when it is asked for."""


def printable(text: str, limit: int = 200) -> str:
    """The text as it may stand in a log line: control characters, line separators, direction marks and octets that
    are no UTF-8 written as escapes, cut to `limit` characters."""
    if len(text) > limit:
        text = text[:limit] + "…"
    return _UNPRINTABLE.sub(lambda m: m[0].encode("unicode_escape").decode("ascii"), text)


def quote(text: str) -> str:
    """A quoted-string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unquote(text: str) -> str:
    """What a quoted-string says; text that does not start with a quote is returned as it is."""
    if not text.startswith('"'):
        return text
    match = _QUOTED.fullmatch(text)
    if match is None:
        raise ParseError("unterminated quoted string")
    return _BACKSLASH.sub(r"\1", match[1]) if "\\" in match[1] else match[1]


def parse_number(text: str, maximum: int = 0xFFFFFFFF) -> int | None:
    """ASCII digits as a number; None where they are none or too large. Never more than 20 digits are converted."""
    return (
        number
        if 0 < len(text) <= 20 and text.isascii() and text.isdigit() and (number := int(text)) <= maximum
        else None
    )


def split_list(text: str) -> list[str]:
    """Split at the commas outside quotes and `<>`; raises ParseError on an empty item or a quote left open."""
    if "," not in text:
        return [text]
    items = []
    position, end = 0, len(text)
    while True:
        match = _LIST_ITEM.match(text, position)
        item = match[0].strip() if match is not None else ""
        if match is None or not item:
            raise ParseError("empty item in a list, or a quote left open")
        items.append(item)
        position = match.end()
        if position == end:
            return items
        if text[position] != ",":
            raise ParseError("quote or bracket left open")
        position += 1
        if len(items) >= MAX_LIST:
            raise ParseError("list too long")


def parse_params(text: str, *, first_semicolon: bool = True) -> Params:
    """`;name=value;flag` → values by name in lower case; a quoted value is unquoted, a flag is None.

    Raises ParseError for an empty parameter and for one that comes twice (RFC 3261 §7.3.1).
    """
    params: Params = {}
    text = text.strip()
    if not text:
        return params
    if first_semicolon:
        if text[0] != ";":
            raise ParseError("text after the value")
        text = text[1:]
    if '"' not in text:
        parts = text.split(";")
        if len(parts) > MAX_PARAMS:
            raise ParseError("too many parameters")
        for part in parts:
            name, equals, value = part.partition("=")
            _put(params, name.strip(), value.strip() if equals else None)
        return params
    position = 0
    while True:
        equals_at = text.find("=", position)
        semicolon_at = text.find(";", position)
        if semicolon_at < 0:
            semicolon_at = len(text)
        if equals_at < 0 or equals_at > semicolon_at:
            _put(params, text[position:semicolon_at].strip(), None)
        else:
            name = text[position:equals_at].strip()
            start = equals_at + 1
            while text[start : start + 1] in (" ", "\t"):
                start += 1
            match = _QUOTED.match(text, start)
            if match is None:
                _put(params, name, text[start:semicolon_at].strip())
            else:
                _put(params, name, _BACKSLASH.sub(r"\1", match[1]), quoted=True)
                semicolon_at = text.find(";", match.end())
                if semicolon_at < 0:
                    semicolon_at = len(text)
                if text[match.end() : semicolon_at].strip():
                    raise ParseError("text after a quoted parameter")
        if semicolon_at == len(text):
            return params
        if len(params) >= MAX_PARAMS:
            raise ParseError("too many parameters")
        position = semicolon_at + 1


def _put(params: Params, name: str, value: str | None, *, quoted: bool = False) -> None:
    if _TOKEN.fullmatch(name) is None:
        raise ParseError("empty or malformed parameter")
    if value is not None and not quoted and _PARAM_VALUE.fullmatch(value) is None:
        raise ParseError("malformed value of a parameter")
    name = name.lower()
    if name in params:
        raise ParseError("a parameter comes twice")
    params[name] = value


def _simple_params(text: str) -> Params:
    # Only for text that _SIMPLE_PARAMS matched.
    if text.startswith(";tag=") and text.find(";", 5) < 0:
        return {"tag": text[5:]}
    if text.startswith(";branch="):
        branch, _, rest = text[8:].partition(";")
        if not rest:
            return {"branch": branch}
        if rest == "rport":
            return {"branch": branch, "rport": None}
    params: Params = {}
    parts = text[1:].split(";")
    if len(parts) > MAX_PARAMS:
        raise ParseError("too many parameters")
    for part in parts:
        name, equals, value = part.partition("=")
        name = name.lower()
        if name in params:
            raise ParseError("a parameter comes twice")
        params[name] = value if equals else None
    return params


def format_params(params: Params) -> str:
    """`;name=value…`; a value that is no token (nor an address) is quoted."""
    return "".join(
        f";{name}"
        if value is None
        else f";{name}={value}"
        if value and _PARAM_VALUE.fullmatch(value) is not None
        else f";{name}={quote(value)}"
        for name, value in params.items()
    )


def parse_value(text: str) -> tuple[str, Params]:
    """`value;name=value…` → (value, parameters): Content-Type, Reason, Replaces, Session-Expires, User-to-User,
    Event, Retry-After (whose comment is dropped)."""
    head, semicolon, rest = text.partition(";")
    value = head.partition("(")[0].strip()
    if not value:
        raise ParseError("empty value")
    return value, parse_params(rest, first_semicolon=False) if semicolon else {}


class NameAddr:
    """A name-addr or addr-spec with its header parameters: From, To, Contact, Route, Refer-To, P-Asserted-Identity,
    Diversion… Not to be changed after it was made."""

    __slots__ = ("_uri", "display", "params")

    def __init__(self, uri: Uri | UriParts, display: str = "", params: Params | None = None) -> None:
        self._uri = uri
        self.display = display
        """Display name without its quotes; empty when there is none."""
        self.params: Params = params if params is not None else {}
        """Header parameters, names in lower case."""

    @property
    def uri(self) -> Uri:
        """The address itself."""
        uri = self._uri
        if isinstance(uri, tuple):
            uri = self._uri = Uri.from_match(*uri)
        return uri

    @property
    def tag(self) -> str | None:
        """The tag of a From or To."""
        return self.params.get("tag")

    @classmethod
    def parse(cls, text: str) -> NameAddr:
        """Read one address; raises ParseError (400)."""
        match = _SIMPLE_NAME_ADDR.fullmatch(text)
        if match is not None:
            quoted, plain, uri_text, scheme, user, host, port, uri_params, params = match.groups()
            if len(host) > MAX_HOST or (port is not None and not 0 < int(port) < 65536):
                raise ParseError("bad host or port in the URI")
            return cls(
                (scheme, user, host, port, uri_params, uri_text),
                quoted or (plain.strip() if plain else ""),
                _simple_params(params) if params else None,
            )
        text = text.strip()
        display = ""
        if text.startswith('"'):
            match = _QUOTED.match(text)
            if match is None:
                raise ParseError("unterminated display name")
            display = _BACKSLASH.sub(r"\1", match[1])
            text = text[match.end() :].lstrip()
            if not text.startswith("<"):
                raise ParseError("no <URI> after the display name")
        elif "<" in text:
            display, _, text = text.partition("<")
            display = display.rstrip()
            if _NO_DISPLAY.search(display) is not None:
                raise ParseError("display name needs quotes")
            text = "<" + text
        if text.startswith("<"):
            uri_text, bracket, rest = text[1:].partition(">")
            if not bracket:
                raise ParseError("no > after the URI")
            return cls(Uri.parse(uri_text), display, parse_params(rest))
        # addr-spec: all parameters are the header's, and a URI with a comma, a question mark or a semicolon of its
        # own needs brackets (§20.10).
        uri_text, semicolon, rest = text.partition(";")
        uri_text = uri_text.rstrip()
        if "?" in uri_text or "," in uri_text:
            raise ParseError("this URI needs <>")
        return cls(Uri.parse(uri_text), "", parse_params(rest, first_semicolon=False) if semicolon else None)

    def with_tag(self, tag: str) -> NameAddr:
        """The same with this tag."""
        return NameAddr(self.uri, self.display, {**self.params, "tag": tag})

    def __str__(self) -> str:
        display = f"{quote(self.display)} " if self.display else ""
        return f"{display}<{self.uri}>{format_params(self.params)}"

    def __repr__(self) -> str:
        return f"NameAddr({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NameAddr):
            return NotImplemented
        return self.uri == other.uri and self.display == other.display and self.params == other.params

    __hash__ = None  # type: ignore[assignment]


class Via:
    """One hop of a Via header. Not to be changed after it was made."""

    __slots__ = ("host", "params", "port", "transport")

    def __init__(self, transport: str, host: str, port: int | None = None, params: Params | None = None) -> None:
        self.transport = transport
        """In upper case: UDP, TCP, TLS, WS, or anything else."""
        self.host = host
        """sent-by in lower case, an IPv6 address without its brackets."""
        self.port = port
        """None where it is left to the default."""
        self.params: Params = params if params is not None else {}
        """Names in lower case."""

    @property
    def branch(self) -> str | None:
        """The branch; None or without the magic cookie from a peer of RFC 2543."""
        return self.params.get("branch")

    @property
    def received(self) -> str | None:
        """Where the request really came from, as the server before wrote it."""
        received = self.params.get("received")
        return received.strip("[]") if received else received

    @property
    def rport(self) -> int | None:
        """The port written into rport; None where there is none, or none yet."""
        return parse_number(self.params.get("rport") or "", 65535)

    @classmethod
    def parse(cls, text: str) -> Via:
        """Read one hop; raises ParseError (400)."""
        match = _SIMPLE_VIA.fullmatch(text)
        if match is not None:
            transport, host, port, params = match.groups()
            number = int(port) if port is not None else None
            if number is not None and not 0 < number < 65536:
                raise ParseError("port out of range in Via")
            return cls(transport.upper(), host.lower(), number, _simple_params(params) if params else None)
        match = _VIA.fullmatch(text.strip())
        if match is None:
            raise ParseError("malformed Via")
        host, number = parse_host_port(match[2].strip())
        return cls(match[1].upper(), host, number, parse_params(match[3]) if match[3] else None)

    def stamped(self, host: str, port: int) -> Via:
        """The same with the source address written into it (RFC 3261 §18.2.1, RFC 3581 §4): whatever `received` the
        peer wrote itself is replaced."""
        params = {name: value for name, value in self.params.items() if name != "received"}
        if "rport" in params:
            params["rport"] = str(port)
            params["received"] = host
        elif host != self.host:
            params["received"] = host
        return Via(self.transport, self.host, self.port, params)

    def __str__(self) -> str:
        host = host_text(self.host)
        if self.port is not None:
            host = f"{host}:{self.port}"
        return f"SIP/2.0/{self.transport} {host}{format_params(self.params)}"

    def __repr__(self) -> str:
        return f"Via({str(self)!r})"
