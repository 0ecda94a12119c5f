"""Made-up cars are records of the model, and equal seeds give equal ones."""

from __future__ import annotations

from pathlib import Path

from tidemill.client.flows.forms import InstanceForm
from tidemill.client.rows.columns import settled
from tidemill.client.rows.values import FieldTypes
from tidemill.contracts.schemas.catalog import read_schema
from tidemill_car_price.made_up import made_up


def test_made_up_cars_are_records_of_the_model_and_their_prices_come_later(root: Path) -> None:
    cars = made_up(500, seed=7)
    assert cars.equals(made_up(500, seed=7)) and not cars.equals(made_up(500, seed=8))
    schema = read_schema(root / "schemas" / "models" / "car-price.avsc")
    table = cars.drop("price", "observed_at").to_arrow()
    assert len(settled(table, InstanceForm(schema, FieldTypes(schema), ("event_id", "listed_at")))) == 500
    assert (cars["observed_at"] > cars["listed_at"]).all() and (cars["price"] >= 300).all()
    assert cars["event_id"].n_unique() == 500
