"""How the parts of a trainer take up new and changed models, each between two of its steps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, MutableMapping
from dataclasses import dataclass
from functools import partial

from tidemill.artifact import ArtifactStore, Bounds
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.topics import TopicCatalog
from tidemill.kafka.client.publisher import ExclusiveWriter
from tidemill.service.contract import Contract
from tidemill.service.renewal.change import Change
from tidemill.service.renewal.topics import await_topics
from tidemill_trainer.assess.assessment import Assessment
from tidemill_trainer.assess.loop import Assess
from tidemill_trainer.collect.collector import ROLES, Collector
from tidemill_trainer.collect.opening import model_rows, place_of, topic_partitions
from tidemill_trainer.release.releaser import begin_to_tell
from tidemill_trainer.release.trial.evaluator import Vet
from tidemill_trainer.release.trial.vetting import vetted
from tidemill_trainer.settings import TrainerSettings
from tidemill_trainer.training.orders import Place


@dataclass(slots=True)
class Renewal:
    """`contract`: what the parts work by now, or in a moment. `specs`, `places`: what the parts look models up in,
    which grows; `releasable`: lets these models be released; `assessed`: makes the label time of a model.

    The training process follows by itself, before its next run (`TrainingChild.ensure_ready`).
    """

    settings: TrainerSettings
    contract: Contract
    specs: MutableMapping[str, ModelSpec]
    collector: Collector
    places: MutableMapping[str, Place]
    releasable: Callable[[Iterable[str]], None]
    assess: Assess
    assessed: Callable[[ModelSpec], Assessment]

    def take_up(self, change: Change) -> None:
        """Raises ConfigError, with nothing changed, where rows of a model cannot be kept; RetryLater."""
        if not change.models:
            return
        await_topics(change, ROLES)
        found = change.contract
        counts = topic_partitions(self.settings, found)
        rows = [model_rows(self.settings, spec, found, counts) for spec in change.specs]
        before, self.contract = self.contract, found
        try:
            self.collector.take_up(rows)
        except BaseException:
            self.contract = before
            raise
        self.places.update({model.spec.name: place_of(self.settings, model, found.topics) for model in rows})
        self.releasable(change.new)
        begin_to_tell(change.new)
        self.specs.update({spec.name: spec for spec in change.specs})
        self.assess.take_up(self.assessed(spec) for spec in change.specs)


def add_releasable(
    settings: TrainerSettings,
    topics: TopicCatalog,
    writers: MutableMapping[str, ExclusiveWriter],
    vets: MutableMapping[str, Vet],
    models: Collection[str],
) -> None:
    """What *release* has of each model: a writer that fences any other, and what holds a challenger to be fit."""
    store = ArtifactStore.of(settings)
    bounds = Bounds(settings.proof_timeout_s, settings.proof_memory_mb << 20)
    for name in models:
        vets[name] = partial(vetted, model=name, store=store, bounds=bounds)
        writers[name] = ExclusiveWriter(settings, topics.transactional_id(f"release-{name}"))
