"""Pictures of terminals for the documentation."""

from __future__ import annotations

import re

__all__ = ["self_contained"]

_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def self_contained(picture: str) -> str:
    """A terminal that rich has drawn as SVG, with fonts that machines have, and none fetched from elsewhere."""
    return _FONTS.sub("", picture).replace("Fira Code", "DejaVu Sans Mono, Menlo, Consolas")
