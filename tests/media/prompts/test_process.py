from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from media.prompts.errors import EngineError, EngineLostError, PromptBusyError
from media.prompts.process import JobProcess, child_environment, run_tool

CHILD = """
import os, signal, sys, time
from media.prompts.childside import JobError, serve
def handle(job):
    print("noise on standard output")
    what = job["do"]
    if what == "say": return {"said": job["text"], "pid": os.getpid()}
    if what == "fail": raise JobError("no luck")
    if what == "crash": os.kill(os.getpid(), signal.SIGSEGV)
    if what == "bug": return 1 / 0
    if what == "hang": time.sleep(600)
    if what == "eat": return {"x": len(bytearray(3 << 30))}
sys.exit(serve(lambda: {"version": "7"}, handle))
"""


def child(code: str = CHILD, waiting: int = 10) -> JobProcess:
    return JobProcess([sys.executable, "-W", "ignore", "-c", code], "the test child", waiting=waiting)


async def test_jobs_are_answered_in_order() -> None:
    process = child()
    assert (await process.start())["version"] == "7"
    answers = await asyncio.gather(*(process.run({"do": "say", "text": str(n)}, 10) for n in range(5)))
    assert [answer["said"] for answer in answers] == list("01234")
    assert {answer["pid"] for answer in answers} == {process.pid}
    await process.close()


@pytest.mark.parametrize(
    ("job", "error", "words"),
    [
        ("fail", EngineError, "no luck"),
        ("bug", EngineError, "ZeroDivisionError: division by zero"),
        ("eat", EngineError, "more memory than a prompt may take"),
        ("crash", EngineLostError, "the test child died"),
        ("hang", EngineLostError, r"took longer than 0\.3 s"),
    ],
)
async def test_a_failed_job_is_an_error_and_the_next_one_works(job: str, error: type[Exception], words: str) -> None:
    process = child()
    await process.start()
    with pytest.raises(error, match=words) as caught:
        await process.run({"do": job}, 0.3 if job == "hang" else 10)
    assert caught.type is error
    assert (await process.run({"do": "say", "text": "x"}, 10))["said"] == "x"
    await process.close()


async def test_a_child_that_died_between_jobs_is_replaced() -> None:
    process = child()
    first = await process.run({"do": "say", "text": "x"}, 10)
    os.kill(first["pid"], signal.SIGKILL)
    for _ in range(2):  # the death may be noticed only by the job: then that one job fails
        try:
            second = await process.run({"do": "say", "text": "x"}, 10)
            break
        except EngineLostError:
            continue
    assert second["pid"] != first["pid"]
    await process.close()


async def test_a_cancelled_job_leaves_no_answer_behind_for_the_next() -> None:
    process = child()
    await process.start()
    task = asyncio.ensure_future(process.run({"do": "hang"}, 10))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await process.run({"do": "say", "text": "mine"}, 10))["said"] == "mine"
    await process.close()


async def test_too_many_waiting_jobs_are_refused() -> None:
    process = child(waiting=2)
    tasks = [asyncio.ensure_future(process.run({"do": "say", "text": "x"}, 10)) for _ in range(3)]
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [dict, dict, PromptBusyError]
    await process.close()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import sys; sys.exit(3)", "died while it started"),
        ("print('not json', flush=True); input()", "died while it started"),
        ("from media.prompts.childside import serve; serve(lambda: 1 / 0, dict)", "cannot be used: ZeroDivisionError"),
    ],
)
async def test_a_child_that_does_not_start(code: str, words: str) -> None:
    process = child(code)
    with pytest.raises(EngineError, match=words):
        await process.start()
    assert process.pid is None
    await process.close()


async def test_a_program_that_is_not_there() -> None:
    with pytest.raises(EngineError, match="cannot be started"):
        await JobProcess(["/nonexistent"], "nobody", waiting=1).start()


def test_children_see_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PBX_PASSWORD", "secret")
    assert "PBX_PASSWORD" not in child_environment()


async def test_run_tool_passes_text_and_returns_output() -> None:
    assert await run_tool(["cat"], "żółw" * 10_000, 10, 1_000_000) == ("żółw" * 10_000).encode()
    assert await run_tool(["true"], "unread" * 100_000, 10, 10) == b""


@pytest.mark.parametrize(
    ("argv", "error", "words"),
    [
        (["sh", "-c", "echo broken >&2; exit 3"], EngineError, r"failed \(status 3\): broken"),
        (["sh", "-c", "yes | head -c 5000"], EngineError, "wrote more than 1000 bytes"),
        (["sh", "-c", "sleep 600 & sleep 600"], EngineLostError, "took longer than"),
        (["yes"], EngineLostError, "took longer than"),
        (["/nonexistent"], EngineError, "cannot be started"),
    ],
)
async def test_run_tool_fails_in_words(argv: list[str], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        await run_tool(argv, "text", 0.3, 1000)
