"""Reads a model's topics back into ledgers: the proof that `tidemill audit`, the demo and the fault tests share."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tidemill.codec.codec import Decoded
from tidemill.kafka.batch import Batch
from tidemill.kafka.client.scan import bounds, scan
from tidemill.kafka.dead_letters import ERROR_CLASS, ERROR_MESSAGE
from tidemill.kafka.headers import find
from tidemill_operations.audit.ledger import EpochWatch, Ledger
from tidemill_operations.audit.origins import Pairs, Source, dead_origins, of_source, origins, positions
from tidemill_operations.audit.proof import Proof
from tidemill_operations.audit.stable import until_stable
from tidemill_operations.platform import PlatformView
from tidemill_operations.standing import groups
from tidemill_operations.standing.label_counts import labels_met
from tidemill_operations.standing.lag import Offsets
from tidemill_operations.standing.made_anew import NOTHING, MadeAnew

RESULTS = ("predictions", "clean", "raw_dlq", "labels", "labels_raw_dlq")
MOST_REASONS = 100
"""Whoever writes dead letters of their own may give each a reason of its own: memory is bounded all the same."""

Observe = Callable[[str, Batch, Decoded | None], None]
"""Called with role, batch, and the rows where values are read (predictions): for figures of your own."""

Progress = Callable[[str, int, int], None]
"""Called with role, records so far, and the offsets that there are (transaction markers included)."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Who works on raw and on clean, by consumer group (prefix excluded). What they have not passed yet is
    waiting, not lost.
    """

    validator: str = groups.VALIDATOR
    stream: str = groups.STREAM


class TopicAuditor:
    """Audits one model. Reads committed records only, joins no group, writes nothing."""

    def __init__(
        self,
        view: PlatformView,
        model: str,
        *,
        workers: Groups | None = None,
        observe: Observe | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._view, self._model = view, model
        self._names = view.topics.model_topics(model)
        self._workers = workers or Groups()
        self._observe, self._progress = observe, progress
        self._records: Counter[str] = Counter()
        self._dead_reasons: Counter[str] = Counter()
        self._ids: dict[str, Mapping[int, str]] = {}
        self._earlier: Counter[str] = Counter()

    def audit(self, since_ms: int | None = None) -> Proof:
        """The proof for all that is on the topics, or was appended at `since_ms` (Unix ms) or later.

        On a platform at work: what the groups have committed is asked for first, and results are read once they
        stand beyond the transactions of that moment: every source record below must have its result. Results are
        read before their sources, so that the source of each is read too. Raises RetryLater without brokers or
        where a transaction stays open, ConfigError for a topic that is not there.
        """
        began = time.monotonic()
        offsets = Offsets(self._view.settings)
        judged = self._committed(offsets, self._workers.validator, ("raw", "labels_raw"))
        predicted = self._committed(offsets, self._workers.stream, ("clean",))
        starts = self._start_offsets()
        until_stable(offsets, [self._names[role] for role in RESULTS])
        ledger = self._ledger("clean offsets in predictions", "clean", predicted, since_ms, starts)
        watch, counts, unreadable = EpochWatch(), Counter[str](), 0
        for batch, decoded in self._predictions(since_ms):
            counts += self._meet(ledger, watch, batch, decoded, self._source("clean"))
            unreadable += len(decoded.bad)
        expected = ledger if starts is not None else None
        events = self._settled("raw", "clean", "raw_dlq", judged, since_ms, expected)
        labels = self._settled("labels_raw", "labels", "labels_raw_dlq", judged, since_ms)
        return Proof(
            model=self._model,
            since_ms=since_ms,
            start_offsets=None if starts is None else tuple(starts),
            records=dict(self._records),
            balances=(events.balance(), labels.balance(), ledger.balance()),
            stream_predictions=counts["stream"],
            rest_predictions=counts["rest"],
            unreadable_predictions=unreadable,
            epochs_back=watch.backwards,
            seconds=time.monotonic() - began,
            position_bytes=events.nbytes + labels.nbytes + ledger.nbytes,
            dead_reasons=self._dead_reasons,
            removed_unread=self._removed(offsets),
            labels_met=labels_met(self._view, self._model),
            made_anew={topic: self._earlier[topic] for topic in sorted(self._ids)},
        )

    def _removed(self, offsets: Offsets) -> dict[str, int]:
        """Of this model's topics, by those who make results of them. A worker that has yet to find out counts too."""
        counts: dict[str, int] = {}
        for name, roles in ((self._workers.validator, ("raw", "labels_raw")), (self._workers.stream, ("clean",))):
            group = self._view.topics.group(name)
            topics = {self._names[role] for role in roles}
            for found in (offsets.removed(group), offsets.going(group)):
                for topic in topics & found.keys():
                    counts[topic] = counts.get(topic, 0) + found[topic]
        return counts

    def _committed(self, offsets: Offsets, name: str, roles: Sequence[str]) -> Mapping[tuple[str, int], int]:
        group = self._view.topics.group(name)
        places = offsets.places(group)
        kept = offsets.known(self._view.topics.name("source_topics")) if name == self._workers.validator else NOTHING
        anew = MadeAnew.of(offsets, places, [self._names[role] for role in roles], kept)
        self._ids |= anew.ids
        return anew.done

    def _source(self, role: str) -> Source:
        topic = self._names[role]
        return Source(topic, self._ids.get(topic, {}))

    def _ledger(
        self, name: str, role: str, done: Mapping[tuple[str, int], int], since_ms: int | None,
        starts: list[int] | None = None,
    ) -> Ledger:  # fmt: skip
        topic = self._names[role]
        first = bounds(self._view.settings, topic, since_ms=since_ms)
        begin = {number: low for number, (low, _) in first.items()}
        if starts is not None:
            old = self._ids.get(topic, {})  # a start is an offset of the topic that was there then
            begin = {n: max(low, starts[n]) if n < len(starts) and n not in old else low for n, low in begin.items()}
        return Ledger(name, topic, starts=begin, done={part: at for (of, part), at in done.items() if of == topic})

    def _settled(
        self, role: str, clean: str, dead: str, done: Mapping[tuple[str, int], int], since_ms: int | None,
        onward: Ledger | None = None,
    ) -> Ledger:  # fmt: skip
        """A raw topic against its results; what is in clean is expected in `onward`."""
        ledger = self._ledger(f"{role} offsets in {clean} and dead letters", role, done, since_ms)
        for batch in self._read(clean, since_ms):
            self._met(ledger, clean, origins(batch, self._source(role)))
            if onward is not None:
                onward.expect(*positions(batch))
        for batch in self._read(dead, since_ms):
            self._met(ledger, dead, dead_origins(batch, self._source(role)))
            self._note_reasons(batch)
        for batch in self._read(role, since_ms):
            ledger.expect(*positions(batch))
        return ledger

    def _met(self, ledger: Ledger, results: str, found: Pairs) -> None:
        partitions, offsets, strangers, earlier = found
        ledger.meet(partitions, offsets, results)
        ledger.stranger(strangers)
        self._earlier[ledger.topic] += earlier

    def _note_reasons(self, batch: Batch) -> None:
        for headers in batch.headers:
            kind = (find(headers, ERROR_CLASS) or b"").decode().rpartition(".")[2]
            message = (find(headers, ERROR_MESSAGE) or b"").decode()[:60]
            reason = kind or message
            if reason:
                known = reason in self._dead_reasons or len(self._dead_reasons) < MOST_REASONS
                self._dead_reasons[reason if known else "others"] += 1

    def _predictions(self, since_ms: int | None) -> Iterator[tuple[Batch, Decoded]]:
        schema = self._view.schemas.prediction(self._model)
        for batch in self._read("predictions", since_ms, tell=False):
            decoded = self._view.codec.decode(batch.values, schema)
            if self._observe is not None:
                self._observe("predictions", batch, decoded)
            yield batch, decoded

    def _meet(self, ledger: Ledger, watch: EpochWatch, batch: Batch, decoded: Decoded, source: Source) -> Counter[str]:
        rows = decoded.rows
        stream = np.asarray(rows.column("source").to_numpy(zero_copy_only=False) == "stream")
        now = of_source(batch, source)[decoded.index]
        self._earlier[source.topic] += int(np.count_nonzero(stream & ~now))
        inputs = [
            rows.column(name).fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)[stream & now]
            for name in ("input_partition", "input_offset")
        ]
        ledger.meet(inputs[0], inputs[1], "predictions")
        here = np.asarray(batch.partitions, dtype=np.int64)[decoded.index][stream]
        watch.add(here, rows.column("epoch").to_numpy(zero_copy_only=False).astype(np.int64)[stream])
        made = int(np.count_nonzero(stream))
        return Counter({"stream": made, "rest": len(stream) - made})

    def _start_offsets(self) -> list[int] | None:
        """Of the model's first version; every event repeats them. None where no version was released."""
        schema = self._view.schemas.for_topic("model_versions")
        found: list[int] | None = None
        for batch in scan(self._view.settings, self._view.topics.name("model_versions")):
            for key, value in zip(batch.keys, batch.values, strict=True):
                if key == self._model.encode() and value is not None:
                    found = list(self._view.codec.decode_one(value, schema)["start_offsets"])
        return found

    def _read(self, role: str, since_ms: int | None, *, tell: bool = True) -> Iterator[Batch]:
        settings, topic = self._view.settings, self._names[role]
        total = 0
        if self._progress is not None:
            total = sum(high - low for low, high in bounds(settings, topic, since_ms=since_ms).values())
        for batch in scan(settings, topic, since_ms=since_ms):
            self._records[role] += len(batch)
            if tell and self._observe is not None:
                self._observe(role, batch, None)
            if self._progress is not None:
                self._progress(role, self._records[role], total)
            yield batch
