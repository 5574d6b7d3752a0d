"""What the contact centre keeps: one row for each thing, written by the store's thread."""

from __future__ import annotations

from pathlib import Path

from ivr.store import CallRecord, Store


def test_what_is_kept_comes_back_and_what_is_gone_does_not(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ivr.db'}"
    store = Store.open(url)
    store.writer.center("local", "agent", "anna", {"status": "available"}, 1.0)
    store.writer.center("local", "agent", "ben", {"status": "away"}, 2.0)
    store.writer.center("local", "agent", "anna", {"status": "busy"}, 3.0)
    store.writer.center("local", "callback", "7", {"number": "100"}, 4.0)
    store.writer.center("local", "callback", "7", None, 5.0)
    store.writer.center("other", "agent", "anna", {"status": "away"}, 6.0)
    store.close()
    store = Store.open(url)
    try:
        kept = {"anna": {"status": "busy"}, "ben": {"status": "away"}}
        assert store.center.load("local") == {"agent": kept}
        assert store.center.of_kind("local", "agent", since=2.5) == {"anna": {"status": "busy"}}
        assert list(store.center.of_kind("local", "agent", limit=1)) == ["ben"]
        assert store.center.load("local", without=["agent"]) == {}
        assert store.center.forget("local", "agent", 2.5) == 1
        assert store.center.load("local") == {"agent": {"anna": {"status": "busy"}}}
    finally:
        store.close()


def test_a_disposition_stands_in_the_record_of_the_call(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'ivr.db'}")
    offs = [{"target": "queue:a", "agent": "anna"}, {"target": "sip:x"}, {"target": "queue:a", "agent": "ben"}]
    record = CallRecord(id="c1", short_id=1, direction="inbound", started_at=1.0, cause="forwarded", hand_offs=offs)
    store.writer.call_ended(record)
    store.writer.disposed("c1", "anna", "other")
    store.writer.disposed("c1", "anna", "sold")
    store.writer.disposed("nobody", "anna", "sold")
    store.writer.flush(10.0)
    try:
        found = store.reader.call("c1")
        assert found is not None
        assert [one.get("disposition") for one in found.hand_offs] == ["sold", None, None]
    finally:
        store.close()
