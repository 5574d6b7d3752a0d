"""SIP, SIPS and tel URIs (RFC 3261 §19.1, RFC 3966); any other scheme is kept as opaque text."""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Final

from ivr.sip.errors import ParseError

__all__ = ["SIMPLE_SIP_URI", "Uri", "escape", "host_text", "parse_host_port", "unescape"]

TOKEN: Final = r"[A-Za-z0-9\-.!%*_+`'~]"
"""One character of a token (RFC 3261 §25.1)."""

# The shape of nearly every URI on the wire, to be matched in one go and embedded in larger patterns: nothing escaped,
# a name or an IPv4 address. Groups: scheme, user, host, port, parameters.
SIMPLE_SIP_URI: Final = (
    r"(sips?):(?:([A-Za-z0-9\-_.!~*'()&=+$,;/#]++)@)?([A-Za-z0-9](?:[A-Za-z0-9.\-_]*+))(?::([0-9]{1,5}+))?+"
    r"((?:;[A-Za-z0-9\-_.!~*'+]++(?:=[A-Za-z0-9\-_.!~*'()\[\]/:&+$]++)?+)*+)"
)
_SIMPLE: Final = re.compile(SIMPLE_SIP_URI)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*+")
_USER: Final = re.compile(r"(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/#]|%[0-9A-Fa-f]{2})++")
_PASSWORD: Final = re.compile(r"(?:[A-Za-z0-9\-_.!~*'()&=+$,]|%[0-9A-Fa-f]{2})*+")
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9.\-_]*+)")
_HOST_PORT: Final = re.compile(
    r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9_][A-Za-z0-9.\-_]*+)(?:[ \t]*+:[ \t]*+([0-9]{1,5}))?+"
)
_PARAM: Final = re.compile(r"(?:[A-Za-z0-9\-_.!~*'()\[\]/:&+$]|%[0-9A-Fa-f]{2})++")
_HEADER: Final = re.compile(r"(?:[A-Za-z0-9\-_.!~*'()\[\]/?:+$]|%[0-9A-Fa-f]{2})*+")
_OPAQUE: Final = re.compile(r"[^\x00-\x20\x7f<>\"\s]++")
_ESCAPE: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})++")
_UNSAFE_USER: Final = re.compile(r"[^A-Za-z0-9\-_.!~*'()&=+$,;?/]")
_UNSAFE_PARAM: Final = re.compile(r"[^A-Za-z0-9\-_.!~*'()\[\]/:&+$]")
_UNSAFE_HEADER: Final = re.compile(r"[^A-Za-z0-9\-_.!~*'()\[\]/?:+$]")

_NO_HEADERS: Final[dict[str, str]] = {}

MAX_HOST: Final = 255
"""Octets of a domain name (RFC 1035 §2.3.4)."""


def unescape(text: str) -> str:
    """Undo %HH once, never again on the outcome; octets that are no UTF-8 become surrogate escapes."""
    if "%" not in text:
        return text
    return _ESCAPE.sub(lambda m: bytes.fromhex(m[0].replace("%", "")).decode("utf-8", "surrogateescape"), text)


def escape(text: str, unsafe: re.Pattern[str] = _UNSAFE_USER) -> str:
    """Write as %HH what may not stand plainly in a user part."""
    if unsafe.search(text) is None:
        return text
    return unsafe.sub(lambda m: "".join(f"%{byte:02X}" for byte in m[0].encode("utf-8", "surrogateescape")), text)


def host_text(host: str) -> str:
    """A host as it stands in a URI or Via: an IPv6 address gets its brackets."""
    return f"[{host}]" if ":" in host else host


def _ipv6(text: str) -> str:
    # RFC 5118 §4.8: a grammar bug of RFC 3261 makes peers write three colons where two are meant.
    try:
        IPv6Address(text.replace(":::", "::", 1))
    except ValueError:
        raise ParseError("no IPv6 address between the brackets") from None
    return text.replace(":::", "::", 1).lower()


def parse_host_port(text: str) -> tuple[str, int | None]:
    """`host[:port]` → (host in lower case, IPv6 without brackets; port or None)."""
    match = _HOST_PORT.fullmatch(text)
    if match is None:
        raise ParseError("no host and port")
    host, port = match[1].lower(), match[2]
    if len(host) > MAX_HOST:
        raise ParseError("host name too long")
    if host[0] == "[":
        host = _ipv6(host[1:-1])
    number = int(port) if port is not None else None
    if number is not None and not 0 < number < 65536:
        raise ParseError("port out of range")
    return host, number


class Uri:
    """A URI. Not to be changed after it was made: the same one may be in several messages.

    Text fields are unescaped once. `str()` of a parsed one gives the text it was parsed from, so that a peer gets its
    own Contact or Route back octet for octet.
    """

    __slots__ = ("_params", "_text", "_unread", "headers", "host", "opaque", "password", "port", "scheme", "user")

    def __init__(
        self,
        scheme: str = "sip",
        user: str = "",
        host: str = "",
        port: int | None = None,
        params: dict[str, str | None] | None = None,
        headers: dict[str, str] | None = None,
        password: str | None = None,
        opaque: str = "",
        text: str | None = None,
    ) -> None:
        self.scheme = scheme
        """In lower case."""
        self.user = user
        """User part; the number of a tel URI; empty when there is none."""
        self.host = host
        """In lower case, an IPv6 address without its brackets; empty in a URI that is not sip or sips."""
        self.port = port
        """None where it is left to the default, which is not the same URI as the default written out."""
        self._params = params
        self._unread = ""
        self.headers: dict[str, str] = _NO_HEADERS if headers is None else headers
        """What follows `?`; never to be taken over into a request unseen."""
        self.password = password
        """Password part (RFC 3261 advises against it)."""
        self.opaque = opaque
        """All after the colon, of a scheme not known here."""
        self._text = text

    @classmethod
    def parse(cls, text: str) -> Uri:
        """Read a URI without surrounding blanks or `<>`; raises ParseError (400)."""
        match = _SIMPLE.fullmatch(text)
        if match is not None:
            scheme, user, host, port, params = match.groups()
            return cls.from_match(scheme, user, host, port, params, text)
        match = _SCHEME.match(text)
        if match is None or text[match.end() : match.end() + 1] != ":":
            raise ParseError("no scheme in the URI")
        scheme, rest = match[0].lower(), text[match.end() + 1 :]
        if scheme in ("sip", "sips"):
            return cls._parse_sip(scheme, rest, text)
        if _OPAQUE.fullmatch(rest) is None:
            raise ParseError("blank or bracket in the URI")
        if scheme == "tel":
            number, _, parameters = rest.partition(";")
            return cls(scheme, unescape(number), params=_parse_params(parameters), text=text)
        return cls(scheme, opaque=rest, text=text)

    @classmethod
    def from_match(cls, scheme: str, user: str | None, host: str, port: str | None, params: str, text: str) -> Uri:
        """Make a URI of the groups of `SIMPLE_SIP_URI`."""
        number: int | None = None
        if port is not None:
            number = int(port)
            if not 0 < number < 65536:
                raise ParseError("port out of range")
        if len(host) > MAX_HOST:
            raise ParseError("host name too long")
        uri = cls(scheme, user or "", host.lower(), number, None, None, None, "", text)
        uri._unread = params
        return uri

    @property
    def params(self) -> dict[str, str | None]:
        """URI parameters, names in lower case; None for one without `=`."""
        if self._params is None:
            # What waits to be read has matched SIMPLE_SIP_URI: no error can come of it here.
            self._params = _parse_params(self._unread[1:])
        return self._params

    @classmethod
    def _parse_sip(cls, scheme: str, rest: str, text: str) -> Uri:
        user, password = "", None
        before, at, after = rest.partition("@")
        if at:
            if "@" in after:
                raise ParseError("more than one @ in the URI")
            name, colon, secret = before.partition(":")
            if _USER.fullmatch(name) is None or (colon and _PASSWORD.fullmatch(secret) is None):
                raise ParseError("bad user part in the URI")
            user, password = unescape(name), unescape(secret) if colon else None
            rest = after
        rest, question, header_text = rest.partition("?")
        host_part, _, param_text = rest.partition(";")
        if rest.endswith(";"):
            raise ParseError("empty parameter in the URI")
        host, port = parse_host_port(host_part)
        params = _parse_params(param_text) if param_text else None
        headers = _parse_headers(header_text) if question else None
        return cls(scheme, user, host, port, params, headers, password, text=text)

    @property
    def is_sip(self) -> bool:
        """Whether this can be called or routed to here; anything else as Request-URI is answered 416."""
        return self.scheme == "sip" or self.scheme == "sips"

    @property
    def host_port(self) -> str:
        """`host[:port]` as on the wire."""
        host = host_text(self.host)
        return host if self.port is None else f"{host}:{self.port}"

    def without_headers(self) -> Uri:
        """The same without what follows `?`, fit for a request line (RFC 3261 §19.1.1)."""
        if not self.headers:
            return self
        text = self._text.partition("?")[0] if self._text is not None and "?" not in self.user else None
        return Uri(self.scheme, self.user, self.host, self.port, self.params, None, self.password, self.opaque, text)

    def __str__(self) -> str:
        if self._text is not None:
            return self._text
        params = "".join(
            f";{escape(name, _UNSAFE_PARAM)}" + ("" if value is None else f"={escape(value, _UNSAFE_PARAM)}")
            for name, value in self.params.items()
        )
        if self.scheme == "tel":
            return f"tel:{escape(self.user)}{params}"
        if not self.is_sip:
            return f"{self.scheme}:{self.opaque}"
        user = escape(self.user)
        if self.password is not None:
            user += ":" + escape(self.password)
        headers = "&".join(
            f"{escape(name, _UNSAFE_HEADER)}={escape(value, _UNSAFE_HEADER)}" for name, value in self.headers.items()
        )
        return f"{self.scheme}:{user}{'@' if user else ''}{self.host_port}{params}{'?' if headers else ''}{headers}"

    def __repr__(self) -> str:
        return f"Uri({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        """RFC 3261 §19.1.4: not transitive, and the default port is not the port left out."""
        if not isinstance(other, Uri):
            return NotImplemented
        return (
            self.scheme == other.scheme
            and self.user == other.user
            and self.host == other.host
            and self.port == other.port
            and self.password == other.password
            and self.opaque == other.opaque
            and _same_params(self.params, other.params)
            and _folded(self.headers) == _folded(other.headers)
        )

    def __hash__(self) -> int:
        return hash((self.scheme, self.user, self.host, self.port))


# A parameter of these that only one of two URIs has makes them different (RFC 3261 §19.1.4).
_MUST_MATCH: Final = ("user", "ttl", "method", "maddr", "transport")


def _same_params(one: dict[str, str | None], two: dict[str, str | None]) -> bool:
    if not one and not two:
        return True
    if any((name in one) != (name in two) for name in _MUST_MATCH):
        return False
    return all((one[name] or "").lower() == (two[name] or "").lower() for name in one if name in two)


def _folded(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _parse_params(text: str) -> dict[str, str | None]:
    params: dict[str, str | None] = {}
    if not text:
        return params
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if _PARAM.fullmatch(name) is None or (equals and _PARAM.fullmatch(value) is None):
            raise ParseError("bad parameter in the URI")
        # Two parameters of one name are not allowed; the first one counts, so that both ends of a chain agree.
        params.setdefault(unescape(name).lower(), unescape(value) if equals else None)
    return params


def _parse_headers(text: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    for part in text.split("&"):
        name, equals, value = part.partition("=")
        if not name or not equals or _HEADER.fullmatch(name) is None or _HEADER.fullmatch(value) is None:
            raise ParseError("bad header part in the URI")
        headers.setdefault(unescape(name), unescape(value))
    return headers
