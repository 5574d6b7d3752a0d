"""The detector of network tones on hours of speech from the proving ground: it must find none."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.kit.needs import lacks
from tests.media.dtmf.test_proving import SOURCE, load
from tests.media.tones.test_detector import hear

pytestmark = pytest.mark.skipif(not SOURCE.is_dir(), reason="../shared/proving is not beside this copy")


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_hours_of_speech_hold_no_tone(tmp_path: Path) -> None:
    if lacks("espeak-ng"):
        pytest.skip("espeak-ng makes the speech and is not installed")
    for name in ("gen.py", "mk_talkoff.py"):
        shutil.copy(SOURCE / name, tmp_path)
    subprocess.run([sys.executable, str(tmp_path / "mk_talkoff.py")], check=True, stdout=subprocess.DEVNULL)
    gen = load(tmp_path / "gen.py")
    sounds = [np.asarray(case.audio) for case in gen.cases(77) if case.cls.startswith("talkoff")]
    assert sum(map(len, sounds)) > 2.5 * 3600 * 8000
    assert [found for found in hear(sounds) if found] == []
