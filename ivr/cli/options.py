"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from ivr.settings import Settings, load_settings

__all__ = ["config_option", "json_option", "settings_of"]

F = TypeVar("F", bound=Callable[..., Any])


def config_option(function: F) -> F:
    """`--config FILE` after the command's name, too: `ivr serve --config FILE`."""

    def take(ctx: click.Context, _parameter: click.Parameter, value: str | None) -> None:
        if value is not None:
            ctx.obj = value

    option = click.option(
        "--config", "-c", metavar="FILE", expose_value=False, callback=take, help="Configuration file to use."
    )
    return option(function)


def json_option(function: F) -> F:
    """`--json`, where a command prints a table."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(function)


def settings_of(ctx: click.Context, *, need_secrets: bool = False) -> Settings:
    """The configuration that this call of the command is about; ConfigError where it has faults.

    A command that reaches nothing needs no secrets: flows are written and tested where there are none.
    """
    return load_settings(ctx.obj, os.environ, need_secrets=need_secrets)
