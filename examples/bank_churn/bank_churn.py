# %% [markdown]
# # Will a customer leave the bank?
# Made-up customers, whose labels come a week late. In a folder with this model (`docs/examples.md`), `tidemill
# up` runs beside it.

# %%
import polars as pl

from tidemill.client import Client
from tidemill_bank_churn.stream import bank_churn

ROWS = 4_000
client = Client(ingest="http://localhost:8081", serve="http://localhost:8082")

reviews = pl.DataFrame(bank_churn(ROWS, seed=7))
past, today = reviews.head(ROWS - 400), reviews.tail(400)
past.head(3)

# %% [markdown]
# What happened goes in: the events, and who of them left, as soon as that was known.


# %%
def events(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.drop("exited", "observed_at")


def labels(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select("event_id", "reviewed_at", "customer_id", "exited", "observed_at")


pushed = client.push_events("bank-churn", events(past))
client.push_labels("bank-churn", labels(past))
print(f"{pushed.accepted:,} events are stored")

# %% [markdown]
# From 3,000 labelled rows on, a first version is trained and served.

# %%
served = client.wait_for_version("bank-churn")
print(f"version {served.version} serves since {served.serving_since:%H:%M:%S}")

# %%
scores = client.predict_table("bank-churn", events(today))
found = today.with_columns(scores["probability"]).group_by("exited").agg(pl.len(), pl.col("probability").mean())
print(found.sort("exited"))

# %% [markdown]
# Those who left were told apart from those who stayed. When that is known it goes in, too: the loop measures its
# answers by it, and learns again when they get worse.

# %%
client.push_labels("bank-churn", labels(today))
stayed, left = found.sort("exited")["probability"]
assert left > stayed + 0.1
client.close()
