"""Tidemill from Python: push events and labels, ask for predictions, tail them, wait for versions, play the past again.

`Client`, and `AsyncClient` for asyncio, talk to ingest and serve over HTTP. Before they are sent, rows are held against
the record of their model, which the platform tells: a value is exactly itself, or refused with its place and the cure.
"""

from tidemill.client.aio import AsyncClient
from tidemill.client.backtests import Backtest, start_backtest
from tidemill.client.errors import (
    AccessRefused,
    BacktestFailed,
    ClientError,
    InvalidRows,
    MissingPackage,
    NotReachable,
    NotStored,
    NoVersion,
    Refused,
    RowError,
    RowsRefused,
    TooOften,
    UnknownModel,
    WaitedTooLong,
)
from tidemill.client.flows.predicting import Prediction
from tidemill.client.flows.pushing import Pushed
from tidemill.client.flows.waiting import ServedModel
from tidemill.client.sync import Client

__all__ = [
    "AccessRefused",
    "AsyncClient",
    "Backtest",
    "BacktestFailed",
    "Client",
    "ClientError",
    "InvalidRows",
    "MissingPackage",
    "NoVersion",
    "NotReachable",
    "NotStored",
    "Prediction",
    "Pushed",
    "Refused",
    "RowError",
    "RowsRefused",
    "ServedModel",
    "TooOften",
    "UnknownModel",
    "WaitedTooLong",
    "start_backtest",
]
