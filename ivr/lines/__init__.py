"""Lines to the outside: registration, health, numbers, caller ids, gateways and their quirks.

An asyncio shell (:class:`Trunks`) around pure parts; calls ask it which lines and hops can be used.
"""

from ivr.lines.callerid import Identity, Showing, identity_of
from ivr.lines.devices import LOOPBACK, DeviceEnd, end_of
from ivr.lines.ground import Ground, instance_of, routes_of
from ivr.lines.health import Pulse, TrunkState
from ivr.lines.load import LineLoad
from ivr.lines.numbers import one_form, spellings, to_e164, write_number
from ivr.lines.probe import ANSWER_WAIT, NOBODY_THERE, options
from ivr.lines.profiles import NO_QUIRKS, PROFILES, Profile, profile_of
from ivr.lines.trunks import Trunks

__all__ = [
    "ANSWER_WAIT",
    "LOOPBACK",
    "NOBODY_THERE",
    "NO_QUIRKS",
    "PROFILES",
    "DeviceEnd",
    "Ground",
    "Identity",
    "LineLoad",
    "Profile",
    "Pulse",
    "Showing",
    "TrunkState",
    "Trunks",
    "end_of",
    "identity_of",
    "instance_of",
    "one_form",
    "options",
    "profile_of",
    "routes_of",
    "spellings",
    "to_e164",
    "write_number",
]
