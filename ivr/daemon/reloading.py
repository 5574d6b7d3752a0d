"""SIGHUP: what is taken up anew while calls go on."""

from __future__ import annotations

import asyncio
from functools import partial

from ivr.center.house import House
from ivr.net import SipShell
from ivr.service import ServiceManager
from ivr.settings import Settings, load_settings
from ivr.versions import LiveFlows

__all__ = ["Reloading"]


class Reloading:
    """Certificates, the centre's sections of ivr.yaml, and flows; what does not hold leaves the old ones in force."""

    def __init__(
        self, settings: Settings, service: ServiceManager, live: LiveFlows, shell: SipShell, house: House
    ) -> None:
        self._settings = settings
        self._service = service
        self._live = live
        self._shell = shell
        self._house = house
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Take up everything soon."""
        self._asked.set()

    async def run(self) -> None:
        """Reload whenever it is asked; ends by being cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            self._service.reloading()
            self._shell.reload_tls()
            try:
                if (source := self._settings.source) is not None:
                    await self._house.office.reload(partial(load_settings, source))
                await self._live.reload_and_tell()
            finally:
                self._service.ready()
