"""A folder of model files that a watch looks at."""

from __future__ import annotations

import json
from pathlib import Path

from prometheus_client import REGISTRY

from tidemill.service.contract import Contract
from tidemill.service.health import Health
from tidemill.service.renewal.change import Change
from tidemill.service.renewal.watch import ContractWatch
from tidemill.settings import CommonSettings

TEXT = """\
model: {name}
schema: {name}.avsc
entity: who
event_time: at
target: {{label: bad, task: binary}}
features: {{amount: number}}
"""
FIELDS = [
    {"name": "event_id", "type": "string"},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "who", "type": "string"},
    {"name": "amount", "type": "double"},
]


class Project:
    """A folder of model files beside a watch that is asked to look. `taken`: what was taken up; `refuse`: why not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "models").mkdir()
        (folder / "schemas" / "models").mkdir(parents=True)
        self.add("fine")
        self.taken: list[Change] = []
        self.refuse: Exception | None = None
        self.health = Health()
        self.watch = ContractWatch(Contract.load(self.settings), self._take_up, self.health)

    @property
    def settings(self) -> CommonSettings:
        return CommonSettings(models_dir=self.folder / "models", schemas=self.folder / "schemas")

    def _take_up(self, change: Change) -> None:
        if self.refuse is not None:
            raise self.refuse
        self.taken.append(change)

    def file(self, name: str) -> Path:
        return self.folder / "models" / f"{name}.yaml"

    def add(self, name: str, fields: list[dict[str, object]] | None = None) -> None:
        self.record(name, fields or FIELDS)
        self.file(name).write_text(TEXT.format(name=name))

    def record(self, name: str, fields: list[dict[str, object]]) -> None:
        (self.folder / "schemas" / "models" / f"{name}.avsc").write_text(json.dumps(document(fields)))

    def spoil(self, old: str, new: str, name: str = "fine") -> None:
        self.file(name).write_text(self.file(name).read_text().replace(old, new))

    def look(self, times: int = 2) -> None:
        for _ in range(times):
            self.watch.look()

    @property
    def told(self) -> list[str]:
        """The models of each change that was taken up."""
        return [str(change) for change in self.taken]

    @property
    def mistakes(self) -> list[str]:
        return list(self.health.ready().content["contract"]["mistakes"])

    @property
    def current(self) -> float | None:
        digest = self.health.ready().content["contract"]["hash"]
        return REGISTRY.get_sample_value("tidemill_contract_current", {"hash": digest})


def document(fields: list[dict[str, object]]) -> dict[str, object]:
    """The record schema of these fields."""
    return {"type": "record", "name": "R", "namespace": "com.acme", "fields": fields}
