"""Questions to directed graphs, each answered in time that grows with the size of the graph, not with its paths."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

__all__ = ["components", "shortest_paths", "tree"]

T = TypeVar("T", bound=Hashable)


def tree(starts: Iterable[T], following: Callable[[T], Iterable[T]]) -> dict[T, T | None]:
    """Every node that can be reached, breadth first, with the one before it on a shortest way; None for starts."""
    found: dict[T, T | None] = dict.fromkeys(starts)
    todo = deque(found)
    while todo:
        node = todo.popleft()
        for after in following(node):
            if after not in found:
                found[after] = node
                todo.append(after)
    return found


def components(nodes: Iterable[T], following: Callable[[T], Iterable[T]]) -> list[list[T]]:
    """Strongly connected components, each after all those that it leads to (Tarjan, without recursion)."""
    order: dict[T, int] = {}
    low: dict[T, int] = {}
    stack: list[T] = []
    on_stack: set[T] = set()
    found: list[list[T]] = []
    for start in nodes:
        if start in order:
            continue
        order[start] = low[start] = len(order)
        stack.append(start)
        on_stack.add(start)
        work = [(start, iter(tuple(following(start))))]
        while work:
            node, rest = work[-1]
            for after in rest:
                if after not in order:
                    order[after] = low[after] = len(order)
                    stack.append(after)
                    on_stack.add(after)
                    work.append((after, iter(tuple(following(after)))))
                    break
                if after in on_stack:
                    low[node] = min(low[node], order[after])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == order[node]:
                    component: list[T] = []
                    while not component or component[-1] != node:
                        component.append(stack.pop())
                        on_stack.discard(component[-1])
                    found.append(component)
    return found


def shortest_paths(graph: Mapping[T, Sequence[T]], starts: Iterable[T], goal: T, most: int) -> list[tuple[T, ...]]:
    """The shortest ways from any start to a goal that pass no node twice, the shortest first (Yen's algorithm)."""
    found: list[tuple[T, ...]] = []
    waiting: dict[tuple[T, ...], None] = {}
    for start in starts:
        path = _one_path(graph, start, goal, frozenset(), frozenset())
        if path is not None:
            waiting[path] = None
    while waiting and len(found) < most:
        path = min(waiting, key=len)
        del waiting[path]
        found.append(path)
        for index in range(len(path) - 1):
            root = path[: index + 1]
            taken = frozenset(
                (other[index], other[index + 1])
                for other in found
                if len(other) > index + 1 and other[: index + 1] == root
            )
            rest = _one_path(graph, path[index], goal, frozenset(path[:index]), taken)
            if rest is not None:
                waiting.setdefault((*root[:-1], *rest), None)
    return found


def _one_path(
    graph: Mapping[T, Sequence[T]], start: T, goal: T, without: frozenset[T], edges: frozenset[tuple[T, T]]
) -> tuple[T, ...] | None:
    def following(node: T) -> Iterable[T]:
        return (after for after in graph.get(node, ()) if after not in without and (node, after) not in edges)

    found = tree([start], following)
    if goal not in found:
        return None
    path: list[T] = [goal]
    while (before := found[path[-1]]) is not None:
        path.append(before)
    return tuple(reversed(path))
