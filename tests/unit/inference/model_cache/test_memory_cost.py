from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tidemill.service.footprint import resident_bytes
from tidemill_inference.model_cache.memory_cost import Scales


def scales(*resident: int, longest_wait_s: float = 5.0) -> Scales:
    readings = iter(resident)
    return Scales(lambda: next(readings), lambda: None, longest_wait_s)


def test_a_model_weighs_what_the_process_grows_by() -> None:
    assert scales(1_000, 1_300).load(lambda: "model", lambda _: 100) == ("model", 300)


def test_it_weighs_its_file_where_the_process_grows_by_less() -> None:
    assert scales(1_000, 900).load(lambda: "model", lambda _: 100) == ("model", 100)


def test_loads_come_one_after_another() -> None:
    at_once, most = 0, 0
    lock = threading.Lock()

    def load() -> str:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        with lock:
            at_once -= 1
        return "model"

    shared = Scales(lambda: 0, lambda: None)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: shared.load(load, lambda _: 1), range(50)))
    assert most == 1


def test_a_load_that_fails_makes_way_for_the_next() -> None:
    def fails() -> str:
        raise OSError("away")

    shared = scales(0, 0, 10)
    with pytest.raises(OSError, match="away"):
        shared.load(fails, lambda _: 1)
    assert shared.load(lambda: "model", lambda _: 1) == ("model", 10)


def test_one_load_that_hangs_is_waited_for_once_and_by_its_file_weighs_who_went_beside_it() -> None:
    shared = scales(0, 0, 500, 900, 900, longest_wait_s=0.01)
    hangs, go = threading.Event(), threading.Event()

    def hang() -> str:
        hangs.set()
        go.wait(10)
        return "slow"

    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(shared.load, hang, lambda _: 1)
        assert hangs.wait(10)
        assert shared.load(lambda: "beside", lambda _: 7) == ("beside", 7)
        assert shared.load(lambda: "next", lambda _: 7) == ("next", 400)
        go.set()
        assert slow.result(10)[0] == "slow"


def test_a_real_load_weighs_about_what_it_takes() -> None:
    megabytes = 64
    found, cost = Scales().load(lambda: np.ones(megabytes << 17), lambda _: 1)
    assert len(found) == megabytes << 17
    if resident_bytes():
        assert 0.9 * (megabytes << 20) < cost < 1.5 * (megabytes << 20)
