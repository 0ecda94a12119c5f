"""Whoever may write to model-versions, and even to the store, chooses neither what serves nor what is fetched."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from tests.broker.inference.world import FEATURE, MODEL, World, ready
from tests.support.models.toy_models import publish_toy
from tests.support.polling import until
from tidemill.artifact.signing import SIGNATURE_FILE
from tidemill.contracts.events.platform import ModelVersion


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """An address that nobody should ask, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def at(event: ModelVersion, uri: str) -> ModelVersion:
    return replace(event, champion=replace(event.champion, artifact_uri=uri))


def test_a_forged_version_is_refused_and_the_old_one_serves_on(world: World, tmp_path: Path) -> None:
    world.release(1, start=(0, 0))
    processes = [world.start("serve"), world.start("stream")]
    addresses = [process.address() for process in processes]
    for address in addresses:
        until(lambda a=address: ready(a), 60, "it is ready")  # type: ignore[misc]

    def refused(reason: str, epoch: int) -> None:
        line = f'tidemill_model_refused_epoch{{model="{MODEL}",reason="{reason}"}} {float(epoch)}'
        for address in addresses:
            until(
                lambda a=address: line in httpx.get(f"{a}/metrics").text,  # type: ignore[misc]
                20, f"epoch {epoch} is refused for {reason}",
            )  # fmt: skip

    with listening() as (elsewhere, asked):
        forged = publish_toy(world.artifacts, MODEL, 2, feature=FEATURE, start_offsets=(0, 0), signed=False)
        world.publish(forged)
        refused("unsigned", 2)
        real = publish_toy(world.artifacts, MODEL, 3, feature=FEATURE, start_offsets=(0, 0))
        for epoch, uri in enumerate(
            (f"{elsewhere}/latest/meta-data", f"simplecache::{elsewhere}/m", f"zip://m::{elsewhere}/m.zip",
             f"{world.artifacts}/{MODEL}/../{MODEL}/3-run3"), 3,
        ):  # fmt: skip
            world.publish(replace(at(real, uri), epoch=epoch))
            refused("place", epoch)
        assert asked == []
    answer = httpx.post(f"{addresses[0]}/v1/models/{MODEL}/predict", json={FEATURE: 1.0})
    assert (answer.status_code, answer.headers["X-Model-Version"]) == (200, "1")
    signature = Path(forged.champion.artifact_uri.removeprefix("file://"), SIGNATURE_FILE)
    assert not signature.exists()
    world.publish(replace(real, epoch=9))
    for address in addresses:
        until(
            lambda a=address: f'tidemill_model_epoch{{model="{MODEL}"}} 9.0' in httpx.get(f"{a}/metrics").text,  # type: ignore[misc]
            20, "a signed version in the store serves",
        )  # fmt: skip
