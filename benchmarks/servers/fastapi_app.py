"""FastAPI and pydantic as their documentation has it: a typed body with the expectations, a typed answer."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field

from benchmarks.servers.work import Scorer


class Payment(BaseModel):
    """A payment, with what the model file expects of it."""

    card: str
    merchant: Annotated[str, Field(pattern=r"^M[0-9]{4}$")]
    amount: Annotated[float, Field(ge=0, le=10_000)]
    channel: Literal["chip", "stripe", "online", "phone"] | None = None
    terminal: Annotated[str, Field(min_length=1, max_length=12)] | None = None
    balance: float | None = None
    distance: Annotated[float, Field(ge=0, le=20_000)] | None = None
    card_age: float | None = None
    tries: Annotated[int, Field(ge=0, le=20)] | None = None
    velocity: float | None = None
    merchant_risk: Annotated[float, Field(ge=0, le=1)] | None = None
    hold: float | None = None


class Answer(BaseModel):
    """The probability of a fraud."""

    probability: float


def application(path: str) -> FastAPI:
    """The application for the graph at `path`."""
    score = Scorer(path)
    app = FastAPI()

    @app.post("/predict")
    async def predict(payment: Payment) -> Answer:
        return Answer(probability=score(payment.model_dump()))

    return app


if __name__ == "__main__":
    uvicorn.run(application(sys.argv[2]), port=int(sys.argv[1]), access_log=False, log_level="error")
