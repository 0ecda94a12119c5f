from __future__ import annotations

from tidemill.service.footprint import LargeLoads, Trimmer, give_back, map_large_blocks, resident_bytes, share_arenas


def test_memory_is_given_back_at_once_after_work_and_seldom_while_idle() -> None:
    now = [0.0]
    trims: list[float] = []
    idle = Trimmer(lambda: now[0], lambda _: trims.append(now[0]))
    for second in (1, 9, 10, 11, 12, 19, 20, 300, 301):
        now[0] = float(second)
        idle()
    assert trims == [10.0, 20.0, 300.0]


def test_after_a_large_load_memory_is_given_back_at_once_and_once_more_when_the_old_has_gone() -> None:
    now, trims = [0.0], []
    loads = LargeLoads(lambda: now[0], lambda _: trims.append(now[0]))
    loads.loaded(1_000)
    for second in (1.0, 5.0, 5.5, 6.0, 6.5, 60.0):
        now[0] = second
        if second == 5.0:
            loads.loaded(200 << 20)
        loads()
    assert trims == [5.0, 6.0]


def test_the_c_library_takes_the_calls() -> None:
    share_arenas()
    map_large_blocks()
    give_back()
    assert resident_bytes() >= 0
    now = [0.0]
    idle = Trimmer(lambda: now[0])
    now[0] = 60.0
    idle()
