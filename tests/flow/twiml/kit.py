"""A call whose flow hands it to an application that speaks TwiML; the test is that application."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from ivr.flow.ports import ApplicationTerms, HangUp, OfferApplication, Request, TellApplication
from tests.kit.flow import Talk

__all__ = ["FLOW", "Application"]

FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: app}
  app:
    type: transfer_to_voice_application
    application: shop
    custom_data: {order: "4711"}
    filler: none
    branches: {call_not_transferred: sorry, returned: back}
  sorry: {type: play, text: Sorry, next: bye}
  back: {type: play, text: Back, next: bye}
  bye: {type: hang_up}
"""


class Application:
    """The application, and its caller."""

    def __init__(self, flow: str = FLOW, **terms: Any) -> None:
        self.call = Talk(flow).start()
        offer = self.call.commands(OfferApplication)[-1]
        fields: dict[str, Any] = {
            "account": "AC" + "1" * 32,
            "url": "https://app.test/voice",
            "base_url": "https://ivr.test",
            "tries": 0,
            **terms,
        }
        self.offer = offer
        self.terms = ApplicationTerms(offer.id, "shop", **fields)
        self.call.send(self.terms)

    def answer(self, *verbs: str, status: int = 200, kind: str = "text/xml") -> Application:
        """Answer what was asked for last with a document."""
        body = "".join(verbs)
        if not body.startswith("<Response") and not body.startswith("<?"):
            body = f"<Response>{body}</Response>"
        assert self.call.call.answer_request(status, body, {"content-type": kind}), "nothing was asked for"
        return self

    @property
    def asked(self) -> Request:
        """The newest request."""
        found: Request = self.call.commands(Request)[-1]
        return found

    @property
    def requests(self) -> int:
        return len(self.call.commands(Request))

    @property
    def params(self) -> dict[str, str]:
        """Parameters of the newest request."""
        request = self.asked
        if request.method == "GET":
            return dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True))
        return dict(parse_qsl((request.body or b"").decode(), keep_blank_values=True))

    def told(self, kind: str = "callback") -> list[dict[str, Any]]:
        """What the application was told on the side."""
        return [dict(command.data) for command in self.call.commands(TellApplication) if command.type == kind]

    @property
    def errors(self) -> list[str]:
        return [str(data["ErrorMessage"]) for data in self.told("error")]

    @property
    def hung_up(self) -> bool:
        return bool(self.call.commands(HangUp))

    @property
    def said(self) -> list[str]:
        return self.call.said

    @property
    def result(self) -> Any:
        return self.call.machine.result


def query(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query)
