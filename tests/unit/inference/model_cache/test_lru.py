from __future__ import annotations

import gc
import threading
import weakref

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tidemill_inference.model_cache.lru import Shelf

LIMIT = 100
KEYS = st.integers(min_value=0, max_value=7)
COSTS = st.integers(min_value=0, max_value=150)


class Graph:
    """Something that can be watched as it ends."""


class ShelfAgainstItsLaw(RuleBasedStateMachine):
    """A list in order of use is the whole specification."""

    def __init__(self) -> None:
        super().__init__()
        self.shelf: Shelf[Graph] = Shelf(LIMIT)
        self.order: list[tuple[int, int]] = []
        self.in_use: list[tuple[Graph, weakref.ref[Graph]]] = []

    def _trim(self, most: int) -> list[int]:
        gone = []
        while self.order and sum(cost for _, cost in self.order) > most:
            gone.append(self.order.pop(0)[0])
        return gone

    @rule(key=KEYS, cost=COSTS, used=st.booleans())
    def put(self, key: int, cost: int, used: bool) -> None:
        graph = Graph()
        self.order = [entry for entry in self.order if entry[0] != key]
        gone = self._trim(LIMIT - cost)
        assert self.shelf.put(key, graph, cost) == gone  # the least recently used, in that order, and no more
        self.order.append((key, cost))
        if used:
            self.in_use.append((graph, weakref.ref(graph)))

    @rule(key=KEYS)
    def get(self, key: int) -> None:
        found = next((entry for entry in self.order if entry[0] == key), None)
        assert (self.shelf.get(key) is not None) == (found is not None)
        if found:
            self.order.remove(found)
            self.order.append(found)

    @rule(cost=COSTS)
    def make_room(self, cost: int) -> None:
        assert self.shelf.make_room(cost) == self._trim(LIMIT - cost)

    @rule(key=KEYS)
    def drop(self, key: int) -> None:
        self.shelf.drop(key)
        self.order = [entry for entry in self.order if entry[0] != key]

    @rule()
    def end_of_use(self) -> None:
        self.in_use.clear()

    @invariant()
    def it_keeps_what_was_used_last_within_the_limit(self) -> None:
        assert self.shelf.keys == tuple(key for key, _ in self.order)
        assert self.shelf.cost <= LIMIT or len(self.shelf) == 1  # one that is too large for it is kept alone

    @invariant()
    def what_is_in_use_is_never_ended(self) -> None:
        assert all(alive() is graph for graph, alive in self.in_use)


TestShelf = ShelfAgainstItsLaw.TestCase
TestShelf.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_a_model_ends_with_its_last_user_not_with_its_place() -> None:
    shelf: Shelf[Graph] = Shelf(10)
    graph = Graph()
    alive = weakref.ref(graph)
    shelf.put("a", graph, 10)
    shelf.put("b", Graph(), 10)
    assert shelf.get("a") is None
    assert alive() is graph
    del graph
    gc.collect()
    assert alive() is None


def test_a_finalizer_within_the_shelf_waits_for_nothing() -> None:
    """A collection can begin within a call and end a handle there: the shelf must not wait for itself."""
    shelf: Shelf[Graph] = Shelf(10)
    shelf.put("a", Graph(), 1)

    class Key:
        """Looking for it ends a handle on "a", as a collection can."""

        def __hash__(self) -> int:
            shelf.drop("a")
            return 0

    assert shelf.get(Key()) is None
    assert shelf.has("a")
    shelf.make_room(0)
    assert not shelf.has("a")


@given(st.lists(st.tuples(KEYS, st.integers(min_value=0, max_value=LIMIT)), min_size=8, max_size=40))
@settings(max_examples=10, deadline=None)
def test_many_threads_leave_it_within_its_limit(puts: list[tuple[int, int]]) -> None:
    shelf: Shelf[Graph] = Shelf(LIMIT)
    above: list[int] = []

    def work(mine: list[tuple[int, int]]) -> None:
        for key, cost in mine:
            shelf.put(key, Graph(), cost)
            shelf.get(key)
            above.extend(cost for cost in (shelf.cost,) if cost > LIMIT)

    threads = [threading.Thread(target=work, args=(puts[number::4],)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not above
    assert shelf.cost <= LIMIT
