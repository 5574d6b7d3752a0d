"""The store as the daemon holds it: opened, brought up to date, with its writer running."""

from __future__ import annotations

import itertools
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from ivr.errors import StoreError
from ivr.store.aging import Aging
from ivr.store.answers import AnswerTable
from ivr.store.campaigns import CampaignTable
from ivr.store.center import CenterTable
from ivr.store.contacts import ContactTable
from ivr.store.database import migrate, open_engine, sqlite_path
from ivr.store.deliveries import DeliveryTable
from ivr.store.events import EventLog
from ivr.store.paces import PaceTable
from ivr.store.people import People
from ivr.store.reader import RecordReader
from ivr.store.records import CutOff
from ivr.store.tokens import TokenTable
from ivr.store.versions import FlowVersions
from ivr.store.waits import WaitTable
from ivr.store.writer import RecordWriter

__all__ = ["Store"]


class Store:
    """Records of calls and recordings: `writer` takes them without blocking, `reader` gives them back.

    The other tables have an object each, whose methods block.
    """

    def __init__(
        self, engine: sa.Engine, writer: RecordWriter, first_short_id: int, node: str, cut_off: list[CutOff]
    ) -> None:
        self._engine = engine
        self._short_ids = itertools.count(first_short_id)
        self.writer = writer
        self.reader = RecordReader(engine)
        self.versions = FlowVersions(engine)
        self.people = People(engine)
        self.events = EventLog(engine)
        self.waits = WaitTable(engine)
        self.campaigns = CampaignTable(engine)
        self.contacts = ContactTable(engine)
        self.paces = PaceTable(engine)
        self.tokens = TokenTable(engine)
        self.deliveries = DeliveryTable(engine)
        self.answers = AnswerTable(engine)
        self.center = CenterTable(engine)
        self.aging = Aging(engine)
        self.node = node
        self.cut_off = cut_off
        """Calls that were up when an earlier run of this node died; who has no more use for them empties it."""

    @classmethod
    def open(cls, url: str, spill_folder: Path | None = None, *, node: str = "local") -> Store:
        """Open, migrate, load what was spilled, start the writer. Blocks.

        What cannot be written for a while is spilled beside a SQLite file, else in `spill_folder`. StoreError where the
        store cannot be used.
        """
        engine = open_engine(url)
        path = sqlite_path(engine.url)
        folder = spill_folder if path is None else path.parent
        if folder is None:
            raise StoreError("a store that is not a file needs a folder for records that it cannot take")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            migrate(engine)
            writer = RecordWriter(engine, folder / f"{path.stem if path else 'ivr'}.spill.jsonl")
            writer.start()
            reader = RecordReader(engine)
            cut_off, last = reader.cut_off(node), reader.last_short_id()
            writer.knows(one.record.id for one in cut_off)
        except (OSError, SQLAlchemyError) as error:
            engine.dispose()
            raise StoreError(f"the store {engine.url!r} cannot be used: {error}") from error
        except StoreError:
            engine.dispose()
            raise
        return cls(engine, writer, last + 1, node, cut_off)

    def next_short_id(self) -> int:
        """The number of a new call: one more than the last."""
        return next(self._short_ids)

    def close(self) -> None:
        """Write what is left and close. Blocks."""
        self.writer.close()
        self._engine.dispose()
