"""Which ways lead to an element."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.flow.lint.graphs import shortest_paths
from ivr.flow.model import Edge, Flow

__all__ = ["MOST_WAYS", "Stage", "paths_to"]

MOST_WAYS = 10
"""Ways that one question answers with; a menu with loops has thousands, and nobody reads them."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One element on a way."""

    element: str
    """Its name."""
    branches: tuple[str, ...] = ()
    """Branches of it that lead to the next one; empty for the last."""

    def __str__(self) -> str:
        return f"{self.element} [{'|'.join(self.branches)}]" if self.branches else self.element


def paths_to(flow: Flow, element: str, most: int = MOST_WAYS) -> list[tuple[Stage, ...]]:
    """Ways from the entries to an element that pass none twice, the shortest first, at most so many."""
    edges: dict[str, dict[str, list[Edge]]] = {name: {} for name in flow.elements}
    for edge in flow.edges:
        if edge.target is not None:
            edges[edge.source].setdefault(edge.target, []).append(edge)
    graph = {name: tuple(targets) for name, targets in edges.items()}
    return [
        tuple(
            Stage(name, tuple(edge.branch for edge in edges[name][after]) if after is not None else ())
            for name, after in zip(way, (*way[1:], None), strict=True)
        )
        for way in shortest_paths(graph, flow.entries, element, most)
    ]
