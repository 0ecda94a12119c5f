"""What a model card says, in lines, page and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tidemill_cli.rendering.quality_table import moment

if TYPE_CHECKING:
    from tidemill_operations.model_card.card import Card, Metric
    from tidemill_operations.model_card.recorded import Entry

NOT_RECORDED = "not recorded"
HIDDEN = "personal: not shown"
LONGEST = 400
MOST_VALUES = 4


def sections(card: Card) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each part of the card with its lines: (what, value)."""
    from tidemill_operations.model_card.recorded import ENTRIES, SECTIONS

    for section in SECTIONS:
        yield section, [(entry.label, value_text(card, entry)) for entry in ENTRIES if entry.section == section]


def value_text(card: Card, entry: Entry) -> str:
    """One value for people."""
    found = card.recorded(*entry.places)
    if found is None:
        return NOT_RECORDED
    if entry.form == "moment":
        return f"{moment(found, exact=True)} UTC" if found > 0 else NOT_RECORDED
    if entry.form == "span":
        return f"{moment(found[0])} to {moment(found[1])} UTC"
    if entry.form == "share":
        return f"{found:.2%}"
    return plain(found)


def plain(found: Any) -> str:
    """A value of any kind in one line."""
    if isinstance(found, Mapping):
        text = ", ".join(f"{name} {plain(value)}" for name, value in found.items())
    elif isinstance(found, list):
        text = ", ".join(map(plain, found))
    else:
        text = f"{found:,}" if isinstance(found, int) else f"{found:.5g}" if isinstance(found, float) else str(found)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def metric_cells(metric: Metric) -> tuple[str, str, str]:
    """Name; value with its standard error; the same on labels since."""
    value = f"{metric.value:.4g}" + ("" if metric.error is None else f" ± {metric.error:.2g}")
    since = "no labels" if metric.since is None else f"{metric.since:.4g} ({metric.labels:,} labels)"
    return metric.name, value, since


def features(card: Card) -> list[tuple[str, str, str, str, str]]:
    """Each feature: name, kind, what was learned from, expectations, importance."""
    known = card.recorded("reference.features") or {}
    return [
        (name, _kind(feature), _learned(card, name, known.get(name)), _expected(card, name), _importance(card, name))
        for feature in card.recorded("manifest.features") or []
        for name in [feature["name"]]
    ]  # fmt: skip


def as_dict(card: Card) -> dict[str, Any]:
    """All of it as plain JSON: what is not recorded is null; times are epoch ms."""
    from tidemill_operations.model_card.recorded import ENTRIES

    return {
        "model": card.spec.name, "version": card.version, "intended_use": card.spec.description or None,
        "recorded": {entry.label: card.recorded(*entry.places) for entry in ENTRIES},
        "metrics": [asdict(metric) for metric in card.metrics],
        "gate": {"outcome": card.outcome or None, "decision": card.decision or None, "evidence": list(card.gate)},
        "reasons": list(card.reasons), "releases": [asdict(one) for one in card.releases],
        "calibration": [asdict(one) for one in card.calibration],
        "features": [dict(zip(("name", "kind", "learned_from", "expectations", "importance"), one, strict=True))
                     for one in features(card)],
    }  # fmt: skip


def _kind(feature: Mapping[str, Any]) -> str:
    parts = ", ".join(feature["parts"])
    return f"{feature['kind']} ({parts})" if parts else str(feature["kind"])


def _learned(card: Card, name: str, known: Mapping[str, Any] | None) -> str:
    """What the version learned from, of one feature."""
    if known is None:
        return NOT_RECORDED
    if name in card.spec.privacy:
        return HIDDEN
    nulls = f"; {known['nulls']:.1%} null" if known.get("nulls") else ""
    quantiles, counts = known.get("quantiles"), known.get("counts", {})
    if quantiles:
        last = len(quantiles) - 1
        low, middle, high = (quantiles[round(q * last)] for q in (0.05, 0.5, 0.95))
        return f"median {middle:.4g} ({low:.4g} to {high:.4g}){nulls}"
    total = max(1, sum(counts.values()) + known.get("other", 0))
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:MOST_VALUES]
    told = ", ".join(f"{name} {count / total:.0%}" for name, count in ordered)
    return f"{told or 'no values'}{nulls}"


def _expected(card: Card, name: str) -> str:
    told = [one.name.removeprefix("expect_column_values_to_") for one in card.spec.expectations if name in one.columns]
    return ", ".join(told)


def _importance(card: Card, name: str) -> str:
    from tidemill_operations.model_card.recorded import IMPORTANCES

    found = card.recorded(*IMPORTANCES)
    value = found.get(name) if isinstance(found, Mapping) else None
    return NOT_RECORDED if value is None else plain(value)
