"""Plays, and what the peer hears of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from media.codecs.g711 import ALAW_DECODE, ALAW_ENCODE, ULAW_ENCODE, ULAW_SILENCE
from media.plane.arena import Arena, ArenaFull
from media.plane.limits import SECOND_HALF
from media.protocol import PLAY_REASONS, Command, Event
from tests.kit.plane import PlaneBench, Sent


def sound(samples: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(1000, 8000, samples).astype(np.int16)


def bench_with_sounds() -> PlaneBench:
    bench = PlaneBench(sounds={"a": sound(1600, 1), "b": sound(1650, 2), "long": sound(80000, 3)})
    bench.call()
    return bench


def octets(bench: PlaneBench, name: str) -> bytes:
    return ULAW_ENCODE[bench.sounds[name].view(np.uint16)].tobytes()


def run(bench: PlaneBench, ticks: int) -> list[Sent]:
    return [sent for _ in range(ticks) for sent in bench.tick()]


def joined(packets: list[Sent]) -> bytes:
    return b"".join(packet.payload for packet in packets)


def done(bench: PlaneBench) -> list[tuple[int, int, str]]:
    return [(number, heard, PLAY_REASONS[reason]) for number, heard, reason, _ in bench.of(Event.PLAY_DONE)]


def test_a_list_is_played_without_a_gap_and_then_silence() -> None:
    bench = bench_with_sounds()
    bench.play(0, 1, "a", "b", "a")
    sound = joined(run(bench, 50)).lstrip(bytes([ULAW_SILENCE]))
    padding = bytes([ULAW_SILENCE]) * (-1650 % 160)
    wanted = octets(bench, "a") + octets(bench, "b") + padding + octets(bench, "a")
    assert sound.startswith(wanted)
    assert set(sound[len(wanted) :]) == {ULAW_SILENCE}
    assert done(bench) == [(1, 1600 + 1650 + 1600, "completed")]


def test_packets_go_on_without_a_seam_in_number_and_time() -> None:
    bench = bench_with_sounds()
    bench.play(0, 1, "a")
    packets = run(bench, 40)
    assert packets[0].marker and not any(packet.marker for packet in packets[1:])
    for before, after in itertools.pairwise(packets):
        assert after.sequence == (before.sequence + 1) & 0xFFFF
        assert after.timestamp == (before.timestamp + 160) & 0xFFFFFFFF
    assert {len(packet.data) for packet in packets} == {172}


def test_rounds_after_a_pause() -> None:
    bench = bench_with_sounds()
    bench.play(0, 1, "a", times=3, pause=100)
    heard = joined(run(bench, 60)).rstrip(bytes([ULAW_SILENCE]))
    before = bytes([ULAW_SILENCE]) * (800 + 160)  # the frame that was built before the play began
    assert heard == before + octets(bench, "a") * 3
    assert done(bench) == [(1, 4800, "completed")]


def test_for_ever_until_stopped_and_the_heard_length_is_exact() -> None:
    bench = bench_with_sounds()
    bench.play(0, 1, "b", times=0)
    run(bench, 1)
    run(bench, 115)
    bench.order(Command.STOP_PLAY, 0, 1)
    bench.tick()
    rest = run(bench, 3)
    assert set(joined(rest[1:])) == {ULAW_SILENCE}
    rounds, frames = divmod(116, 11)
    assert done(bench) == [(1, rounds * 1650 + frames * 160, "stopped")]


def test_a_play_replaces_another() -> None:
    bench = bench_with_sounds()
    bench.play(0, 1, "long")
    run(bench, 10)
    bench.play(0, 2, "a")
    heard = joined(run(bench, 20))
    assert octets(bench, "a") in heard
    assert done(bench)[0][0::2] == (1, "stopped")
    bench.order(Command.STOP_PLAY, 0, 1)
    bench.play(0, 3, "long")
    bench.order(Command.STOP_PLAY, 0, 2)
    run(bench, 5)
    assert [number for number, *_ in done(bench)] == [1, 2]


def test_a_pause_keeps_the_place() -> None:
    bench = bench_with_sounds()
    bench.play(0, 1, "a")
    before = run(bench, 6)
    bench.order(Command.PAUSE_PLAY, 0, 1)
    during = run(bench, 10)
    bench.order(Command.RESUME_PLAY, 0, 1)
    after = run(bench, 20)
    heard = joined([*before, *during, *after])
    frames = [heard[k : k + 160] for k in range(0, len(heard), 160)]
    sound = octets(bench, "a")
    assert b"".join(frame for frame in frames if set(frame) != {ULAW_SILENCE}) == sound
    assert done(bench) == [(1, 1600, "completed")]


def test_what_cannot_be_read_fails_and_nothing_to_play_is_done_at_once() -> None:
    bench = bench_with_sounds()
    bench.play(0, 1, "a", "missing")
    bench.play(0, 2)
    bench.play(0, 3, times=0)
    run(bench, 2)
    assert done(bench) == [(1, 0, "failed"), (2, 0, "completed"), (3, 0, "completed")]


def test_a_change_of_codec_goes_on_in_the_other_law() -> None:
    bench = bench_with_sounds()
    bench.play(0, 1, "long")
    run(bench, 300)
    bench.agree(alaw=True)
    bench.tick()
    packets = run(bench, 20)
    assert {packet.kind for packet in packets[1:]} == {8}
    sound = ALAW_ENCODE[bench.sounds["long"].view(np.uint16)].tobytes()
    assert joined(packets[1:]) in sound
    assert ALAW_DECODE.size == 256


def test_a_long_sound_is_companded_ahead_of_being_played() -> None:
    bench = bench_with_sounds()
    bench.play(0, 1, "long")
    assert octets(bench, "long") in joined(run(bench, 520))


def test_the_arena_makes_room_but_not_at_the_cost_of_what_plays() -> None:
    arena = Arena(capacity=102)
    stored = [arena.store(str(k), 0, sound(160 * 20, k)) for k in range(5)]
    with pytest.raises(ArenaFull):
        arena.store("more", 0, sound(160, 9))
    arena.drop(stored[1])
    arena.drop(stored[2])
    fresh = arena.store("more", 0, sound(160 * 40, 9))
    assert fresh.first == stored[1].first
    assert arena.find("1", 0) is None
    assert arena.find("3", 0) is stored[3]
    assert (arena.frames[fresh.first + 39] == ULAW_ENCODE[sound(6400, 9)[-160:].view(np.uint16)]).all()


def test_the_end_tells_when_the_first_packet_was_sent() -> None:
    bench = bench_with_sounds()
    bench.play(0, 1, "a", pause=100)
    sent = 0.0
    for _ in range(30):
        packets = bench.tick()
        if not sent and any(set(packet.payload) != {ULAW_SILENCE} for packet in packets):
            sent = bench.plane.now - SECOND_HALF  # of the first half, in which it went
    (_, _, _, began), *_ = bench.of(Event.PLAY_DONE)
    assert sent and began == pytest.approx(sent)


def test_a_play_of_which_nothing_was_sent_did_not_begin() -> None:
    bench = bench_with_sounds()
    bench.play(0, 1, "a", pause=1000)
    bench.tick()
    bench.order(Command.STOP_PLAY, 0, 1)
    bench.tick()
    (_, heard, _, began), *_ = bench.of(Event.PLAY_DONE)
    assert (heard, began) == (0, 0.0)


def test_music_goes_on_where_an_announcement_cut_it_off() -> None:
    bench = bench_with_sounds()
    bench.play(0, 1, "b", "long", times=0, go_on=True)
    bench.second()
    music = octets(bench, "b") + bytes([ULAW_SILENCE]) * (-len(octets(bench, "b")) % 160) + octets(bench, "long")
    heard = joined(run(bench, 29))
    bench.play(0, 2, "a")
    heard += joined(run(bench, 1))
    assert heard == music[: 30 * 160]
    assert joined(run(bench, 9)) == octets(bench, "a")[: 9 * 160]
    bench.play(0, 3, "b", "long", times=0, go_on=True)
    assert joined(run(bench, 1)) == octets(bench, "a")[9 * 160 :]
    assert joined(run(bench, 470)) == music[30 * 160 : 500 * 160]
    bench.order(Command.STOP_PLAY, 0, 3)
    run(bench, 1)
    assert done(bench)[0] == (1, 30 * 160 - 110, "stopped")  # 110 samples fill up the last frame of the first sound
    assert done(bench)[-1] == (3, 471 * 160, "stopped")


@pytest.mark.parametrize("how", ["other sounds", "without", "another call", "cut before it began"])
def test_only_the_same_sounds_are_gone_on_with(how: str) -> None:
    bench = bench_with_sounds()
    bench.play(0, 1, "long", times=0, go_on=True)
    bench.second()
    run(bench, 9)
    bench.order(Command.STOP_PLAY, 0, 0)
    run(bench, 1)
    if how == "another call":
        bench.order(Command.RELEASE, 0)
        bench.second()
        bench.call()
    if how == "cut before it began":
        bench.play(0, 2, "long", times=0, go_on=True, pause=100)
        run(bench, 3)
        bench.play(0, 3, "long", times=0, go_on=True)
        bench.second()
        assert joined(run(bench, 3)) == octets(bench, "long")[10 * 160 : 13 * 160]
        return
    name = "b" if how == "other sounds" else "long"
    bench.play(0, 2, name, times=0, go_on=how != "without")
    bench.second()
    assert joined(run(bench, 3)) == octets(bench, name)[: 3 * 160]
