from __future__ import annotations

import multiprocessing
import threading
from multiprocessing.connection import Connection

from tidemill.entropy import FETCHED_BYTES, random_bytes
from tidemill.ids import uuid7, uuid7_batch, uuid7_time_ms


def test_as_many_bytes_as_were_asked_for_and_none_twice() -> None:
    taken = [random_bytes(16) for _ in range(FETCHED_BYTES)]
    assert {len(one) for one in taken} == {16}
    assert len(set(taken)) == len(taken)
    assert len(random_bytes(3 * FETCHED_BYTES)) == 3 * FETCHED_BYTES


def test_threads_are_given_different_bytes() -> None:
    taken: list[bytes] = []
    threads = [threading.Thread(target=lambda: taken.extend(random_bytes(16) for _ in range(2_000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(taken)) == 8_000


def _tell(connection: Connection) -> None:
    connection.send(random_bytes(16))


def test_a_forked_process_begins_anew() -> None:
    random_bytes(1)  # something is left in the pool that the child inherits
    fork = multiprocessing.get_context("fork")
    here, there = fork.Pipe()
    child = fork.Process(target=_tell, args=(there,))
    child.start()
    found = here.recv()
    child.join()
    assert found != random_bytes(16)


def test_one_id_has_the_form_of_many_and_its_time() -> None:
    alone, batch = uuid7_batch(1, 1_700_000_000_123)[0], uuid7_batch(2, 1_700_000_000_123)
    assert {uuid7_time_ms(one) for one in (alone, *batch)} == {1_700_000_000_123}
    assert {one[14] for one in (alone, *batch)} == {"7"}
    assert {uuid7()[19] for _ in range(500)} == set("89ab")
