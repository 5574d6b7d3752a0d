"""The web service of the examples answers as its flows expect."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

PATH = Path(__file__).resolve().parents[2] / "config" / "examples" / "service.py"
spec = importlib.util.spec_from_file_location("examples_service", PATH)
assert spec is not None and spec.loader is not None
service = importlib.util.module_from_spec(spec)
sys.modules["examples_service"] = service
spec.loader.exec_module(service)

FRIDAY = date(2026, 2, 27)


@pytest.fixture
async def ask() -> AsyncIterator[Any]:
    async with TestServer(service.application(service.Service(FRIDAY))) as server, ClientSession() as session:

        async def request(method: str, path: str, body: Any = None, token: str = "example") -> tuple[int, Any]:
            headers = {"Authorization": f"Bearer {token}"}
            async with session.request(method, server.make_url(path), json=body, headers=headers) as answer:
                return answer.status, await answer.json(content_type=None)

        yield request


async def test_who_has_no_token_gets_nothing(ask: Any) -> None:
    assert (await ask("GET", "/shop/orders/70011", token="guess"))[0] == 401


async def test_an_account_is_locked_after_three_wrong_pins(ask: Any) -> None:
    right = {"account": "1001", "pin": "2468"}
    assert (await ask("POST", "/bank/balance", right))[1]["balance"] == "1204.50"
    for _ in range(3):
        assert (await ask("POST", "/bank/balance", {"account": "1001", "pin": "0000"}))[0] == 401
    assert (await ask("POST", "/bank/balance", right))[0] == 423
    assert (await ask("POST", "/bank/balance", {"account": "9", "pin": "0"}))[0] == 401


async def test_orders_are_known_by_their_numbers(ask: Any) -> None:
    assert await ask("GET", "/shop/orders/70011") == (
        200,
        {"status": "shipped", "delivery": "2026-02-28", "parcels": 2},
    )
    assert (await ask("GET", "/shop/orders/1"))[0] == 404


async def test_a_slot_is_booked_once_and_free_again_when_it_is_cancelled(ask: Any) -> None:
    status, slot = await ask("GET", "/diary/slots?skip=0")
    assert (status, slot) == (200, {"id": "2026-03-02T09:00", "date": "2026-03-02", "time": "09:00"})
    wish = {"slot": slot["id"], "phone": "+15550199"}
    assert await ask("POST", "/diary/bookings", wish) == (
        201,
        {"code": "1000", "date": "2026-03-02", "time": "09:00"},
    )
    assert (await ask("POST", "/diary/bookings", wish))[0] == 409
    assert (await ask("GET", "/diary/slots?skip=0"))[1]["time"] == "10:30"
    assert (await ask("PUT", "/diary/bookings/+15550199", {"status": "cancelled"}))[0] == 200
    assert (await ask("PUT", "/diary/bookings/+15550199", {"status": "cancelled"}))[0] == 404
    assert (await ask("GET", "/diary/slots?skip=0"))[1]["time"] == "09:00"
    assert (await ask("GET", "/diary/slots?skip=99"))[0] == 404


async def test_a_restaurant_is_found_by_postcode(ask: Any) -> None:
    assert (await ask("GET", "/restaurants?postcode=10115"))[1]["name"] == "Example Kitchen Berlin"
    assert (await ask("GET", "/restaurants?postcode=99999"))[0] == 404


async def test_chats_need_a_text(ask: Any) -> None:
    status, found = await ask("POST", "/chat/tickets", {"packet": {"call": {"from": "+15550199"}}, "text": "Hello"})
    assert (status, found) == (201, {"link": "https://chat.example/1"})
    assert (await ask("POST", "/chat/tickets", {"packet": {}}))[0] == 422


async def test_messages_need_a_number_and_a_text(ask: Any) -> None:
    assert (await ask("POST", "/sms/messages", {"to": "+15550199", "text": "Hello"}))[0] == 202
    assert (await ask("POST", "/sms/messages", {"to": "+15550199"}))[0] == 422
    assert (await ask("POST", "/sms/messages", []))[0] == 400
