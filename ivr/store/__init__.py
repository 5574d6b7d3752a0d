"""Records of calls and the index of recordings, in SQLite or PostgreSQL.

`Store.open(url)` gives a store whose `writer` takes records without ever blocking and whose `reader` gives them back;
`RecordReader.open(url)` reads beside a running daemon.
"""

from ivr.store.reader import RecordReader
from ivr.store.records import CallRecord, RecordingRecord
from ivr.store.retention import Pruned, apply_retention, prune_recordings
from ivr.store.store import Store
from ivr.store.versions import FlowState, FlowVersions, StateChange, Version
from ivr.store.writer import RecordWriter

__all__ = [
    "CallRecord",
    "FlowState",
    "FlowVersions",
    "Pruned",
    "RecordReader",
    "RecordWriter",
    "RecordingRecord",
    "StateChange",
    "Store",
    "Version",
    "apply_retention",
    "prune_recordings",
]
