"""The control: the same year with what it teaches shuffled, so that nothing in it drifts but the calendar
stays.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidemill_flights.data.flights import NEVER, Flights, make_flights

ZONE = "America/New_York"
KEPT = ("event_id", "scheduled_at")


def permuted(flights: Flights, seed: int) -> Flights:
    """Features and labels are exchanged together among flights of the same local weekday and hour; event
    times and ids stay.

    A flight that never arrives stays without a label wherever it lands; a label still comes as long after the
    scheduled departure as it did. So the joint distribution of features and label given weekday and hour is
    that of the data, and has no order in time.
    """
    source = _exchange(_slots(flights.scheduled), np.random.default_rng(seed))
    shuffled = flights.table.take(pa.array(source))
    columns = {name: (flights.table if name in KEPT else shuffled)[name] for name in flights.table.column_names}
    wait = flights.observed - flights.scheduled
    never = flights.observed[source] == NEVER
    observed = np.where(never, NEVER, flights.scheduled + wait[source])
    return make_flights(pa.table(columns).combine_chunks(), flights.scheduled, observed, flights.late[source])


def _slots(scheduled: np.ndarray) -> np.ndarray:
    local = pa.array(scheduled).cast(pa.timestamp("ms", "UTC")).cast(pa.timestamp("ms", ZONE))
    hour = pc.hour(local).to_numpy()
    return np.asarray(pc.day_of_week(local).to_numpy() * 24 + hour)


def _exchange(slots: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each row the row whose content it gets: a random permutation within each slot."""
    by_slot = np.argsort(slots, kind="stable")
    shuffled = np.lexsort((rng.random(len(slots)), slots))
    source = np.empty(len(slots), dtype=np.int64)
    source[by_slot] = shuffled
    return source
