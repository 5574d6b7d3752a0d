"""An SMTP server that keeps what it is given, and refuses what a test tells it to."""

from __future__ import annotations

import asyncio
import base64
import ssl
from dataclasses import dataclass, field


@dataclass
class SmtpServer:
    """Speaks as much SMTP as a client needs to hand a mail over."""

    tls: ssl.SSLContext | None = None
    """For STARTTLS; with `at_once` for the whole connection."""
    at_once: bool = False
    refuse: dict[str, str] = field(default_factory=dict)
    """Beginning of a command, in capitals, to the answer instead of the usual one."""
    silent: bool = False
    """Takes connections and says nothing."""
    mails: list[tuple[str, list[str], str]] = field(default_factory=list)
    """Sender, recipients, text of each mail."""
    logins: list[str] = field(default_factory=list)
    """User and password, joined by a colon."""
    secured: list[bool] = field(default_factory=list)
    """Whether each mail came over TLS."""
    port: int = 0

    async def __aenter__(self) -> SmtpServer:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self.tls if self.at_once else None)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.silent:
            await asyncio.Event().wait()
        sender, recipients, secure = "", list[str](), self.at_once
        writer.write(b"220 test ESMTP\r\n")
        while line := (await reader.readline()).decode():
            command = line.strip().upper()
            answer = next((text for start, text in self.refuse.items() if command.startswith(start)), None)
            if answer is not None:
                writer.write(f"{answer}\r\n".encode())
            elif command.startswith("EHLO"):
                writer.write(b"250-test\r\n250-AUTH PLAIN\r\n")
                writer.write(b"250 STARTTLS\r\n" if self.tls and not secure else b"250 HELP\r\n")
            elif command == "STARTTLS":
                writer.write(b"220 go\r\n")
                await writer.drain()
                await writer.start_tls(self.tls)  # type: ignore[arg-type]
                secure = True
            elif command.startswith("AUTH PLAIN"):
                self.logins.append(":".join(base64.b64decode(line.split()[2]).decode().split("\0")[1:]))
                writer.write(b"235 ok\r\n")
            elif command.startswith("MAIL FROM"):
                sender = line.partition("<")[2].partition(">")[0]
                writer.write(b"250 ok\r\n")
            elif command.startswith("RCPT TO"):
                recipients.append(line.partition("<")[2].partition(">")[0])
                writer.write(b"250 ok\r\n")
            elif command == "DATA":
                writer.write(b"354 go\r\n")
                text = (await reader.readuntil(b"\r\n.\r\n")).decode()
                self.mails.append((sender, recipients, text.removesuffix(".\r\n")))
                self.secured.append(secure)
                recipients = []
                writer.write(b"250 taken\r\n")
            elif command == "QUIT":
                writer.write(b"221 bye\r\n")
                return
            else:
                writer.write(b"250 ok\r\n")
