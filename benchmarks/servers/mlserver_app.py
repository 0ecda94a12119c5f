"""MLServer as its documentation has it: a custom runtime, one process, the Open Inference Protocol in JSON."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.settings import ModelParameters
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.servers.work import Scorer


class Payments(MLModel):
    """One tensor a field in, one of probabilities out."""

    async def load(self) -> bool:
        self._score = Scorer(str(self.settings.parameters.uri))  # type: ignore[union-attr]
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        payment: dict[str, Any] = {}
        for tensor in payload.inputs:
            if tensor.datatype == "BYTES":
                payment[tensor.name] = StringCodec.decode_input(tensor)[0]
            else:
                payment[tensor.name] = NumpyCodec.decode_input(tensor).ravel()[0]
        output = {"name": "probability", "shape": [1], "datatype": "FP64", "data": [self._score(payment)]}
        return InferenceResponse(model_name=self.name, outputs=[output])  # type: ignore[list-item]


async def serve(port: int, path: str) -> None:
    """Run until a signal."""
    settings = Settings(
        host="127.0.0.1", http_port=port, grpc_port=port + 1, metrics_endpoint=None, parallel_workers=0, debug=False,
    )  # fmt: skip
    model = ModelSettings(name="payments", implementation=Payments, parameters=ModelParameters(uri=path))  # type: ignore[arg-type]
    await MLServer(settings).start([model])


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2]))
