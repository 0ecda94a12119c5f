"""A kill counts only if it has bitten."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.polling import until
from tidemill_flights.chaos.kills import Growing, Kill, Killer


class Toy:
    """A platform whose processes come back at once, with another pid."""

    def __init__(self, *names: str) -> None:
        self._pids = {name: 100 + number for number, name in enumerate(names)}
        self._restarts = dict.fromkeys(names, 0)
        self.killed: list[str] = []

    @property
    def restarts(self) -> dict[str, int]:
        return dict(self._restarts)

    def pids(self) -> dict[str, int]:
        return dict(self._pids)

    def kill(self, name: str) -> int:
        self.killed.append(name)
        pid, self._pids[name] = self._pids[name], self._pids[name] + 1_000
        self._restarts[name] += 1
        return pid

    def live(self, name: str) -> bool:
        return True


def run(toy: Toy, at_work: dict[str, Callable[[], str]]) -> Killer:
    killer = Killer(toy, at_work, pause_s=0.0)
    killer.start()
    until(lambda: not killer.spared, 5, "everything is killed")
    killer.stop()
    return killer


def test_each_process_is_killed_once_and_each_kill_names_the_work() -> None:
    toy = Toy("a", "b")
    killer = run(toy, {"a": lambda: "12 records", "b": lambda: "a run"})
    assert toy.killed == ["a", "b"]
    assert [(kill.process, kill.work, kill.bitten) for kill in killer.kills] == [
        ("a", "12 records", True),
        ("b", "a run", True),
    ]


def test_a_process_without_work_waits_for_its_turn_and_does_not_hold_up_the_others() -> None:
    toy = Toy("idle", "busy")
    killer = run(toy, {"idle": lambda: "at last" if toy.killed else "", "busy": lambda: "work"})
    assert toy.killed == ["busy", "idle"]
    assert killer.spared == []


def test_a_kill_without_work_or_without_a_new_process_has_not_bitten() -> None:
    assert Kill("a", "work", 1, 2, 1, 5.0).bitten
    assert not Kill("a", "", 1, 2, 1, 5.0).bitten
    assert not Kill("a", "work", 1, 1, 1, 5.0).bitten
    assert not Kill("a", "work", 1, None, 1, 5.0).bitten
    assert not Kill("a", "work", 1, 2, 0, 5.0).bitten


def test_work_is_what_has_grown_since_the_last_look() -> None:
    numbers = iter([10, 10, 250])
    growing = Growing(lambda: next(numbers), "{} more", least=200)
    assert [growing(), growing(), growing()] == ["", "", "240 more"]
