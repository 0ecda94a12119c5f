"""What the training process is told to do for a run: whose rows, up to where, and who must be beaten."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tidemill.contracts.events.platform import ModelRef, ModelVersion
from tidemill_trainer.assess.state import Basis
from tidemill_trainer.runs.store import Claim


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model's rows are: its table, its clean topic, and every partition that the table may know."""

    table_uri: str
    clean_topic: str
    partitions: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Orders:
    """`champion`: what serves a model now; `basis`: by model and request, what label time had come to when it asked,
    None for a run that others ask for; `find`: by model and version, where that lies.
    """

    places: Mapping[str, Place]
    champion: Callable[[str], ModelVersion | None]
    basis: Callable[[str, str], Basis | None] = lambda model, request_id: None
    find: Callable[[str, int], ModelRef | None] = lambda model, version: None

    def of(self, claim: Claim) -> dict[str, Any]:
        """The order of a run, as plain data."""
        place, basis = self.places[claim.model], self.basis(claim.model, claim.request_id)
        rival = self._rival(claim.model, basis)
        return {
            "do": "train", "run_id": claim.run_id, "model": claim.model, "cause": claim.cause,
            "traceparent": claim.traceparent, "table_uri": place.table_uri, "clean_topic": place.clean_topic,
            "partitions": [list(partition) for partition in place.partitions],
            "champion": rival.to_dict() if rival else None,
            "change": claim.change_point.to_dict() if claim.change_point else None, "cut_off_ms": claim.cut_off,
            "table_version": basis.table_version if basis else None, "taken": basis.taken if basis else 0,
        }  # fmt: skip

    def parts(self, claim: Claim) -> list[dict[str, Any]]:
        """The members of the mixture that a run is to make, with their artifacts, as plain data; none for a training.
        Raises LookupError where nobody knows one.
        """
        found = [(version, weight, self.find(claim.model, version)) for version, weight in claim.mixture]
        lost = [str(version) for version, _, reference in found if reference is None]
        if lost:
            raise LookupError(f"nobody knows where version {', '.join(lost)} lies: nothing is mixed of it")
        return [{"weight": weight, "reference": one.to_dict()} for _, weight, one in found if one is not None]

    def _rival(self, model: str, basis: Basis | None) -> ModelRef | None:
        """Who must be beaten: what serves, in label time where that asks. *Release* may not have come so far as label
        time, or have its champion on trial; evidence against another version would count for nothing there.
        """
        if basis is not None and basis.champion is not None:
            found = self.find(model, basis.champion)
            if found is not None:
                return found
        serving = self.champion(model)
        return serving.champion if serving else None
