"""The certificate of the TLS listener runs out."""

from __future__ import annotations

import asyncio
import shutil
import signal
import ssl
import subprocess
from pathlib import Path

from tests.conftest import free_port
from tests.drills.crowd import Crowd
from tests.drills.harness import Bench, Drill, Figure, alive, comes, exactly, need, until
from tests.kit.certificate import make_certificate

OPTIONS = (
    "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1;rport;branch=z9hG4bKx{0}\r\nMax-Forwards: 70\r\n"
    "From: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: {0}@x\r\nCSeq: 1 OPTIONS\r\n"
    "Content-Length: 0\r\n\r\n"
)


class Peer:
    """A TLS connection to the daemon that takes any certificate."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._count = 0

    @classmethod
    async def to(cls, port: int) -> Peer:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=context))

    def certificate(self) -> bytes:
        """What the daemon showed."""
        found: bytes = self._writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return found

    async def ask(self) -> bool:
        """Whether OPTIONS are answered."""
        self._count += 1
        self._writer.write(OPTIONS.format(f"{id(self)}{self._count}").encode())
        return b"SIP/2.0 200" in await asyncio.wait_for(self._reader.read(4096), 3)

    def close(self) -> None:
        self._writer.close()


def expired(folder: Path) -> Path:
    """A certificate that ran out yesterday."""
    folder.mkdir()
    both, key, certificate = folder / "both.pem", folder / "key.pem", folder / "cert.pem"
    line = [
        need("faketime"),
        "-f",
        "-3d",
        need("openssl"),
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
    ]
    line += ["-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(line, check=True, capture_output=True)
    both.write_text(certificate.read_text() + key.read_text())
    return both


async def run(bench: Bench) -> list[Figure]:
    old = expired(bench.folder / "old")
    (bench.folder / "new").mkdir()
    new = make_certificate(bench.folder / "new", "localhost")
    file = bench.folder / "in-force.pem"
    shutil.copy(old, file)
    udp, tls = free_port(), free_port()
    with bench.daemon(
        listen=f"udp:127.0.0.1:{udp}, tls:127.0.0.1:{tls}",
        sip=f"trusted: [127.0.0.0/8], tls: {{certificate: '{file}'}}",
    ) as daemon:
        told = await comes(lambda: "certificate" in daemon.log(), 3)
        async with Crowd(daemon.sip_port) as crowd:
            await crowd.dial(5, "102", 50)
            standing = await Peer.to(tls)
            before = standing.certificate(), await standing.ask()
            file.write_text("no certificate")
            daemon.signal(signal.SIGHUP)
            await until(lambda: "Traceback" in daemon.log() or daemon.log().count("ERROR") > 0, "a refusal", 5)
            meanwhile = await Peer.to(tls)
            kept = meanwhile.certificate() == before[0]
            shutil.copy(new, file)
            daemon.signal(signal.SIGHUP)
            wanted = ssl.PEM_cert_to_DER_cert((bench.folder / "new" / "cert.pem").read_text())
            renewed, answered = False, False
            for _ in range(50):
                peer = await Peer.to(tls)
                renewed, answered = peer.certificate() == wanted, await peer.ask()
                peer.close()
                if renewed:
                    break
                await asyncio.sleep(0.1)
            stands = await standing.ask()
            up = len(crowd.up)
            for peer in (standing, meanwhile):
                peer.close()
            await crowd.hang_up()
        return [
            exactly("a certificate that ran out is told in the log, and the daemon starts", True, told),
            exactly("a file that is no certificate leaves the old one in force", True, kept),
            exactly("connections after a new file and SIGHUP see it, and are answered", True, renewed and answered),
            exactly("the connection that stands is answered before and after", True, before[1] and stands),
            exactly("calls up all the time", 5, up),
            alive(daemon),
        ]


DRILL = Drill("The certificate runs out; it is replaced by a file that is none, then by a new one.", run)
