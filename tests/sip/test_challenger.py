from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.sip import challenger as challengers
from ivr.sip.challenger import Absent, Challenger, Failed, Stale, Verified
from ivr.sip.digest import DigestError, authorize, parse_challenge, parse_credentials

KEY = b"0123456789abcdef"
USERS = {"alice": "se cret", "bob": "pw"}


def test_sha_512_256_is_the_truncation_of_its_own() -> None:
    # FIPS 180-4: SHA-512/256 has initial values of its own; it is not SHA-512 cut.
    assert (
        hashlib.new("sha512_256", b"abc").hexdigest()
        == "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"
    )
    challenger = Challenger("r", KEY, algorithms=["SHA-512-256"])
    header = authorize(challenger.challenge(1.0), "INVITE", "sip:h", "alice", "se cret", cnonce="c")
    h = lambda text: hashlib.new("sha512_256", text.encode()).hexdigest()  # noqa: E731
    expected = h(f"{h('alice:r:se cret')}:{parse_credentials(header)[1]['nonce']}:00000001:c:auth:{h('INVITE:sip:h')}")
    assert parse_credentials(header)[1]["response"] == expected
    assert challenger.verify(header, "INVITE", "sip:h", USERS.get, b"", 1.0) == Verified("alice", "SHA-512-256")


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
@pytest.mark.parametrize("session", ["", "-sess"])
@pytest.mark.parametrize("qop", ["auth", "auth-int"])
def test_client_and_server_agree(algorithm: str, session: str, qop: str) -> None:
    challenger = Challenger('re"alm', KEY, algorithms=[algorithm])
    challenge = challenger.challenge(5.0)[0].replace('qop="auth"', f'qop="{qop}"')
    challenge = challenge.replace(f"algorithm={algorithm}", f"algorithm={algorithm}{session}")
    header = authorize([challenge], "INVITE", "sip:x@h", "alice", "se cret", b"body", cnonce="c")
    assert challenger.verify(header, "INVITE", "sip:x@h", USERS.get, b"body", 6.0) == Verified("alice", algorithm)
    other = challenger.verify(header, "INVITE", "sip:x@h", USERS.get, b"other", 6.0)
    assert isinstance(other, Stale if qop == "auth" else Failed)


def answer(challenger: Challenger, now: float, nc: int = 1, challenge: list[str] | None = None, **changes: str) -> str:
    values = {"method": "REGISTER", "uri": "sip:h", "user": "alice", "password": "se cret", **changes}
    return authorize(challenge or challenger.challenge(now), **values, cnonce="c", nc=nc)  # type: ignore[arg-type]


def judge(challenger: Challenger, header: str | list[str] | None, now: float, uri: str = "sip:h") -> object:
    return challenger.verify(header, "REGISTER", uri, USERS.get, b"", now)


def test_challenges_stand_in_the_order_of_preference() -> None:
    challenger = Challenger("r", KEY, algorithms=["SHA-512-256", "SHA-256", "MD5"])
    challenges = [parse_challenge(text) for text in challenger.challenge(1.0)]
    assert [challenge.algorithm for challenge in challenges] == ["SHA-512-256", "SHA-256", "MD5"]
    assert not any(challenge.stale for challenge in challenges)
    assert all(parse_challenge(text).stale for text in challenger.challenge(1.0, stale=True))
    assert len(challenger.challenge(1.0, algorithms=["MD5"])) == 1
    nonces = {parse_challenge(challenger.challenge(1.0)[0]).nonce for _ in range(100)}
    assert len(nonces) == 100


def test_the_strongest_is_answered() -> None:
    challenges = Challenger("r", KEY, algorithms=["MD5", "SHA-256"]).challenge(1.0)
    header = authorize(["Basic realm=x", "Digest", *challenges], "BYE", "sip:h", "u", "p", cnonce="c")
    assert parse_credentials(header)[1]["algorithm"] == "SHA-256"


def test_wrong_password_user_uri_method() -> None:
    challenger = Challenger("r", KEY)
    assert isinstance(judge(challenger, answer(challenger, 1.0, password="x"), 1.0), Failed)
    wrong_user = judge(challenger, answer(challenger, 1.0, user="mallory"), 1.0)
    assert wrong_user == judge(challenger, answer(challenger, 1.0, password="x"), 1.0)
    assert isinstance(judge(challenger, answer(challenger, 1.0), 1.0, uri="sip:other"), Failed)
    assert isinstance(challenger.verify(answer(challenger, 1.0), "INVITE", "sip:h", USERS.get, b"", 1.0), Failed)
    # Parameters that a proxy added do not matter, what is called does.
    assert isinstance(judge(challenger, answer(challenger, 1.0), 1.0, uri="sip:h:5060;lr"), Verified)


def test_absent() -> None:
    challenger = Challenger("r", KEY)
    other = Challenger("other", KEY)
    assert judge(challenger, None, 1.0) == Absent()
    assert judge(challenger, [], 1.0) == Absent()
    assert judge(challenger, "Basic QWxhZGRpbg==", 1.0) != Verified
    assert judge(challenger, answer(other, 1.0), 1.0) == Absent()
    both = [answer(other, 1.0), answer(challenger, 1.0)]
    assert judge(challenger, both, 1.0) == Verified("alice", "SHA-256")


def test_an_old_nonce_is_stale_for_who_knows_the_password() -> None:
    challenger = Challenger("r", KEY, nonce_lifetime=60)
    header = answer(challenger, 100.0)
    assert judge(challenger, header, 161.0) == Stale("alice")
    assert isinstance(judge(challenger, answer(challenger, 100.0, password="x"), 161.0), Failed)
    assert judge(challenger, header, 160.0) == Verified("alice", "SHA-256")


def test_a_nonce_of_others_is_stale() -> None:
    challenger = Challenger("r", KEY)
    restarted = Challenger("r", b"another key")
    assert judge(challenger, answer(restarted, 1.0), 1.0) == Stale("alice")
    assert judge(challenger, answer(challenger, 500.0), 1.0) == Stale("alice")  # issued in the future
    for nonce in ("x", "é" * 43, "!" * 43, "A" * 43):
        header = answer(challenger, 1.0, challenge=[f'Digest realm="r", nonce="{nonce}", qop="auth", algorithm=MD5'])
        assert judge(challenger, header, 1.0) == Stale("alice")


def test_a_nonce_of_others_tells_nothing_about_the_password() -> None:
    challenger = Challenger("r", KEY)
    restarted = Challenger("r", b"another key")
    right, wrong = (judge(challenger, answer(restarted, 1.0, password=word), 1.0) for word in (USERS["alice"], "x"))
    assert right == wrong == Stale("alice")
    nobody = judge(challenger, answer(restarted, 1.0, user="mallory"), 1.0)
    assert nobody == Stale("mallory")


def test_a_nonce_is_good_for_the_source_that_was_challenged_alone() -> None:
    challenger = Challenger("r", KEY)

    def judged(password: str, to: str, by: str) -> object:
        header = answer(challenger, 1.0, password=password, challenge=challenger.challenge(1.0, source=to))
        return challenger.verify(header, "REGISTER", "sip:h", USERS.get, b"", 1.0, by)

    right = USERS["alice"]
    assert judged(right, "192.0.2.1", "192.0.2.1") == Verified("alice", "SHA-256")
    assert judged(right, "192.0.2.1", "192.0.2.2") == Stale("alice")
    assert judged("x", "192.0.2.1", "192.0.2.2") == Stale("alice")
    failed = judged("x", "192.0.2.1", "192.0.2.1")
    assert isinstance(failed, Failed)
    assert failed.proven
    assert failed.user == "alice"
    refused = challenger.verify('Digest realm="r"', "REGISTER", "sip:h", USERS.get, b"", 1.0)
    assert isinstance(refused, Failed)
    assert not refused.proven


def test_a_nonce_has_one_spelling() -> None:
    challenger = Challenger("r", KEY)
    nonce = parse_challenge(challenger.challenge(1.0)[0]).nonce
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = nonce[:-1] + alphabet[alphabet.index(nonce[-1]) ^ 1]
    header = answer(challenger, 1.0, challenge=[f'Digest realm="r", nonce="{twin}", qop="auth", algorithm=MD5'])
    assert judge(challenger, header, 1.0) == Stale("alice")


def test_a_count_is_used_once() -> None:
    challenger = Challenger("r", KEY)
    challenge = challenger.challenge(1.0)
    verdicts = [
        judge(challenger, answer(challenger, 1.0, nc=nc, challenge=challenge), 1.0)
        for nc in (1, 1, 3, 2, 2, 100, 99, 36, 37, 99, 0)
    ]
    right = Verified("alice", "SHA-256")
    stale = Stale("alice")
    assert verdicts == [right, stale, right, right, stale, right, right, stale, right, stale, stale]


def test_a_full_table_forgets_the_oldest_and_replays_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(challengers, "MAX_NONCES", 3)
    challenger = Challenger("r", KEY, nonce_lifetime=60)
    headers = [answer(challenger, float(now)) for now in range(1, 6)]
    assert all(isinstance(judge(challenger, header, 6.0), Verified) for header in headers)
    assert all(isinstance(judge(challenger, header, 6.0), Stale) for header in headers)
    assert isinstance(judge(challenger, answer(challenger, 200.0), 200.0), Verified)
    assert len(challenger._counts) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r"nc=\w+", "nc=1"),
        (r"nc=\w+", "nc=" + "f" * 3000),
        (r"nc=\w+", "nc=0000000g"),
        (r"nc=\w+, |, nc=\w+", ""),
        (r'cnonce="c"', 'cnonce=""'),
        (r"qop=auth", "qop=none"),
        (r"qop=auth, ", ""),
        (r"algorithm=SHA-256", "algorithm=SHA-1"),
        (r"algorithm=SHA-256", "algorithm=SHA-512-256"),
        (r'response="\w+"', 'response=""'),
        (r'response="\w+"', 'response="é"'),
        (r'username="alice", ', ""),
        (r'uri="sip:h"', 'uri="\\\\"'),
        (r'uri="sip:h"', 'uri="sip:h", uri="sip:h"'),
        (r"Digest ", "Digest ,"),
        (r"Digest ", 'Digest x="'),
    ],
)
def test_malformed_credentials_fail(old: str, new: str) -> None:
    challenger = Challenger("r", KEY)
    header = answer(challenger, 1.0)
    broken = re.sub(old, new, header)
    assert broken != header
    assert isinstance(judge(challenger, broken, 1.0), Failed)


def test_legacy_answers_only_where_allowed() -> None:
    challenge = [text.replace(', qop="auth"', "") for text in Challenger("r", KEY).challenge(1.0)]
    header = answer(Challenger("r", KEY), 1.0, challenge=challenge)
    assert isinstance(judge(Challenger("r", KEY), header, 1.0), Failed)
    assert judge(Challenger("r", KEY, allow_legacy=True), header, 1.0) == Verified("alice", "SHA-256")


def test_legacy_answers_may_name_the_host_alone() -> None:
    challenge = [text.replace(', qop="auth"', "") for text in Challenger("r", KEY).challenge(1.0)]
    header = answer(Challenger("r", KEY), 1.0, challenge=challenge)
    tolerant = Challenger("r", KEY, allow_legacy=True)
    assert isinstance(judge(tolerant, header, 1.0, "sip:100@h"), Verified)
    assert isinstance(judge(tolerant, header, 1.0, "sip:100@other"), Failed)
    assert isinstance(judge(tolerant, answer(Challenger("r", KEY), 1.0), 1.0, "sip:100@h"), Failed)


def test_algorithms_are_checked() -> None:
    for algorithms in ([], ["SHA-1"]):
        with pytest.raises(DigestError):
            Challenger("r", KEY, algorithms=algorithms)


@given(st.text(max_size=80))
def test_any_header_is_judged(text: str) -> None:
    challenger = Challenger("r", KEY)
    for header in (text, f"Digest {text}", answer(challenger, 1.0) + text):
        judge(challenger, header, 1.0)


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_name_and_password(user: str, password: str) -> None:
    challenger = Challenger("r", KEY)
    header = answer(challenger, 1.0, user=user, password=password)
    verdict = challenger.verify(header, "REGISTER", "sip:h", {user: password}.get, b"", 1.0)
    assert isinstance(verdict, Verified if user else Failed)
