"""Every principal is tried on every topic, group and transactional id of a platform that has the rights that `tidemill
topics plan` prints: it is let do what the plan gives it, and refused all else.
"""

from __future__ import annotations

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)
from confluent_kafka.cimpl import NewTopic

from tests.broker.security import matrix
from tests.broker.security.attempts import CLUSTER, Attempts, Use
from tests.broker.security.secured import Secured
from tests.broker.security.test_logins import allow, settings_of
from tests.support.polling import until
from tidemill.settings import CommonSettings, KafkaSettings
from tidemill_operations.platform import PlatformView
from tidemill_operations.provision.planning import apply_plan, make_plan
from tidemill_operations.provision.rights import GROUP, TOPIC, TRANSACTIONAL_ID, rights

STRANGER = "stranger"
"""Logs in, and has no right at all."""
MODEL, SOURCED = "flight-delay", "flight-sourced"
OPERATIONS = {
    TOPIC: ("READ", "WRITE", "CREATE", "DELETE", "ALTER", "DESCRIBE", "DESCRIBE_CONFIGS", "ALTER_CONFIGS"),
    GROUP: ("READ", "DELETE", "DESCRIBE"),
    TRANSACTIONAL_ID: ("WRITE",),
}


@dataclass(frozen=True)
class Planned:
    """A platform whose plan is applied: two models, and one that reads a topic of someone else's."""

    secured: Secured
    view: PlatformView
    names: matrix.Names

    def allowed(self, service: str) -> set[Use]:
        mine = {of: who for of, who in matrix.principals(self.view.settings.prefix).items() if of == service}
        return matrix.allowed(rights(self.view.topics, self.view.models, mine), self.names)

    def user(self, service: str) -> str:
        return f"{self.view.settings.prefix}{service}"


@pytest.fixture(scope="module")
def planned(secured: Secured, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Planned:
    prefix, models = f"f{uuid.uuid4().hex[:6]}-", tmp_path_factory.mktemp("models")
    for path in (root / "models").glob("*.yaml"):
        (models / path.name).write_text(path.read_text())
    source = f"model: {SOURCED}\nsource: {{topic: {prefix}ops.flights, format: json}}"
    text = (root / "models" / f"{MODEL}.yaml").read_text()
    (models / f"{SOURCED}.yaml").write_text(re.sub(f"(?m)^model: {MODEL}$", source, text))
    settings = CommonSettings(
        kafka_bootstrap=secured.inside, prefix=prefix, schemas=root / "schemas", models_dir=models, partitions=1
    )
    view = PlatformView(settings, {})
    _make_topics(secured, [f"{prefix}ops.flights"])
    for service in (*matrix.principals(prefix), STRANGER):
        secured.add_user(f"{prefix}{service}")
    plan = make_plan(view, [f"{service}={who}" for service, who in matrix.principals(prefix).items()])
    refused = apply_plan(view, plan, configs=False).refused
    assert not refused
    made = Planned(secured, view, matrix.names(view))
    _make_neighbours(made)
    until(lambda: _known(made) == len(plan.rights), 60, "the broker knows all rights")
    return made


def test_every_principal_is_let_do_what_the_plan_gives_it_and_refused_all_else(planned: Planned) -> None:
    services = [*matrix.principals(""), STRANGER]
    prepared = [_settings(planned, service) for service in services]
    with ThreadPoolExecutor(4) as pool:
        tried = dict(zip(services, pool.map(_try, [planned] * len(services), services, prepared), strict=True))
    wrong = []
    for service, attempts in tried.items():
        assert attempts.answers.keys() == _uses(planned.names) | _of_cluster(attempts), f"{service}: not all was tried"
        may = planned.allowed(service)
        wrong += [f"{service} was let {use}" for use in sorted(attempts.let() - may)]
        wrong += [f"{service} was refused {use}" for use in sorted(may - attempts.let())]
        told = {(TOPIC, name, operation) for name, operations in attempts.told.items() for operation in operations}
        wrong += [f"brokers say that {service} may {use}" for use in sorted(told - may)]
    _print(planned.names, tried)
    assert not wrong, f"{len(wrong)}: {wrong[:20]}"
    assert all(planned.allowed(service) for service in services if service != STRANGER)


def test_one_right_more_than_the_plan_is_found(planned: Planned) -> None:
    versions = planned.view.topics.name("model_versions")
    more = planned.user("more")
    planned.secured.add_user(more)
    allow(planned.secured, f"User:{more}", ResourceType.TOPIC, versions, "WRITE")
    assert _try(planned, "more", _settings(planned, "more")).let() - planned.allowed(STRANGER) == {
        (TOPIC, versions, "WRITE"), (TOPIC, versions, "DESCRIBE")
    }  # fmt: skip


def _settings(planned: Planned, service: str) -> KafkaSettings:
    """How it logs in. Made one after another: they are read from this process's environment."""
    with pytest.MonkeyPatch.context() as patch:
        return settings_of(patch, planned.secured.variables(planned.user(service)))


def _try(planned: Planned, service: str, settings: KafkaSettings) -> Attempts:
    attempts = Attempts(settings)
    attempts.on_cluster(planned.user(service))
    attempts.on_transactional_ids(list(planned.names.transactional_ids))
    attempts.on_groups(planned.names.groups, planned.names.topics[0])
    attempts.on_topics(list(planned.names.topics))
    return attempts


def _uses(names: matrix.Names) -> set[Use]:
    by_kind = {TOPIC: names.topics, GROUP: names.groups, TRANSACTIONAL_ID: names.transactional_ids}
    return {(kind, name, operation) for kind, of in by_kind.items() for name in of for operation in OPERATIONS[kind]}


def _of_cluster(attempts: Attempts) -> set[Use]:
    found = {use for use in attempts.answers if use[0] == CLUSTER}
    assert len(found) == 4
    return found


def _make_neighbours(planned: Planned) -> None:
    """The topics beside the platform's own; Kafka makes its own when they are first used."""
    there = planned.secured.admin.list_topics(timeout=30).topics
    missing = [name for name in planned.names.topics if name not in there and not name.startswith("__")]
    _make_topics(planned.secured, missing)
    inside = {"bootstrap.servers": planned.secured.inside, "log_level": 0}
    Producer(inside | {"transactional.id": f"{planned.view.settings.prefix}super"}).init_transactions(30)
    until(lambda: _coordinated(planned), 60, "the broker coordinates every group", every=0.2)


def _coordinated(planned: Planned) -> bool:
    """Whether the broker tells of every group, be it that there is none: until then it is not their coordinator."""
    futures = planned.secured.admin.describe_consumer_groups(list(planned.names.groups), request_timeout=30)
    return all(future.exception() is None for future in futures.values())


def _make_topics(secured: Secured, names: list[str]) -> None:
    for future in secured.admin.create_topics([NewTopic(name, 1, 1) for name in names]).values():
        future.result(30)


def _known(planned: Planned) -> int:
    """Rights of this platform's principals that the broker judges by."""
    everybodys = AclBindingFilter(
        ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
    )
    whose = set(matrix.principals(planned.view.settings.prefix).values())
    return sum(binding.principal in whose for binding in planned.secured.admin.describe_acls(everybodys).result(20))


def _print(names: matrix.Names, tried: dict[str, Attempts]) -> None:
    uses = sum(len(attempts.answers) for attempts in tried.values())
    let = sum(len(attempts.let()) for attempts in tried.values())
    print(
        f"\n{len(tried)} principals x ({len(names.topics)} topics x {len(OPERATIONS[TOPIC])} operations, "
        f"{len(names.groups)} groups x {len(OPERATIONS[GROUP])}, {len(names.transactional_ids)} transactional ids, "
        f"4 of the cluster's) = {uses} uses: {let} let, as planned; {uses - let} refused"
    )
