"""What others would use for the same work, each a process of its own."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.children import Child, python
from benchmarks.sizes import Sizes
from benchmarks.venvs import interpreter
from benchmarks.world import World


@dataclass(frozen=True, slots=True)
class Rival:
    """`module` is started with: bootstrap, source, target. `own_venv`: it does not fit into the main lock."""

    module: str
    own_venv: bool = False

    def start(self, place: World, source: str, target: str, sizes: Sizes, *more: str) -> Child:
        """Start it on a topic of records; it writes to `target` and its dead letters to `<target>-dlq`."""
        python_ = interpreter() if self.own_venv else None
        arguments = (place.bootstrap, source, target, *more)
        return python(f"benchmarks.rivals.{self.module}", *arguments, **({"interpreter": python_} if python_ else {}))


VALIDATORS = {
    "faust": Rival("faust_validator"),
    "quix": Rival("quix_validator", own_venv=True),
    "aiokafka+pydantic": Rival("aiokafka_validator"),
}
STREAMS = {"faust": Rival("faust_stream"), "quix": Rival("quix_stream", own_venv=True)}
