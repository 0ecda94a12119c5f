"""Metrics and log lines for what became of published versions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping

from opentelemetry.trace import SpanKind, get_tracer

from tidemill.artifact import ArtifactError, Reason
from tidemill.contracts.events.platform import ModelVersion
from tidemill.telemetry.kept import KEPT, kept_context
from tidemill.telemetry.recorded import exemplar_of, trace_id_of
from tidemill.telemetry.spans import failed
from tidemill.telemetry.traceparent import parse_traceparent
from tidemill_inference import metrics
from tidemill_inference.serving.serving import Swap
from tidemill_inference.versions.offers import Outcome, Step

_log = logging.getLogger(__name__)


def begin_to_tell(models: Iterable[str], waiting_s: Callable[[str], float]) -> None:
    """Give all metrics of refusals their first value: what is born when it rises is overlooked by alerts.

    `waiting_s` is asked at every scrape.
    """
    for model in models:
        metrics.PENDING_SECONDS.labels(model).set_function(lambda model=model: waiting_s(model))  # type: ignore[misc]
        metrics.POSTPONED.labels(model)
        for reason in Reason:
            metrics.REFUSED.labels(model, reason)
            metrics.REFUSED_EPOCH.labels(model, reason).set(0)


def tell(model: str, step: Step, refused: Mapping[int, Reason]) -> None:
    """Say what a step did. `refused`: the epochs above the one that serves that are refused now, and why."""
    if step.offer is None:
        return
    event = step.offer.event
    about = {"model": model, "model_version": f"{model}:{event.champion.version}", "epoch": event.epoch}
    for reason in Reason:
        metrics.REFUSED_EPOCH.labels(model, reason).set(max((e for e, r in refused.items() if r is reason), default=0))
    if step.outcome is Outcome.REFUSED:
        metrics.REFUSED.labels(model, refused[event.epoch]).inc()
        trace = None if isinstance(step.error, ArtifactError) else step.error  # of a defect, of ours or a library's
        _log.error("version refused, the one before serves on: %s", step.error, exc_info=trace, extra=about)
        _trace(model, step)
    elif step.outcome is Outcome.POSTPONED:
        metrics.POSTPONED.labels(model).inc()
        _log.warning("version not loaded yet, tried again: %s", step.error, extra=about)
    elif step.swap is not None:
        swap = {"from_version": step.swap.from_version, "ms_from_event_to_serving": step.swap.ms}
        _log.info("version serves", extra=about | swap)
        _tell_swap(model, event, step.swap, _trace(model, step))


def _trace(model: str, step: Step) -> str | None:
    """The span of a swap, or of a refusal, as a child of the release's: from when the event was appended, if it came
    while this process ran. It is recorded whatever the release's is; gives the id of its trace. What a process loads as
    it starts is no swap, and has a span where it can be told of which release it is.
    """
    assert step.offer is not None
    event, given = step.offer.event, step.offer.traceparent
    if parse_traceparent(given) is None and not step.offer.live:
        return None
    began = step.offer.appended_ms * 1_000_000 if step.offer.live else None
    about: dict[str, str | int] = {
        "tidemill.model_version": f"{model}:{event.champion.version}",
        "tidemill.epoch": event.epoch,
        KEPT: "swap",
    }
    parent = kept_context(given)
    span = get_tracer("tidemill").start_span(f"swap {model}", parent, SpanKind.CONSUMER, about, start_time=began)
    trace_id = trace_id_of(span)
    if step.error is not None:
        failed(span, step.error)
    span.end()
    return trace_id


def _tell_swap(model: str, event: ModelVersion, swap: Swap, trace_id: str | None) -> None:
    metrics.MODEL_VERSION.labels(model).set(swap.to_version)
    metrics.MODEL_EPOCH.labels(model).set(swap.epoch)
    arms = (event.champion, event.challenger) if event.challenger else (event.champion,)
    metrics.VERSIONS.used(model, [arm.version for arm in arms])
    metrics.CHALLENGER_VERSION.labels(model).set(event.challenger.version if event.challenger else 0)
    metrics.CHALLENGER_SHARE.labels(model).set(event.challenger_share if event.challenger else 0.0)
    if swap.ms is not None:
        metrics.SWAP_SECONDS.labels(model).observe(swap.ms / 1_000, exemplar_of(trace_id))
