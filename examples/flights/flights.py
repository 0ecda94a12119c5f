# %% [markdown]
# # Will a flight be late?
# Departures from New York in January 2013, with the weather of their hour. In a clone, where this model is there
# already, `tidemill up` runs beside it. (`make demo` plays the whole year, and counts it.)

# %%
from pathlib import Path

import polars as pl

from tidemill.client import Client
from tidemill_flights.data.flights import prepared_flights

ROWS = 26_000
client = Client(ingest="http://localhost:8081", serve="http://localhost:8082")

flights = pl.read_parquet(prepared_flights(Path("var"))).head(ROWS).filter(pl.col("late").is_not_null())
past, today = flights.head(-1_000), flights.tail(1_000)
past.head(3)

# %% [markdown]
# What is known at the scheduled departure goes in as events. Whether a flight was late is known when it has landed:
# that is its label.


# %%
def events(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.drop("late", "landed_at")


def labels(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select("event_id", "scheduled_at", "tail_number", "late", observed_at="landed_at")


pushed = client.push_events("flight-delay", events(past))
client.push_labels("flight-delay", labels(past))
print(f"{pushed.accepted:,} events are stored")

# %% [markdown]
# From 20,000 labelled rows on, a first version is trained and served.

# %%
served = client.wait_for_version("flight-delay")
scores = client.predict_table("flight-delay", events(today))
found = today.with_columns(scores["probability"]).group_by("late").agg(pl.len(), pl.col("probability").mean())
print(f"version {served.version}", found.sort("late"))

# %%
client.push_labels("flight-delay", labels(today))
on_time, late = found.sort("late")["probability"]
assert late > on_time
client.close()
