"""Opus (RFC 6716, in RTP RFC 7587) by libopus, where the extra ``opus`` is installed.

Sound is 16 kHz mono on our side: libopus takes and gives that rate itself, whatever the bandwidth of a packet, and
makes one channel of two. The RTP clock always has 48,000 Hz.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["CLOCK", "MAX_PACKET", "RATE", "OpusDecoder", "OpusEncoder", "available", "duration"]

RATE: Final = 16000
"""Samples per second of what goes in and comes out."""
CLOCK: Final = 48000
"""RTP clock (RFC 7587 section 4.1)."""
MAX_PACKET: Final = 400
"""Octets of a packet that we make: 60 ms at the highest rate we use have 300."""

BITRATE: Final = 28000
"""Bits a second: wideband speech is transparent from about 24,000; forward error correction takes some of it."""
_COMPLEXITY: Final = 3
"""0 to 10. At this rate 3 is heard to be as good as 10 at a third of the time."""
_LOSS_PERCENT: Final = 5
"""Expected loss: from it libopus decides how much it spends on forward error correction."""

_VOIP: Final = 2048
_SET_BITRATE: Final = 4002
_SET_COMPLEXITY: Final = 4010
_SET_INBAND_FEC: Final = 4012
_SET_PACKET_LOSS: Final = 4014
_SET_SIGNAL: Final = 4024
_SIGNAL_VOICE: Final = 3001

_MAX_SAMPLES: Final = RATE * 120 // 1000  # the longest packet, RFC 6716 section 3.2.5
_SILK_MS: Final = (10, 20, 40, 60)
_CELT_TENTHS: Final = (25, 50, 100, 200)


@cache
def _library() -> Any:
    """libopus with the types of what is used, or None."""
    try:
        from opuslib_next.api import libopus
    except Exception:  # not installed, or without its library, which it tells by a bare Exception
        return None
    pointer, number = ctypes.c_void_p, ctypes.c_int
    samples = np.ctypeslib.ndpointer(np.int16, flags="C_CONTIGUOUS")
    lib = ctypes.CDLL(libopus._name)  # an object of our own: the types set here are not those of the package
    for name, result, arguments in (
        ("opus_decoder_get_size", number, (number,)),
        ("opus_decoder_init", number, (pointer, ctypes.c_int32, number)),
        ("opus_decode", number, (pointer, ctypes.c_char_p, ctypes.c_int32, pointer, number, number)),
        ("opus_encoder_get_size", number, (number,)),
        ("opus_encoder_init", number, (pointer, ctypes.c_int32, number, number)),
        ("opus_encode", ctypes.c_int32, (pointer, samples, number, pointer, ctypes.c_int32)),
        ("opus_encoder_ctl", number, None),
    ):
        function = getattr(lib, name)
        function.restype = result
        if arguments is not None:
            function.argtypes = arguments
    return lib


def available() -> bool:
    """Whether libopus can be had. The first call loads it."""
    return _library() is not None


def duration(packet: bytes) -> int:
    """Sound in ``packet``, in samples of the RTP clock (RFC 6716 section 3.1); 0 if it is malformed."""
    if not packet:
        return 0
    first = packet[0]
    config, code = first >> 3, first & 3
    if config < 12:
        tenths = _SILK_MS[config & 3] * 10
    elif config < 16:
        tenths = 200 if config & 1 else 100
    else:
        tenths = _CELT_TENTHS[config & 3]
    if code == 3:
        tenths *= packet[1] & 63 if len(packet) > 1 else 0
    elif code:
        tenths *= 2
    return tenths * CLOCK // 10000 if tenths <= 1200 else 0


class OpusDecoder:
    """Decoder of one stream. Raises RuntimeError where libopus is missing."""

    def __init__(self) -> None:
        self._lib = _lib_or_fail()
        self._state = ctypes.create_string_buffer(self._lib.opus_decoder_get_size(1))
        _check(self._lib.opus_decoder_init(self._state, RATE, 1))
        self._room = np.zeros(_MAX_SAMPLES, np.int16)
        self._to = self._room.ctypes.data

    def decode(self, packet: bytes) -> NDArray[np.int16] | None:
        """Samples at 16 kHz; None if the packet is malformed."""
        return self._run(packet, _MAX_SAMPLES, 0) if packet else None

    def recover(self, following: bytes, samples: int) -> NDArray[np.int16] | None:
        """The lost packet of ``samples`` before ``following``, which may hold a copy of it; concealed where not."""
        return self._run(following, samples, 1)

    def conceal(self, samples: int) -> NDArray[np.int16]:
        """``samples``, a multiple of 40 (2.5 ms), of what a lost packet may have held; fades out when repeated."""
        found = self._run(None, samples, 0)
        return np.zeros(samples, np.int16) if found is None else found

    def _run(self, packet: bytes | None, samples: int, fec: int) -> NDArray[np.int16] | None:
        count = self._lib.opus_decode(self._state, packet, len(packet or b""), self._to, samples, fec)
        return None if count <= 0 else self._room[:count].copy()


class OpusEncoder:
    """Encoder of one stream of speech, with a variable rate. Raises RuntimeError where libopus is missing."""

    def __init__(self, *, fec: bool = False, bitrate: int = 0) -> None:
        """``fec``: a copy of each packet goes with the next; ``bitrate``: the most that the peer takes, 0: not told."""
        self._lib = _lib_or_fail()
        self._state = ctypes.create_string_buffer(self._lib.opus_encoder_get_size(1))
        _check(self._lib.opus_encoder_init(self._state, RATE, 1, _VOIP))
        settings = (
            (_SET_BITRATE, min(BITRATE, max(bitrate, 6000)) if bitrate else BITRATE),
            (_SET_COMPLEXITY, _COMPLEXITY),
            (_SET_SIGNAL, _SIGNAL_VOICE),
            (_SET_INBAND_FEC, int(fec)),
            (_SET_PACKET_LOSS, _LOSS_PERCENT if fec else 0),
        )
        for request, value in settings:
            _check(self._lib.opus_encoder_ctl(self._state, ctypes.c_int(request), ctypes.c_int32(value)))
        self._room = ctypes.create_string_buffer(MAX_PACKET)

    def encode(self, samples: NDArray[np.int16]) -> bytes:
        """The packet of 160, 320, 640 or 960 contiguous ``samples`` at 16 kHz: 10, 20, 40 or 60 ms."""
        count = self._lib.opus_encode(self._state, samples, len(samples), self._room, MAX_PACKET)
        _check(min(count, 0))
        return self._room.raw[:count]


def _lib_or_fail() -> Any:
    library = _library()
    if library is None:
        raise RuntimeError("Opus is not installed: pip install 'ivr[opus]', and Debian's libopus0")
    return library


def _check(code: int) -> None:
    if code < 0:
        raise RuntimeError(f"libopus reports error {code}")
