"""Opus against ffmpeg's libopus by way of raw packets, durations by RFC 6716, loss."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.codecs.opus import CLOCK, RATE, OpusDecoder, OpusEncoder, available, duration
from tests.media.codecs.test_g722 import chirp, ffmpeg, needs_ffmpeg, snr

pytestmark = pytest.mark.skipif(not available(), reason="libopus or opuslib-next is not installed")


@pytest.mark.parametrize(("samples", "ms"), [(160, 10), (320, 20), (640, 40), (960, 60)])
def test_packets_of_every_length_that_we_send(samples: int, ms: int) -> None:
    sound = chirp(1.2, 3000)
    encoder, decoder = OpusEncoder(), OpusDecoder()
    packets = [encoder.encode(sound[at : at + samples]) for at in range(0, len(sound), samples)]
    assert {duration(packet) for packet in packets} == {CLOCK * ms // 1000}
    assert max(map(len, packets)) < 480
    frames = [decoder.decode(packet) for packet in packets]
    assert {len(frame) for frame in frames if frame is not None} == {samples}
    heard = np.concatenate([frame for frame in frames if frame is not None])
    assert np.corrcoef(*(np.abs(np.fft.rfft(part[:16000].astype(float))) for part in (sound, heard)))[0, 1] > 0.9


def packets_of_ogg(data: bytes) -> list[bytes]:
    """Packets of the only stream of an Ogg file (RFC 3533), without the two headers of Opus."""
    found: list[bytes] = []
    rest = b""
    at = 0
    while at < len(data):
        lacing = data[at + 27 : at + 27 + data[at + 26]]
        body = at + 27 + len(lacing)
        for size in lacing:
            rest += data[body : body + size]
            body += size
            if size < 255:
                found.append(rest)
                rest = b""
        at = body
    return found[2:]


@needs_ffmpeg
@pytest.mark.parametrize("channels", [1, 2])
def test_we_understand_what_others_encode_in_mono_and_stereo_at_48_khz(channels: int) -> None:
    sound = chirp(1.0, 3000)
    options = ("-ar", "48000", "-ac", str(channels), "-c:a", "libopus", "-b:a", "64000", "-f", "ogg", "-")
    ogg = ffmpeg(sound.tobytes(), "-f", "s16le", "-ar", "16000", "-ac", "1", "-i", "-", *options)
    decoder = OpusDecoder()
    frames = [decoder.decode(packet) for packet in packets_of_ogg(ogg)]
    heard = np.concatenate([frame for frame in frames if frame is not None])
    assert abs(len(heard) - len(sound)) < RATE * 0.05
    assert snr(sound, heard, 400) > 9


def test_a_lost_packet_comes_back_with_the_next_where_the_peer_asked_for_that() -> None:
    time = np.arange(2 * RATE) / RATE
    rng = np.random.default_rng(4)
    voice = np.sign(np.sin(2 * np.pi * 140 * time)) * 4000 * (1 + np.sin(2 * np.pi * 3 * time)) / 2
    sound = (voice + rng.standard_normal(len(time)) * 40).astype(np.int16)
    with_fec, without = OpusEncoder(fec=True), OpusEncoder()
    kept = [with_fec.encode(sound[at : at + 320]) for at in range(0, len(sound), 320)]
    bare = [without.encode(sound[at : at + 320]) for at in range(0, len(sound), 320)]
    scores = []
    for packets in (kept, bare):
        whole, lossy = OpusDecoder(), OpusDecoder()
        error = power = 0.0
        for number, packet in enumerate(packets):
            wanted = whole.decode(packet)
            lost = number % 7 == 5
            found = lossy.recover(packets[number + 1], 320) if lost else lossy.decode(packet)
            assert wanted is not None
            assert found is not None
            if lost:
                error += float(np.sum((wanted.astype(float) - found) ** 2))
                power += float(np.sum(wanted.astype(float) ** 2))
        scores.append(10 * np.log10(power / error))
    assert scores[0] > scores[1] + 3


def test_bad_packets_are_none_and_end_nothing() -> None:
    decoder = OpusDecoder()
    assert decoder.decode(b"") is None
    assert decoder.decode(b"\xff\xff\xff\xff") is None
    assert len(decoder.conceal(320)) == 320
    assert duration(b"") == 0
    assert duration(b"\x03") == 0
    assert duration(b"\xff\x3f") == 0


@given(st.binary(max_size=200))
def test_no_packet_does_harm(packet: bytes) -> None:
    found = OpusDecoder().decode(packet)
    lasts = duration(packet)
    assert lasts == 0 or lasts % 120 == 0
    if found is not None and lasts:
        assert len(found) == lasts // 3


def test_the_peers_limit_of_bits_holds() -> None:
    rng = np.random.default_rng(2)
    noise = (rng.standard_normal(RATE) * 3000).astype(np.int16)

    def size(bitrate: int) -> int:
        encoder = OpusEncoder(bitrate=bitrate)
        return sum(len(encoder.encode(noise[at : at + 320])) for at in range(0, RATE, 320))

    assert size(8000) * 8 < 12000
    assert size(0) > 2 * size(8000)
    assert abs(size(510000) - size(0)) < size(0) / 10


def test_without_the_library_the_codec_is_not_there() -> None:
    code = (
        "import sys; sys.modules['opuslib_next'] = None\n"
        "import media\n"
        "assert not media.opus_available()\n"
        "from media.codecs.opus import OpusDecoder\n"
        "try: OpusDecoder()\n"
        "except RuntimeError as error: assert 'ivr[opus]' in str(error)\n"
        "else: raise SystemExit(1)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
