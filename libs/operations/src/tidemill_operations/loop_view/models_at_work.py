"""The models of a platform that is looked at for long: as its processes have them, whose files may change meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tidemill.errors import ConfigError
from tidemill.service.contract import Contract
from tidemill.service.renewal.change import changed_contract
from tidemill.service.renewal.files import Looks

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec
    from tidemill.settings import CommonSettings


class ModelsAtWork:
    """Model files by the rules of every process that follows them (`ContractWatch`): what two looks in a row have found
    the same, and is right, is taken up; a model whose file goes stays. What is refused changes nothing, and
    `tidemill status` says why.
    """

    def __init__(self, settings: CommonSettings) -> None:
        """Raises ConfigError where no model is right."""
        self._contract = Contract.load(settings, logged=False)
        self._looks = Looks(settings.models_dir, settings.schemas, self._contract.digest)

    @property
    def models(self) -> Mapping[str, ModelSpec]:
        """By name."""
        return self._contract.models

    def topics(self) -> dict[str, dict[str, str]]:
        """The topics of each model, by role."""
        return {name: dict(self._contract.topics.model_topics(name)) for name in self._contract.models}

    def look(self) -> bool:
        """One look at the files; whether something was taken up."""
        digest = self._looks.look()
        if digest is None or digest == self._contract.digest:
            return False
        try:
            change = changed_contract(self._contract)
        except ConfigError:
            return False
        if change.contract.digest != digest:  # they have changed meanwhile: the next looks find it
            return False
        self._contract = change.contract
        return bool(change.models)
