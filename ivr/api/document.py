"""The interface as it describes itself: its OpenAPI document, and a page to read it by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web
from pydantic import ConfigDict

from ivr.api.endpoints import Ask, Endpoint, File, Model
from ivr.api.openapi import document
from ivr.api.reference import page

__all__ = ["DocumentRoutes"]

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The page is text and a style: nothing runs, nothing is loaded."""


class OpenApi(Model):
    """An OpenAPI 3.1 document."""

    model_config = ConfigDict(extra="allow")

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]
    components: dict[str, Any]


class DocumentRoutes:
    """Handlers. They hold nothing of any call: everybody who reaches the listener may read them."""

    def __init__(self, endpoints: Callable[[], Sequence[Endpoint]]) -> None:
        self._endpoints = endpoints
        self._document: dict[str, Any] | None = None
        self._page = ""

    def endpoints(self) -> list[Endpoint]:
        """What can be asked."""
        html = File("text/html", "A page without scripts, and without anything from elsewhere.")
        return [
            Endpoint("GET", "/v1/openapi.json", None, self.document, answers={200: OpenApi}),
            Endpoint("GET", "/v1/docs", None, self.page, answers={200: html}),
        ]

    async def document(self, _: Ask[None, None]) -> dict[str, Any]:
        """Describe all that can be asked, as an OpenAPI 3.1 document."""
        return self._made()

    async def page(self, _: Ask[None, None]) -> web.Response:
        """Describe all that can be asked, as a page to read."""
        if not self._page:
            self._page = page(self._made())
        headers = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}
        return web.Response(text=self._page, content_type="text/html", headers=headers)

    def _made(self) -> dict[str, Any]:
        if self._document is None:
            self._document = document(self._endpoints())
        return self._document
