"""A version's model card as one page of HTML that needs nothing else (Mitchell et al.: Model Cards for Model Reporting,
2019).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidemill_cli.rendering.calibration import calibration_plot
from tidemill_cli.rendering.card.rows import NOT_RECORDED, features, metric_cells, sections
from tidemill_cli.rendering.pages import filled
from tidemill_cli.rendering.quality_table import moment

if TYPE_CHECKING:
    from tidemill_operations.model_card.card import Card


def page(card: Card) -> str:
    """The whole page."""
    return filled(
        "card/page.html.j2", "courses.css", "drift/drift.css", model=card.spec.name, version=card.version,
        use=card.spec.description or NOT_RECORDED, tiles=_tiles(card), sections=list(sections(card)),
        metrics=[metric_cells(metric) for metric in card.metrics], calibration=calibration_plot(card.calibration),
        features=features(card), outcome=card.outcome or NOT_RECORDED, decision=card.decision or NOT_RECORDED,
        gate=[said for said in card.gate if said not in card.decision], reasons=card.reasons,
        releases=[(moment(one.published_ms, exact=True), one.action, one.by, one.reason) for one in card.releases],
    )  # fmt: skip


def _tiles(card: Card) -> list[tuple[str, str, str]]:
    tiles = [(str(card.version), "version", "")]
    metric = next((one for one in card.metrics if one.name == card.spec.training.metric), None)
    if metric is not None:
        tiles.append((f"{metric.value:.4g}", f"{metric.name}, held out", ""))
        if metric.since is not None:
            tiles.append((f"{metric.since:.4g}", f"{metric.name} since, by labels", ""))
    rows = card.recorded("reference.rows")
    tiles.append((NOT_RECORDED if rows is None else f"{rows:,}", "rows learned from", ""))
    kind = {"passed": "good", "failed": "bad"}.get(card.outcome, "")
    return [*tiles, (card.outcome or NOT_RECORDED, "the gate said", kind), (f"{len(card.releases):,}", "releases", "")]
