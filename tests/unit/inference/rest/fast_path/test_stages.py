"""Of one request in so many it is told where its time went, stage by stage."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import httpx
from prometheus_client import REGISTRY

from tests.unit.inference.rest_app import deployed, served, shipped_endpoints
from tidemill_inference.rest.fast_path.stages import EVERY, Stage

ROW = {
    "event_id": "2013-01-31-UA-1545-EWR", "scheduled_at": "2013-01-31T17:05:00Z", "tail_number": "N14228",
    "carrier": "UA", "origin": "EWR", "dest": "IAH", "distance": 1400,
}  # fmt: skip


def timed() -> dict[str, float]:
    name = "tidemill_request_stage_seconds_count"
    return {stage: REGISTRY.get_sample_value(name, {"stage": stage}) or 0.0 for stage in get_args(Stage)}


def test_every_sixteenth_request_is_timed_in_each_of_its_stages(tmp_path: Path) -> None:
    service, before = deployed(shipped_endpoints(["flight-delay"]), tmp_path), timed()
    with served(service) as address, httpx.Client(headers={"authorization": f"Bearer {service.key}"}) as client:
        for _ in range(2 * EVERY):
            answer = client.post(f"http://{address}/v1/models/flight-delay/predict", json=ROW)
            assert answer.status_code == 200
    assert {stage: count - before[stage] for stage, count in timed().items()} == dict.fromkeys(get_args(Stage), 2.0)
