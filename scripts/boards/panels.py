"""Panels: what is asked, in which unit, what the lines are called, which alerts watch it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from grafana_foundation_sdk.builders.common import (
    GraphThresholdsStyleConfig,
    ReduceDataOptions,
    StackingConfig,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.dashboard import DashboardLink, ThresholdsConfig
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.timeseries import Panel as Timeseries
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
)

from boards.alerts import Alert, alert

PROMETHEUS = DataSourceRef(type_val="prometheus", uid="prometheus")
HANDBOOK = "handbook"
"""The variable of a board that says where the site of the documents is."""
_COLORS = {"critical": "red", "warning": "orange"}
_Panel = TypeVar("_Panel", Timeseries, Stat)


@dataclass(frozen=True, slots=True)
class Query:
    """An expression of PromQL, and what its lines are called: `{{label}}` is the value of a label. `exemplars`: single
    requests of it lead to their traces.
    """

    expression: str
    legend: str
    exemplars: bool = False


def series(
    title: str, what: str, unit: str, *queries: Query, alerts: Sequence[str] = (), width: int = 8, stacked: bool = False
) -> Timeseries:
    """Lines over time. `what`: one sentence on what is seen; `unit`: one of Grafana's; `alerts`: those that watch it,
    whose limits are drawn and whose runbooks are linked; `width`: of 24; `stacked`: parts of one whole.
    """
    panel = _common(Timeseries(), title, what, unit, queries, alerts).span(width).height(8)
    legend = VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM).show_legend(True)
    panel.legend(legend).show_points(VisibilityMode.NEVER).line_width(1).fill_opacity(40 if stacked else 5)
    panel.tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    if stacked:
        panel.stacking(StackingConfig().mode(StackingMode.NORMAL).group("A"))
    if _steps([alert(name) for name in alerts])[1:]:
        panel.thresholds_style(GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED))
    return panel


def number(
    title: str, what: str, unit: str, query: Query, *, alerts: Sequence[str] = (), above: float | None = None,
    below: float | None = None, width: int = 4,
) -> Stat:  # fmt: skip
    """The newest number, one for each line. `above`, `below`: where it is bad, for what no alert has a limit of."""
    panel = _common(Stat(), title, what, unit, [query], alerts).span(width).height(4)
    if above is not None or below is not None:
        panel.thresholds(_thresholds(_bounded(above, below, "red")))
    panel.reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
    return panel.graph_mode(BigValueGraphMode.NONE).color_mode(BigValueColorMode.VALUE)


def _common(panel: _Panel, title: str, what: str, unit: str, queries: Sequence[Query], alerts: Sequence[str]) -> _Panel:
    found = [alert(name) for name in alerts]
    watched = f" Watched by {', '.join(alerts)}." if alerts else ""
    panel.title(title).description(what + watched).unit(unit).datasource(PROMETHEUS)
    panel.thresholds(_thresholds(_steps(found))).links([_runbook(path) for path in sorted({a.runbook for a in found})])
    for ref, query in zip("ABCDEFGH", queries, strict=False):
        target = Dataquery().ref_id(ref).expr(query.expression).legend_format(query.legend).datasource(PROMETHEUS)
        panel.with_target(target.exemplar(True) if query.exemplars else target)
    return panel


def _runbook(path: str) -> DashboardLink:
    page = path.removesuffix(".md")
    link = DashboardLink(f"Runbook: {page.rpartition('/')[2]}").type(DashboardLinkType.LINK)
    return link.url(f"${{{HANDBOOK}}}/{page}.html").target_blank(True)


def _steps(alerts: Sequence[Alert]) -> list[Threshold]:
    """The least limit of each severity. An alert that compares two metrics has none to draw."""
    limits = {(found.above, found.below): found for found in reversed(alerts)}
    if not limits or ((None, None) in limits and len(limits) == 1):
        return [Threshold(color="green")]
    below = [found for found in limits.values() if found.below is not None]
    if below:
        return _bounded(None, below[0].below, _COLORS[below[0].severity])
    above = sorted((found.above, _COLORS[found.severity]) for found in limits.values() if found.above is not None)
    return [Threshold(color="green"), *(Threshold(value, color) for value, color in above)]


def _bounded(above: float | None, below: float | None, color: str) -> list[Threshold]:
    if below is not None:
        return [Threshold(color=color), Threshold(below, "green")]
    return [Threshold(color="green"), Threshold(above, color)]


def _thresholds(steps: list[Threshold]) -> ThresholdsConfig:
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
