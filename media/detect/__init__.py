"""Who answered a call of ours: a person or a machine, and when the machine's beep is over."""

from __future__ import annotations

from media.detect.answerers import FRAME, AnswererDetector, Found, Mode

__all__ = ["FRAME", "AnswererDetector", "Found", "Mode"]
