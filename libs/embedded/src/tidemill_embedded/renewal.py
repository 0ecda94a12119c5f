"""What a running platform does for a new or changed model file: its topics, and the history of its record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.topics import ensure_topics
from tidemill.service.contract import Contract
from tidemill.service.renewal.change import Change
from tidemill.service.renewal.watch import ContractWatch
from tidemill.settings import CommonSettings
from tidemill_embedded.histories import keep_histories

__all__ = ["follow_models"]


def follow_models(shared: Mapping[str, str], tell: Callable[[str], None]) -> ContractWatch:
    """Follows the folders that the services follow, from now on, and makes what they wait for; `tell` is given a line
    for each change, and for what is wrong with one. `shared`: the TIDEMILL_* variables of the services.
    """
    settings = _settings(shared)

    def take_up(change: Change) -> None:
        topics = change.contract.topics
        if change.new:
            replicas = settings.replication_factor
            ensure_topics(admin(settings), topics, change.new, settings.partitions, replication=replicas)
        keep_histories(settings, topics, {spec.name: spec for spec in change.specs}, settings.schemas, tell)

    return ContractWatch(Contract.load(settings, logged=False), take_up, tell=tell).start()


def _settings(shared: Mapping[str, str]) -> CommonSettings:
    settings = CommonSettings(
        kafka_bootstrap=shared["TIDEMILL_KAFKA_BOOTSTRAP"], prefix=shared["TIDEMILL_PREFIX"],
        schemas=Path(shared["TIDEMILL_SCHEMAS"]), models_dir=Path(shared["TIDEMILL_MODELS_DIR"]),
        models=tuple(filter(None, shared["TIDEMILL_MODELS"].split(","))),
        partitions=int(shared["TIDEMILL_PARTITIONS"]),
    )  # fmt: skip
    every = shared.get("TIDEMILL_CONTRACT_EVERY_S", settings.contract_every_s)
    replication = shared.get("TIDEMILL_REPLICATION_FACTOR", settings.replication_factor)
    return settings.model_copy(update={"contract_every_s": float(every), "replication_factor": int(replication)})
