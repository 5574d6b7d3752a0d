"""SIGHUP: what is taken up anew while calls go on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from ivr.call.services import Services
from ivr.center.house import House
from ivr.errors import ConfigError, Fault, FlowLoadError, IvrError
from ivr.net import SipShell
from ivr.service import ServiceManager
from ivr.settings import Settings, load_settings
from ivr.versions import LiveFlows

__all__ = ["Reloading"]

log = logging.getLogger("ivr.daemon")


class Reloading:
    """The sections of the centre and calendars of ivr.yaml, and the flows: all of it or nothing. Certificates apart,
    which have nothing to do with them."""

    def __init__(self, service: ServiceManager, live: LiveFlows, shell: SipShell, house: House, services: Services):
        self._service = service
        self._live = live
        self._shell = shell
        self._office = house.office
        self._services = services
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
                await self._reload()
            except ConfigError as error:
                _refused("ivr.yaml does not hold", error.faults)
            except FlowLoadError as error:
                _refused("the flows do not hold", error.faults)
            except (IvrError, OSError) as error:
                _refused(str(error), ())
            except Exception:
                # Whatever a file holds, the calls in progress go on.
                log.exception("nothing is taken up anew")
            finally:
                self._service.ready()

    async def _reload(self) -> None:
        source = self._services.settings.source
        settings = None if source is None else await asyncio.to_thread(load_settings, source)
        if settings is not None:
            settings = self._with_calendars(settings)
            self._office.look_ahead(settings)
        flows = await self._live.reload()
        if settings is not None:
            self._office.reload(settings)
            self._services.take_calendars(settings.calendars)
        log.info("%d flows in force", len(flows))

    def _with_calendars(self, settings: Settings) -> Settings:
        """Those that are gone stay until the next start: flows that calls are on may ask for them."""
        return settings.model_copy(update={"calendars": {**self._services.settings.calendars, **settings.calendars}})


def _refused(why: str, faults: Iterable[Fault]) -> None:
    for fault in faults:
        log.error("%s", fault)
    log.error("nothing is taken up anew, neither settings nor flows: %s", why)
