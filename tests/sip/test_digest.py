from __future__ import annotations

import pytest

from ivr.sip.digest import (
    DigestError,
    authorize,
    parse_challenge,
    parse_credentials,
)
from ivr.sip.errors import ParseError


def field(header: str, name: str) -> str:
    return parse_credentials(header)[1][name]


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_vectors_of_rfc_7616_3_9_1(algorithm: str, response: str) -> None:
    challenge = (
        'Digest realm="http-auth@example.org", qop="auth, auth-int", '
        f'algorithm={algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
        'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    header = authorize(
        [challenge],
        "GET",
        "/dir/index.html",
        "Mufasa",
        "Circle of Life",
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    assert field(header, "response") == response
    assert field(header, "opaque") == "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
    assert (field(header, "nc"), field(header, "qop")) == ("00000001", "auth")


def test_vector_of_rfc_2069_as_corrected() -> None:
    challenge = 'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'
    header = authorize([challenge], "GET", "/dir/index.html", "Mufasa", "CircleOfLife", cnonce="x")
    assert field(header, "response") == "1949323746fe6a43ef61f9606e7febea"
    assert "nc" not in parse_credentials(header)[1]


@pytest.mark.parametrize(
    "text",
    ["Basic realm=x", 'Digest realm="r", nonce="n", algorithm=SHA-1', 'Digest realm="r", nonce="n", qop="x"'],
)
def test_unknown_challenges(text: str) -> None:
    with pytest.raises(DigestError):
        parse_challenge(text)
    with pytest.raises(DigestError):
        authorize([text], "BYE", "sip:h", "u", "p", cnonce="c")


def test_malformed_challenges() -> None:
    for text in ('Digest nonce="n"', 'Digest realm="r', "Digest a,b"):
        with pytest.raises(ParseError):
            parse_challenge(text)
