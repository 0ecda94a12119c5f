"""A plan for people, and for programs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from tidemill_operations.provision.planning import Plan
from tidemill_operations.provision.rights import Right
from tidemill_operations.provision.wanted import OF_BROKER, Change, Kind

KEPT: Final = ("retention.ms", "cleanup.policy")


def show(plan: Plan) -> None:
    """Prints topics, differences and rights."""
    from rich.table import Table

    from tidemill_cli.rendering.terminal import console

    screen = console()
    table = Table(box=None, pad_edge=False)
    for heading in ("", "topic", "partitions", "replicas", "kept", "settings"):
        right = heading in ("partitions", "replicas")
        table.add_column(heading, justify="right" if right else "left", no_wrap=heading == "topic", overflow="fold")
    common = _common(plan.changes)
    for change in plan.changes:
        table.add_row(*_row(change, common))
    screen.print(table)
    if common:
        screen.print("all of ours with " + ", ".join(f"{name}={value}" for name, value in common), highlight=False)
    for change in plan.changes:
        for name, (now, then) in change.config.items():
            screen.print(f"  {change.topic.name}: {name} is {now}, the contract has {then}", highlight=False)
    screen.print("\nrights of each service" + ("" if plan.named else " (name yours with --principal)"))
    for line in rights_text(plan.rights):
        screen.print(line, highlight=False, soft_wrap=True, markup=False)
    counts = {kind: sum(c.kind is kind for c in plan.changes) for kind in Kind}
    screen.print(
        f"\n{counts[Kind.CREATE]} to create, {counts[Kind.GROW]} to get more partitions, "
        f"{counts[Kind.CONFIG]} with other settings (kept, unless "
        f"--change-configs), {counts[Kind.KEEP]} as they should be, {len(plan.obstacles)} in the way"
    )
    for obstacle in plan.obstacles:
        screen.print(f"in the way: {obstacle}", highlight=False, soft_wrap=True, markup=False)


def rights_text(rights: tuple[Right, ...]) -> list[str]:
    """A line a principal, and below it one a resource: `  READ, DESCRIBE  topic  a`; `*` ends a prefix."""
    operations: dict[str, dict[tuple[str, str], list[str]]] = defaultdict(lambda: defaultdict(list))
    for right in rights:
        name = right.name + ("*" if right.prefixed else "")
        operations[right.principal][right.resource, name].append(right.operation)
    lines = []
    for principal, resources in sorted(operations.items()):
        may = {key: ", ".join(sorted(found)) for key, found in resources.items()}
        width = max(map(len, may.values()))
        lines.append(principal)
        lines += [f"  {may[key]:<{width}}  {key[0]:<16}  {key[1]}" for key in sorted(may)]
    return lines


def _common(changes: Sequence[Change]) -> list[tuple[str, str]]:
    """Settings that every topic of ours has alike; how long it is kept has a column of its own."""
    ours = [set(change.topic.config.items()) for change in changes if not change.topic.external]
    return sorted(item for item in set.intersection(*ours) if item[0] not in KEPT) if ours else []


def as_dict(plan: Plan) -> dict[str, Any]:
    """The plan as JSON can hold it."""
    return {
        "topics": [
            {
                "topic": change.topic.name,
                "action": change.kind.value,
                "partitions": change.topic.partitions,
                "replication_factor": change.topic.replication,
                "config": dict(change.topic.config),
                "differs": {name: {"is": a, "should_be": b} for name, (a, b) in change.config.items()},
                "detail": change.detail,
            }
            for change in plan.changes
        ],
        "rights": [
            {
                "principal": right.principal,
                "operation": right.operation,
                "resource": right.resource,
                "name": right.name,
                "pattern": "prefixed" if right.prefixed else "literal",
            }
            for right in plan.rights
        ],
        "obstacles": plan.obstacles,
    }


def _row(change: Change, common: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    topic = change.topic
    replicas = "brokers'" if topic.replication == OF_BROKER else str(topic.replication)
    config = dict(topic.config)
    kept = _kept(config.pop("retention.ms", ""), config.pop("cleanup.policy", ""))
    rest = change.detail or ", ".join(
        f"{name}={value}" for name, value in config.items() if (name, value) not in common
    )
    return (change.kind.value, topic.name, str(topic.partitions or "?"), replicas, kept, rest)


def _kept(retention_ms: str, cleanup: str) -> str:
    if cleanup == "compact":
        return "newest per key"
    if retention_ms in ("", "-1"):
        return "for ever" if retention_ms else ""
    return f"{int(retention_ms) / 86_400_000:g} days"
