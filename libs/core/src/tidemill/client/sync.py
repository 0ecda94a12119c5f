"""The client for plain code."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import httpx

from tidemill.client.connection import Connection, answer_of, no_answer
from tidemill.client.exchange import Answer, Flow, NoAnswer, Pause, Request
from tidemill.client.flows.predicting import Prediction, predict_many, predict_one, predict_table
from tidemill.client.flows.pushing import Push, Pushed, push
from tidemill.client.flows.waiting import ServedModel, read_model, read_models, wait_for_version
from tidemill.client.rows.tables import ArrowTable, Data

__all__ = ["Client"]

T = TypeVar("T")


class Client(Connection):
    """Pushes events and labels, asks for predictions, waits for versions. Not to be shared between threads; has none of
    its own. Close it, or use it as a context.

        with Client(key="tm_…") as client:
            client.push_events("orders", frame)
            client.wait_for_version("orders")
            client.predict("orders", {"customer": "c-7", "amount": 900})
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self._http = httpx.Client(**self._options())

    def push_events(
        self, model: str, rows: Data, *, make_ids: bool = False, refused: Literal["raise", "report"] = "raise"
    ) -> Pushed:
        """Store events: one mapping, many, or a table. Returns when Kafka has acknowledged every row that is right.
        `make_ids`: rows without event id get one. `refused`: whether rows that are not taken raise behind the last of
        the others, or only stand in what is returned.

        Raises RowsRefused, NotStored, Refused, NotReachable.
        """
        return self._run(push(self._job(model, "events", make_ids, refused), rows, self._forms))

    def push_labels(self, model: str, rows: Data, *, refused: Literal["raise", "report"] = "raise") -> Pushed:
        """The same for labels: event id, label, event time, the entity of the event and, where it is not now, when it
        became known (`observed_at`); under the platform's names or the model file's.
        """
        return self._run(push(self._job(model, "labels", False, refused), rows, self._forms))

    def predict(self, model: str, row: Mapping[str, Any]) -> Prediction:
        """The prediction for one instance. Raises InvalidRows, NoVersion, NotReachable, Refused."""
        return self._run(predict_one(model, row, self._forms, self.retry_s))

    def predict_many(self, model: str, rows: Data) -> list[Prediction]:
        """One prediction for each instance, in their order."""
        return self._run(predict_many(model, rows, self._forms, self.retry_s))

    def predict_table(self, model: str, table: ArrowTable) -> Any:
        """Predictions for a table, as a table of the same kind, row by row: prediction_id, event_id, version, epoch and
        the typed output. A DataFrame of pandas keeps its index. Raises MissingPackage without pyarrow too.
        """
        return self._run(predict_table(model, table, self._forms, self.retry_s))

    def models(self) -> list[ServedModel]:
        """What serves, of every model."""
        return self._run(read_models(self.retry_s))

    def model(self, name: str) -> ServedModel:
        """The same of one model. Raises UnknownModel."""
        return self._run(read_model(name, self.retry_s))

    def wait_for_version(
        self, model: str, at_least: int = 1, *, timeout: float = 600.0, every: float = 0.5
    ) -> ServedModel:
        """Returns once a version with this number, or a later one, serves. `timeout`, `every`: in s.

        Raises WaitedTooLong, UnknownModel.
        """
        return self._run(wait_for_version(model, at_least, timeout, every))

    def tail_predictions(
        self, model: str, *, since: datetime | Literal["now", "beginning"] = "now", timeout: float | None = None
    ) -> Iterator[Prediction]:
        """Predictions of stream and REST as they come on the model's topic; what was there before is left out, unless
        `since` says from when on. Ends after `timeout` seconds without one. Needs `kafka`; librdkafka, which reads
        there, has threads of its own.
        """
        from tidemill.client.tailing import open_tail

        with closing(open_tail(self._settings(), model, self.model(model).task, since)) as tail:
            yield from tail.until_idle(timeout)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _job(self, model: str, role: Literal["events", "labels"], make_ids: bool, refused: str) -> Push:
        return Push(model, role, make_ids, raise_refused=refused == "raise", retry_s=self.retry_s)

    def _run(self, flow: Flow[T]) -> T:
        try:
            step = next(flow)
            while True:
                if isinstance(step, Pause):
                    time.sleep(step.seconds)
                    step = next(flow)
                else:
                    step = flow.send(self._answer(step))
        except StopIteration as done:
            result: T = done.value
            return result

    def _answer(self, request: Request) -> Answer | NoAnswer:
        try:
            return answer_of(self._http.request(**self._asked(request)))
        except httpx.TransportError as error:
            return no_answer(error)
