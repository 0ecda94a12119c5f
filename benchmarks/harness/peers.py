"""What others would use for the same work, each a process of its own."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.events import bad_among
from benchmarks.harness.children import Child, measured, python
from benchmarks.harness.sizes import Sizes
from benchmarks.harness.venvs import interpreter
from benchmarks.harness.world import World


@dataclass(frozen=True, slots=True)
class Rival:
    """`module` is started with: bootstrap, source, target. `own_venv`: it does not fit into the main lock.

    `times`: how often the sizes' number of records it is given: as many as take some seconds. `bad`: whether it sets
    bad records aside.
    """

    module: str
    own_venv: bool = False
    times: int = 1
    bad: bool = True

    def rate(self, place: World, source: str, target: str, sizes: Sizes, partitions: int, *more: str) -> float:
        """Fill `source`, an empty topic of its own, and let it work to the end: records a second on `target`.

        Its dead letters go to `<target>-dlq`. Raises RuntimeError where the number of its records is not that of the
        good ones: nobody is fast by leaving work out.
        """
        records = sizes.rival_records * self.times
        place.fill(source, records, partitions)
        good = records - bad_among(0, records) if self.bad else records
        written = measured(place, self._start(place, source, target, *more), target, good)
        if written.records != good:
            raise RuntimeError(f"{self.module} wrote {written.records} records, not {good}")
        return written.rate

    def _start(self, place: World, source: str, target: str, *more: str) -> Child:
        python_ = interpreter() if self.own_venv else None
        arguments = (place.bootstrap, source, target, *more)
        return python(f"benchmarks.rivals.{self.module}", *arguments, **({"interpreter": python_} if python_ else {}))


VALIDATORS = {
    "faust": Rival("faust_validator", times=2),
    "quix": Rival("quix_validator", own_venv=True, times=8),
    "aiokafka-pydantic": Rival("aiokafka_validator", times=6),
}
STREAMS = {
    "faust": Rival("faust_stream", bad=False),
    "quix": Rival("quix_stream", own_venv=True, times=4, bad=False),
}
