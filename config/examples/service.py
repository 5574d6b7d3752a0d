"""The web services that the example flows ask: a bank, a shop, a diary, restaurants and an SMS gateway, in one process.

    .venv/bin/python config/examples/service.py            # listens on 127.0.0.1:8090, Ctrl-C ends it

Everything is made up and kept in memory; each request is written to standard output. A request needs the header
`Authorization: Bearer example`, as `ivr.yaml` beside this file sends it.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

from aiohttp import web

TOKEN = "example"

ACCOUNTS = {
    "1001": {"pin": "2468", "holder": "Anna Example", "balance": "1204.50", "currency": "EUR"},
    "1002": {"pin": "1357", "holder": "Ben Example", "balance": "-86.20", "currency": "EUR"},
}
WRONG_PINS = 3
"""Wrong PINs after which an account is locked."""

ORDERS = {
    "70011": {"status": "shipped", "in_days": 1, "parcels": 2},
    "70012": {"status": "packing", "in_days": 4, "parcels": 1},
    "70013": {"status": "delivered", "in_days": -2, "parcels": 1},
}

RESTAURANTS = {
    "10": {
        "name": "Example Kitchen Berlin",
        "phone": "phone:200",
        "opens": "11:30",
        "closes": "23:00",
        "closed": False,
    },
    "20": {
        "name": "Example Kitchen Hamburg",
        "phone": "phone:201",
        "opens": "12:00",
        "closes": "22:00",
        "closed": False,
    },
    "80": {"name": "Example Kitchen Munich", "phone": "phone:202", "opens": "11:00", "closes": "22:30", "closed": True},
}
"""By the first two digits of the postcode."""

SLOT_TIMES = ("09:00", "10:30", "14:00", "15:30")


class Service:
    """What is remembered while it runs."""

    def __init__(self, today: date | None = None) -> None:
        self.today = today or datetime.now(UTC).date()
        self.wrong_pins: dict[str, int] = {}
        self.bookings: dict[str, dict[str, Any]] = {}
        self.tickets: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []

    # Bank

    async def balance(self, request: web.Request) -> web.Response:
        """POST /bank/balance {account, pin}: 200 with the balance, 401 for a wrong PIN, 423 for a locked account."""
        asked = await request.json()
        number = str(asked.get("account"))
        account = ACCOUNTS.get(number)
        if self.wrong_pins.get(number, 0) >= WRONG_PINS:
            return problem(423, "the account is locked")
        if account is None or str(asked.get("pin")) != account["pin"]:
            self.wrong_pins[number] = self.wrong_pins.get(number, 0) + 1
            return problem(401, "account and PIN do not go together")
        self.wrong_pins.pop(number, None)
        return web.json_response(
            {
                "holder": account["holder"],
                "balance": account["balance"],
                "currency": account["currency"],
                "as_of": self.today.isoformat(),
            }
        )

    # Shop

    async def order(self, request: web.Request) -> web.Response:
        """GET /shop/orders/{number}: 200 with its status and day of delivery, or 404."""
        order = ORDERS.get(request.match_info["number"])
        if order is None:
            return problem(404, "there is no such order")
        day = self.today + timedelta(days=int(order["in_days"]))  # type: ignore[call-overload]
        return web.json_response({"status": order["status"], "delivery": day.isoformat(), "parcels": order["parcels"]})

    # Diary

    async def slot(self, request: web.Request) -> web.Response:
        """GET /diary/slots?skip=N: the free slot after N others, or 404 when there are no more."""
        free = [slot for slot in self.slots() if slot["id"] not in self.bookings]
        skip = int(request.query.get("skip") or 0)
        if skip >= len(free):
            return problem(404, "there are no more free slots")
        return web.json_response(free[skip])

    async def book(self, request: web.Request) -> web.Response:
        """POST /diary/bookings {slot, phone}: 201, or 409 when somebody was faster."""
        asked = await request.json()
        slot = next((slot for slot in self.slots() if slot["id"] == asked.get("slot")), None)
        if slot is None:
            return problem(404, "there is no such slot")
        if slot["id"] in self.bookings:
            return problem(409, "the slot is taken")
        code = f"{1000 + len(self.bookings)}"
        self.bookings[slot["id"]] = {**slot, "code": code, "phone": asked.get("phone"), "status": "booked"}
        return web.json_response({"code": code, "date": slot["date"], "time": slot["time"]}, status=201)

    async def change(self, request: web.Request) -> web.Response:
        """PUT /diary/bookings/{phone} {status}: confirms or cancels the booking of a number."""
        status = str((await request.json()).get("status"))
        for slot, booking in self.bookings.items():
            if booking["phone"] == request.match_info["phone"]:
                booking["status"] = status
                if status == "cancelled":
                    del self.bookings[slot]
                return web.json_response({"status": status})
        return problem(404, "there is no booking of this number")

    def slots(self) -> list[dict[str, str]]:
        """The slots of the next three working days."""
        days = [self.today + timedelta(days=ahead) for ahead in range(1, 6)]
        working = [day for day in days if day.weekday() < 5][:3]
        return [
            {"id": f"{day.isoformat()}T{time}", "date": day.isoformat(), "time": time}
            for day in working
            for time in SLOT_TIMES
        ]

    # Restaurants, SMS

    async def restaurant(self, request: web.Request) -> web.Response:
        """GET /restaurants?postcode=10115: the nearest one, or 404."""
        found = RESTAURANTS.get(request.query.get("postcode", "")[:2])
        return problem(404, "there is none nearby") if found is None else web.json_response(found)

    async def sms(self, request: web.Request) -> web.Response:
        """POST /sms/messages {to, text}: 202, or 422 without a number."""
        message = await request.json()
        if not message.get("to") or not message.get("text"):
            return problem(422, "to and text are needed")
        self.messages.append(message)
        print(f"SMS to {message['to']}: {message['text']}", flush=True)
        return web.json_response({"id": len(self.messages)}, status=202)

    async def ticket(self, request: web.Request) -> web.Response:
        """POST /chat/tickets {packet, text, tags}: 201 and a link for the person, or 422 without a text."""
        asked = await request.json()
        number = asked.get("packet", {}).get("call", {}).get("from")
        if not asked.get("text"):
            return problem(422, "text is needed")
        self.tickets.append(asked)
        print(f"chat with {number}: {asked['text']}", flush=True)
        return web.json_response({"link": f"https://chat.example/{len(self.tickets)}"}, status=201)


def problem(status: int, title: str) -> web.Response:
    """An error as RFC 9457 has it."""
    return web.json_response({"title": title, "status": status}, status=status, content_type="application/problem+json")


@web.middleware
async def guarded(request: web.Request, handler: Any) -> web.StreamResponse:
    """Who does not show the token gets no answer; what is no JSON, another."""
    if request.headers.get("Authorization") != f"Bearer {TOKEN}":
        answer: web.StreamResponse = problem(401, "the token is missing")
    else:
        try:
            answer = await handler(request)
        except (json.JSONDecodeError, AttributeError, ValueError):
            answer = problem(400, "the request cannot be read")
    print(f"{request.method} {request.path_qs} -> {answer.status}", flush=True)
    return answer


def application(service: Service | None = None) -> web.Application:
    """The service as an aiohttp application."""
    service = service or Service()
    app = web.Application(middlewares=[guarded])
    app.add_routes(
        [
            web.post("/bank/balance", service.balance),
            web.get("/shop/orders/{number}", service.order),
            web.get("/diary/slots", service.slot),
            web.post("/diary/bookings", service.book),
            web.put("/diary/bookings/{phone}", service.change),
            web.get("/restaurants", service.restaurant),
            web.post("/sms/messages", service.sms),
            web.post("/chat/tickets", service.ticket),
        ]
    )
    return app


def main() -> None:
    """Listen until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090)
    options = parser.parse_args()
    web.run_app(application(), host=options.host, port=options.port)


if __name__ == "__main__":
    main()
