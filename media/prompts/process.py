"""A child process that does one job at a time, and may hang, crash or be killed without harm (parent's side)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from media.prompts.errors import EngineError, EngineLostError, PromptBusyError

__all__ = ["JobProcess", "child_environment", "python_child", "run_tool"]

START_SECONDS = 20.0
"""Until the child is ready; it imports NumPy, which takes 0.3 s on an idle machine."""
JOBS_PER_CHILD = 2000
"""Then a fresh one: what libraries leak stays bounded."""
LINE_BYTES = 256 * 1024
"""Of one answer; the list of espeak-ng's voices is 10 KiB."""
ERROR_BYTES = 2000
"""Of what a tool wrote to standard error, for its error message."""


def child_environment() -> dict[str, str]:
    """What a child needs, and no secrets of the parent: search paths, UTF-8, one thread for BLAS."""
    package_root = Path(__file__).resolve().parents[2]
    kept = {
        key: os.environ[key] for key in ("PATH", "HOME", "LD_LIBRARY_PATH", "ESPEAK_DATA_PATH") if key in os.environ
    }
    return {
        **kept,
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join([str(package_root), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "PYTHONUTF8": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def python_child(module: str) -> list[str]:
    """The command that runs a module of ours; `-P`: the working folder is no place to import from."""
    return [sys.executable, "-P", "-W", "ignore", "-m", module]


class JobProcess:
    """One child process and the queue for it.

    Started at the first job, started anew after it died or was killed, ended by `close`. Jobs wait for each other.
    """

    def __init__(self, command: Sequence[str], name: str, *, waiting: int) -> None:
        """command: argument vector. name: for error messages. waiting: jobs that may wait."""
        self._command = list(command)
        self._name = name
        self._limit = waiting
        self._waiting = 0
        self._lock = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._jobs = 0
        self._closed = False
        self.hello: dict[str, Any] = {}
        """What the child said when it was ready."""

    @property
    def pid(self) -> int | None:
        """Of the running child."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> dict[str, Any]:
        """Start the child ahead of the first job; what it says of itself. Raises EngineError."""
        async with self._lock:
            await self._running()
        return self.hello

    async def run(self, request: Mapping[str, Any], limit: float) -> dict[str, Any]:
        """Have one job done within `limit` seconds; its result.

        The time limit counts from the job's turn. A child that died between jobs is replaced unnoticed. Raises
        EngineError with the child's words, EngineLostError when it hung (and was killed) or died, PromptBusyError.
        """
        if self._waiting >= self._limit:
            raise PromptBusyError(f"{self._name}: {self._waiting} jobs are waiting already")
        self._waiting += 1
        try:
            async with self._lock:
                return await self._run(request, limit)
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """End the child; jobs still waiting fail."""
        self._closed = True
        await self._kill()

    async def _run(self, request: Mapping[str, Any], limit: float) -> dict[str, Any]:
        process = await self._running()
        assert process.stdin is not None and process.stdout is not None
        done = False
        try:
            async with asyncio.timeout(limit):
                process.stdin.write(json.dumps(request).encode() + b"\n")
                await process.stdin.drain()
                line = await process.stdout.readline()
            answer = json.loads(line) if line.endswith(b"\n") else None
            done = isinstance(answer, dict)
        except TimeoutError:
            raise EngineLostError(f"{self._name} took longer than {limit:g} s") from None
        except (OSError, ValueError) as error:
            raise EngineLostError(f"{self._name} failed: {error or type(error).__name__}") from None
        finally:
            if not done:  # cancelled, hung, dead, or out of step: only a fresh child can be trusted
                await self._kill()
        if not isinstance(answer, dict):
            raise EngineLostError(f"{self._name} died")
        self._jobs += 1
        if self._jobs >= JOBS_PER_CHILD:
            await self._kill()
        if "error" in answer:
            raise EngineError(str(answer["error"]))
        result = answer.get("result")
        return result if isinstance(result, dict) else {}

    async def _running(self) -> asyncio.subprocess.Process:
        if self._closed:
            raise EngineError(f"{self._name} is closed")
        if self._process is not None and self._process.returncode is None:
            return self._process
        self._jobs = 0
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=child_environment(),
                limit=LINE_BYTES,
                start_new_session=True,
            )
        except OSError as error:
            raise EngineError(f"{self._name} cannot be started: {error}") from None
        assert process.stdout is not None
        ready = False
        try:
            async with asyncio.timeout(START_SECONDS):
                line = await process.stdout.readline()
            hello = json.loads(line)
            ready = isinstance(hello, dict) and hello.get("ready") is True
        except TimeoutError:
            raise EngineLostError(f"{self._name} was not ready within {START_SECONDS:g} s") from None
        except (OSError, ValueError):
            raise EngineLostError(f"{self._name} died while it started") from None
        finally:
            if not ready:
                await self._kill()
        if not ready:
            raise EngineError(f"{self._name} cannot be used: {str(hello.get('error', hello))[:ERROR_BYTES]}")
        self.hello = hello
        return process

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await _end(process)


async def run_tool(argv: Sequence[str], text: str, limit: float, output_limit: int) -> bytes:
    """Run a program for at most `limit` seconds with `text` on its standard input; its standard output.

    Raises EngineError (it cannot be started, fails, or writes more than output_limit bytes), EngineLostError (it
    hangs; it and what it started are killed).
    """
    name = Path(argv[0]).name
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=child_environment(),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise EngineError(f"{name} cannot be started: {error}") from None
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    try:
        async with asyncio.timeout(limit), asyncio.TaskGroup() as group:
            group.create_task(_feed(process.stdin, text))
            output = group.create_task(_read(process.stdout, output_limit))
            errors = group.create_task(_read(process.stderr, ERROR_BYTES))
            group.create_task(process.wait())
    except TimeoutError:
        raise EngineLostError(f"{name} took longer than {limit:g} s") from None
    finally:
        await _end(process)
    if process.returncode:
        said = errors.result().decode("utf-8", "replace").strip().splitlines()
        raise EngineError(f"{name} failed (status {process.returncode}){': ' + said[-1][:200] if said else ''}")
    if len(output.result()) > output_limit:
        raise EngineError(f"{name} wrote more than {output_limit} bytes")
    return output.result()


async def _feed(stream: asyncio.StreamWriter, text: str) -> None:
    with contextlib.suppress(OSError):  # a program that reads nothing may be right or will fail by its status
        stream.write(text.encode())
        await stream.drain()
        stream.close()
        await stream.wait_closed()


async def _read(stream: asyncio.StreamReader, limit: int) -> bytes:
    """All of a stream, kept up to one byte more than `limit`; the rest is read and dropped."""
    kept = bytearray()
    while chunk := await stream.read(65536):
        kept += chunk[: max(0, limit + 1 - len(kept))]
    return bytes(kept)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the process and its session, and wait for it; nothing is left, not even when this is cancelled."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    # Process.wait() returns only when all pipes are closed, and a pipe that nobody reads never ends by itself.
    transport: asyncio.SubprocessTransport = process._transport  # type: ignore[attr-defined]
    for descriptor in (0, 1, 2):
        pipe = transport.get_pipe_transport(descriptor)
        if pipe is not None:
            pipe.close()
    await asyncio.shield(process.wait())
    transport.close()
