"""The receiver on the proving ground's generator: every class of ITU-T Q.24 on seeds that nobody tuned to."""

from __future__ import annotations

import importlib.util
import itertools
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.kit.needs import lacks
from tests.media.dtmf_adapter import detect_all

SOURCE = Path(__file__).resolve().parents[4] / "shared" / "proving" / "dtmf"
WHOLE = ("interrupt_<=10ms", "echo_-10dB", "dialtone")
HARMONIC_PER_HOUR = 125.0
LAST = "talkoff_harmonic"
"""Made last, and takes longest to make."""

pytestmark = pytest.mark.skipif(not SOURCE.is_dir(), reason="../shared/proving is not beside this copy")


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("dtmf_gen", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks itself up there
    spec.loader.exec_module(module)
    return module


def judge(gen: ModuleType, seed: int, classes: set[str] | None = None) -> dict[str, dict[str, Any]]:
    """gen.py's own scoring over what the receiver heard in all cases at once."""
    every = itertools.takewhile(lambda case: classes is None or case.cls != LAST, gen.cases(seed))
    cases = [case for case in every if classes is None or case.cls in classes]
    heard = iter(detect_all([case.audio for case in cases]))
    gen.cases = lambda seed: cases
    verdict: dict[str, dict[str, Any]] = gen.score(lambda samples: next(heard), seed)["classes"]
    return verdict


def check(verdict: dict[str, dict[str, Any]]) -> None:
    for name, result in verdict.items():
        share = 100 * result["ok"] / result["n"]
        if result["kind"] in ("accept", "reject"):
            assert share >= (100 if name in WHOLE else 99.5), (name, share, result["sub"])
        elif result["kind"] == "talkoff":
            limit = HARMONIC_PER_HOUR if name == "talkoff_harmonic" else 0
            assert result["false"] / (result["seconds"] / 3600) <= limit, name


@pytest.mark.parametrize("seed", [763, 41])
def test_the_short_classes(seed: int) -> None:
    gen = load(SOURCE / "gen.py")
    gen._speech = lambda: []
    names = {"base", "freq_1.5%+2Hz", "freq_3.5%_reject", "twist_+4/-8", "level_-3..-25_ulaw", "level_-55_reject"}
    names |= {"dur_>=40ms", "dur_<=20ms_reject", "pause_>=40ms", "interrupt_<=10ms", "echo_-10dB", "dialtone"}
    names |= {"snr_>=15dB", "hum_-20dBm0", "g711", "other_tones"}
    verdict = judge(gen, seed, names)
    assert set(verdict) == names
    check(verdict)


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_everything_with_speech(tmp_path: Path) -> None:
    if lacks("espeak-ng"):
        pytest.skip("espeak-ng makes the speech and is not installed")
    for name in ("gen.py", "mk_talkoff.py"):
        shutil.copy(SOURCE / name, tmp_path)
    subprocess.run([sys.executable, str(tmp_path / "mk_talkoff.py")], check=True, stdout=subprocess.DEVNULL)
    for seed in (763, 20250, 77):
        verdict = judge(load(tmp_path / "gen.py"), seed)
        assert "talkoff_speech" in verdict
        check(verdict)
