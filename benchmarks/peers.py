"""What others would use for the same work, each a process of its own."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.children import Child, python
from benchmarks.sizes import Sizes
from benchmarks.venvs import interpreter
from benchmarks.world import World


@dataclass(frozen=True, slots=True)
class Rival:
    """`module` is started with: bootstrap, source, target. `own_venv`: it does not fit into the main lock.

    `times`: how often the sizes' number of records it is given: as many as take some seconds.
    """

    module: str
    own_venv: bool = False
    times: int = 1

    def start(self, place: World, source: str, target: str, sizes: Sizes, *more: str) -> Child:
        """Start it on a topic of records; it writes to `target` and its dead letters to `<target>-dlq`."""
        python_ = interpreter() if self.own_venv else None
        arguments = (place.bootstrap, source, target, *more)
        return python(f"benchmarks.rivals.{self.module}", *arguments, **({"interpreter": python_} if python_ else {}))


VALIDATORS = {
    "faust": Rival("faust_validator"),
    "quix": Rival("quix_validator", own_venv=True, times=4),
    "aiokafka-pydantic": Rival("aiokafka_validator", times=6),
}
STREAMS = {"faust": Rival("faust_stream"), "quix": Rival("quix_stream", own_venv=True, times=4)}
