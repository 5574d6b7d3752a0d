"""Graph algorithms, compared with what counting everything finds in small graphs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.flow.lint.graphs import components, shortest_paths, tree

NODES = range(6)
GRAPHS = st.fixed_dictionaries({node: st.lists(st.sampled_from(NODES), max_size=4, unique=True) for node in NODES})

Graph = Mapping[int, Sequence[int]]


def simple_paths(graph: Graph, path: tuple[int, ...], goal: int) -> Iterator[tuple[int, ...]]:
    if path[-1] == goal:
        yield path
        return
    for after in graph[path[-1]]:
        if after not in path:
            yield from simple_paths(graph, (*path, after), goal)


def reachable(graph: Graph, start: int) -> set[int]:
    found = {start}
    todo = [start]
    while todo:
        new = set(graph[todo.pop()]) - found
        found |= new
        todo.extend(new)
    return found


@given(GRAPHS)
def test_components(graph: Graph) -> None:
    found = components(NODES, graph.__getitem__)
    assert sorted(node for component in found for node in component) == list(NODES)
    place = {node: index for index, component in enumerate(found) for node in component}
    for one in NODES:
        for other in NODES:
            together = other in reachable(graph, one) and one in reachable(graph, other)
            assert (place[one] == place[other]) is together
        assert all(place[after] <= place[one] for after in graph[one])


@given(GRAPHS, st.sampled_from(NODES))
def test_tree(graph: Graph, start: int) -> None:
    found = tree([start], graph.__getitem__)
    assert set(found) == reachable(graph, start)
    for node in found:
        path = [node]
        while (before := found[path[-1]]) is not None:
            assert path[-1] in graph[before]
            path.append(before)
        shortest = min(len(each) for each in simple_paths(graph, (start,), node))
        assert len(path) == shortest


@given(GRAPHS, st.lists(st.sampled_from(NODES), min_size=1, max_size=2, unique=True), st.sampled_from(NODES))
@settings(max_examples=300)
def test_shortest_paths_are_all_simple_paths_in_order(graph: Graph, starts: list[int], goal: int) -> None:
    every = [path for start in starts for path in simple_paths(graph, (start,), goal)]
    found = shortest_paths(graph, starts, goal, 1000)
    assert sorted(found) == sorted(every)
    assert [len(path) for path in found] == sorted(len(path) for path in every)
    assert shortest_paths(graph, starts, goal, 2) == found[:2]
