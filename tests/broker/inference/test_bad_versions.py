"""*serve* and *stream* over bad versions and bad stores: the old version serves on, and an alert says so."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.broker.inference import bad_versions
from tests.broker.inference.world import FEATURE, MODEL, Process, World, positions, ready
from tests.support.models.odd_store import Fault, OddStore
from tests.support.polling import until
from tests.support.processes.monitoring import Alerts, monitoring
from tidemill.artifact import Reason
from tidemill.ids import uuid7_time_ms

WITHIN_S = 5.0
DOWN_WITHIN_S = 15.0
"""A scrape and an evaluation, with room; that it has lasted a minute is left out."""
SILENCE_S = 2
PROOF_S = 1.5
PORTION = 20


class Fire:
    """Version 1 serves in both processes; REST is asked without a pause, and the stream is given records."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.folder = world, folder
        self.first = world.release(1)
        self.number = 1
        settings = {"fetch_silence_s": SILENCE_S, "proof_timeout_s": PROOF_S}
        self.processes: tuple[Process, ...] = (world.start("serve", **settings), world.start("stream", **settings))
        self.addresses = [process.address() for process in self.processes]
        for address in self.addresses:
            until(lambda a=address: ready(a), 60, "it is ready")  # type: ignore[misc]
        self.answers: list[tuple[int, str]] = []
        self.pushed_ms: list[float] = []
        self.push()

    def next(self) -> int:
        """The next version and epoch."""
        self.number += 1
        return self.number

    def push(self) -> None:
        self.world.push(range(len(self.pushed_ms), len(self.pushed_ms) + PORTION))
        self.pushed_ms += [time.time() * 1_000] * PORTION

    def back_to_the_first(self) -> None:
        """A rollback to what serves, which ends whatever is wrong with later epochs; it takes no store."""
        self.world.publish(replace(self.first, epoch=self.next()))
        self.await_everywhere("epoch", {}, self.number)

    def await_everywhere(self, name: str, labels: dict[str, str], value: float) -> float:
        """Wait until both processes say so, at most WITHIN_S; gives the seconds."""
        began = time.monotonic()
        wanted = ("tidemill_model_" + name, frozenset({"model": MODEL, **labels}.items()))
        until(lambda: all(page(a)[wanted] == value for a in self.addresses), WITHIN_S, f"{wanted} is {value}")
        return time.monotonic() - began

    @contextmanager
    def asked(self) -> Iterator[None]:
        """REST is asked all the time."""
        stop = threading.Event()

        def ask() -> None:
            with httpx.Client(base_url=self.addresses[0], timeout=10) as client:
                while not stop.wait(0.002):
                    answer = client.post(f"/v1/models/{MODEL}/predict", json={FEATURE: 1.0})
                    self.answers.append((answer.status_code, answer.headers.get("X-Model-Version", "none")))

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(30)


def page(address: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """What a process says at /metrics."""
    families = text_string_to_metric_families(httpx.get(f"{address}/metrics").text)
    found = [sample for family in families for sample in family.samples]
    return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in found}


def told(alerts: Alerts, labels: dict[str, str], began: float) -> float:
    """Wait until an alert fires and has come to whoever is to be told, WITHIN_S from `began`; gives the seconds."""
    left = WITHIN_S - (time.monotonic() - began)
    until(lambda: alerts.firing(labels) and alerts.told(labels), left, f"the alert {labels}")
    return time.monotonic() - began


@pytest.fixture
def fire(world: World, tmp_path: Path) -> Iterator[Fire]:
    fire = Fire(world, tmp_path)
    with fire.asked():
        yield fire


@pytest.mark.needs("prometheus", "alertmanager")
def test_whatever_is_published_the_old_version_serves_on_and_an_alert_says_so_within_five_seconds(
    fire: Fire, tmp_path: Path
) -> None:
    took: dict[str, list[float]] = {}
    with monitoring("inference", fire.addresses, tmp_path) as alerts:
        for kinds in bad_versions.ROUNDS:
            took |= refuse_all(fire, alerts, kinds)
        pickle.loads(pickle.dumps(bad_versions.Trap(str(tmp_path / "proof"))))
        assert (tmp_path / "proof").exists(), "the trap is none"
        print("seconds from the event to the metric, and to the alert:", took)
        assert not bad_versions.trace_of(tmp_path).exists(), "a model was unpickled"
        a_good_one_serves(fire, alerts)


@pytest.mark.needs("prometheus", "alertmanager")
def test_whatever_the_store_does_the_old_version_serves_on_and_an_alert_says_so(world: World, tmp_path: Path) -> None:
    with OddStore(tmp_path) as store:
        world.store = store.uri
        fire = Fire(world, tmp_path)
        with monitoring("inference", fire.addresses, tmp_path, at_once={"TidemillDown"}) as alerts:
            with fire.asked():
                print({fault: put_off(fire, alerts, store, fault) for fault in FAULTS})
                a_good_one_serves(fire, alerts)
            a_killed_process_is_told_of(fire, alerts)


def a_killed_process_is_told_of(fire: Fire, alerts: Alerts) -> None:
    """It alone: the other one goes on."""
    killed, other = ({"alertname": "TidemillDown", "instance": a.removeprefix("http://")} for a in fire.addresses)
    fire.processes[0].kill()
    until(lambda: alerts.firing(killed) and alerts.told(killed), DOWN_WITHIN_S, f"the alert {killed}")
    assert not alerts.firing(other) and not alerts.told(other)


def a_good_one_serves(fire: Fire, alerts: Alerts) -> None:
    """After all that, and until then no answer was by another version than the first."""
    old = len(fire.answers)
    good = fire.next()
    fire.world.release(good)
    fire.await_everywhere("epoch", {}, good)
    until(lambda: fire.answers[-1] == (200, str(good)), WITHIN_S, "a good version serves")
    await_end(alerts)
    assert set(fire.answers[:old]) == {(200, "1")} and {status for status, _ in fire.answers} == {200}
    assert_the_stream_went_on(fire)


ALERTS = ("TidemillVersionRefused", "TidemillVersionNotLoaded")
FAULTS: tuple[Fault, ...] = ("breaks off", "trickles", "hangs")


def refuse_all(fire: Fire, alerts: Alerts, kinds: dict[Reason, bad_versions.Make]) -> dict[str, list[float]]:
    """Publish bad versions, each refused for another reason; gives for each the seconds to metric and alert."""
    events = {reason: make(fire.folder, fire.next()) for reason, make in kinds.items()}
    took: dict[str, list[float]] = {}
    began = time.monotonic()
    for event in events.values():
        fire.world.publish(event)
    fire.push()
    for reason, event in events.items():
        fire.await_everywhere("refused_epoch", {"reason": reason}, event.epoch)
        took[kinds[reason].__name__] = [time.monotonic() - began]
    for reason in events:
        labels = {"alertname": "TidemillVersionRefused", "model": MODEL, "reason": str(reason)}
        took[kinds[reason].__name__].append(told(alerts, labels, began))
    settle(fire, alerts)
    return took


def put_off(fire: Fire, alerts: Alerts, store: OddStore, fault: Fault) -> list[float]:
    """Publish a good version in a store that does not give it; gives the seconds to metric and alert."""
    number = fire.next()
    event = bad_versions.good(fire.folder, number)
    path = bad_versions.file_of(fire.folder, number).relative_to(fire.folder)
    store.faults[f"/{path}"] = fault
    postponed = ("tidemill_model_load_postponed_total", frozenset({("model", MODEL)}))
    before = {address: page(address)[postponed] for address in fire.addresses}
    began = time.monotonic()
    fire.world.publish(event)
    fire.push()
    waiting = ("tidemill_model_pending_seconds", frozenset({("model", MODEL)}))
    until(lambda: all(page(a)[waiting] > 0 for a in fire.addresses), WITHIN_S, "it is known to wait")
    took = [time.monotonic() - began]
    took.append(told(alerts, {"alertname": "TidemillVersionNotLoaded", "model": MODEL}, began))
    until(lambda: all(page(a)[postponed] > before[a] for a in fire.addresses), WITHIN_S, "the fetch is given up")
    settle(fire, alerts)
    return took


def settle(fire: Fire, alerts: Alerts) -> None:
    """Go back, which no store and no bad version holds up; with it the alerts end."""
    fire.back_to_the_first()
    await_end(alerts)


def await_end(alerts: Alerts) -> None:
    """Wait until nothing fires and everybody knows."""
    named = [{"alertname": name} for name in ALERTS]
    until(lambda: not any(alerts.firing(one) or alerts.told(one) for one in named), WITHIN_S, "the alerts end")


def assert_the_stream_went_on(fire: Fire) -> None:
    """Every record was predicted once, soon after it came, and by version 1."""
    total = len(fire.pushed_ms)
    rows = until(lambda: stream if len(stream := streamed(fire.world)) >= total else [], 30, "all predictions")
    assert sorted(positions(rows)) == sorted(fire.world.clean_positions())
    assert {row["version"] for row in rows} == {1}
    late_ms = [(uuid7_time_ms(row["prediction_id"]) or 0) - fire.pushed_ms[int(row["event_id"][1:])] for row in rows]
    assert max(late_ms) < WITHIN_S * 1_000


def streamed(world: World) -> list[dict[str, Any]]:
    return [row for row in world.predictions() if row["source"] == "stream"]
