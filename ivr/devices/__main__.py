"""`python -m ivr.devices`: one line on hardware; the daemon starts it."""

from __future__ import annotations

import sys

from ivr.devices.process import main

sys.exit(main())
