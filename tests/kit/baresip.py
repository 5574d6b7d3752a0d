"""baresip as a phone: registers, calls, answers, presses keys, plays a file and writes down what it hears.

Driven through its ctrl_tcp module (JSON in netstrings).
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.conftest import free_port
from tests.kit.sipp import require

HOST = "127.0.0.1"
START_SECONDS = 30.0
RTP_SPAN = 60

_CONFIG = """\
poll_method epoll
sip_listen 127.0.0.1:{sip}
audio_player aufile,{folder}/player.wav
audio_source aufile,{source}
audio_alert aufile,{folder}/alert.wav
audio_level no
ausrc_srate {rate}
auplay_srate {rate}
ausrc_channels 1
auplay_channels 1
rtp_tos 184
rtp_ports {rtp}-{rtp_end}
rtcp_mux no
jitter_buffer_type fixed
jitter_buffer_delay 5-100
rtp_timeout 0
dns_server 127.0.0.1:9
net_interface 127.0.0.1
module_path {modules}
module g711.so
module g722.so
module opus.so
module srtp.so
module aufile.so
module sndfile.so
snd_path {folder}
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{ctrl}
"""


class Phone:
    """One baresip process; use as a context manager."""

    def __init__(
        self,
        folder: Path,
        server_port: int,
        user: str,
        password: str | None,
        source: Path,
        *,
        answer: bool = False,
        dtmf: str = "rtpevent",
        srtp: str = "",
        ca: Path | None = None,
        codecs: str = "PCMU/8000/1,PCMA/8000/1",
        rate: int = 8000,
        ptime: int = 20,
    ) -> None:
        """`rate` is that of `source`, Hz.

        `srtp` is what baresip calls `mediaenc`: `srtp` (keys offered beside plain RTP) or `srtp-mand`. With `ca`, whose
        certificate the server's is signed by, it speaks TLS instead of UDP."""
        self.folder = folder
        self._source = source
        folder.mkdir(parents=True, exist_ok=True)
        self._sip, self._ctrl = free_port(), free_port(socket.SOCK_STREAM)
        rtp = 8_000 + self._sip // 2 % 33 * RTP_SPAN  # below all that tests and kernel give out
        modules = next(
            (
                path
                for path in (Path("/usr/lib/baresip/modules"), Path("/usr/lib/x86_64-linux-gnu/baresip/modules"))
                if path.exists()
            ),
            Path("/usr/lib/baresip/modules"),
        )
        (folder / "config").write_text(
            _CONFIG.format(
                sip=self._sip,
                ctrl=self._ctrl,
                folder=folder,
                source=source,
                rate=rate,
                rtp=rtp,
                rtp_end=rtp + RTP_SPAN,
                modules=modules,
            )
            + (f"sip_cafile {ca}\n" if ca is not None else "")
        )
        transport = "tls" if ca is not None else "udp"
        register = "regint=60" if password else "regint=0"
        auth = f";auth_user={user};auth_pass={password}" if password else ""
        mode = "auto" if answer else "manual"
        (folder / "accounts").write_text(
            f"<sip:{user}@{HOST}:{server_port};transport={transport}>;{register}{auth};answermode={mode};"
            f"audio_codecs={codecs};ptime={ptime};dtmfmode={dtmf}{f';mediaenc={srtp}' if srtp else ''}\n"
        )
        (folder / "contacts").write_text("")
        self._server = f"{HOST}:{server_port};transport={transport}"
        self._buffer = b""
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Phone:
        program = require("baresip")
        self._log = (self.folder / "baresip.log").open("wb")
        self.process = subprocess.Popen(
            [program, "-f", str(self.folder), "-v"],
            stdout=self._log,
            stderr=self._log,
            stdin=subprocess.DEVNULL,
            cwd=self.folder,
        )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self._socket = socket.create_connection((HOST, self._ctrl), timeout=1)
                return self
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.__exit__()
                    raise AssertionError(f"baresip does not start:\n{self.log()}") from None
                time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        if hasattr(self, "_socket"):
            self._socket.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._log.close()

    def log(self) -> str:
        """What baresip printed."""
        return (self.folder / "baresip.log").read_text(errors="replace")

    def wait_log(self, text: str, seconds: float = 30.0) -> None:
        """Wait until baresip printed `text`: what happens while it starts comes before anybody can listen to events."""
        deadline = time.monotonic() + seconds
        while text not in self.log():
            if time.monotonic() > deadline:
                raise AssertionError(f"baresip did not print {text!r} within {seconds} s:\n{self.log()[-4000:]}")
            time.sleep(0.05)

    def registered(self) -> None:
        """Wait until it is registered."""
        self.wait_log("200 OK")

    def command(self, name: str, params: str = "") -> None:
        """Send a command; its answer comes among the events."""
        body = json.dumps({"command": name, "params": params, "token": name}).encode()
        self._socket.sendall(b"%d:%s," % (len(body), body))

    def call(self, number: str) -> None:
        """Dial a number of the server."""
        self.command("dial", f"sip:{number}@{self._server}")

    def press(self, digits: str) -> None:
        """Press keys, one after the other."""
        for digit in digits:
            self.command("sndcode", digit)
            self.wait_for(lambda event: event.get("response") is True, 2.0, "the answer to a key")
            time.sleep(0.35)

    def hang_up(self) -> None:
        """End the call."""
        self.command("hangup")

    def wait_for(self, wanted: Any, seconds: float, what: str) -> dict[str, Any]:
        """The first event from now on that `wanted` accepts."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            event = self._next(left)
            if event is not None and wanted(event):
                return event
        raise AssertionError(f"baresip: no {what} within {seconds} s\n{self.log()[-4000:]}")

    def wait_event(self, kind: str, seconds: float = 30.0) -> dict[str, Any]:
        """The first event of a type (REGISTER_OK, CALL_ESTABLISHED, CALL_CLOSED...) from now on."""
        return self.wait_for(lambda event: event.get("type") == kind, seconds, kind)

    def _next(self, seconds: float) -> dict[str, Any] | None:
        while True:
            head, colon, rest = self._buffer.partition(b":")
            if colon and len(rest) > int(head):
                body, self._buffer = rest[: int(head)], rest[int(head) + 1 :]
                event: dict[str, Any] = json.loads(body)
                self.events.append(event)
                return event
            self._socket.settimeout(max(0.01, seconds))
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                return None
            if not data:
                raise AssertionError(f"baresip is gone:\n{self.log()[-4000:]}")
            self._buffer += data

    def heard(self) -> Path:
        """The sound that came from the server, once the call is closed."""
        files = sorted(self.folder.glob("dump-*-dec.wav"))
        assert files, f"baresip wrote no sound: {[path.name for path in self.folder.iterdir()]}"
        return files[-1]
