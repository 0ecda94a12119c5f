# %% [markdown]
# # What will this car be sold for?
# A regression. With the package nannyml (`docs/examples.md`) the cars are its data set; without it they are made
# up here, by a rule of their own.

# %%
import polars as pl

from tidemill.client import Client
from tidemill_car_price.listings import NoDataSet, data_folder, listings
from tidemill_car_price.made_up import made_up

ROWS = 6_000
client = Client(ingest="http://localhost:8081", serve="http://localhost:8082")

try:
    cars = listings(data_folder(), ROWS)
except NoDataSet as missing:
    print(f"made-up cars: {missing}")
    cars = made_up(ROWS, seed=7)
past, today = cars.head(ROWS - 500), cars.tail(500)
past.head(3)

# %% [markdown]
# Cars are offered; some hours later it is known what they were sold for.


# %%
def events(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.drop("price", "observed_at")


def labels(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select("event_id", "listed_at", "car_id", "price", "observed_at")


client.push_events("car-price", events(past))
client.push_labels("car-price", labels(past))
served = client.wait_for_version("car-price")
print(f"version {served.version} of {served.name}")

# %% [markdown]
# The error of the model beside that of the mean price.

# %%
guessed = client.predict_table("car-price", events(today))["value"]
error = (guessed - today["price"]).abs().mean()
plain = (today["price"] - past["price"].mean()).abs().mean()
print(f"off by {error:,.0f} on average; the mean price alone by {plain:,.0f}")

# %%
client.push_labels("car-price", labels(today))
assert error < plain / 2
client.close()
