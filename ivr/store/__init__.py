"""Records of calls, versions of flows, profiles, events, waits, campaigns and tokens, in SQLite or PostgreSQL.

`Store.open(url)` gives a store whose `writer` takes records without ever blocking and whose `reader` gives them back;
`RecordReader.open(url)` reads beside a running daemon.
"""

from ivr.store.answers import AnswerTable, KeptAnswer
from ivr.store.campaigns import (
    CAMPAIGN_STATES,
    Campaign,
    CampaignState,
    CampaignTable,
    Figures,
    NewCampaign,
    drop_row,
)
from ivr.store.center import CenterTable
from ivr.store.contacts import RESULTS, Claimed, ContactTable, Loaded, StoredContact, book_result
from ivr.store.deliveries import DeliveryTable, KeptDelivery
from ivr.store.events import EventLog, KeptEvent
from ivr.store.paces import PaceTable
from ivr.store.people import Blocked, People, Profile
from ivr.store.reader import RecordReader
from ivr.store.records import (
    CALLED_AS,
    LAST_WORDS,
    RUNNING,
    SEEN,
    STATUS_CALLBACK,
    CallRecord,
    CutOff,
    RecordingRecord,
    shown_details,
)
from ivr.store.retention import Pruned, apply_retention, prune_recordings
from ivr.store.store import Store
from ivr.store.tokens import ROLES, SCOPES, CallToken, Token, TokenTable, call_token, new_token, split_token
from ivr.store.versions import FlowState, FlowVersions, StateChange, Version
from ivr.store.waits import KeptWait, WaitTable
from ivr.store.writer import RecordWriter

__all__ = [
    "CALLED_AS",
    "CAMPAIGN_STATES",
    "LAST_WORDS",
    "RESULTS",
    "ROLES",
    "RUNNING",
    "SCOPES",
    "SEEN",
    "STATUS_CALLBACK",
    "AnswerTable",
    "Blocked",
    "CallRecord",
    "CallToken",
    "Campaign",
    "CampaignState",
    "CampaignTable",
    "CenterTable",
    "Claimed",
    "ContactTable",
    "CutOff",
    "DeliveryTable",
    "EventLog",
    "Figures",
    "FlowState",
    "FlowVersions",
    "KeptAnswer",
    "KeptDelivery",
    "KeptEvent",
    "KeptWait",
    "Loaded",
    "NewCampaign",
    "PaceTable",
    "People",
    "Profile",
    "Pruned",
    "RecordReader",
    "RecordWriter",
    "RecordingRecord",
    "StateChange",
    "Store",
    "StoredContact",
    "Token",
    "TokenTable",
    "Version",
    "WaitTable",
    "apply_retention",
    "book_result",
    "call_token",
    "drop_row",
    "new_token",
    "prune_recordings",
    "shown_details",
    "split_token",
]
