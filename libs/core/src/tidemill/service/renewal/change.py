"""What changed model files come to, held against the contract at work: by the code that reads them at a start, and by
what a change may do while records of the old kind are on their way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.schemas.compatibility import reading_problems
from tidemill.contracts.schemas.history import UNRECORDED, check_history
from tidemill.errors import ConfigError
from tidemill.service.contract import Contract

__all__ = ["Change", "changed_contract"]

FIXED: Final[Mapping[str, str]] = {
    "entity": "entity",
    "event_id": "event_id",
    "event_time": "event_time",
    "events": "source",
}
"""What records, keys, windows and tables of a model are made by, by its key in the model file."""


@dataclass(frozen=True, slots=True)
class Change:
    """`contract`: what the files say now; it has every model that is at work. `new`, `changed`: names, in order."""

    contract: Contract
    new: tuple[str, ...]
    changed: tuple[str, ...]

    @property
    def models(self) -> tuple[str, ...]:
        """All models of which something is to be taken up."""
        return self.new + self.changed

    @property
    def specs(self) -> list[ModelSpec]:
        """Their model files."""
        return [self.contract.models[name] for name in self.models]

    def __str__(self) -> str:
        told = [f"{what} {', '.join(names)}" for what, names in (("new", self.new), ("changed", self.changed)) if names]
        return "; ".join(told) or "no model differs"


def changed_contract(at_work: Contract) -> Change:
    """Reads the files anew. A file that is wrong and belongs to no model at work is left out, as at a start.

    Raises ConfigError, with place and cure, for what is not taken up: the contract at work goes on as a whole.
    """
    contract = Contract.load(at_work.settings, logged=False)
    _check_all_there(at_work, contract)
    contract.topics.all_topics(contract.models)
    new = tuple(sorted(contract.models.keys() - at_work.models.keys()))
    changed = tuple(name for name in sorted(at_work.models) if _differs(at_work, contract, name))
    found = Change(contract, new, changed)
    problems = [problem for name in changed for problem in _forbidden(at_work, contract, name)]
    problems += _history_problems(contract, found.models)
    if problems:
        raise ConfigError("\n".join(problems))
    return found


def _check_all_there(at_work: Contract, contract: Contract) -> None:
    gone = sorted(at_work.models.keys() - contract.models.keys())
    if not gone:
        return
    if contract.mistakes:
        raise ConfigError("\n".join(contract.mistakes))
    raise ConfigError("\n".join(f"{_place(at_work, name)}: {_GONE.format(name=name)}" for name in gone))


_GONE: Final = (
    "the file of model {name!r} is gone, and the model goes on as it was read: put the file back, "
    "or start the services anew to let the model go (its topics and versions stay)"
)


def _differs(at_work: Contract, contract: Contract, name: str) -> bool:
    records = at_work.schemas.record(name), contract.schemas.record(name)
    return at_work.models[name] != contract.models[name] or records[0] != records[1]


def _forbidden(at_work: Contract, contract: Contract, name: str) -> Iterator[str]:
    old, new = at_work.models[name], contract.models[name]
    keys = [key for field, key in FIXED.items() if getattr(old, field) != getattr(new, field)]
    if (old.target.label, old.target.task, old.target.source) != (new.target.label, new.target.task, new.target.source):
        keys.append("target")
    for key in keys:
        yield (
            f"{_place(contract, name, key)}: `{key}` of {name} cannot change while it is at work, since what was read "
            f"is kept by it: put it back, or give what is another model another name"
        )
    file = contract.settings.schemas / "models" / new.schema_file
    for problem in reading_problems(contract.schemas.record(name), at_work.schemas.record(name)):
        yield f"{file}:1:1: {name}: records in flight would not be readable: {problem}"


def _history_problems(contract: Contract, models: tuple[str, ...]) -> Iterator[str]:
    for name in models:
        file = contract.settings.schemas / "models" / contract.models[name].schema_file
        for problem in check_history(contract.settings.schemas, {name: contract.models[name]}):
            if UNRECORDED not in problem:
                yield f"{file}:1:1: {problem}"


def _place(contract: Contract, name: str, key: str = "") -> str:
    source = contract.models[name].source
    if source is None:
        return name
    line, column = source.positions.get(key, (1, 1))
    return f"{source.file}:{line}:{column}"
