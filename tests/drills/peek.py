"""Records of ended calls as JSON, read in the mount namespace this runs in: `python -m tests.drills.peek CONFIG`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ivr.settings import load_settings
from ivr.store import RecordReader

__all__: list[str] = []

if __name__ == "__main__":
    reader = RecordReader.open(load_settings(Path(sys.argv[1])).store)
    rows = [row for row in reader.calls(limit=10_000) if row.cause is not None]
    reader.close()
    print(json.dumps([{name: getattr(row, name) for name in row.__slots__} for row in reversed(rows)], default=str))
