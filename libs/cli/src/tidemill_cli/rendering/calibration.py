"""How often what was told to be so likely came true, as inline SVG for light and dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from tidemill_learning.drift.report.promises import CalibrationPoint

SIDE, EDGE, RIM = 260.0, 34.0, 20.0


def calibration_plot(points: Sequence[CalibrationPoint]) -> Markup:
    """How often what was told to be so likely came true, against the line on which a calibrated model lies."""
    if not points:
        return Markup()
    top = max(max(one.high for one in points), max(one.expected for one in points), 1e-9)

    def place(value: float) -> float:
        return EDGE + (SIDE - EDGE - RIM) * value / top

    drawn = Markup('<line class="ideal" x1="{0:.1f}" y1="{1:.1f}" x2="{2:.1f}" y2="{3:.1f}"/>').format(
        place(0), SIDE - place(0), place(top), SIDE - place(top)
    )
    line = Markup('<line class="c0" x1="{0:.1f}" x2="{0:.1f}" y1="{1:.1f}" y2="{2:.1f}"/>')
    dot = Markup('<circle class="point c0" cx="{:.1f}" cy="{:.1f}" r="4"><title>{}</title></circle>')
    for one in points:
        said = f"{one.labels:,} predictions of {one.expected:.3f} in the mean: {one.observed:.3f} came true"
        drawn += line.format(place(one.expected), SIDE - place(one.low), SIDE - place(one.high))
        drawn += dot.format(place(one.expected), SIDE - place(one.observed), said)
    text = Markup('<text class="tick {}" x="{:.1f}" y="{:.1f}">{}</text>')
    for value in (0.0, top / 2, top):
        drawn += text.format("middle", place(value), SIDE - EDGE + 16, f"{value:.2g}")
        drawn += text.format("end", EDGE - 5, SIDE - place(value) + 4, f"{value:.2g}")
    head = Markup('<svg class="plot" viewBox="0 0 {:g} {:g}" role="img" aria-label="calibration">')
    return head.format(SIDE, SIDE) + drawn + Markup("</svg>")
