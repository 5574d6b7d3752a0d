"""Streams on their way to a worker."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import terms
from media.face import SrtpKey, Stream
from media.protocol import NO_TYPE, Command, UpdateFlag, pack, records
from media.terms import Terms
from media.tones import COUNTRIES


def there_and_back(stream: Stream) -> Terms:
    fields, strings = terms.encode(stream)
    ((kind, row, generation, told, rest),) = records(pack(Command.UPDATE, 3, 4, *fields, strings=strings))
    assert (kind, row, generation) == (Command.UPDATE, 3, 4)
    return terms.decode(told, rest)


KEYS = st.builds(
    SrtpKey,
    st.sampled_from(["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"]),
    st.binary(min_size=30, max_size=30),
)


@given(
    stream=st.builds(
        Stream,
        remote=st.none() | st.tuples(st.ip_addresses().map(str), st.integers(1, 65535)),
        codec=st.sampled_from(terms.CODECS),
        payload_type=st.integers(0, 127),
        payload_type_in=st.none() | st.integers(0, 127),
        event_type=st.none() | st.integers(0, 127),
        event_rate=st.sampled_from([8000, 16000, 48000]),
        ptime=st.integers(10, 60),
        rtcp_mux=st.booleans(),
        busy_tone=st.booleans(),
        tones=st.sampled_from(("", *COUNTRIES)),
    ),
    keys=st.none() | st.tuples(KEYS, KEYS),
)
def test_a_stream_arrives_as_it_was_told(stream: Stream, keys: tuple[SrtpKey, SrtpKey] | None) -> None:
    if keys is not None:
        stream = Stream(
            **{name: getattr(stream, name) for name in Stream.__slots__ if not name.startswith("srtp")},
            srtp_out=keys[0],
            srtp_in=keys[1],
        )
    told = there_and_back(stream)
    assert terms.CODECS[told.codec] == stream.codec
    assert told.audio_type == stream.payload_type
    assert told.audio_type_in == (stream.payload_type if stream.payload_type_in is None else stream.payload_type_in)
    assert told.event_type == (NO_TYPE if stream.event_type is None else stream.event_type)
    assert (told.event_rate, told.ptime, told.country) == (stream.event_rate, stream.ptime, stream.tones)
    assert bool(told.flags & UpdateFlag.MUX) == stream.rtcp_mux
    assert bool(told.flags & UpdateFlag.BUSY) == stream.busy_tone
    assert (told.key_out, told.key_in) == (stream.srtp_out, stream.srtp_in)
    assert len(told.host) in ((0,) if stream.remote is None else (4, 16))
    assert told.port == (0 if stream.remote is None else stream.remote[1])


def test_an_ipv4_address_in_ipv6_is_itself_and_a_name_is_none() -> None:
    assert there_and_back(Stream(remote=("::ffff:192.0.2.7", 4000))).host == bytes((192, 0, 2, 7))
    assert there_and_back(Stream(remote=("phone.example", 4000))).host == b""


def test_keys_that_cannot_be_used_are_refused_and_never_shown() -> None:
    key = SrtpKey("AES_CM_128_HMAC_SHA1_80", b"k" * 30)
    with pytest.raises(ValueError, match="both directions"):
        terms.encode(Stream(remote=None, srtp_out=key))
    short = SrtpKey("AES_CM_128_HMAC_SHA1_80", b"k" * 16)
    with pytest.raises(ValueError, match="30 octets"):
        terms.encode(Stream(remote=None, srtp_out=short, srtp_in=short))
    told = there_and_back(Stream(remote=None, srtp_out=key, srtp_in=key))
    assert "kkkk" not in repr(told)
