"""All streams of one validator process, as a worker of the exactly-once loop."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from tidemill.codec import Codec
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.schemas.avro_types import field_type
from tidemill.contracts.schemas.catalog import Schema, SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.contracts.usable import build_each
from tidemill.errors import HoldTopics, RetryLater, TidemillError
from tidemill.kafka.batch import Batch, Output, Partition
from tidemill.kafka.partitions.room import Room
from tidemill.kafka.worker import TolerantWorker
from tidemill.rows.field_rules import FieldRules, privacy_rule
from tidemill.service.footprint import Trimmer
from tidemill.sources import SourceReader
from tidemill_expectations import Suite, event_suite, label_suite
from tidemill_validator.checks.flood import Flooded, FloodGuard
from tidemill_validator.checks.row_checks import Fields, Judge, Rules
from tidemill_validator.checks.stream_validator import Stream, StreamValidator, outputs_of
from tidemill_validator.encoded_topic import EncodedTopic
from tidemill_validator.paused import Pauses, tell
from tidemill_validator.topic_waits import Waiting

IMPLIED_SEEN = 500_000
"""Most event ids of a partition that are remembered where the model file states no rule against repeats: some 75 MB,
and a few seconds to read them back at a start.
"""
FAILED = "validating it fails each time, which is a defect: the log says more; replay it when it is mended"
ENDED = "validating it ends the process, which is a defect: the console of those that ended says more"
OpenSource = Callable[[ModelSpec, str], SourceReader | None]
BuildModels = Callable[
    [Iterable[ModelSpec], Callable[[ModelSpec], list[StreamValidator]]], dict[str, list[StreamValidator]]
]
"""`build_each`, or `build_all`."""
Restore = Callable[[StreamValidator, Sequence[int]], None]


class ValidatorWorker(TolerantWorker):
    """Routes batches to the validator of their topic, and partitions that come and go to its memory.

    A topic whose records need a registry that is away, or refuses, waits by itself; the others go on.
    """

    def __init__(
        self,
        validators: Iterable[StreamValidator],
        restore: Restore,
        controls: Pauses | None = None,
        hold: Callable[[Collection[str]], None] = lambda topics: None,
        room: Room | None = None,
    ) -> None:
        """`controls` say which topics are paused; `hold` (set later, too) makes the runner read them no further.
        `room`: what is read that has partitions which clean or the dead letters have not (without one: nothing has).
        """
        self._validators: dict[str, list[StreamValidator]] = {}
        for validator in validators:  # several models may read one topic of someone else's
            self._validators.setdefault(validator.stream.topic, []).append(validator)
        self._restore = restore
        self._controls, self.hold = controls, hold
        self._paused: set[str] = set()
        self._waiting = Waiting()
        self.waits = self._waiting.reason
        self._room = room
        self._trim = Trimmer()

    @property
    def topics(self) -> list[str]:
        """The topics to read, full names."""
        return list(self._validators)

    def process(self, batches: list[Batch]) -> list[Output]:
        """Everything to write for these batches, in one transaction. Raises HoldTopics where one is flooded with bad
        records: then nothing of these batches is written.
        """
        return [
            output
            for batch in batches
            for validator in self._validators[batch.topic]
            for output in self._validated(validator, batch)
        ]

    def _validated(self, validator: StreamValidator, batch: Batch) -> list[Output]:
        try:
            outputs = validator.validate(batch)
        except RetryLater as error:  # a registry: what other topics need may well be there
            self._waiting.add(batch.topic, error)
            raise HoldTopics(self._held) from error
        except Flooded as flood:
            if self._controls is None:
                raise
            self._controls.pause((validator.stream.model, validator.stream.role), flood.reason)
            self._apply()
            raise HoldTopics(self._held) from flood
        self._waiting.over(batch.topic)
        return outputs

    @property
    def _held(self) -> set[str]:
        held = self._paused | self._waiting.topics
        return held | self._room.topics if self._room is not None else held

    def set_aside(self, one: Batch, why: str) -> list[Output]:
        """For a record that validating failed on: its dead letters, of those models that it fails for."""
        outputs: list[Output] = []
        for validator in self._validators[one.topic]:
            try:
                outputs += self._validated(validator, one)
            except TidemillError:
                raise
            except Exception:  # noqa: BLE001 - `why` says what it is; this one is about which model
                outputs.append(validator.dead(one, f"{FAILED} ({why})"))
        return outputs

    def unread(self, one: Batch, why: str) -> list[Output]:
        """For a record that ends whoever validates it: its dead letters, of all models that read it."""
        return [validator.dead(one, f"{ENDED} ({why})") for validator in self._validators[one.topic]]

    def before_batch(self) -> None:
        """Between batches: has anybody paused a topic, or let it go on?"""
        roomy = self._room.due() if self._room is not None else []
        if self._room is not None and roomy:
            self._begin(roomy)
            self._room.drop(roomy)
        if self._waiting.due() or roomy:
            self.hold(self._held)
        if self._controls is not None and self._controls.poll():
            self._apply()

    def idle(self) -> None:
        """On a turn without records: as between batches, and freed memory goes back to the system."""
        self.before_batch()
        self._trim()

    def _apply(self) -> None:
        if self._controls is None:
            return
        mine = [validator for several in self._validators.values() for validator in several]
        newest = self._controls.newest
        for validator in mine:
            control = newest.get((validator.stream.model, validator.stream.role))
            if control is not None and validator.flood is not None:
                validator.flood.admitted = control.admitted
        topics = {(v.stream.model, v.stream.role): v.stream.topic for v in mine}
        self._paused = tell(newest, topics, self._paused)
        self.hold(self._held)

    def assigned(self, partitions: list[Partition]) -> None:
        """New partitions: read back what they must know before their first record is judged, and what is paused.

        A topic with partitions that its outputs have not got waits until they have.
        """
        roomy = list(partitions) if self._room is None else self._room.take(partitions)
        if self._controls is not None:
            self._controls.catch_up()
            self._apply()
        self.hold(self._held)
        self._begin(roomy)

    def take_up(self, validators: Iterable[StreamValidator], held: Collection[Partition]) -> None:
        """Put validators of new models beside those that are here, and those of changed models in place of theirs.
        `held`: the partitions that are assigned. For a moment at which all is committed; raises RetryLater, with
        nothing changed, where Kafka is away.
        """
        validators = list(validators)
        before = {(v.stream.model, v.stream.role): v for several in self._validators.values() for v in several}
        if self._room is not None:
            self._room.add(outputs_of(validator.stream for validator in validators))
        roomy = list(held) if self._room is None else self._room.take(held)
        for validator in validators:
            old = before.get((validator.stream.model, validator.stream.role))
            mine = _by_topic(roomy).get(validator.stream.topic, [])
            if (old is None or not validator.follow(old)) and mine:
                self._restore(validator, mine)
        models = {validator.stream.model for validator in validators}
        renewed = {
            topic: [validator for validator in several if validator.stream.model not in models]
            for topic, several in self._validators.items()
        }
        for validator in validators:
            renewed.setdefault(validator.stream.topic, []).append(validator)
        self._validators = renewed
        self._apply()
        self.hold(self._held)

    def _begin(self, partitions: Sequence[Partition]) -> None:
        for topic, numbers in _by_topic(partitions).items():
            for validator in self._validators[topic]:
                self._restore(validator, numbers)

    def revoked(self, partitions: list[Partition]) -> None:
        """Partitions that have gone: forget them. A topic that waited for one of them goes on with those left."""
        if self._room is not None:
            self._room.drop(partitions)
        for topic, number in partitions:
            self._waiting.gone(topic)
            for validator in self._validators[topic]:
                validator.drop(number)
        self.hold(self._held)


def build_validators(
    models: Iterable[ModelSpec], topics: TopicCatalog, schemas: SchemaCatalog, codec: Codec, *,
    max_ahead_ms: int, max_seen_ids: int, open_source: OpenSource = lambda spec, role: None,
    privacy_key: bytes | None = None, flood: tuple[float, int] | None = None, each: BuildModels = build_each,
) -> list[StreamValidator]:  # fmt: skip
    """Two validators a model: its events and its labels. A model of which one cannot be built, because its file and
    a schema do not fit or for any other reason, is left out; raises ConfigError where none is left, or as `each` says.
    `open_source` gives the reader of a topic of someone else's.
    """
    reports = EncodedTopic(name=topics.name("quality_reports"), schema=schemas.platform("quality-report"), codec=codec)

    def build(spec: ModelSpec) -> list[StreamValidator]:
        validators = []
        for stream, suite, rules in _streams(spec, topics, schemas, privacy_key):
            judge = Judge(codec, stream.schema, suite, _fields(stream), max_ahead_ms=max_ahead_ms, rules=rules)
            source, guard = open_source(spec, stream.role), FloodGuard(stream.topic, *flood) if flood else None
            validators.append(
                StreamValidator(stream, judge, reports, max_seen_ids=max_seen_ids, source=source, flood=guard)
            )
        return validators

    return [validator for several in each(models, build).values() for validator in several]


def _streams(
    spec: ModelSpec, topics: TopicCatalog, schemas: SchemaCatalog, key: bytes | None
) -> list[tuple[Stream, Suite, Rules]]:
    hidden = privacy_rule(spec.privacy[spec.entity], key) if spec.entity in spec.privacy else None
    events, labels = event_suite(spec), label_suite(spec)
    of_events = Stream(
        **_topics(spec.name, "raw", "clean", topics, schemas),
        event_id=spec.event_id,
        event_time=spec.event_time,
        key=spec.entity,
        uniques=events.uniques,
        private=frozenset(spec.privacy),
        hidden_key=hidden,
        most_seen=IMPLIED_SEEN if events.implied else None,
    )
    of_labels = Stream(
        **_topics(spec.name, "labels_raw", "labels", topics, schemas),
        event_id="event_id",
        event_time="event_time",
        key=None,
        uniques=labels.uniques,
        hidden_key=hidden,
        most_seen=IMPLIED_SEEN if labels.implied else None,
    )
    return [(of_events, events, _rules(spec, of_events.schema, key)), (of_labels, labels, Rules())]


def _fields(stream: Stream) -> Fields:
    return Fields(
        event_time=stream.event_time,
        kept=(stream.event_id,) if stream.key is None else (stream.event_id, stream.key),
        other_times=("observed_at",) if stream.role == "labels_raw" else (),
    )


def _rules(spec: ModelSpec, schema: Schema, key: bytes | None) -> Rules:
    required = frozenset(f["name"] for f in schema.fields if not field_type(f["type"])[1])
    return Rules(
        FieldRules.normalising(spec.normalise),
        FieldRules.hiding(spec.privacy, required, key),
        frozenset(spec.privacy),
    )


def _topics(model: str, role: str, clean: str, topics: TopicCatalog, schemas: SchemaCatalog) -> dict[str, Any]:
    return {
        "model": model,
        "role": role,
        "topic": topics.name(role, model),
        "clean": topics.name(clean, model),
        "dead": topics.name(topics.dlq_of(role), model),
        "schema": schemas.for_topic(role, model),
    }


def _by_topic(partitions: Sequence[Partition]) -> dict[str, list[int]]:
    grouped: dict[str, list[int]] = {}
    for topic, number in partitions:
        grouped.setdefault(topic, []).append(number)
    return grouped
