"""LitServe as its documentation has it: one worker, no batching. It reads annotations, so they are no texts here."""

import sys
from typing import Any

import litserve

from benchmarks.servers.work import Scorer


class Payments(litserve.LitAPI):
    """Decode, predict, encode."""

    def __init__(self, path: str) -> None:
        super().__init__(api_path="/predict")
        self._path = path

    def setup(self, device: str) -> None:
        self._score = Scorer(self._path)

    def decode_request(self, request: dict[str, Any]) -> dict[str, Any]:
        return request

    def predict(self, payment: dict[str, Any]) -> float:
        return self._score(payment)

    def encode_response(self, probability: float) -> dict[str, float]:
        return {"probability": probability}


if __name__ == "__main__":
    server = litserve.LitServer(Payments(sys.argv[2]), accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), num_api_servers=1, generate_client_file=False, log_level="error"
    )
