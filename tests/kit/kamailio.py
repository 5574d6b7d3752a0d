"""A real Kamailio as proxy and registrar on an address of loopback of its own."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.conftest import free_port
from tests.kit.certificate import make_certificate
from tests.kit.sipp import SCENARIOS, require

HOST = "127.0.0.41"
"""So that its calls are a line's, those of other programs on loopback are not."""
PASSWORD = "secret"
READY_SECONDS = 20.0


class Kamailio:
    """Runs within a `with`; accounts have the password `secret`."""

    def __init__(self, folder: Path) -> None:
        self._program = require("kamailio")
        self._folder = folder
        self.port, self.tls_port = free_port(), free_port()
        make_certificate(folder, HOST)
        self.authority = folder / "cert.pem"
        """What its certificate is verified with."""
        text = (SCENARIOS / "kamailio.cfg").read_text()
        for name, value in (
            ("TLS_PORT", str(self.tls_port)),
            ("PORT", str(self.port)),
            ("HOST", HOST),
            ("CERTIFICATE", str(folder / "cert.pem")),
            ("KEY", str(folder / "key.pem")),
        ):
            text = text.replace(name, value)
        (folder / "kamailio.cfg").write_text(text)
        self._log_path = folder / "kamailio.log"

    def __enter__(self) -> Kamailio:
        self._log = self._log_path.open("wb")
        self._process = subprocess.Popen(
            [self._program, "-DD", "-E", "-m", "32", "-M", "4", "-f", str(self._folder / "kamailio.cfg"),
             "-Y", str(self._folder), "-P", str(self._folder / "kamailio.pid")],
            stdout=self._log,
            stderr=self._log,
        )  # fmt: skip
        self._wait(self._listens)
        return self

    def _listens(self) -> bool:
        try:
            with socket.create_connection((HOST, self.tls_port), 1):
                return True
        except ConnectionError:
            return False

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def log(self) -> str:
        """What it has written so far."""
        return self._log_path.read_text(errors="replace")

    def wait_for(self, *lines: str, seconds: float = READY_SECONDS) -> None:
        """Wait until all of these stand in its log."""
        self._wait(lambda: all(line in self.log() for line in lines), seconds)

    def _wait(self, condition: Callable[[], bool], seconds: float = READY_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert self._process.poll() is None, f"Kamailio does not run:\n{self.log()}"
            assert time.monotonic() < deadline, f"it never happened:\n{self.log()}"
            time.sleep(0.05)
