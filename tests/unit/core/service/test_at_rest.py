"""What is asked of a loop is done where it is at rest, and never later than its asker knows."""

from __future__ import annotations

import threading

import pytest

from tests.support.polling import until
from tidemill.errors import ConfigError, RetryLater
from tidemill.service.at_rest import AtRest


def test_outside_of_its_loop_work_is_done_at_once() -> None:
    done: list[int] = []
    AtRest().ask(lambda: done.append(1))
    assert done == [1]


def test_a_loop_does_it_on_its_own_thread_and_the_asker_waits_for_that() -> None:
    rest, stop, threads = AtRest(), threading.Event(), list[str]()

    def loop() -> None:
        with rest:
            while not stop.wait(0.001):
                rest.turn()

    thread = threading.Thread(target=loop, name="loop")
    thread.start()
    rest.ask(lambda: threads.append(threading.current_thread().name))
    assert threads[0] in ("loop", threading.current_thread().name)
    until(lambda: _asked(rest, threads)[-1] == "loop", 10, "the loop does it")
    stop.set()
    thread.join(10)


def _asked(rest: AtRest, threads: list[str]) -> list[str]:
    rest.ask(lambda: threads.append(threading.current_thread().name))
    return threads


def test_what_the_work_raises_is_raised_where_it_was_asked_for_and_the_loop_goes_on() -> None:
    rest, failed = AtRest(), list[Exception]()

    def refuse() -> None:
        raise ConfigError("not so")

    def ask() -> None:
        try:
            rest.ask(refuse)
        except ConfigError as error:
            failed.append(error)

    with rest:
        asker = threading.Thread(target=ask)
        asker.start()
        until(lambda: rest.waiting, 10, "it is asked")
        rest.turn()
        asker.join(10)
    assert str(failed[0]) == "not so"


def test_what_the_loop_did_not_come_to_in_time_is_not_done_later() -> None:
    rest, done = AtRest(), list[int]()
    with rest:
        with pytest.raises(RetryLater, match="has come to no rest"):
            rest.ask(lambda: done.append(1), timeout_s=0.01)
        rest.turn()
    assert done == []
