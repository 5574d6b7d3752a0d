"""Requests made from an OpenAPI document: such as it says, and such as it does not."""

from __future__ import annotations

import http.client
import json
import math
import random
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

__all__ = ["Asker", "Maker"]

TEXTS = (
    "", "a", "anna", "support", "+15550100", "0", "-1", "2026-03-01T08:00:00+01:00", "\u00e9\U0001f600", "\x00",
    "../..", "' or 1=1 --", "x" * 300, "{{ 1 / 0 }}", "%", "call.ended", "phone:200", "sip:a@b", "10%", "a\r\nb: c",
)  # fmt: skip
NUMBERS = (0, 1, -1, 7, 2**31, 2**63, 1e308, -0.5, 0.1)
MAX_DEPTH = 6


class Asker:
    """One connection to a daemon, kept open."""

    def __init__(self, address: str, token: str | None = None) -> None:
        self._connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=20)
        self._token = token

    def ask(
        self, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Status, headers and body of an answer."""
        sent = dict(headers or {})
        if self._token is not None:
            sent.setdefault("Authorization", f"Bearer {self._token}")
        self._connection.request(method, target, body, sent)
        with self._connection.getresponse() as answer:
            return answer.status, answer.headers, answer.read()

    def close(self) -> None:
        self._connection.close()


class Maker:
    """Makes requests by chance."""

    def __init__(self, document: Mapping[str, Any], seed: int) -> None:
        self._schemas = document["components"]["schemas"]
        self._rng = random.Random(seed)

    def request(
        self, path: str, operation: Mapping[str, Any], names: Mapping[str, str]
    ) -> tuple[str, bytes | None, dict[str, str]]:
        """Target, body and headers of a request; `names` are values of the names in paths that lead somewhere."""
        rng, query, headers = self._rng, {}, {}
        for parameter in operation.get("parameters", ()):
            name, schema = parameter["name"], parameter["schema"]
            if parameter["in"] == "path":
                known = rng.random() < 0.8 and name in names
                value = names[name] if known else str(self.value(schema)) or "x"
                path = path.replace(f"{{{name}}}", quote(value, safe=""))
            elif parameter["in"] == "header":
                if rng.random() < 0.5:
                    headers[name] = f"key-{rng.getrandbits(40)}"
            elif parameter.get("required") or rng.random() < 0.4:
                query[name] = self._bent(self.value(schema))
        if query:
            path += "?" + urlencode({name: _written(value) for name, value in query.items()})
        body = operation.get("requestBody")
        if body is None:
            return path, None, headers
        kind, content = rng.choice(list(body["content"].items()))
        headers["Content-Type"] = kind if rng.random() < 0.95 else "application/x-other"
        if kind != "application/json":
            return path, urlencode({"Status": rng.choice(TEXTS), "To": rng.choice(TEXTS)}).encode(), headers
        text = json.dumps(self._bent(self.value(content["schema"])))
        return path, (text if rng.random() < 0.95 else text[:-1]).encode(), headers

    def value(self, schema: Mapping[str, Any], depth: int = 0) -> Any:
        """A value as a schema says, as far as it is plain."""
        rng = self._rng
        if "$ref" in schema:
            schema = self._schemas[schema["$ref"].rpartition("/")[2]]
        if kinds := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
            return self.value(rng.choice(kinds), depth)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return rng.choice(schema["enum"])
        kind = schema.get("type", "string")
        if isinstance(kind, list):
            kind = rng.choice(kind)
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            count = schema.get("minItems", 0) + (rng.randrange(3) if depth < MAX_DEPTH else 0)
            return [self.value(schema.get("items", {}), depth + 1) for _ in range(count)]
        if kind in ("integer", "number"):
            low, high = schema.get("minimum", 0), schema.get("maximum", 1000)
            found = rng.uniform(float(low), float(min(high, 10**6)))
            return math.floor(found) if kind == "integer" else found
        return {"boolean": rng.random() < 0.5, "null": None}.get(kind, self._text(schema))

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        needed = schema.get("required", ())
        found = {
            name: self.value(inner, depth + 1)
            for name, inner in schema.get("properties", {}).items()
            if name in needed or (depth < MAX_DEPTH and self._rng.random() < 0.3)
        }
        more = schema.get("additionalProperties")
        if isinstance(more, dict) and depth < MAX_DEPTH and self._rng.random() < 0.5:
            found[self._rng.choice(("a", "language", "x" * 70))] = self.value(more, depth + 1)
        return found

    def _text(self, schema: Mapping[str, Any]) -> str:
        fitting = [text for text in TEXTS if schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", 10**6)]
        if (pattern := schema.get("pattern")) is not None:
            fitting = [text for text in fitting if re.search(pattern, text)] or ["123"]
        return self._rng.choice(fitting or ["x" * schema.get("minLength", 1)])

    def _bent(self, value: Any) -> Any:
        """Sometimes something else than the schema says."""
        rng = self._rng
        if rng.random() < 0.7:
            return value
        if isinstance(value, dict) and value and rng.random() < 0.8:
            name = rng.choice(list(value))
            return {**value, name: self._odd()} if rng.random() < 0.6 else {**value, "no_such_key": 1}
        return self._odd()

    def _odd(self) -> Any:
        rng = self._rng
        nested: Any = [[[[{"a": [{}] * 3}]]]]
        return rng.choice((None, True, [], {}, rng.choice(NUMBERS), rng.choice(TEXTS), nested))


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
