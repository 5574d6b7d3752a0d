"""The configuration (ivr.yaml): its keys, their defaults, and how it is found and read.

A leaf: everything may import it, it imports nothing but errors and the reading of YAML and units. Built once in `main`
and passed down; nothing below reads the environment.
"""

from ivr.settings.ai import AiAgent, AiProtocol, AiReconnect, AiTool, AiToolReason, AiTurns, AiVariable
from ivr.settings.applications import Application, ApplicationRetry, StatusEvent
from ivr.settings.calendars import Calendar
from ivr.settings.capture import CaptureSettings, HepSettings
from ivr.settings.center import (
    DEFAULT_QUEUE,
    STATUS_GROUPS,
    Agent,
    AskDisposition,
    Callbacks,
    Disposition,
    Queue,
    QueueOrder,
    ServiceLevel,
    Status,
    StatusGroup,
    StickyTime,
    VoicemailBox,
)
from ivr.settings.center_checks import center_mismatches
from ivr.settings.clear import keys_in_clear
from ivr.settings.codes import TELEPHONE_ACTIONS, CodeTexts, TelephoneAction, TelephoneCodes
from ivr.settings.connectors import (
    Connector,
    ConnectorBranch,
    ConnectorElement,
    ConnectorField,
    ConnectorRequest,
    MailSettings,
    Name,
)
from ivr.settings.devices import DeviceLine, Line, Modem, ModemProfile, SoundCard
from ivr.settings.dialogs import SessionTimerSettings, TransferSettings
from ivr.settings.lines import (
    CallerId,
    Codec,
    DtmfMethod,
    Flash,
    Gateway,
    GatewayProfile,
    Inband,
    LineTransport,
    NumberFormat,
    Phone,
    Probe,
    Quirks,
    Register,
    SipLine,
    SipTrunk,
    Srtp,
)
from ivr.settings.loading import CONFIG_PLACES, find_config, load_settings, parse_settings
from ivr.settings.mailboxes import mailboxes_without_mail
from ivr.settings.openness import open_lines, open_to_fraud
from ivr.settings.operations import HealthSettings, LogFormat, LogLevel, LogSettings, MetricsSettings
from ivr.settings.outbound import DialLimits, OutboundPolicy
from ivr.settings.routes import NO_FACT, PARTED_FACTS, ROUTE_FACTS, ROUTE_OPERATORS, Route, RouteCondition, is_fact
from ivr.settings.sections import (
    HttpSettings,
    Limits,
    MediaSettings,
    Retention,
    Settings,
    SipSettings,
    SpeechSettings,
)
from ivr.settings.security import Bans, SecuritySettings
from ivr.settings.sounds import queue_sounds, sounds_without_file
from ivr.settings.transports import TlsSettings
from ivr.settings.values import HostPort, Listener, Network, PortRange
from ivr.settings.waiting import Announcement, Sound, WaitingKeys, WaitingStrategy
from ivr.settings.webhooks import Webhook, WebhookRetry
from ivr.settings.zones import ZoneName

__all__ = [
    "CONFIG_PLACES",
    "DEFAULT_QUEUE",
    "NO_FACT",
    "PARTED_FACTS",
    "ROUTE_FACTS",
    "ROUTE_OPERATORS",
    "STATUS_GROUPS",
    "TELEPHONE_ACTIONS",
    "Agent",
    "AiAgent",
    "AiProtocol",
    "AiReconnect",
    "AiTool",
    "AiToolReason",
    "AiTurns",
    "AiVariable",
    "Announcement",
    "Application",
    "ApplicationRetry",
    "AskDisposition",
    "Bans",
    "Calendar",
    "Callbacks",
    "CallerId",
    "CaptureSettings",
    "CodeTexts",
    "Codec",
    "Connector",
    "ConnectorBranch",
    "ConnectorElement",
    "ConnectorField",
    "ConnectorRequest",
    "DeviceLine",
    "DialLimits",
    "Disposition",
    "DtmfMethod",
    "Flash",
    "Gateway",
    "GatewayProfile",
    "HealthSettings",
    "HepSettings",
    "HostPort",
    "HttpSettings",
    "Inband",
    "Limits",
    "Line",
    "LineTransport",
    "Listener",
    "LogFormat",
    "LogLevel",
    "LogSettings",
    "MailSettings",
    "MediaSettings",
    "MetricsSettings",
    "Modem",
    "ModemProfile",
    "Name",
    "Network",
    "NumberFormat",
    "OutboundPolicy",
    "Phone",
    "PortRange",
    "Probe",
    "Queue",
    "QueueOrder",
    "Quirks",
    "Register",
    "Retention",
    "Route",
    "RouteCondition",
    "SecuritySettings",
    "ServiceLevel",
    "SessionTimerSettings",
    "Settings",
    "SipLine",
    "SipSettings",
    "SipTrunk",
    "Sound",
    "SoundCard",
    "SpeechSettings",
    "Srtp",
    "Status",
    "StatusEvent",
    "StatusGroup",
    "StickyTime",
    "TelephoneAction",
    "TelephoneCodes",
    "TlsSettings",
    "TransferSettings",
    "VoicemailBox",
    "WaitingKeys",
    "WaitingStrategy",
    "Webhook",
    "WebhookRetry",
    "ZoneName",
    "center_mismatches",
    "find_config",
    "is_fact",
    "keys_in_clear",
    "load_settings",
    "mailboxes_without_mail",
    "open_lines",
    "open_to_fraud",
    "parse_settings",
    "queue_sounds",
    "sounds_without_file",
]
