from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator

import pytest

from tests.support.polling import until
from tests.unit.core.artifact.models import manifest
from tidemill.artifact import Artifact, ArtifactError
from tidemill_inference.versions.fetcher import LEAST_BYTES, MOST_HANGING, Fetcher, TooSlow

ARTIFACT = Artifact(manifest(), {})
Watch = Callable[[int], None]


class Store:
    """What fetch_artifact is in these tests: it gives ARTIFACT after `behave`, which may wait or raise."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.behave: Callable[[Watch], None] = lambda watch: None
        self.fetched: list[str] = []
        self.broken_off: list[BaseException] = []

    def hang(self, watch: Watch) -> None:
        assert self.release.wait(20)

    def fetch(self, uri: str, digest: str, only: Collection[str] | None, watch: Watch) -> Artifact:
        self.fetched.append(uri)
        try:
            self.behave(watch)
        except BaseException as error:
            self.broken_off.append(error)
            raise
        return ARTIFACT


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    store = Store()
    monkeypatch.setattr("tidemill_inference.versions.fetcher.fetch_artifact", store.fetch)
    yield store
    store.release.set()


def fetch(fetcher: Fetcher, uri: str = "a") -> Artifact:
    return fetcher(uri, "0" * 64, ())


def test_what_is_fetched_in_time_is_handed_over(store: Store) -> None:
    assert fetch(Fetcher(20, 20)) is ARTIFACT


def test_what_the_fetch_raises_is_raised(store: Store) -> None:
    def bad(watch: Watch) -> None:
        raise ArtifactError("bad")

    store.behave = bad
    with pytest.raises(ArtifactError, match="bad"):
        fetch(Fetcher(20, 20))


def test_a_store_that_hangs_is_given_up_and_not_asked_again_until_it_lets_go(store: Store) -> None:
    store.behave = store.hang
    fetcher = Fetcher(20, 0.05)
    with pytest.raises(TooSlow, match=r"less than .* within 0\.05 s"):
        fetch(fetcher)
    with pytest.raises(TooSlow, match="has not ended yet"):
        fetch(fetcher)
    store.behave = lambda watch: None
    assert fetch(fetcher, "other") is ARTIFACT
    store.release.set()
    assert until(lambda: answered(fetcher), 5, "the store is asked again") is ARTIFACT
    assert store.fetched == ["a", "other", "a"]


def answered(fetcher: Fetcher) -> Artifact | None:
    try:
        return fetch(fetcher)
    except TooSlow:
        return None


def test_bytes_that_trickle_do_not_prolong_the_wait_and_the_read_ends_with_its_next_part(store: Store) -> None:
    def trickle(watch: Watch) -> None:
        while not store.release.wait(0.005):
            watch(1)

    store.behave = trickle
    with pytest.raises(TooSlow, match="the store sent less"):
        fetch(Fetcher(20, 0.1))
    until(lambda: store.broken_off, 5, "the read ends by itself")
    assert isinstance(store.broken_off[0], TooSlow)


def test_a_large_artifact_may_take_longer_than_the_silence_but_not_than_the_whole_time(store: Store) -> None:
    seconds = [0.0]

    def steadily(watch: Watch) -> None:
        for _ in range(8):
            seconds[0] += 3
            watch(LEAST_BYTES)

    def longer(watch: Watch) -> None:
        steadily(watch)
        seconds[0] += 3
        store.hang(watch)

    fetcher = Fetcher(25, 5, monotonic_s=lambda: seconds[0])
    store.behave = steadily
    assert fetch(fetcher) is ARTIFACT
    store.behave = longer
    with pytest.raises(TooSlow, match="not fetched within 25 s"):
        fetch(fetcher)


def test_a_stop_ends_the_wait(store: Store) -> None:
    store.behave = store.hang
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    with pytest.raises(TooSlow, match="the process stops"):
        fetch(Fetcher(20, 20, stop.is_set))


def test_the_number_of_reads_that_hang_is_bounded(store: Store) -> None:
    store.behave = store.hang
    fetcher = Fetcher(20, 0.001)
    threads = [
        threading.Thread(target=lambda name=f"a{number}": answered_at(fetcher, name)) for number in range(MOST_HANGING)
    ]  # type: ignore[misc]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    with pytest.raises(TooSlow, match=f"{MOST_HANGING} reads"):
        fetch(fetcher, "one more")
    assert len(store.fetched) == MOST_HANGING


def answered_at(fetcher: Fetcher, uri: str) -> None:
    with pytest.raises(TooSlow):
        fetch(fetcher, uri)
