"""Runs recorded calls again, against the same or other versions of their flows."""

from ivr.flow.replay.record import Recorded, ReplayError, read_record
from ivr.flow.replay.replaying import Divergence, Replay, replay
from ivr.flow.replay.steps import RecordedStep

__all__ = ["Divergence", "Recorded", "RecordedStep", "Replay", "ReplayError", "read_record", "replay"]
