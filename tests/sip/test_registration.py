"""The registrar (RFC 3261 §10.3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.sip import Flow, Registrar, RegistrarLimits, RegistrationError, Request, parse_message
from tests.kit.sip import B, request

FLOW = Flow("udp", B, ("203.0.113.5", 33000))
OTHER = Flow("udp", B, ("203.0.113.6", 44000))


def register(
    contact: str | None = "<sip:200@10.0.0.7>", headers: str = "", cseq: int = 1, call_id: str = "reg-1"
) -> Request:
    message = parse_message(request("REGISTER", contact=contact, headers=headers, cseq=cseq, call_id=call_id))
    assert isinstance(message, Request)
    return message


def contacts(registrar: Registrar, now: float = 0.0, aor: str = "200") -> list[str]:
    return [str(binding.contact.uri) for binding in registrar.lookup(aor, now)]


def test_a_phone_is_reached_by_the_flow_it_registered_by() -> None:
    registrar = Registrar()
    registrar.register("200", register(), FLOW, 0.0)
    (binding,) = registrar.lookup("200", 0.0)
    assert binding.flow is FLOW and binding.expires_at == 3600.0
    assert str(binding.contact.uri) == "sip:200@10.0.0.7"
    registrar.register("200", register(cseq=2), OTHER, 10.0)
    (binding,) = registrar.lookup("200", 10.0)
    assert binding.flow is OTHER and binding.expires_at == 3610.0


def test_a_phone_is_called_on_its_connection_and_by_its_contact_when_that_is_gone() -> None:
    registrar = Registrar()
    message = register("<sip:200@192.0.2.7:5070;transport=tcp>")
    registrar.register("200", message, Flow("tcp", B, ("192.0.2.7", 45000), 9), 0.0)
    assert registrar.lookup("200", 1.0)[0].path == Flow("tcp", B, ("192.0.2.7", 5070), 9)


def test_the_answer_lists_all_contacts_with_what_is_left() -> None:
    registrar = Registrar()
    registrar.register("200", register(headers="Expires: 600\r\n"), FLOW, 0.0)
    second = register("<sip:200@10.0.0.8>;expires=120", call_id="reg-2")
    answer = registrar.answer("200", second, OTHER, 100.0)
    assert answer.status == 200
    assert {str(c.uri): c.params["expires"] for c in answer.contacts} == {
        "sip:200@10.0.0.7": "500",
        "sip:200@10.0.0.8": "120",
    }


def test_a_question_changes_nothing() -> None:
    registrar = Registrar()
    registrar.register("200", register(), FLOW, 0.0)
    assert len(registrar.register("200", register(None, cseq=9), OTHER, 1.0)) == 1
    assert registrar.register("201", register(None), FLOW, 1.0) == []


def test_preferred_contacts_come_first_then_the_most_recent() -> None:
    registrar = Registrar()
    for number, q in enumerate(("0.5", "1.0", "0.5", "junk")):
        registrar.register("200", register(f"<sip:{number}@h>;q={q}", call_id=f"r{number}"), FLOW, 0.0)
    assert contacts(registrar) == ["sip:3@h", "sip:1@h", "sip:2@h", "sip:0@h"]


def test_bindings_run_out_and_are_removed_on_request() -> None:
    registrar = Registrar()
    registrar.register("200", register(headers="Expires: 60\r\n"), FLOW, 0.0)
    assert contacts(registrar, 59.9) and not contacts(registrar, 60.0)
    assert len(registrar) == 0
    registrar.register("200", register(cseq=2), FLOW, 61.0)
    registrar.register("200", register("<sip:200@10.0.0.7>;expires=0", cseq=3), FLOW, 62.0)
    assert not contacts(registrar, 62.0)


def test_all_at_once() -> None:
    registrar = Registrar()
    for number in range(3):
        registrar.register("200", register(f"<sip:{number}@h>", call_id=f"r{number}"), FLOW, 0.0)
    with pytest.raises(RegistrationError) as caught:
        registrar.register("200", register("*", cseq=5), FLOW, 1.0)
    assert caught.value.status == 400
    assert registrar.register("200", register("*", "Expires: 0\r\n", cseq=5), FLOW, 1.0) == []
    assert not contacts(registrar)


def test_too_brief_is_423_with_what_would_do() -> None:
    answer = Registrar().answer("200", register(headers="Expires: 59\r\n"), FLOW, 0.0)
    assert answer.status == 423 and answer.get("Min-Expires") == "60"


def test_too_long_is_cut() -> None:
    registrar = Registrar()
    registrar.register("200", register(headers="Expires: 4294967295\r\n"), FLOW, 0.0)
    assert registrar.lookup("200", 0.0)[0].expires_at == 7200.0


@pytest.mark.parametrize("cseq", [4, 5])
def test_an_older_register_of_the_same_call_changes_nothing(cseq: int) -> None:
    registrar = Registrar()
    registrar.register("200", register(cseq=5), FLOW, 0.0)
    for late in (register(cseq=cseq), register("*", "Expires: 0\r\n", cseq=cseq)):
        assert registrar.answer("200", late, OTHER, 1.0).status == 500
    assert registrar.lookup("200", 1.0)[0].flow is FLOW
    assert registrar.answer("200", register(cseq=1, call_id="other"), OTHER, 1.0).status == 200


def test_all_or_nothing() -> None:
    registrar = Registrar()
    message = register("<sip:1@h>, <sip:2@h>;expires=5")
    assert registrar.answer("200", message, FLOW, 0.0).status == 423
    assert not contacts(registrar)


def test_a_phone_that_restarts_takes_the_place_of_its_oldest_contact() -> None:
    registrar = Registrar(RegistrarLimits(contacts_per_aor=2))
    for number in range(4):
        registrar.register("200", register(f"<sip:{number}@h>", call_id=f"r{number}"), FLOW, 0.0)
    assert contacts(registrar) == ["sip:3@h", "sip:2@h"]
    many = register("<sip:a@h>, <sip:b@h>, <sip:c@h>", call_id="many")
    assert registrar.answer("200", many, FLOW, 0.0).status == 403


def test_the_same_instance_has_one_contact() -> None:
    registrar = Registrar()
    for port in (5060, 5070):
        contact = f'<sip:200@10.0.0.7:{port}>;+sip.instance="<urn:uuid:1>"'
        registrar.register("200", register(contact, call_id=f"r{port}"), FLOW, 0.0)
    assert contacts(registrar) == ["sip:200@10.0.0.7:5070"]


def test_the_table_is_bounded_but_makes_room_for_what_ran_out() -> None:
    registrar = Registrar(RegistrarLimits(bindings=3))
    for number in range(3):
        registrar.register(str(number), register(headers="Expires: 100\r\n"), FLOW, 0.0)
    full = registrar.answer("9", register(), FLOW, 50.0)
    assert full.status == 503 and full.get("Retry-After")
    assert registrar.answer("1", register(cseq=2), FLOW, 50.0).status == 200
    assert registrar.answer("9", register(), FLOW, 101.0).status == 200
    assert len(registrar) == 2


def test_a_contact_that_cannot_be_called_is_refused() -> None:
    assert Registrar().answer("200", register("<tel:+49123>"), FLOW, 0.0).status == 400


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from([0, 60, 600]), st.floats(0, 300)), max_size=40
    )
)
def test_the_count_is_always_right(steps: list[tuple[int, int, int, float]]) -> None:
    registrar = Registrar(RegistrarLimits(contacts_per_aor=2, bindings=5))
    now = 0.0
    for number, (aor, contact, expires, wait) in enumerate(steps):
        now += wait
        message = register(f"<sip:{contact}@h>;expires={expires}", cseq=number, call_id=f"c{number % 3}")
        registrar.answer(str(aor), message, FLOW, now)
        assert len(registrar) == sum(len(bindings) for bindings in registrar._bindings.values()) <= 5
        assert all(0 < len(bindings) <= 2 for bindings in registrar._bindings.values())


def test_who_listens_hears_of_bindings_that_change_or_run_out() -> None:
    registrar, told = Registrar(RegistrarLimits(min_expires=10)), list[str]()
    registrar.on_change = told.append
    registrar.answer("200", register("<sip:1@h>;expires=20", cseq=1), FLOW, 0.0)
    assert told == ["200"]
    registrar.answer("201", register("<sip:2@h>;expires=5", cseq=2), FLOW, 0.0)
    assert told == ["200"]
    assert not registrar.lookup("200", 30.0)
    assert told == ["200", "200"]
