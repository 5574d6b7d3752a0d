"""Sound cards that are not there: a PipeWire of the test's own, with null sinks that ALSA programs know by name.

Everything lives in one folder: the runtime directory with PipeWire's socket, its configuration, and the ALSA
configuration that gives each card a name. PortAudio sees them as ALSA devices. `environment` is for the programs that
shall see these cards and no others.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.kit.needs import lacks
from tests.kit.sipp import require

__all__ = ["PROGRAMS", "PipeWire", "missing"]

PROGRAMS = ("pipewire", "wireplumber", "dbus-run-session", "pw-cli", "pw-dump", "aplay", "arecord")
"""What it needs: the Debian packages pipewire, pipewire-alsa, wireplumber, dbus-daemon, alsa-utils."""
START_SECONDS = 10.0

_DAEMON = """\
context.properties = {{
    core.daemon = true
    core.name = pipewire-0
    default.clock.rate = 48000
    default.clock.quantum = {quantum}
    default.clock.min-quantum = {quantum}
    default.clock.max-quantum = {quantum}
}}
context.spa-libs = {{
    audio.convert.* = audioconvert/libspa-audioconvert
    support.* = support/libspa-support
}}
context.modules = [
    {{ name = libpipewire-module-protocol-native }}
    {{ name = libpipewire-module-metadata }}
    {{ name = libpipewire-module-spa-node-factory }}
    {{ name = libpipewire-module-client-node }}
    {{ name = libpipewire-module-client-device }}
    {{ name = libpipewire-module-access }}
    {{ name = libpipewire-module-adapter }}
    {{ name = libpipewire-module-link-factory }}
    {{ name = libpipewire-module-session-manager }}
]
context.objects = [
    {{ factory = spa-node-factory
        args = {{
            factory.name = support.node.driver
            node.name = Dummy-Driver
            node.group = pipewire.dummy
            priority.driver = 1
        }}
    }}
]
"""
_MANAGER = """\
context.properties = { log.level = 2, wireplumber.script-engine = lua-scripting }
context.spa-libs = {
    audio.convert.* = audioconvert/libspa-audioconvert
    support.* = support/libspa-support
}
context.modules = [
    { name = libpipewire-module-protocol-native }
    { name = libpipewire-module-client-node }
    { name = libpipewire-module-client-device }
    { name = libpipewire-module-adapter }
    { name = libpipewire-module-metadata }
    { name = libpipewire-module-session-manager }
]
wireplumber.components = [
    { name = libwireplumber-module-lua-scripting, type = module }
    { name = test.lua, type = config/lua }
]
"""
_SCRIPT = """\
components = {}
function load_module(m, a) table.insert(components, { "libwireplumber-module-" .. m, type = "module", args = a }) end
function load_script(s, a) table.insert(components, { s, type = "script/lua", args = a }) end
load_module("metadata")
load_module("default-nodes-api")
load_module("si-node")
load_module("si-audio-adapter")
load_module("si-standard-link")
load_module("si-audio-endpoint")
load_module("default-nodes", { ["use-persistent-storage"] = false })
load_script("static-endpoints.lua", {})
load_script("create-item.lua", {})
load_script("policy-node.lua", { ["move"] = true, ["follow"] = true, ["audio.no-dsp"] = false,
    ["duck.level"] = 0.3 })
"""
_NAME = """\
pcm.{name} {{
    type pipewire
    playback_node "{name}"
    capture_node "{name}"
    hint {{ show on description "{name}" }}
}}
"""


def missing() -> str:
    """What keeps a user's machine from these tests: empty, or the reason. In CI all of it must be there."""
    absent = [program for program in PROGRAMS if lacks(program)]
    return f"not installed: {', '.join(absent)}" if absent else ""


class PipeWire:
    """A PipeWire with its session manager; use as a context manager."""

    def __init__(self, folder: Path, names: tuple[str, ...], quantum: int = 480) -> None:
        """`names` are those that ALSA shall know; `add` puts the cards themselves there. `quantum` samples at 48 kHz
        are heard and sounded at a time."""
        self._folder = folder
        self._run = folder / "run"
        self._run.mkdir(parents=True, mode=0o700)
        config = folder / "config"
        config.mkdir()
        (config / "daemon.conf").write_text(_DAEMON.format(quantum=quantum))
        (config / "wireplumber.conf").write_text(_MANAGER)
        (config / "test.lua.d").mkdir()
        (config / "test.lua.d" / "10-all.lua").write_text(_SCRIPT)
        alsa = folder / "alsa.conf"
        cards = "".join(_NAME.format(name=name) for name in names)
        alsa.write_text(f"</usr/share/alsa/alsa.conf>\n{cards}")
        self.environment = {
            **os.environ,
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(self._run),
            "PIPEWIRE_RUNTIME_DIR": str(self._run),
            "XDG_CONFIG_HOME": str(config),
            "XDG_STATE_HOME": str(folder / "state"),
            "WIREPLUMBER_CONFIG_DIR": str(config),
            "ALSA_CONFIG_PATH": str(alsa),
            "PIPEWIRE_ALSA": "{ stream.capture.sink = true }",
            "JACK_NO_START_SERVER": "1",
        }
        self._processes: list[subprocess.Popen[bytes]] = []
        self._config = config

    def __enter__(self) -> PipeWire:
        for program in PROGRAMS:
            require(program)
        self._log = (self._folder / "pipewire.log").open("wb")
        try:
            self._start("pipewire", "-c", str(self._config / "daemon.conf"))
            self._until(lambda: (self._run / "pipewire-0").exists(), "PipeWire")
            self._start("dbus-run-session", "--", "wireplumber", "-c", str(self._config / "wireplumber.conf"))
            self._until(lambda: "WirePlumber" in self._client_names(), "its session manager")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(3.0)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._log.close()

    def add(self, name: str) -> None:
        """Put a card there: what is sounded on it can be heard from it."""
        self._tool(
            "create-node",
            "adapter",
            f"{{ factory.name=support.null-audio-sink node.name={name} node.description={name} media.class=Audio/Sink"
            " object.linger=true audio.position=[MONO] audio.rate=48000 }",
        )
        self._until(lambda: self._ids(name) != [], name)

    def remove(self, name: str) -> None:
        """Pull it out."""
        for number in self._ids(name):
            self._tool("destroy", str(number))
        self._until(lambda: self._ids(name) == [], f"the end of {name}")

    def play(self, name: str, file: Path) -> None:
        """Sound a WAV file on a card, and wait for its end."""
        subprocess.run(("aplay", "-q", "-D", name, str(file)), env=self.environment, check=True, timeout=30)

    def _start(self, *command: str) -> None:
        # As its module for real-time scheduling has it; `nice` goes on where that is not permitted.
        hurried = ("nice", "-n", "-11", *command)
        self._processes.append(
            subprocess.Popen(hurried, stdout=self._log, stderr=self._log, env=self.environment, start_new_session=True)
        )

    def _tool(self, *words: str) -> None:
        subprocess.run(("pw-cli", *words), env=self.environment, check=True, capture_output=True, timeout=10)

    def _objects(self) -> Iterator[dict[str, object]]:
        done = subprocess.run("pw-dump", env=self.environment, capture_output=True, timeout=10)
        with contextlib.suppress(ValueError):
            yield from json.loads(done.stdout or b"[]")

    def _ids(self, name: str) -> list[int]:
        return [
            number
            for item in self._objects()
            if isinstance(info := item.get("info"), dict)
            and isinstance(props := info.get("props"), dict)
            and props.get("node.name") == name
            and isinstance(number := item.get("id"), int)
        ]

    def _client_names(self) -> set[str]:
        return {
            str(info.get("props", {}).get("application.name"))
            for item in self._objects()
            if isinstance(info := item.get("info"), dict)
        }

    def _until(self, true: object, what: str) -> None:
        assert callable(true)
        deadline = time.monotonic() + START_SECONDS
        while not true():
            if time.monotonic() > deadline:
                log = (self._folder / "pipewire.log").read_text(errors="replace")
                raise AssertionError(f"{what} does not come:\n{log[-4000:]}")
            time.sleep(0.05)
