from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import httpx

from tests.broker.ingest.conftest import MODEL, Serve
from tests.support.polling import until
from tidemill_embedded.broker.broker import Broker

EVENTS = f"/v1/events/{MODEL}"


def test_through_an_outage_of_the_broker_accepted_means_stored(serve: Serve, tmp_path: Path) -> None:
    with Broker(tmp_path / "kafka") as broker:
        server = serve(broker.bootstrap, delivery_timeout_ms="2000")
        until(server.ready, 60, "ingest is ready")
        accepted: list[str] = []
        statuses: list[int] = []
        stop = threading.Event()

        def push() -> None:
            turn = 0
            with httpx.Client(base_url=server.url, timeout=20) as client:
                while not stop.is_set():
                    turn += 1
                    items: list[dict[str, Any]] = [{"event_id": f"{turn}-{k}", "scheduled_at": 0} for k in range(5)]
                    answer = client.post(EVENTS, json=items)
                    statuses.append(answer.status_code)
                    accepted.extend(answer.json()["event_ids"])

        thread = threading.Thread(target=push)
        thread.start()
        try:
            until(lambda: len(accepted) > 100, 60, "events are accepted before")
            broker.stop()
            until(lambda: 503 in statuses, 60, "the outage is told")
            assert not server.ready()
            broker.start()
            until(server.ready, 60, "ingest is ready again")
            before = len(accepted)
            until(lambda: len(accepted) > before + 100, 60, "events are accepted afterwards")
        finally:
            stop.set()
            thread.join(timeout=60)
        assert set(statuses) == {202, 503}
        assert set(accepted) <= {datum["event_id"] for _, _, datum, _ in server.read("raw")}
        assert server.stop() == 0
