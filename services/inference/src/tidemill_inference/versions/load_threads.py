"""The loads of several models at once: one at a time for each model, none waits for another model's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, MutableMapping

from tidemill_inference.versions.offers import Offer, Step
from tidemill_inference.versions.swapper import Swapper

Spawn = Callable[[Callable[[], None]], None]


def in_a_thread(job: Callable[[], None]) -> None:
    """Run `job` beside all else."""
    threading.Thread(target=job, name="load", daemon=True).start()


class Loads:
    """Steps of several swappers, each load in a thread of its own. Any thread may call everything.

    `on_step(model, step)` is told what steps did, one after the other in the order in which they took effect, in the
    thread that did it. What it raises is raised again by the next `turn`. `spawn` runs the loads.
    """

    def __init__(
        self, swappers: MutableMapping[str, Swapper], on_step: Callable[[str, Step], None], spawn: Spawn = in_a_thread
    ) -> None:
        self._swappers = swappers
        self._on_step = on_step
        self._spawn = spawn
        self._changed = threading.Condition(threading.RLock())
        self._running = 0
        self._failure: Exception | None = None

    def add(self, swappers: Mapping[str, Swapper]) -> None:
        """Swappers of more models."""
        with self._changed:
            self._swappers.update(swappers)

    def offer(self, offer: Offer) -> None:
        """Take note of an event; one about a model that nobody asked for is passed over. Waits for no load."""
        with self._changed:
            swapper = self._swappers.get(offer.event.model)
            if swapper is not None:
                swapper.offer(offer)

    def turn(self) -> None:
        """Begin what is due. Raises what a step before has failed with, which is a defect."""
        for model, swapper in list(self._swappers.items()):
            with self._changed:
                if self._failure is not None:
                    raise self._failure
                self._on_step(model, swapper.withdraw())
                self._on_step(model, swapper.switch_to_loaded())
                offer = swapper.begin()
                self._running += offer is not None
            if offer is not None:
                self._spawn(lambda model=model, offer=offer: self._load(model, offer))  # type: ignore[misc]

    def settled(self, models: Collection[str] | None = None) -> bool:
        """Nothing that was offered for these models (default: for any) remains to be loaded."""
        with self._changed:
            return all(self._swappers[model].settled for model in (self._swappers if models is None else models))

    def waiting_s(self, model: str) -> float:
        """For how long a published version of the model has been waiting to serve, in s; 0 where none is."""
        with self._changed:
            return self._swappers[model].waiting_s

    def wait(self, timeout_s: float) -> None:
        """Return when a load has ended, or after `timeout_s`."""
        with self._changed:
            self._changed.wait(timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Wait for the loads in progress; False where they have not ended in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, timeout_s)

    def _load(self, model: str, offer: Offer) -> None:
        swapper = self._swappers[model]
        loaded = swapper.load(offer)
        with self._changed:
            try:
                self._on_step(model, swapper.finish(offer, loaded))
            except Exception as error:  # noqa: BLE001 - `turn` raises it
                self._failure = error
            finally:
                self._running -= 1
                self._changed.notify_all()
