"""linphonec as a phone, by TLS and SRTP alone: registers, calls, presses keys, plays a file and writes what it hears.

It looks for a default route and an address that is not loopback's, so daemon and phone live in a network namespace of
their own: `NAMESPACE` is what the daemon is started with, HOST its address there.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from tests.kit.sipp import require

__all__ = ["HOST", "NAMESPACE", "Linphone"]

HOST = "10.9.9.1"
NAMESPACE = (
    "unshare",
    "-n",
    "sh",
    "-c",
    f'ip link set lo up && ip addr add {HOST}/24 dev lo && ip route add default dev lo src {HOST} && exec "$@"',
    "sh",
)
RTP_PORT = 12_000
"""Nobody else has a port in the namespace."""
_CONFIG = """\
[sip]
sip_port=-1
sip_tcp_port=-1
sip_tls_port=-1
media_encryption=srtp
media_encryption_mandatory=1
root_ca={ca}
verify_server_certs=1
verify_server_cn=0
use_rfc2833=1
default_proxy=0
[rtp]
audio_rtp_port={rtp}
audio_adaptive_jitt_comp_enabled=0
audio_jitt_comp=200
[proxy_0]
reg_proxy=<sip:{host}:{port};transport=tls>
reg_identity=sip:{user}@{host}
reg_expires=60
reg_sendregister=1
[auth_info_0]
username={user}
passwd={password}
realm=ivr
"""
"""The certificate is verified; its name is not, as linphonec knows no addresses in certificates. Its jitter buffer
has a fixed length: one that adapts leaves out frames when the machine is busy."""


class Linphone:
    """One linphonec process beside the daemon `beside` (a process id); use as a context manager."""

    def __init__(self, folder: Path, beside: int, port: int, user: str, password: str, ca: Path) -> None:
        self.folder = folder
        (folder / ".local" / "share" / "linphone").mkdir(parents=True)
        config = _CONFIG.format(ca=ca, rtp=RTP_PORT, host=HOST, port=port, user=user, password=password)
        (folder / "linphonerc").write_text(config)
        self._beside, self._port = beside, port
        self.heard = folder / "heard.wav"

    def __enter__(self) -> Linphone:
        line = ["nsenter", f"--net=/proc/{self._beside}/ns/net", require("linphonec")]
        line += ["-c", str(self.folder / "linphonerc"), "-l", str(self.folder / "debug.log"), "-d", "6"]
        self._log = (self.folder / "linphonec.log").open("wb")
        self.process = subprocess.Popen(
            line,
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            cwd=self.folder,
            env={"HOME": str(self.folder), "PATH": os.environ["PATH"], "LANG": "C"},
        )
        self._wait_debug("LinphoneRegistrationOk")
        self.say("soundcard use files")
        self.say(f"record {self.heard}")
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            try:
                self.say("quit")
                self.process.wait(10)
            except (OSError, subprocess.TimeoutExpired):
                self.process.kill()
                self.process.wait()
        assert self.process.stdin is not None
        self.process.stdin.close()
        self._log.close()

    def say(self, command: str) -> None:
        """Type a command."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{command}\n".encode())
        self.process.stdin.flush()

    def log(self) -> str:
        """What it printed."""
        return (self.folder / "linphonec.log").read_text(errors="replace")

    def wait_log(self, text: str, seconds: float = 15.0) -> None:
        """Wait until it printed `text`."""
        self._wait(self.folder / "linphonec.log", text, seconds)

    def _wait_debug(self, text: str, seconds: float = 15.0) -> None:
        self._wait(self.folder / "debug.log", text, seconds)

    def _wait(self, path: Path, text: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not path.exists() or text not in path.read_text(errors="replace"):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError(f"linphonec did not say {text!r} within {seconds} s:\n{self.log()[-3000:]}")
            time.sleep(0.05)

    def call(self, number: str) -> None:
        """Call, and be answered with sound both ways."""
        self.say(f"call sip:{number}@{HOST}:{self._port};transport=tls")
        self.wait_log("Media streams established")

    def hang_up(self) -> None:
        """End the call."""
        self.say("terminate")
        self.wait_log("ended (No error)")
