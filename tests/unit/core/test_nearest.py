from __future__ import annotations

from tidemill.nearest import COMPARISONS, Nearest

KNOWN = frozenset({"distance", "carrier", "origin"})


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_most_similar_name_is_found_and_a_strange_one_is_not() -> None:
    nearest = Nearest(Clock())
    assert nearest("distence", KNOWN) == "distance"
    assert nearest("colour", KNOWN) is None
    assert nearest("distance" * 100, KNOWN) is None


def test_of_very_many_names_no_more_are_compared_than_the_budget_holds_and_known_ones_go_on() -> None:
    clock = Clock()
    nearest = Nearest(clock)
    assert nearest("carier", KNOWN) == "carrier"
    found = [nearest(f"distanc{number}", KNOWN) for number in range(COMPARISONS)]
    assert found[0] == "distance"
    assert len([name for name in found if name]) <= COMPARISONS / len(KNOWN)
    assert found[-1] is None
    assert nearest("distanc0", frozenset({"x"})) is None
    clock.now = 1.0
    assert nearest("distancx", KNOWN) == "distance"


def test_among_more_names_than_the_budget_nothing_is_suggested() -> None:
    nearest = Nearest(Clock())
    assert nearest("distence", frozenset(str(number) for number in range(COMPARISONS)) | KNOWN) is None
    assert nearest("distence", KNOWN) == "distance"
