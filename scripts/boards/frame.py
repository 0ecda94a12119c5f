"""What is the same on every board: its choices, its links to the others, where versions were swapped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from grafana_foundation_sdk.builders.dashboard import (
    AnnotationQuery,
    Dashboard,
    DashboardLink,
    QueryVariable,
    Row,
    TextBoxVariable,
)
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.timeseries import Panel as Timeseries
from grafana_foundation_sdk.models.common import TimeZoneBrowser
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableOption,
    VariableRefresh,
)

from boards.panels import HANDBOOK, PROMETHEUS

TAG = "tidemill"
SITE = "http://localhost:8000"
"""Where `make site ARGS=serve` shows the documents; whoever looks at a board may say another place."""
EVERYTHING = VariableOption(selected=True, text="All", value="$__all")
SWAPS = 'changes(model_version{namespace=~"$namespace",model=~"$model"}[1m]) > 0'


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard before it is Grafana's. `uid`: its file and address; `rows`: panels under their headings; `choices`:
    its variables, each with what has them as a label; `swaps`: whether another version is marked; `span`: from when.
    """

    uid: str
    title: str
    what: str
    rows: dict[str, Sequence[Timeseries | Stat]]
    choices: dict[str, str] = field(default_factory=lambda: {"namespace": "up"})
    swaps: bool = False
    span: str = "now-1h"
    refresh: str = "30s"

    def build(self) -> Dashboard:
        """Grafana's."""
        board = Dashboard(self.title).uid(self.uid).description(self.what).tags([TAG]).readonly()
        board.timezone(TimeZoneBrowser).tooltip(DashboardCursorSync.CROSSHAIR).time(self.span, "now")
        board.refresh(self.refresh).links([_others(), _handbook()])
        for name, metric in self.choices.items():
            board.with_variable(_choice(name, metric))
        board.with_variable(_site())
        if self.swaps:
            board.annotation(_swaps())
        number = 0
        for heading, panels in self.rows.items():
            number += 1
            board.with_row(Row(heading).id(number))
            for panel in panels:
                number += 1
                board.with_panel(panel.id(number))
        return board


def _choice(name: str, metric: str) -> QueryVariable:
    """All there are are chosen at first; without the label too, as Compose has no namespaces."""
    variable = QueryVariable(name).label(name).query(f"label_values({metric}, {name})").datasource(PROMETHEUS)
    variable.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).include_all(True).multi(True).all_value(".*")
    return variable.current(EVERYTHING)


def _site() -> TextBoxVariable:
    return TextBoxVariable(HANDBOOK).label("documents at").default_value(SITE).current(VariableOption(True, SITE, SITE))


def _others() -> DashboardLink:
    link = DashboardLink("Boards").type(DashboardLinkType.DASHBOARDS).tags([TAG]).as_dropdown(True)
    return link.keep_time(True).include_vars(True)


def _handbook() -> DashboardLink:
    link = DashboardLink("Runbooks").type(DashboardLinkType.LINK).url(f"${{{HANDBOOK}}}/runbooks/index.html")
    return link.target_blank(True)


def _swaps() -> AnnotationQuery:
    query = AnnotationQuery().name("another version serves").datasource(PROMETHEUS).expr(SWAPS)
    return query.enable(True).icon_color("blue")
