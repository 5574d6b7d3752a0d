"""The configuration (ivr.yaml): its keys, their defaults, and how it is found and read.

A leaf: everything may import it, it imports nothing but errors and the reading of YAML and units. Built once in `main`
and passed down; nothing below reads the environment.
"""

from ivr.settings.calendars import Calendar
from ivr.settings.capture import CaptureSettings, HepSettings
from ivr.settings.connectors import (
    Connector,
    ConnectorBranch,
    ConnectorElement,
    ConnectorField,
    ConnectorRequest,
    MailSettings,
)
from ivr.settings.lines import (
    Codec,
    DtmfMethod,
    Gateway,
    Inband,
    Line,
    Modem,
    OutboundPolicy,
    Phone,
    Register,
    SipTrunk,
    SoundCard,
)
from ivr.settings.loading import CONFIG_PLACES, find_config, load_settings, parse_settings
from ivr.settings.sections import (
    HttpSettings,
    Limits,
    MediaSettings,
    Retention,
    Settings,
    SipSettings,
    SpeechSettings,
)
from ivr.settings.values import HostPort, Listener, PortRange
from ivr.settings.zones import ZoneName

__all__ = [
    "CONFIG_PLACES",
    "Calendar",
    "CaptureSettings",
    "Codec",
    "Connector",
    "ConnectorBranch",
    "ConnectorElement",
    "ConnectorField",
    "ConnectorRequest",
    "DtmfMethod",
    "Gateway",
    "HepSettings",
    "HostPort",
    "HttpSettings",
    "Inband",
    "Limits",
    "Line",
    "Listener",
    "MailSettings",
    "MediaSettings",
    "Modem",
    "OutboundPolicy",
    "Phone",
    "PortRange",
    "Register",
    "Retention",
    "Settings",
    "SipSettings",
    "SipTrunk",
    "SoundCard",
    "SpeechSettings",
    "ZoneName",
    "find_config",
    "load_settings",
    "parse_settings",
]
