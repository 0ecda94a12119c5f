"""What ingest answers: bodies, and which status tells what. Pure."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class ItemError(BaseModel):
    """One item that was not accepted, or one of its fields."""

    index: int = Field(description="Place of the item in the request, from 0.")
    field: str = Field(description="Path of the field; empty where it is about the whole item.")
    reason: str = Field(description="What is wrong, for people.")
    event_id: str | None = Field(None, description="The item's event id: retry an item that was not stored with it.")
    stored: bool | None = Field(
        False, description="False: certainly not stored. Null: not acknowledged in time, so it may be."
    )


class Accepted(BaseModel):
    """The outcome of a request, item by item."""

    accepted: int = Field(description="Items that Kafka has acknowledged.")
    event_ids: list[str] = Field(description="Their event ids, in the order of the request.")
    errors: list[ItemError] = Field(
        description="What is wrong with the others: the first hundred reasons, and each item that was not stored."
    )
    more_errors: int | None = Field(None, description="How many more reasons there are; left out where there is none.")
    more_refused: list[int] | None = Field(
        None, description="Places of the refused items without an entry in `errors`; left out where there is none."
    )

    def content(self) -> dict[str, Any]:
        """As it is answered."""
        return {name: value for name, value in self.model_dump().items() if value is not None}


class Problem(BaseModel):
    """A request that was not looked at item by item."""

    error: str = Field(description="A stable name: unknown_model, malformed_json, too_large, …")
    message: str = Field(description="What is wrong and what to do, for people.")
    models: list[str] | None = Field(None, description="The models that there are (unknown_model).")
    line: int | None = Field(None, description="Line of the first character that is not JSON, from 1.")
    column: int | None = Field(None, description="Column of the first character that is not JSON, from 1.")

    def content(self) -> dict[str, Any]:
        """As it is answered."""
        return self.model_dump(exclude_none=True)


def status_of(accepted: int, refused: int, unstored: int) -> int:
    """503 where anything that was right could not be stored; 202 where at least one item was; 422 where none
    was right.
    """
    if unstored:
        return 503
    return 202 if accepted or not refused else 422
