"""TwiML documents, read into verbs: bounded in size, depth and number, without entities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isnan
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

__all__ = ["MAX_BYTES", "TwimlError", "Verb", "parse"]

MAX_BYTES = 64 * 1024
"""Of a document: Twilio takes no longer ones either."""
MAX_VERBS = 1_000
"""Of a document, nouns counted: nobody listens to more."""
MAX_DEPTH = 4
"""Response, verb, noun, and what stands in a noun."""
MAX_ATTRIBUTES = 50
MAX_TEXT = 4_096
"""Characters of one text, as Twilio takes them."""


class TwimlError(Exception):
    """A document, or an attribute in it, does not hold. The text is a sentence; `code` is Twilio's number for it."""

    def __init__(self, text: str, code: int = 12100) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb of a document, or a noun in a verb."""

    name: str
    """As written: `Say`."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    """What stands in it, without what stands in its nouns; spaces at both ends aside."""
    children: tuple[Verb, ...] = ()

    def get(self, name: str, default: str = "") -> str:
        """An attribute; empty ones count."""
        return self.attributes.get(name, default)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """An attribute that is true or false."""
        value = self.attributes.get(name, "").strip().lower()
        return default if value not in ("true", "false") else value == "true"

    def number(self, name: str, default: float, least: float, most: float) -> float:
        """An attribute that is a number, brought between two; the default where it is none."""
        try:
            value = float(self.attributes.get(name, "").strip())
        except ValueError:
            return default
        if isnan(value):
            return default
        return min(max(value, least), most)

    def nouns(self, *names: str) -> Iterator[Verb]:
        """Those of its children that have one of these names."""
        return (child for child in self.children if child.name in names)


def parse(text: str) -> tuple[Verb, ...]:
    """The verbs of a document; TwimlError where it is none."""
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise TwimlError(f"the document is longer than {MAX_BYTES // 1024} KiB", 11750)
    if not text.strip():
        return ()
    try:
        # A declared encoding is that of the bytes, which are read already.
        root: Any = fromstring(_without_declaration(text), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError) as error:
        raise TwimlError(f"the document is no XML that is taken here: {type(error).__name__}") from None
    if _name(root) != "Response":
        raise TwimlError(f"the document begins with <{_name(root)[:40]}>, not with <Response>")
    for count, node in enumerate(root.iter()):
        if count > MAX_VERBS:
            raise TwimlError(f"the document has more than {MAX_VERBS} verbs", 12200)
        if len(node.attrib) > MAX_ATTRIBUTES:
            raise TwimlError(f"<{_name(node)[:40]}> has more than {MAX_ATTRIBUTES} attributes", 12200)
    return tuple(_verb(node, 2) for node in root if isinstance(node.tag, str))


def _without_declaration(text: str) -> str:
    text = text.lstrip("\ufeff \t\r\n")
    if not text.startswith("<?xml"):
        return text
    return text[text.find("?>") + 2 :] if "?>" in text else text


def _verb(node: Element, depth: int) -> Verb:
    if depth > MAX_DEPTH:
        raise TwimlError("the document is nested too deep", 12200)
    text = " ".join("".join([node.text or "", *(child.tail or "" for child in node)]).split())
    return Verb(
        _name(node),
        {name.rpartition("}")[2]: value for name, value in node.attrib.items()},
        text[:MAX_TEXT],
        tuple(_verb(child, depth + 1) for child in node if isinstance(child.tag, str)),
    )


def _name(node: Any) -> str:
    return node.tag.rpartition("}")[2] if isinstance(node.tag, str) else ""
