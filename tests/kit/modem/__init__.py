"""Voice modems that are not there: emulated on ptys, joined by a telephone exchange.

``python -m tests.kit.modem cx93010=100 usr5637=200`` makes ptys and prints their names; :class:`~.office.Office` is the
same for tests.
"""

from __future__ import annotations

from tests.kit.modem.exchange import Caller
from tests.kit.modem.office import Handset, Office, PtyModem, level_of, tone

__all__ = ["Caller", "Handset", "Office", "PtyModem", "level_of", "tone"]
