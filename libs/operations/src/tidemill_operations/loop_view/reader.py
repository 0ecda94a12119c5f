"""Looks at a platform again and again, as cheaply as it can: offsets, and what is new on the platform's topics."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from tidemill.errors import RetryLater
from tidemill_operations.feed import Feed, identity
from tidemill_operations.loop_view.counts import Counts, Speeds
from tidemill_operations.loop_view.frame import ROLES, Frame, ModelFrame, Story
from tidemill_operations.loop_view.models_at_work import ModelsAtWork
from tidemill_operations.standing.groups import PROFILE
from tidemill_operations.standing.label_counts import LabelsMet, added
from tidemill_operations.standing.lag import Offsets

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView

LETTERS: Final = ("raw_dlq", "labels_raw_dlq")
COUNT_EVERY_S: Final = 5.0
"""Open dead letters are counted again so often at most, and only where their topics have grown."""
FIRST_S: Final = 2.0
"""So long the first look waits for what the platform's topics have told already."""


class LoopReader:
    """A platform, look by look. Not safe to share between threads; `close` when done."""

    def __init__(self, platform: PlatformView) -> None:
        self._platform = platform
        self._offsets = Offsets(platform.settings)
        self._feed = Feed(platform.settings, platform.topics, platform.schemas, platform.codec, ROLES)
        self._models_at_work = ModelsAtWork(platform.settings)
        self._topics = self._models_at_work.topics()
        self._speeds, self._story = Speeds(platform.settings.prefix), Story()
        self._letters: dict[str, tuple[int, float, tuple[int, bool]]] = {}
        self._last = Frame(0, platform.settings.kafka_bootstrap, (), ())
        self._begun = False

    def look(self) -> Frame:
        """The frame of now. Where brokers do not answer, the last one with the reason."""
        from confluent_kafka import KafkaException

        from tidemill.kafka.client.refusals import explain

        if self._models_at_work.look():
            self._topics = self._models_at_work.topics()
        now_ms, bootstrap = time.time_ns() // 1_000_000, self._platform.settings.kafka_bootstrap
        try:
            models = self._models()
            self._last = Frame(now_ms, bootstrap, models, self._story.happened)
        except KafkaException as error:
            return Frame(now_ms, bootstrap, self._last.models, self._last.happened, explain(error.args[0]))
        except RetryLater as error:
            return Frame(now_ms, bootstrap, self._last.models, self._last.happened, str(error))
        return self._last

    def close(self) -> None:
        """Leaves the brokers."""
        self._feed.close()

    def _models(self) -> tuple[ModelFrame, ...]:
        self._listen()
        groups = self._offsets.groups(self._platform.settings.prefix)
        ends = self._offsets.ends(sorted({topic for names in self._topics.values() for topic in names.values()}))
        self._speeds.add(self._counts(groups, ends))
        told = [self._offsets.metadata(group) for group in groups if PROFILE in group]
        return tuple(self._model(name, ends, told) for name in sorted(self._topics))

    def _listen(self) -> None:
        """What has been told since; at the first look all that there is, if it comes in time."""
        until = time.monotonic() + (0.0 if self._begun else FIRST_S)
        while True:
            news = self._feed.poll(0.0 if self._begun else 0.5)
            self._story.take(news, identity)
            if not news or time.monotonic() > until:
                break
        self._begun = True

    def _counts(self, groups: list[str], ends: Mapping[tuple[str, int], int]) -> Counts:
        passed: dict[tuple[str, str], int] = {}
        behind: dict[tuple[str, str], int] = {}
        for group in groups:
            for (topic, number), offset in self._offsets.committed(group).items():
                if (topic, number) in ends:
                    key = group, topic
                    passed[key] = passed.get(key, 0) + offset
                    behind[key] = behind.get(key, 0) + max(0, ends[topic, number] - offset)
        return Counts(time.monotonic(), _by_topic(ends), passed, behind)

    def _model(
        self, name: str, ends: Mapping[tuple[str, int], int], told: list[dict[tuple[str, int], str]]
    ) -> ModelFrame:  # fmt: skip
        topics, labels = self._topics[name], LabelsMet()
        for metadata in told:
            labels = added(labels, topics["labels"], metadata)
        by_topic = _by_topic(ends)
        letters = [self._open(topics[role], by_topic.get(topics[role], 0)) for role in LETTERS]
        dead = sum(count for count, _ in letters), all(exact for _, exact in letters)
        wanted = self._models_at_work.models[name].training.first_after
        return self._story.of(name, wanted, self._speeds.steps(topics), labels, dead)

    def _open(self, topic: str, end: int) -> tuple[int, bool]:
        """Open letters of a topic that ends at `end`, and whether that is exact."""
        from tidemill_operations.dead_letters.counting import open_about

        before, at, found = self._letters.get(topic, (-1, 0.0, (0, True)))
        if end and end != before and (before < 0 or time.monotonic() - at >= COUNT_EVERY_S):
            letters = open_about(self._platform.settings, self._offsets, topic)
            found = letters.count, letters.exact
            self._letters[topic] = end, time.monotonic(), found
        return found


def _by_topic(ends: Mapping[tuple[str, int], int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for (topic, _), end in ends.items():
        found[topic] = found.get(topic, 0) + end
    return found
