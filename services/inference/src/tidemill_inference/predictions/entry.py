"""What was answered to one call, on its way to the log and to lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tidemill_inference.predictions.records import RequestContext
from tidemill_inference.rest.dataplane import Answered, ModelEndpoint

__all__ = ["Entry"]


@dataclass(frozen=True, slots=True)
class Entry:
    """The predictions of one call, each with the context of its request."""

    endpoint: ModelEndpoint
    answered: Answered
    contexts: Sequence[RequestContext]
