"""Find ivr.yaml, read it, and say all that is wrong with it at once."""

from __future__ import annotations

import difflib
import os
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ivr import yamlpos
from ivr.errors import ConfigError, Fault
from ivr.settings.center_checks import center_mismatches
from ivr.settings.sections import Settings
from ivr.settings.zones import system_zone

__all__ = ["CONFIG_PLACES", "find_config", "load_settings", "parse_settings"]

CONFIG_PLACES = (Path("config/ivr.yaml"), Path("/etc/ivr/ivr.yaml"))
"""Tried in this order where neither --config nor IVR_CONFIG names a file."""

SECRET_KEYS = frozenset({"password", "token", "auth_token", "code"})
"""What stands under these keys is in no fault."""

MAX_SECRET_BYTES = 64 * 1024
"""A secret is a password or a key, not a file that slipped in."""


def find_config(explicit: str | Path | None, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The configuration file to use; None where there is none (the defaults hold). A named file must exist."""
    for named, origin in ((explicit, "--config"), (environ.get("IVR_CONFIG"), "IVR_CONFIG")):
        if named:
            path = Path(named)
            if not path.is_file():
                raise ConfigError([Fault(f"there is no such file ({origin})", file=str(path))])
            return path
    return next((path for path in CONFIG_PLACES if path.is_file()), None)


def load_settings(
    path: str | Path | None = None, environ: Mapping[str, str] = os.environ, *, need_secrets: bool = True
) -> Settings:
    """Settings of the file, or of the one found, or the defaults; ConfigError with every fault.

    What only reads flows and records can do without secrets: with `need_secrets` false, one that is nowhere is no
    fault, and a made-up text stands for it.
    """
    found = find_config(path, environ)
    if found is None:
        return parse_settings("", None, environ)
    try:
        text = found.read_bytes()
    except OSError as error:
        raise ConfigError([Fault(f"cannot be read: {error.strerror}", file=str(found))]) from error
    return parse_settings(text, found, environ, need_secrets=need_secrets)


def parse_settings(
    text: str | bytes, path: Path | None, environ: Mapping[str, str], *, need_secrets: bool = True
) -> Settings:
    """Settings of a text that stands, or could stand, at `path`; ConfigError with every fault."""
    base = path.absolute().parent if path else Path.cwd()
    name = str(path) if path else ""
    document = yamlpos.load(text, tags={"!secret": SecretReader(environ, base, needed=need_secrets)})
    faults = [
        Fault(
            problem.text,
            file=name,
            line=problem.mark.line if problem.mark else None,
            field=_dotted(problem.path),
            found=problem.found,
            expected=problem.expected,
        )
        for problem in document.problems
    ]
    if faults:
        raise ConfigError(faults)
    data = {} if document.value is None else document.value
    if not isinstance(data, dict):
        raise ConfigError([Fault("the configuration must be a mapping of keys", file=name, line=1)])
    try:
        settings = Settings.model_validate(data, context={"base": base})
    except ValidationError as error:
        faults = [_fault(details, document, name) for details in error.errors(include_url=False)]
        raise ConfigError(sorted(faults, key=lambda fault: fault.line or 0)) from None
    if faults := _references(settings, document, name):
        raise ConfigError(faults)
    settings._source = path
    settings._system_zone = system_zone(environ)
    return settings


def _references(settings: Settings, document: yamlpos.Document, name: str) -> list[Fault]:
    """What is named and is not there."""
    known = list(settings.lines)
    named: list[tuple[tuple[str, ...], str, list[str]]] = [
        (("outbound_policy", "line"), line, known) for line in settings.outbound_policy.line
    ]
    named += [(("health", "lines"), line, known) for line in settings.health.lines]
    for own, what in settings.lines.items():
        others = [line for line in known if line != own]
        named += [(("lines", own, "failover"), line, others) for line in what.failover]
    faults = []
    for path, line, possible in named:
        if line not in possible:
            mark = document.mark(path)
            faults.append(
                Fault(
                    "there is no such line" if line not in settings.lines else "this line cannot stand here",
                    file=name,
                    line=mark.line if mark else None,
                    field=".".join(path),
                    found=line,
                    expected=", ".join(possible) or "none is configured",
                )
            )
    for wrong in center_mismatches(settings):
        mark = document.mark(wrong.path)
        where = _dotted(wrong.path)
        line_number = mark.line if mark else None
        faults.append(
            Fault(wrong.text, file=name, line=line_number, field=where, found=wrong.found, expected=wrong.expected)
        )
    return faults


class SecretReader:
    """Reads `!secret NAME`: from the environment, else from a file of that name.

    Folders tried: $IVR_SECRETS_DIR, systemd's $CREDENTIALS_DIRECTORY, and `secrets` beside the configuration. One that
    is in none of them and not `needed` is made up.
    """

    def __init__(self, environ: Mapping[str, str], base: Path, *, needed: bool = True) -> None:
        self.environ = environ
        self.needed = needed
        self.folders = [
            Path(folder)
            for folder in (environ.get("IVR_SECRETS_DIR"), environ.get("CREDENTIALS_DIRECTORY"), str(base / "secrets"))
            if folder
        ]

    def __call__(self, name: str) -> str:
        """The secret's text without the final newline; ValueError where it is nowhere."""
        if not name or not name.replace("_", "").replace("-", "").replace(".", "").isalnum() or name.startswith("."):
            raise ValueError("!secret takes a name of letters, digits and _")
        if name in self.environ:
            return self.environ[name]
        for folder in self.folders:
            try:
                with (folder / name).open("rb") as file:
                    text = file.read(MAX_SECRET_BYTES + 1)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise ValueError(f"secret {name} cannot be read: {error.strerror}") from None
            if len(text) > MAX_SECRET_BYTES:
                raise ValueError(f"secret {name} is longer than {MAX_SECRET_BYTES} bytes")
            try:
                return text.decode().rstrip("\r\n")
            except UnicodeDecodeError:
                raise ValueError(f"secret {name} is not text") from None
        if not self.needed:
            return f"no-secret-{name}"
        places = ", ".join(str(folder) for folder in self.folders)
        raise ValueError(f"secret {name} is neither in the environment nor in {places}")


def _fault(details: ErrorDetails, document: yamlpos.Document, name: str) -> Fault:
    kind = details["type"]
    path, field = _place(details["loc"], document.value, missing=kind == "missing")
    mark = document.mark(path)
    text, expected = _message(details)
    found = None
    if kind == "extra_forbidden":
        known = _fields_at(path[:-1], document.value)
        near = difflib.get_close_matches(str(path[-1]), known, n=1)
        text = f"unknown key, did you mean {near[0]}?" if near else "unknown key"
        expected = f"one of {', '.join(known)}" if known and not near else None
        return Fault(text, file=name, line=mark.line if mark else None, field=field, expected=expected)
    if kind != "missing" and not _is_secret(path):
        found = document.text(path)
    return Fault(text, file=name, line=mark.line if mark else None, field=field, found=found, expected=expected)


def _message(details: ErrorDetails) -> tuple[str, str | None]:
    """What is wrong and what should stand there, in our words."""
    context = details.get("ctx", {})
    match details["type"]:
        case "missing":
            return "a key is missing", None
        case "value_error":
            text, _, expected = str(context["error"]).partition(": ")
            return text, expected or None
        case "literal_error":
            return "not one of the values allowed", str(context["expected"])
        case "union_tag_invalid":
            return "unknown type", str(context["expected_tags"])
        case "union_tag_not_found":
            return "type is missing", "sip_trunk, gateway, modem or sound_card"
        case "string_type":
            return "must be text", "text"
        case "dict_type" | "model_type" | "model_attributes_type":
            return "must be a mapping of keys", None
        case "tuple_type":
            return "must be a list", None
        case _:
            message = details["msg"]
            return message[:1].lower() + message[1:], None


def _place(loc: Sequence[str | int], data: Any, *, missing: bool) -> tuple[yamlpos.Path, str]:
    """Path in the document, and the field's name, of pydantic's location, which also names union members; `missing`
    where its last part is a key that should be there."""
    path: list[str | int] = []
    for part in loc:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):  # the name of a union's member, or what is missing
            if missing and part == loc[-1]:
                return tuple(path), _dotted((*path, part))
        else:
            path.append(part)
    return tuple(path), _dotted(path)


def _dotted(path: Sequence[str | int]) -> str:
    return ".".join(str(part) for part in path)


def _is_secret(path: yamlpos.Path) -> bool:
    return not SECRET_KEYS.isdisjoint(path) or "headers" in path[-2:-1]


def _fields_at(path: yamlpos.Path, data: Any) -> list[str]:
    """Keys that the section at `path` knows."""
    kind: Any = Settings
    for part in path:
        data = data[part]
        kind = _inner(kind, part, data)
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return []
    return [field.alias or key for key, field in kind.model_fields.items()]


def _inner(kind: Any, part: str | int, data: Any) -> Any:
    """Type of the value under `part` of a value of type `kind`."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        field = next((f for key, f in kind.model_fields.items() if (f.alias or key) == part), None)
        kind = field.annotation if field else None
    else:
        arguments = typing.get_args(kind)
        kind = arguments[-1] if typing.get_origin(kind) is dict else arguments[0] if arguments else None
    if typing.get_origin(kind) is typing.Annotated:
        kind = typing.get_args(kind)[0]
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return _member(kind, data)
    return kind


def _member(union: Any, data: Any) -> Any:
    """The member of a union that a mapping is meant for: by its `type`, else the only section among them."""
    sections = [kind for kind in typing.get_args(union) if isinstance(kind, type) and issubclass(kind, BaseModel)]
    wanted = data.get("type") if isinstance(data, dict) else None
    for section in sections:
        field = section.model_fields.get("type")
        if field is not None and wanted in typing.get_args(field.annotation):
            return section
    return sections[0] if len(sections) == 1 else None
