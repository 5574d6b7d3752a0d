"""Text on its way to a speech engine: cleaned, and cut into pieces that no engine chokes on. Pure."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["clean_text", "speech_pieces"]

PIECE_CHARACTERS = 240
"""Of one engine job: a sentence or a few short ones. Long texts crash or stall engines (5,000 words end espeak-ng)."""

_SENTENCE_END = re.compile("(?<=[.!?\u2026])\\s+|(?<=[.!?][\"'\u00bb\u201d\u2019)\\]])\\s+|(?<=[\u3002\uff01\uff1f])")
"""After . ! ? and the ellipsis, also with a closing quotation mark or bracket; full-width marks need no space."""
_CLAUSE_END = re.compile("(?<=[,;:])\\s+|(?<=[\uff0c\u3001\uff1b\uff1a])")
_ABBREVIATION = re.compile(r"(?:^|\W)(?:\w|[A-Z]\w{1,2}|\w\.\w)\.$")  # "a.", "Dr.", "Mrs.", "e.g."
_SPACE = re.compile(r"\s+")


def clean_text(text: str) -> str:
    """The text without control and format characters, spaces single; empty when nothing in it can be spoken.

    Double square brackets are phoneme input of espeak-ng, which a caller's data must not reach: they are parted.
    """
    kept = "".join(" " if unicodedata.category(c) in ("Cc", "Cs", "Co", "Cn") else c for c in text)
    kept = kept.replace("[[", "[ [").replace("]]", "] ]")
    kept = _SPACE.sub(" ", kept).strip()
    return kept if any(unicodedata.category(c)[0] in "LNS" for c in kept) else ""


def speech_pieces(text: str, size: int = PIECE_CHARACTERS) -> list[str]:
    """Sentences of a cleaned text, short ones together, at most `size` characters each; none is lost.

    A sentence that is too long is cut at clauses, then at spaces, at last anywhere (scripts without spaces).
    """
    atoms: list[str] = []
    for sentence in _sentences(text):
        atoms.extend(_fit(sentence, size))
    pieces: list[str] = []
    for atom in atoms:
        if pieces and len(pieces[-1]) + 1 + len(atom) <= size:
            pieces[-1] = f"{pieces[-1]} {atom}"
        else:
            pieces.append(atom)
    return pieces


def _sentences(text: str) -> list[str]:
    sentences: list[str] = []
    for part in _SENTENCE_END.split(text):
        if not part:
            continue
        if sentences and _ABBREVIATION.search(sentences[-1]):
            sentences[-1] = f"{sentences[-1]} {part}"
        else:
            sentences.append(part)
    return sentences


def _fit(sentence: str, size: int) -> list[str]:
    if len(sentence) <= size:
        return [sentence]
    clauses = [clause for clause in _CLAUSE_END.split(sentence) if clause]
    if len(clauses) > 1:
        return [piece for clause in clauses for piece in _fit(clause, size)]
    words: list[str] = []
    line = ""
    for word in sentence.split(" "):
        for start in range(0, len(word), size):
            part = word[start : start + size]
            if line and len(line) + 1 + len(part) <= size:
                line = f"{line} {part}"
            else:
                if line:
                    words.append(line)
                line = part
    if line:
        words.append(line)
    return words
