"""The checks that ask a cluster and a registry, in the order in which they build on each other."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tidemill_operations.doctor import api_versions
from tidemill_operations.doctor.certificate import check_certificate
from tidemill_operations.doctor.findings import Finding, fail, ok, warn
from tidemill_operations.doctor.partitioners import check_partitioners
from tidemill_operations.doctor.rights import check_rights
from tidemill_operations.provision.rights import rights

if TYPE_CHECKING:
    from tidemill.kafka.client.clients import Admin
    from tidemill_operations.platform import PlatformView
    from tidemill_operations.provision.planning import Plan

TIMEOUT_S = 10.0
SKEW_MS = 2_000
LAG = 100_000
LEAST_FREE = 2**30


def examine(platform: PlatformView, service: str, *, try_transactions: bool = False) -> list[Finding]:
    """All findings. `service`: whose rights this principal should have."""
    from tidemill.errors import ConfigError, RetryLater
    from tidemill.kafka.client.clients import admin

    findings = [_security(platform)]
    try:
        client = admin(platform.settings)
        plan_made = _reachable(client, platform, findings)
    except (RetryLater, ConfigError) as error:
        todo = "check TIDEMILL_KAFKA_BOOTSTRAP, the network, and TIDEMILL_KAFKA_SECURITY_PROTOCOL"
        return [*findings, fail("brokers", str(error), todo), *_others(platform)]
    steps: list[Callable[[], list[Finding]]] = [
        lambda: _features(platform),
        lambda: _topics(_seen_by(service, plan_made, platform), client),
        lambda: _equal(platform, client, plan_made),
        lambda: check_rights(platform, client, service, try_transactions=try_transactions),
        lambda: _partitioners(platform, client),
        lambda: _lag(platform),
        lambda: _removed(platform),
        lambda: _made_anew(platform),
        lambda: _clock(platform, client),
    ]
    for step in steps:
        findings += _guarded(step)
    return findings + _others(platform)


def _guarded(step: Callable[[], list[Finding]]) -> list[Finding]:
    from confluent_kafka import KafkaException

    from tidemill.errors import TidemillError
    from tidemill.kafka.client.refusals import explain

    try:
        return step()
    except TidemillError as error:
        return [fail("cluster", str(error))]
    except KafkaException as error:
        return [fail("cluster", explain(error.args[0]))]


def _others(platform: PlatformView) -> list[Finding]:
    return [*_registry(platform), *_disk(platform), *check_certificate(platform.settings)]


def _security(platform: PlatformView) -> Finding:
    client = platform.settings.kafka_client
    way = client.protocol if client.mechanism is None else f"{client.protocol}, {client.mechanism}"
    text = f"{way}; {len(client.values)} settings passed through"
    if client.protocol in ("PLAINTEXT", "SASL_PLAINTEXT") and "127.0.0.1" not in platform.settings.kafka_bootstrap:
        return warn("security", text, "records and passwords go over the wire readable: use SASL_SSL or SSL")
    return ok("security", text)


def _reachable(client: Admin, platform: PlatformView, findings: list[Finding]) -> Plan:
    from tidemill_operations.provision.planning import make_plan

    made = make_plan(platform)
    brokers = client.list_topics(timeout=TIMEOUT_S).brokers
    findings.append(ok("brokers", f"{len(brokers)} answer at {platform.settings.kafka_bootstrap}"))
    return made


def _features(platform: PlatformView) -> list[Finding]:
    from tidemill.kafka.pass_through.aio import tls_context

    settings = platform.settings
    tls = tls_context(settings.kafka_client) if settings.kafka_client.protocol.endswith("SSL") else None
    found, findings = [], []
    for address in settings.kafka_bootstrap.split(","):
        try:
            found.append((address.strip(), api_versions.ask(address.strip(), tls)))
        except OSError as error:
            findings.append(warn("features", f"{address.strip()}: {error}", "is this address still a broker's?"))
    return findings + api_versions.check_api_versions(found, settings.group_protocol)


def _seen_by(service: str, plan: Plan, platform: PlatformView) -> Plan:
    """The plan without topics that the service has no rights on: to it they look as if they were missing."""
    names = {right.name for right in rights(platform.topics, platform.models, {service: "me"})}
    return replace(plan, changes=tuple(change for change in plan.changes if change.topic.name in names))


def _topics(plan: Plan, client: Admin) -> list[Finding]:
    from tidemill_operations.provision.cluster import create
    from tidemill_operations.provision.wanted import Kind

    findings = [fail("topics", text) for text in plan.obstacles]
    for change in plan.changes:
        for name, (now, then) in change.config.items():
            text = f"{change.topic.name}: {name} is {now}, the contract has {then}"
            findings.append(warn("topics", text, "`tidemill topics apply --change-configs` sets it"))
        if change.kind is Kind.KEEP and change.detail and not change.topic.external:
            findings.append(warn("topics", f"{change.topic.name}: {change.detail}"))
    for change in plan.changes:
        if change.kind is Kind.GROW:
            findings.append(
                fail("topics", f"{change.topic.name}: {change.detail}", "`tidemill topics apply` adds them")
            )
    missing = [change for change in plan.changes if change.kind is Kind.CREATE]
    if missing:
        refused = create(client, missing, dry_run=True)
        text = f"{len(missing)} are missing, such as {missing[0].topic.name}"
        todo = "`tidemill topics apply` creates them"
        if refused:
            why = next(iter(refused.values()))
            text, todo = f"{text}; they may not be created by this principal ({why})", f"{todo}, or writes a script"
        findings.append(fail("topics", text, todo))
    return findings or [ok("topics", f"all {len(plan.changes)} exist as the contract has them")]


def _equal(platform: PlatformView, client: Admin, plan: Plan) -> list[Finding]:
    from tidemill.errors import ConfigError
    from tidemill.kafka.client.topics import check_equal_partitions
    from tidemill_operations.provision.wanted import Kind

    findings = []
    missing = {change.topic.model for change in plan.changes if change.kind in (Kind.CREATE, Kind.MISSING)}
    for model in sorted(platform.models.keys() - missing):  # what is missing has been told
        try:
            count = check_equal_partitions(client, platform.topics, [model])[model]
        except ConfigError as error:
            findings.append(fail("partitions", str(error), "a model's topics must have equally many partitions"))
        else:
            findings.append(ok("partitions", f"{model}: {count} in each topic"))
    return findings


def _partitioners(platform: PlatformView, client: Admin) -> list[Finding]:
    from tidemill.kafka.client.topics import partition_counts

    names = [platform.topics.name(role, m) for m in platform.models for role in ("raw", "labels_raw")]
    return check_partitioners(platform, partition_counts(client, names))


def _lag(platform: PlatformView) -> list[Finding]:
    from tidemill_operations.standing.lag import Offsets

    offsets, findings = Offsets(platform.settings), []
    for group in offsets.groups(platform.settings.prefix):
        topics = sorted({topic for topic, _ in offsets.committed(group)})
        behind = sum(part.records for part in offsets.lag(group, topics))
        text = f"{group} is {behind:,} records behind"
        todo = "see docs/runbooks/lag.md"
        findings.append(warn("lag", text, todo) if behind > LAG else ok("lag", text))
    return findings or [ok("lag", "no consumer group has committed anything yet")]


def _removed(platform: PlatformView) -> list[Finding]:
    """What retention took before a group had read it. *profile* keeps its offsets back for open windows: no loss."""
    from tidemill_operations.standing.groups import PROFILE
    from tidemill_operations.standing.lag import Offsets

    offsets, findings, todo = Offsets(platform.settings), [], "see docs/runbooks/removed.md"
    for group in offsets.groups(platform.settings.prefix):
        for topic, count in offsets.removed(group).items():
            findings.append(warn("removed", f"{group} has lost {count:,} offsets of {topic}, removed unread", todo))
        if PROFILE in group:
            continue
        for topic, count in offsets.going(group).items():
            text = f"{topic} is being removed before {group} has read it: {count:,} offsets so far"
            findings.append(fail("removed", text, f"give it a longer retention now; {todo}"))
    return findings or [ok("removed", "nothing was removed before it was read")]


def _made_anew(platform: PlatformView) -> list[Finding]:
    """Topics that are others than those that groups have read. Reading them anew is right; whoever made them may not
    have meant it, and what was in the old ones is gone.
    """
    from tidemill_operations.standing.lag import Offsets
    from tidemill_operations.standing.made_anew import MadeAnew, unbegun

    offsets, findings, todo = Offsets(platform.settings), [], "see docs/runbooks/removed.md"
    waiting = set(unbegun(offsets, offsets.known(platform.topics.name("source_topics"))))
    for group in offsets.groups(platform.settings.prefix):
        anew = MadeAnew.of(offsets, offsets.places(group))
        waiting -= {topic for topic, _ in anew.unseen}
        for topic in sorted({topic for topic, _ in anew.unseen}):
            text = f"{topic} was deleted and made anew, and {group} has not begun the new one"
            findings.append(warn("made anew", text, f"is its worker running? It begins by itself; {todo}"))
        for topic, times in sorted(anew.times.items()):
            text = (
                f"{topic} was deleted and made anew since {group} reads it ({times}x): it went on at the first offset"
            )
            findings.append(ok("made anew", text))
    for topic in sorted(waiting):
        text = f"{topic} was deleted and made anew while no validator ran, and none has begun the new one"
        findings.append(warn("made anew", text, f"start a validator: it begins by itself; {todo}"))
    return findings or [ok("made anew", "no topic was made anew while a group read it")]


def _clock(platform: PlatformView, client: Admin) -> list[Finding]:
    """The brokers' clock shows in append times alone: a record that is newer than now tells a difference."""
    from tidemill.kafka.client.scan import bounds, scan
    from tidemill.kafka.client.topics import partition_counts

    newest = 0
    names = [platform.topics.name("raw", model) for model in platform.models]
    for topic in partition_counts(client, names):
        starts = {n: max(low, high - 1) for n, (low, high) in bounds(platform.settings, topic).items()}
        for batch in scan(platform.settings, topic, start=starts, timeout_s=TIMEOUT_S):
            newest = max(newest, *batch.timestamps_ms)
    ahead = newest - time() * 1000
    if ahead > SKEW_MS:
        todo = "let NTP set the clocks of brokers and services; windows and ids rest on them"
        return [warn("clock", f"the newest record was appended {ahead / 1000:.0f} s from now", todo)]
    return [ok("clock", "no record was appended in the future")]


def _registry(platform: PlatformView) -> list[Finding]:
    from tidemill.codec import open_registry
    from tidemill.errors import TidemillError

    url = platform.settings.schema_registry_url
    if not url:
        return [ok("registry", "none is configured: values carry the fingerprint of their schema")]
    try:
        registry = open_registry(platform.settings)
        assert registry is not None
        mode = registry.compatibility()
    except TidemillError as error:
        return [fail("registry", str(error), "check TIDEMILL_SCHEMA_REGISTRY_URL; workers wait until it answers")]
    where = urlsplit(url).netloc.rpartition("@")[2]
    if mode.upper() == "NONE":
        todo = "set BACKWARD or stricter, so that it refuses what readers could not read"
        return [warn("registry", f"{where} answers; its compatibility mode is NONE", todo)]
    return [ok("registry", f"{where} answers; its compatibility mode is {mode}")]


def _disk(platform: PlatformView) -> list[Finding]:
    findings = []
    for name, place in (("artifacts", platform.settings.artifacts), ("tables", platform.settings.tables)):
        parts = urlsplit(place)
        if parts.scheme not in ("", "file"):
            continue
        folder = Path(parts.path if parts.scheme else place).absolute()
        while not folder.exists():
            folder = folder.parent
        free = shutil.disk_usage(folder).free
        text = f"{name}: {free / 2**30:.1f} GiB free at {folder}"
        findings.append(
            ok("disk", text) if free > LEAST_FREE else warn("disk", text, "make room, or set another place")
        )
    return findings
