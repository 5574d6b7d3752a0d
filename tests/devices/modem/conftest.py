"""Property tests here have no deadline: they must hold on a busy machine too."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("modem", deadline=None)
settings.load_profile("modem")
