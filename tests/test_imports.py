"""Who may import whom, and that pure cores are pure: read off the syntax trees, nothing is imported."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

LEAVES = {"ivr", "ivr.drawing", "ivr.errors", "ivr.settings", "ivr.tasks", "ivr.units", "ivr.yamlpos", "ivr._version"}

# What each part of ivr may import of ivr, besides itself.
ALLOWED: dict[str, set[str]] = {
    "ivr.errors": set(),
    "ivr.drawing": {"ivr.errors"},
    "ivr.tasks": set(),
    "ivr.units": set(),
    "ivr.yamlpos": set(),
    "ivr._version": set(),
    "ivr.settings": {"ivr.errors", "ivr.units", "ivr.yamlpos"},
    "ivr.flow": {"ivr.errors", "ivr.settings", "ivr.units", "ivr.yamlpos"},
    "ivr.sip": {"ivr.errors"},
    "ivr.net": {"ivr.errors", "ivr.settings", "ivr.sip"},
    "ivr.guard": {"ivr.errors", "ivr.settings"},
    "ivr.capture": {*LEAVES, "ivr.sip"},
    "ivr.outside": {*LEAVES, "ivr.flow"},
    "ivr.feed": LEAVES,
    "ivr.store": LEAVES,
    "ivr.service": {*LEAVES, "ivr.store"},
    "ivr.metrics": {*LEAVES, "ivr.call", "ivr.flow", "ivr.guard", "ivr.lines", "ivr.net", "ivr.sip", "ivr.store"},
    "ivr.versions": {*LEAVES, "ivr.flow", "ivr.store"},
    "ivr.lines": {*LEAVES, "ivr.sip", "ivr.net"},
    "ivr.call": {
        *LEAVES,
        "ivr.capture",
        "ivr.feed",
        "ivr.guard",
        "ivr.lines",
        "ivr.sip",
        "ivr.net",
        "ivr.flow",
        "ivr.store",
    },
    "ivr.webhooks": {*LEAVES, "ivr.feed", "ivr.store"},
    "ivr.center": {*LEAVES, "ivr.call", "ivr.feed", "ivr.flow", "ivr.guard", "ivr.lines", "ivr.sip", "ivr.store"},
    "ivr.handoff": {*LEAVES, "ivr.call", "ivr.feed", "ivr.flow", "ivr.outside", "ivr.store", "ivr.webhooks"},
    "ivr.endpoint": {*LEAVES, "ivr.sip", "ivr.net", "ivr.lines", "ivr.call"},
    "ivr.devices": {*LEAVES, "ivr.sip", "ivr.net", "ivr.lines", "ivr.endpoint"},
    "ivr.dialer": {*LEAVES, "ivr.flow", "ivr.guard", "ivr.lines", "ivr.store", "ivr.call"},
    "ivr.api": {
        *LEAVES,
        "ivr.dialer",
        "ivr.call",
        "ivr.center",
        "ivr.feed",
        "ivr.handoff",
        "ivr.webhooks",
        "ivr.lines",
        "ivr.guard",
        "ivr.capture",
        "ivr.flow",
        "ivr.store",
        "ivr.versions",
    },
    "ivr.daemon": {
        *LEAVES,
        "ivr.capture",
        "ivr.lines",
        "ivr.guard",
        "ivr.outside",
        "ivr.sip",
        "ivr.net",
        "ivr.flow",
        "ivr.call",
        "ivr.store",
        "ivr.service",
        "ivr.metrics",
        "ivr.versions",
        "ivr.devices",
        "ivr.dialer",
        "ivr.feed",
        "ivr.webhooks",
        "ivr.center",
        "ivr.handoff",
        "ivr.api",
    },
    "ivr.cli": {
        *LEAVES,
        "ivr.guard",
        "ivr.lines",
        "ivr.sip",
        "ivr.net",
        "ivr.flow",
        "ivr.call",
        "ivr.store",
        "ivr.versions",
        "ivr.api",
        "ivr.endpoint",
        "ivr.devices",
        "ivr.dialer",
        "ivr.center",
        "ivr.handoff",
        "ivr.daemon",
    },
    "ivr.__main__": {"ivr.cli"},
    "ivr": {"ivr._version"},
}

USES_MEDIA = {
    "ivr.call",
    "ivr.center",
    "ivr.handoff",
    "ivr.webhooks",
    "ivr.endpoint",
    "ivr.devices",
    "ivr.metrics",
    "ivr.outside",
    "ivr.api",
    "ivr.daemon",
    "ivr.cli",
}
"""Parts of ivr that may import the media package's face."""

USES_DEVICES = {"ivr.endpoint", "ivr.devices", "ivr.cli"}
"""Parts that may import the face of ``media.devices`` too: those that run in processes with hardware."""

PURE_PACKAGES = (
    "ivr/sip",
    "ivr/flow",
    "ivr/guard",
    "ivr/devices/modem/protocol",
    "ivr/dialer/rules",
    "ivr/feed",
    "ivr/center/rules",
    "ivr/handoff/protocols",
    "media/plane",
    "media/codecs",
    "media/dtmf",
    "media/tones",
    "media/detect",
)

PURE_MODULES = (
    *(f"ivr/devices/{name}.py" for name in ("cardline", "hardware", "line")),
    *(f"media/devices/{name}.py" for name in ("clocks", "drift", "echo", "keys", "rates", "ring")),
)
"""Pure modules among others that are not."""

IMPURE_MODULES = {
    "asyncio",
    "concurrent",
    "multiprocessing",
    "random",
    "secrets",
    "select",
    "selectors",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "threading",
    "time",
}
IMPURE_CALLS = {
    ("os", "urandom"),
    ("os", "getrandom"),
    ("datetime", "now"),
    ("datetime", "today"),
    ("datetime", "utcnow"),
    ("date", "today"),
    ("uuid", "uuid4"),
    ("uuid", "uuid1"),
}


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> list[tuple[str, int]]:
    """Dotted names imported, with lines. `from a.b import c` gives a.b.c: c may be a module."""
    tree = ast.parse(path.read_text(), str(path))
    package = name_of(path) if path.name == "__init__.py" else name_of(path).rpartition(".")[0]
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.extend((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")
                base = ".".join([*above[: len(above) - node.level + 1], *([base] if base else [])])
            found.extend((f"{base}.{alias.name}", node.lineno) for alias in node.names)
    return found


def part_of(name: str, parts: dict[str, set[str]]) -> str:
    """The longest part that a dotted name belongs to."""
    return max((part for part in parts if name == part or name.startswith(part + ".")), key=len)


@pytest.mark.parametrize("path", modules("ivr"), ids=name_of)
def test_ivr_imports_only_what_its_part_may(path: Path) -> None:
    part = part_of(name_of(path), ALLOWED)
    for imported, line in imports_of(path):
        where = f"{path.relative_to(ROOT)}:{line} imports {imported}"
        if imported.split(".")[0] == "ivr":
            target = part_of(imported, ALLOWED)
            permitted = target == part or target in ALLOWED[part]
            assert permitted, f"{where}: {part} may import {sorted(ALLOWED[part])}"
        if imported.split(".")[0] == "media":
            assert part in USES_MEDIA, f"{where}: only {sorted(USES_MEDIA)} may use media"
            face = "media.devices" if imported.startswith("media.devices.") and part in USES_DEVICES else "media"
            assert imported.count(".") <= face.count(".") + 1, f"{where}: media is used through its face alone"
            module = ROOT / imported.replace(".", "/")
            inner = module.is_dir() or module.with_suffix(".py").is_file()
            assert not inner, f"{where}: media is used through its face alone"


@pytest.mark.parametrize("path", modules("ivr"), ids=name_of)
def test_settings_are_imported_as_one_module(path: Path) -> None:
    if name_of(path).startswith("ivr.settings"):
        return
    inner = {module.stem for module in modules("ivr/settings")} - {"__init__"}
    for imported, line in imports_of(path):
        parts = imported.split(".")
        inside = parts[:2] == ["ivr", "settings"] and len(parts) > 2 and parts[2] in inner
        assert not inside, f"{path.relative_to(ROOT)}:{line} reaches into ivr.settings"


@pytest.mark.parametrize("path", modules("media"), ids=name_of)
def test_media_imports_nothing_of_ivr(path: Path) -> None:
    for imported, line in imports_of(path):
        assert imported.split(".")[0] != "ivr", f"{path.relative_to(ROOT)}:{line} imports {imported}"


@pytest.mark.parametrize(
    "path",
    [*(path for folder in PURE_PACKAGES for path in modules(folder)), *(ROOT / name for name in PURE_MODULES)],
    ids=name_of,
)
def test_pure_modules_touch_neither_clock_nor_network_nor_chance(path: Path) -> None:
    for imported, line in imports_of(path):
        assert imported.split(".")[0] not in IMPURE_MODULES, f"{path.relative_to(ROOT)}:{line} imports {imported}"
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            owner = node.value
            base = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
            assert (base, node.attr) not in IMPURE_CALLS, (
                f"{path.relative_to(ROOT)}:{node.lineno} uses {base}.{node.attr}"
            )


@pytest.mark.parametrize("path", [*modules("ivr"), *modules("media")], ids=name_of)
def test_names_offered_exist(path: Path) -> None:
    """`__all__` is a literal list, without doubles, of names that the module has."""
    tree = ast.parse(path.read_text())
    offered: list[str] = []
    bound: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            bound.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            bound.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            offered = ast.literal_eval(node.value)
    assert len(set(offered)) == len(offered)
    lazily = "__getattr__" in bound
    missing = [] if lazily else [name for name in offered if name not in bound]
    assert not missing, f"{path.relative_to(ROOT)} offers {missing} and has them not"
