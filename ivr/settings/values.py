"""Field types of the configuration: durations, paths, listeners, port ranges, networks."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, SecretStr, ValidationInfo, WithJsonSchema

from ivr.units import DURATION_SCHEMA, SIZE_SCHEMA, parse_duration, parse_size

__all__ = [
    "Digits",
    "Duration",
    "HostPort",
    "LanguageTag",
    "Listener",
    "Network",
    "PortRange",
    "RelativePath",
    "Secret",
    "Section",
    "Size",
    "resolve_path",
    "split_host_port",
]

SIP_TRANSPORTS = ("udp", "tcp", "tls", "ws", "wss")
DEFAULT_SIP_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}
MAX_PORT = 65535


class Section(BaseModel):
    """A mapping of the configuration: unknown keys are errors, nothing changes after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, str_strip_whitespace=True)


def _digits(value: object) -> object:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise ValueError("quote the digits")
    return value


def resolve_path(path: str, base: Path) -> Path:
    """A path of the configuration as an absolute one; relative ones start at the file's folder."""
    return (base / Path(path).expanduser()).absolute()


def _relative(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, (str, Path)) or not str(value):
        raise ValueError("not a path")
    return resolve_path(str(value), (info.context or {}).get("base", Path()))


Digits = Annotated[str, BeforeValidator(_digits)]
"""Text that may consist of digits and must then be quoted: YAML reads 010 as 8."""

Duration = Annotated[float, BeforeValidator(parse_duration), WithJsonSchema(DURATION_SCHEMA)]
"""Seconds."""

Size = Annotated[int, BeforeValidator(parse_size), WithJsonSchema(SIZE_SCHEMA)]
"""Bytes."""

RelativePath = Annotated[Path, BeforeValidator(_relative), WithJsonSchema({"type": "string", "minLength": 1})]
"""Absolute once loaded; relative paths in the file start at its folder."""

Secret = Annotated[SecretStr, BeforeValidator(_digits), WithJsonSchema({"type": "string"})]
"""Never shown by repr, logs or error texts."""


_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}", re.ASCII)


def _language(value: str) -> str:
    if not _LANGUAGE.fullmatch(value):
        raise ValueError("not a language: a tag like de or pt-BR")
    return value


LanguageTag = Annotated[str, AfterValidator(_language)]
"""A language as in RFC 5646: de, pt-BR."""


def _network(value: object) -> object:
    if isinstance(value, str):
        try:
            return ipaddress.ip_network(value.strip(), strict=False)
        except ValueError:
            raise ValueError("not a network: an address or CIDR like 192.0.2.0/24") from None
    return value


Network = Annotated[
    ipaddress.IPv4Network | ipaddress.IPv6Network, BeforeValidator(_network), WithJsonSchema({"type": "string"})
]


@dataclass(frozen=True, slots=True)
class HostPort:
    """An address to listen on."""

    host: str
    """Name or address; IPv6 without brackets."""
    port: int
    """0 lets the system choose."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Listener:
    """An address on which SIP is spoken."""

    transport: str
    """udp, tcp, tls, ws or wss."""
    host: str
    """Name or address; IPv6 without brackets."""
    port: int
    """0 lets the system choose."""

    def __str__(self) -> str:
        return f"{self.transport}:{HostPort(self.host, self.port)}"


@dataclass(frozen=True, slots=True)
class PortRange:
    """UDP ports of the media plane, both ends included."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    @property
    def pairs(self) -> int:
        """RTP and RTCP pairs (an even port and the next) in the range."""
        first_even = self.first + self.first % 2
        return max(0, (self.last - first_even + 1) // 2)


_HOST_PORT = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.%a-z]+)\]|(?P<host>[^\[\]:\s/]+))(?::(?P<port>\d{1,5}))?")


def split_host_port(text: str, default_port: int | None) -> HostPort | None:
    """`host[:port]`, an IPv6 address in brackets; None where it is none, or has no port and there is no default."""
    match = _HOST_PORT.fullmatch(text)
    if not match or (match["port"] is None and default_port is None):
        return None
    port = int(match["port"]) if match["port"] is not None else default_port
    if port is None or port > MAX_PORT:
        return None
    return HostPort(match["v6"] or match["host"], port)


def _listener(value: object) -> object:
    if not isinstance(value, str):
        return value
    transport, _, rest = value.strip().partition(":")
    if transport in SIP_TRANSPORTS and (address := split_host_port(rest, DEFAULT_SIP_PORTS[transport])):
        return Listener(transport, address.host, address.port)
    raise ValueError("not a listener: transport:address:port, like udp:0.0.0.0:5060")


def _host_port(value: object) -> object:
    if isinstance(value, str):
        if address := split_host_port(value.strip(), None):
            return address
        raise ValueError("not an address: host:port, like 127.0.0.1:8080")
    return value


def _port_range(value: object) -> object:
    if isinstance(value, PortRange):
        return value
    match = re.fullmatch(r"(\d{1,5})\s*-\s*(\d{1,5})", value.strip()) if isinstance(value, str) else None
    if not match or not 1024 <= int(match[1]) < int(match[2]) <= MAX_PORT:
        raise ValueError(f"not a range of ports: first-last between 1024 and {MAX_PORT}, like 20002-29999")
    ports = PortRange(int(match[1]), int(match[2]))
    if not ports.pairs:
        raise ValueError("the range holds no pair of ports")
    return ports


ListenerField = Annotated[
    Listener, BeforeValidator(_listener), WithJsonSchema({"type": "string", "pattern": "^(udp|tcp|tls|ws|wss):."})
]
HostPortField = Annotated[
    HostPort, BeforeValidator(_host_port), WithJsonSchema({"type": "string", "pattern": ".:[0-9]{1,5}$"})
]
PortRangeField = Annotated[
    PortRange, BeforeValidator(_port_range), WithJsonSchema({"type": "string", "pattern": r"^\d+\s*-\s*\d+$"})
]


def _unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) != len(values):
        raise ValueError("a value stands twice")
    if not values:
        raise ValueError("at least one is needed")
    return values


Unique = AfterValidator(_unique)
"""On a tuple: each value once, and at least one."""
