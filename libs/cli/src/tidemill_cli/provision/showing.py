"""A plan for people, and for programs."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from tidemill_cli.provision.planning import Plan
from tidemill_cli.provision.rights import Right
from tidemill_cli.provision.wanted import OF_BROKER, Change, Kind


def show(plan: Plan) -> None:
    """Prints topics, differences and rights."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(box=None, pad_edge=False)
    for heading in ("", "topic", "partitions", "replicas", "kept", "settings"):
        table.add_column(heading)
    for change in plan.changes:
        table.add_row(*_row(change))
    console.print(table)
    for change in plan.changes:
        for name, (now, then) in change.config.items():
            console.print(f"  {change.topic.name}: {name} is {now}, the contract has {then}", highlight=False)
    console.print("\nrights of each service" + ("" if plan.named else " (name yours with --principal)"))
    for line in rights_text(plan.rights):
        console.print(f"  {line}", highlight=False, soft_wrap=True)
    counts = {kind: sum(c.kind is kind for c in plan.changes) for kind in Kind}
    console.print(
        f"\n{counts[Kind.CREATE]} to create, {counts[Kind.CONFIG]} with other settings (kept, unless "
        f"--change-configs), {counts[Kind.KEEP]} as they should be, {len(plan.obstacles)} in the way"
    )


def rights_text(rights: tuple[Right, ...]) -> list[str]:
    """One line a principal and resource: `User:x may READ, DESCRIBE topic a`."""
    operations: dict[tuple[str, str, str, bool], list[str]] = defaultdict(list)
    for right in rights:
        key = (right.principal, right.resource, right.name, right.prefixed)
        operations[key].append(right.operation)
    return [
        f"{principal} may {', '.join(sorted(may))} {resource} {name}{'*' if prefixed else ''}"
        for (principal, resource, name, prefixed), may in sorted(operations.items())
    ]


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


def _row(change: Change) -> tuple[str, ...]:
    topic = change.topic
    replicas = "brokers'" if topic.replication == OF_BROKER else str(topic.replication)
    config = dict(topic.config)
    kept = _kept(config.pop("retention.ms", ""), config.pop("cleanup.policy", ""))
    rest = change.detail or ", ".join(f"{name}={value}" for name, value in config.items())
    return (change.kind.value, topic.name, str(topic.partitions or "?"), replicas, kept, rest)


def _kept(retention_ms: str, cleanup: str) -> str:
    if cleanup == "compact":
        return "newest per key"
    if retention_ms in ("", "-1"):
        return "for ever" if retention_ms else ""
    return f"{int(retention_ms) / 86_400_000:g} days"
