"""Reports of trials as records of their topic."""

from __future__ import annotations

from tidemill.codec import Codec
from tidemill.contracts.schemas.catalog import Schema
from tidemill.kafka.batch import Output
from tidemill_inference.predictions.trial_tally import ArmTally


class ReportWriter:
    """A tally and where its reports go. One thread uses it.

    On the stream the reports are written in the transaction of the predictions that they count: one that is aborted
    takes its reports with it, and its batch is counted again when it comes again.
    """

    def __init__(self, tally: ArmTally, codec: Codec, schema: Schema, topic: str) -> None:
        self.tally = tally
        self._codec = codec
        self._schema = schema
        self._topic = topic

    def drop(self) -> None:
        """Forget what was counted since the last call of `outputs`."""
        self.tally.take(0)

    def outputs(self, now_ms: int) -> list[Output]:
        """What was counted since the last call; nothing without a trial. Raises RetryLater where the registry is
        away.
        """
        reports = self.tally.take(now_ms)
        if not reports:
            return []
        values = [self._codec.encode_one(report.to_dict(), self._schema) for report in reports]
        return [Output(self._topic, values, [report.model.encode() for report in reports], 0)]
