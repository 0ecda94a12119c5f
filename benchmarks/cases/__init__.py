"""One module per benchmark; `CASES` is the index."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.cases import (
    audit,
    backtest,
    codec,
    fast_path,
    latency,
    load,
    memory,
    rest,
    scale,
    stream,
    swap,
    validator,
)
from benchmarks.drift.case import drift
from benchmarks.harness.result import Result
from benchmarks.harness.sizes import Sizes
from benchmarks.tracing import tracing

CASES: dict[str, Callable[[Sizes], Result]] = {
    "decode": codec.decode,
    "encode": codec.encode,
    "validator": validator.validator,
    "validator-encode": validator.validator_encode,
    "stream": stream.stream,
    "latency": latency.latency,
    "scale": scale.scale,
    "audit": audit.audit,
    "rest": rest.rest,
    "fast-path": fast_path.fast_path,
    "tracing": tracing,
    "load": load.load,
    "swap": swap.swap,
    "memory": memory.memory,
    "drift": drift,
    "backtest": backtest.backtest,
}
"""Every benchmark by its name, in the order in which `make bench` runs them."""
