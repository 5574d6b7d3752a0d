"""What those who run the system set: its log, its metrics, and when it counts as ready (`log`, `metrics`, `health`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ivr.settings.values import Duration, HostPortField, Network, RelativePath, Section

__all__ = ["HealthSettings", "LogFormat", "LogLevel", "LogSettings", "MetricsSettings"]

LogFormat = Literal["auto", "text", "json", "journal"]
"""Lines for people, one JSON object a line, or lines with the priority that journald reads. `auto`: `journal` where
standard error goes to journald, else `text`."""
LogLevel = Literal["debug", "info", "warning", "error"]

MAX_LAG = 60.0
"""Seconds: callers have gone long before."""


class LogSettings(Section):
    """Where log lines go, and how they look."""

    format: LogFormat = "auto"
    level: LogLevel = "info"
    """Lines of this level and above. At `debug` keys that callers press may be among them."""
    file: RelativePath | None = None
    """Instead of standard error; it is opened anew when it was moved away (logrotate)."""


class MetricsSettings(Section):
    """Figures for Prometheus, at `/metrics`."""

    listen: HostPortField | None = None
    """A listener for `/metrics`, `/healthz` and `/readyz` alone, besides `http.listen`."""
    allow: tuple[Network, ...] = ()
    """Networks that read `/metrics` without a token, as programs on this machine do."""


class HealthSettings(Section):
    """When `/readyz` says that calls are taken, and when the service manager is told that all is well."""

    lines: tuple[str, ...] = ()
    """Lines without which no calls are taken, by name."""
    loop_lag: Annotated[Duration, Field(gt=0, le=MAX_LAG)] = 2.0
    """The daemon's loop may be late by so much before it counts as overloaded."""
    worker_silence: Annotated[Duration, Field(ge=2.0, le=MAX_LAG)] = 10.0
    """A media worker may say nothing for so long before it counts as stuck."""
