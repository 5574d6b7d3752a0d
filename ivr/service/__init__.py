"""The daemon as a service of its machine: its log, the service manager, regular work, whether it is well."""

from ivr.service.checks import line_down, silent_worker
from ivr.service.health import Health
from ivr.service.logs import set_up_logging
from ivr.service.notify import ServiceManager
from ivr.service.upkeep import Upkeep

__all__ = ["Health", "ServiceManager", "Upkeep", "line_down", "set_up_logging", "silent_worker"]
