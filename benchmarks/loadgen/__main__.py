"""Fire requests at a server on loopback and say in JSON how it took them.

Without --rate a closed loop: every connection asks again as soon as it is answered. With --rate an open one: requests
are due by a clock of their own, and latency counts from there.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.loadgen.driver import Driver, event_loop
from benchmarks.loadgen.plan import Plan, Target
from benchmarks.loadgen.tally import Tally

NOTED = ("X-Model-Version", "X-Model-Epoch")
MAX_BODIES_BYTES = 64 << 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the result; 0 whatever came of the requests, 2 for arguments that are wrong."""
    options = _parser().parse_args(arguments)
    try:
        plan = _plan(options)
    except (ValueError, OSError) as error:
        print(f"loadgen: {error}", file=sys.stderr)
        return 2
    gc.collect()
    gc.freeze()
    gc.disable()  # a pause of the generator would be taken for one of the server
    before = time.process_time()
    with asyncio.Runner(loop_factory=lambda: event_loop(plan)) as runner:
        tally = runner.run(_fired(plan, options.records is not None))
    cpu_s = time.process_time() - before
    if options.records is not None:
        tally.write(options.records)
    result = tally.result(plan.note)
    result["cpu_us"] = cpu_s * 1e6 / max(1, tally.requests + tally.warm)
    print(json.dumps(result))
    return 0


async def _fired(plan: Plan, keep: bool) -> Tally:
    return await Driver(plan, keep=keep).run()


def _plan(options: argparse.Namespace) -> Plan:
    target = Target.of(options.url)
    bodies = _bodies(options.bodies) if options.bodies else (b"",)
    return Plan(
        target,
        tuple(target.request(options.method, tuple(options.header), body) for body in bodies),
        options.seconds,
        options.warm,
        options.connections,
        options.rate,
        options.clock,
        options.seed,
        options.timeout,
        tuple(options.note),
    )


def _bodies(path: Path) -> tuple[bytes, ...]:
    if path.stat().st_size > MAX_BODIES_BYTES:
        raise ValueError(f"{path} has more than {MAX_BODIES_BYTES} bytes")
    return tuple(line for line in path.read_bytes().split(b"\n") if line)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loadgen", description=__doc__)
    parser.add_argument("url", help="http:// on a loopback address")
    parser.add_argument("--bodies", type=Path, help="a file with one body a line, sent in turn; none: empty bodies")
    parser.add_argument("--method", default="POST")
    parser.add_argument("--header", action="append", default=[], help="Name: value; may be repeated")
    parser.add_argument("--note", nargs="*", default=NOTED, help="headers of answers that are counted by value")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long, after the warm-up")
    parser.add_argument("--warm", type=float, default=1.0, help="seconds of warm-up, which do not count")
    parser.add_argument("--connections", type=int, default=32, help="closed: how many; open: how many at most")
    parser.add_argument("--rate", type=float, help="requests a second of the open loop")
    parser.add_argument("--clock", choices=("even", "exponential"), default="exponential")
    parser.add_argument("--seed", type=int, default=0, help="of the exponential clock")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds after which a request is given up")
    parser.add_argument("--records", type=Path, help="a file for one JSON line a request, the warm ones too")
    return parser


if __name__ == "__main__":
    sys.exit(main())
