"""model-versions replayed as no broker would: reordered, doubled and cut, read in any portions by workers that die."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.inference.fakes import MODEL, NOW_MS, ToyModel, codec, event
from tests.unit.inference.topic import SCHEMA, Topic
from tests.unit.inference.trial.trials import trial_event
from tidemill.artifact import ArtifactError
from tidemill.contracts.events.platform import ModelVersion
from tidemill_inference.serving.scorer import Scorer
from tidemill_inference.serving.serving import Predictor
from tidemill_inference.versions.swapper import Swapper
from tidemill_inference.versions.watcher import VersionWatcher, WatcherParts

MODELS = (MODEL, "weather")
RETRIES_S = 60.0  # longer than any delay of a retry


@dataclass(frozen=True)
class Published:
    """What a record of the topic says; `cut`: so many of its bytes are left, all if None."""

    model: str
    epoch: int
    champion: int
    challenger: int | None
    share: float
    cut: int | None = None

    def value(self) -> bytes:
        return _encoded(replace(self, cut=None))[: self.cut]

    def event(self) -> ModelVersion:
        if self.challenger is None:
            return event(self.epoch, self.champion, self.model)
        return replace(trial_event(self.epoch, self.share, self.champion, self.challenger), model=self.model)


@cache
def _encoded(published: Published) -> bytes:
    return codec().encode_one(published.event().to_dict(), SCHEMA)


@dataclass
class Store:
    """Whose versions in `bad` are refused, and whose `away` loads fail before they succeed."""

    bad: set[int]
    away: dict[tuple[str, int], int] = field(default_factory=dict)

    def load(self, wanted: ModelVersion) -> Scorer:
        key = (wanted.model, wanted.champion.version)
        if self.away.get(key, 0):
            self.away[key] -= 1
            raise OSError("away")
        if wanted.champion.version in self.bad:
            raise ArtifactError("bad")
        return ToyModel(wanted.champion.version)

    def fit(self, published: Published) -> bool:
        return published.cut is None and not {published.champion, published.challenger} & self.bad


class Worker:
    """One life of a process: a watcher over swappers of several models. Loads run when the test says so."""

    def __init__(self, store: Store, history: dict[str, list[int]], told: list[Published]) -> None:
        self.seconds = 0.0
        self.loads: list[Callable[[], None]] = []
        self.topic = Topic()
        self.topic.add(*(one.value() for one in told))
        self.predictors = {model: Predictor(model) for model in MODELS}
        self._swappers = {
            model: Swapper(predictor, store.load, lambda: NOW_MS, lambda: self.seconds)
            for model, predictor in self.predictors.items()
        }
        self._history = history
        self.watcher = VersionWatcher(
            WatcherParts(
                reader=self.topic,  # type: ignore[arg-type]
                codec=codec(),
                schema=SCHEMA,
                swappers=self._swappers,
                on_switch=self._switched,
                spawn=self.loads.append,
            )
        )

    def _switched(self, model: str) -> None:
        self._history[model].append(self.epochs()[model] or 0)

    def epochs(self) -> dict[str, int | None]:
        return {model: one.serving.epoch if one.serving else None for model, one in self.predictors.items()}

    def finish(self) -> None:
        """Read all, load all."""
        for _ in range(1_000):
            self.watcher.turn()
            if not self.loads and all(swapper.settled for swapper in self._swappers.values()):
                return
            self.seconds += RETRIES_S
            while self.loads:
                self.loads.pop()()
        raise AssertionError("it does not settle")


versions = st.integers(1, 3)
published = st.builds(
    Published,
    model=st.sampled_from(MODELS),
    epoch=st.just(0),
    champion=versions,
    challenger=st.none() | st.none() | versions,
    share=st.sampled_from([0.0, 0.05, 0.5, 1.0]),
)


@st.composite
def replays(draw: st.DrawFn) -> list[Published]:
    """A log of rising epochs for each model, and of it any records in any order, some twice, some cut."""
    log = [replace(one, epoch=number) for number, one in enumerate(draw(st.lists(published, max_size=12)), start=1)]
    replayed = draw(st.lists(st.sampled_from(log), max_size=24)) if log else []
    cuts = draw(st.lists(st.none() | st.integers(0, 150), min_size=len(replayed), max_size=len(replayed)))
    return [
        replace(one, cut=None if cut is None else min(cut, len(one.value()) - 1))
        for one, cut in zip(replayed, cuts, strict=True)
    ]


@settings(max_examples=300, deadline=None)
@given(
    replay=replays(),
    bad=st.sets(versions, max_size=2),
    away=st.dictionaries(st.tuples(st.sampled_from(MODELS), versions), st.integers(1, 3), max_size=4),
    moves=st.lists(
        st.sampled_from(["turn", "turn", "load oldest", "load newest", "wait", "restart", "sync"]), max_size=40
    ),
    portions=st.lists(st.integers(0, 5), max_size=40),
)
def test_however_the_topic_is_replayed_no_worker_goes_back_and_all_end_at_the_highest_fit_epoch(
    replay: list[Published], bad: set[int], away: dict[tuple[str, int], int], moves: list[str], portions: list[int]
) -> None:
    """Over restarts too: what serves first after one is no older than what served last before it."""
    store, read = Store(bad, dict(away)), 0
    history: dict[str, list[int]] = {model: [] for model in MODELS}
    worker = Worker(store, history, [])
    for place, move in enumerate(moves):
        portion = replay[read : read + (portions[place] if place < len(portions) else 1)]
        read += len(portion)
        worker.topic.add(*(one.value() for one in portion))
        if move == "turn":
            worker.watcher.turn()
        elif move == "wait":
            worker.seconds += RETRIES_S
        elif move == "sync":
            worker.finish()
            worker.watcher.sync(1.0)
            assert worker.epochs() == highest(replay[:read], store)
        elif move == "restart":
            assert_rises(history)
            history = {model: epochs[-1:] for model, epochs in history.items()}
            worker = Worker(store, history, replay[:read])
        elif worker.loads:
            worker.loads.pop(0 if move == "load oldest" else -1)()
    worker.topic.add(*(one.value() for one in replay[read:]))
    worker.finish()
    assert_rises(history)
    assert worker.epochs() == highest(replay, store)
    other = Worker(store, {model: [] for model in MODELS}, replay)
    other.finish()
    assert other.epochs() == worker.epochs()


def assert_rises(history: dict[str, list[int]]) -> None:
    for epochs in history.values():
        assert epochs == sorted(epochs)
        assert len(epochs[1:]) == len(set(epochs[1:])), "no epoch is switched to twice in one life"


def highest(replay: list[Published], store: Store) -> dict[str, int | None]:
    """What must serve at last."""
    return {
        model: max((one.epoch for one in replay if one.model == model and store.fit(one)), default=None)
        for model in MODELS
    }
