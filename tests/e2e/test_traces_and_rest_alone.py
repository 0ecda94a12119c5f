"""On a whole platform: sampled events connect from push to what they led to, a profile and a swap, and a model that is
only asked over REST drifts, learns again and is released. Versions are made again from Kafka, predictions explained.
"""

from __future__ import annotations

import json
import shutil
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.e2e.proofs import is_explained, is_reproduced, prediction_of
from tests.support.otlp import Received, Receiver, SpanSeen
from tests.support.polling import until
from tidemill.settings import CommonSettings
from tidemill.telemetry.traceparent import format_traceparent
from tidemill_embedded.cleanup import delete_prefixed
from tidemill_embedded.platform import Platform, PlatformOptions
from tidemill_operations.feed import read_all
from tidemill_operations.platform import PlatformView

STREAMED, ASKED = "streamed", "asked"
LEARNED, CALM, SAMPLED, AFTER, QUESTIONS = 600, 300, 1_000, 1_700, 1_500
MINUTE_MS = 60_000
PATIENCE_S = 240
RECORD = {
    "type": "record", "name": "Row", "namespace": "dev.tidemill.models", "fields": [
        {"name": "event_id", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "who", "type": ["null", "string"], "default": None},
        {"name": "x", "type": ["null", "double"], "default": None},
        {"name": "z", "type": ["null", "double"], "default": None},
    ],
}  # fmt: skip
MODEL_FILE = """
model: {name}
schema: {name}.avsc
entity: who
event_time: at
target: {{label: truth, task: binary, delay: 1m, expires: 365d}}
features: {{x: number, z: number}}
training:
  first_after: 600
  newest: 1_000
  candidates: [logistic_regression]
  budget: 20s
  metric: roc_auc
  gate: {{at_least: 0.6, better_by: 0}}
drift: {{window: {window}, watch: [quality]}}
retrain: {{on: [quality], cooldown: 1m}}
"""


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def platform(
    root: Path, tmp_path_factory: pytest.TempPathFactory, kafka: str, receiver: Receiver
) -> Iterator[Platform]:
    folder, prefix = tmp_path_factory.mktemp("checkout"), f"t-rest-alone-{uuid.uuid4().hex[:6]}-"
    shutil.copytree(root / "schemas", folder / "schemas", ignore=shutil.ignore_patterns("models"))
    (folder / "schemas" / "models").mkdir()
    (folder / "models").mkdir()
    for name, window in ((STREAMED, 3_000), (ASKED, 400)):
        record = {**RECORD, "name": name.title()}
        (folder / "schemas" / "models" / f"{name}.avsc").write_text(json.dumps(record))
        (folder / "models" / f"{name}.yaml").write_text(MODEL_FILE.format(name=name, window=window))
    settings = {
        "TIDEMILL_OTLP_ENDPOINT": receiver.url, "TIDEMILL_TRACE_RATIO": "0", "OTEL_BSP_SCHEDULE_DELAY": "500",
        "TIDEMILL_COLLECT_EVERY_S": "1",
    }  # fmt: skip
    options = PlatformOptions(kafka=kafka, prefix=prefix, partitions=1, env_overrides=settings)
    with Platform(folder, folder / "var", options) as platform:
        yield platform.start()
    delete_prefixed(_view(platform).settings, groups=False)


def _view(platform: Platform) -> PlatformView:
    given = {name.removeprefix("TIDEMILL_").lower(): value for name, value in platform.settings.items()}
    known = {name: value for name, value in given.items() if name in CommonSettings.model_fields}
    return PlatformView(CommonSettings(**known), {})  # type: ignore[arg-type]


class Caller:
    """What a person does with one model of the platform: pushes, asks, looks."""

    def __init__(self, platform: Platform, model: str, seed: int) -> None:
        self._platform, self._model = platform, model
        self._rng = np.random.default_rng(seed)
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._began_ms = int(time.time() * 1000) - 60 * 24 * 60 * MINUTE_MS
        self.number = 0

    def rows(self, count: int) -> list[dict[str, Any]]:
        """New rows, a minute apart."""
        made = []
        for _ in range(count):
            x, z = self._rng.normal(size=2).tolist()
            at = self._began_ms + self.number * MINUTE_MS
            made.append(
                {"event_id": f"{self._model}-{self.number}", "at": at, "who": f"w{self.number % 40}", "x": x, "z": z}
            )
            self.number += 1
        return made

    def push(self, rows: list[dict[str, Any]], trace: bytes | None = None) -> None:
        self._send("ingest", f"/v1/events/{self._model}", rows, trace)

    def push_labels(self, rows: list[dict[str, Any]], *, turned: bool, trace: bytes | None = None) -> None:
        """What really happened: x > 0 in nine of ten cases, or `turned` the other way round."""
        labels = [
            {
                "event_id": row["event_id"], "label": bool((row["x"] > 0) ^ turned ^ (self._rng.random() < 0.1)),
                "event_time": row["at"], "observed_at": row["at"] + 1, "who": row["who"],
            }
            for row in rows
        ]  # fmt: skip
        for start in range(0, len(labels), 500):
            self._send("ingest", f"/v1/labels/{self._model}", labels[start : start + 500], trace)

    def ask(self, rows: list[dict[str, Any]]) -> set[int]:
        """The versions that answered."""
        answer = self._send("serve", f"/v1/models/{self._model}/predict", {"instances": rows}, None)
        return {one["version"] for one in answer["predictions"]}

    def learn(self) -> None:
        """Give it what a first version is learned from, and wait for that."""
        rows = self.rows(LEARNED)
        self.push(rows)
        self.push_labels(rows, turned=False)
        until(lambda: self.version() >= 1, PATIENCE_S, "a first version serves", every=1)

    def version(self) -> int:
        return max((news["champion"]["version"] for news in self.read("model_versions")), default=0)

    def read(self, role: str) -> list[dict[str, Any]]:
        return [news.datum for news in read_all(_view(self._platform), role, self._model)]

    def _send(self, service: str, path: str, body: Any, trace: bytes | None) -> Any:
        headers = {"content-type": "application/json"} | ({"traceparent": trace.decode()} if trace else {})
        url = self._platform.addresses[service] + path
        request = urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers)
        with self._opener.open(request, timeout=60) as response:
            return json.load(response)


@pytest.mark.timeout(900)
def test_a_thousand_sampled_events_connect_from_push_to_profile_and_those_that_showed_a_change_to_the_swap(
    platform: Platform, receiver: Receiver
) -> None:
    caller = Caller(platform, STREAMED, 1)
    caller.learn()
    calm = caller.rows(CALM)
    caller.push(calm)
    caller.push_labels(calm, turned=False)
    rows, rng = caller.rows(SAMPLED), np.random.default_rng(5)
    ids = [(int.from_bytes(rng.bytes(16)) or 1, int.from_bytes(rng.bytes(8)) or 1) for _ in rows]
    for row, (trace_id, span_id) in zip(rows, ids, strict=True):
        caller.push([row], format_traceparent(trace_id, span_id, True))
    after = caller.rows(AFTER)
    for start in range(0, AFTER, 500):
        caller.push(after[start : start + 500])
    labelled = format_traceparent(7, 8, True)
    caller.push_labels(rows, turned=True, trace=labelled)
    caller.push_labels(after, turned=True)
    until(lambda: caller.version() >= 2, PATIENCE_S, "a version is released that learned from what went wrong", every=1)
    path = until(lambda: _path_to(receiver.received, 2), PATIENCE_S, "each service tells its step of the swap", every=1)
    showed = {trace_id for trace_id, _ in receiver.received.linked_from(path[3])}
    assert 200 <= len({trace_id for trace_id, _ in ids} & showed) < SAMPLED and 7 in showed, "events, and their labels"
    profile = until(lambda: _profile(receiver.received), PATIENCE_S, "labels are profiled", every=1)
    assert profile is not None
    wanted = _steps_of_an_event(platform.prefix)
    until(
        lambda: _all_told(receiver.received, [trace_id for trace_id, _ in ids], wanted), PATIENCE_S,
        lambda: f"each event is told of by {wanted}, the first by {_steps(receiver.received, ids[0][0])}", every=1,
    )  # fmt: skip
    connected = {trace_id for trace_id, _ in receiver.received.linked_from(profile)}
    assert len({trace_id for trace_id, _ in ids} & connected) == SAMPLED
    assert 7 in connected, "labels are in the window that their events are in"
    is_reproduced(platform, STREAMED, 1)
    is_reproduced(platform, STREAMED, 2)
    is_explained(platform, _view(platform), STREAMED, "stream", 1)


def _profile(received: Received) -> SpanSeen | None:
    """The profile of labels that is linked to most: what is beyond a span's limit of links is on children of it."""
    found = [span for span in received.spans if span.name == f"profile {STREAMED} quality"]
    profile = max(found, key=lambda span: len(received.linked_from(span)), default=None)
    return profile if profile is not None and len(received.linked_from(profile)) > SAMPLED else None


def _steps_of_an_event(prefix: str) -> set[tuple[str, str]]:
    """Service and topic of each step of an event, from push to profile."""
    raw, clean = f"{prefix}{STREAMED}-raw", f"{prefix}{STREAMED}-clean"
    return {
        ("tidemill-ingest", raw),
        ("tidemill-validator", raw),
        ("inference-stream", clean),
        ("tidemill-drift-profile", clean),
    }


def _all_told(received: Received, traces: list[int], wanted: set[tuple[str, str]]) -> bool:
    return all(wanted <= _steps(received, trace_id) for trace_id in traces)


def _steps(received: Received, trace_id: int) -> set[tuple[str, str]]:
    return {(span.service, topic) for span in received.about(trace_id) for topic in span.name.split()[1:]}


def _path_to(received: Received, version: int) -> list[SpanSeen]:
    """The way back from the swap to a version, whole; none before all of it has come: each process sends its own."""
    swap = _swap_of(received, version)
    path = received.way_back(swap) if swap is not None else []
    names = [f"{step} {STREAMED}" for step in ("swap", "release", "train", "assess")]
    return path if [span.name for span in path[:4]] == names else []


def _swap_of(received: Received, version: int) -> SpanSeen | None:
    named = f"{STREAMED}:{version}"
    found = (s for s in received.spans if s.name == f"swap {STREAMED}" and named == s.facts["tidemill.model_version"])
    return next(found, None)


@pytest.mark.timeout(900)
def test_a_model_that_is_only_asked_over_rest_drifts_learns_again_and_is_released(platform: Platform) -> None:
    caller = Caller(platform, ASKED, 2)
    caller.learn()
    until(lambda: _answers(caller), PATIENCE_S, "it answers", every=1)
    rows = caller.rows(QUESTIONS)
    for start in range(0, QUESTIONS, 100):
        caller.ask(rows[start : start + 100])
    caller.push_labels(rows, turned=True)
    until(lambda: caller.version() >= 2, PATIENCE_S, "a version is released that learned from what was asked", every=1)
    assert [release["by"] for release in caller.read("model_releases")][:2] == ["trainer", "label_time"]
    (newest,) = [news for news in caller.read("model_versions") if news["champion"]["version"] == 2][-1:]
    learned_from = {one["topic"] for one in newest["champion"]["data_set"]["offsets"]}
    assert f"{platform.prefix}{ASKED}-predictions" in learned_from
    until(lambda: caller.ask(caller.rows(1)) == {2}, PATIENCE_S, "it serves", every=1)
    is_reproduced(platform, ASKED, 2)
    until(lambda: prediction_of(_view(platform), ASKED, "rest", 2), 60, "its answer is logged", every=1)
    is_explained(platform, _view(platform), ASKED, "rest", 2)


def _answers(caller: Caller) -> bool:
    from urllib.error import HTTPError

    try:
        return bool(caller.ask(caller.rows(1)))
    except HTTPError:
        return False
