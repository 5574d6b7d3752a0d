"""Records of calls, versions of flows, profiles, events, waits and tokens, in SQLite or PostgreSQL.

`Store.open(url)` gives a store whose `writer` takes records without ever blocking and whose `reader` gives them back;
`RecordReader.open(url)` reads beside a running daemon.
"""

from ivr.store.events import EventLog, KeptEvent
from ivr.store.people import Blocked, People, Profile
from ivr.store.reader import RecordReader
from ivr.store.records import CallRecord, RecordingRecord
from ivr.store.retention import Pruned, apply_retention, prune_recordings
from ivr.store.store import Store
from ivr.store.tokens import SCOPES, Token, TokenTable, new_token, split_token
from ivr.store.versions import FlowState, FlowVersions, StateChange, Version
from ivr.store.waits import KeptWait, WaitTable
from ivr.store.writer import RecordWriter

__all__ = [
    "SCOPES",
    "Blocked",
    "CallRecord",
    "EventLog",
    "FlowState",
    "FlowVersions",
    "KeptEvent",
    "KeptWait",
    "People",
    "Profile",
    "Pruned",
    "RecordReader",
    "RecordWriter",
    "RecordingRecord",
    "StateChange",
    "Store",
    "Token",
    "TokenTable",
    "Version",
    "WaitTable",
    "apply_retention",
    "new_token",
    "prune_recordings",
    "split_token",
]
