"""The report for programs."""

from __future__ import annotations

from typing import Any

from tidemill_expectations.windows.merged import Judged
from tidemill_operations.quality.collect import Count, Quality, TopicQuality


def as_dict(quality: Quality) -> dict[str, Any]:
    """The whole report as JSON can hold it. Times are epoch ms: of the broker where reports are meant, of the events
    where windows are.
    """
    return {
        "model": quality.model,
        "first": quality.first_ms,
        "last": quality.last_ms,
        "topics": [_topic(topic) for topic in quality.topics],
        "labels_without_event": {
            "labels": quality.met.labels,
            "orphans": quality.met.orphans,
            "newest": list(quality.met.newest),
        },
        "windows": [_window(judged) for judged in quality.judged],
        "freshness": [_window(judged) for judged in quality.fresh],
    }


def _topic(topic: TopicQuality) -> dict[str, Any]:
    return {
        "topic": topic.topic,
        "rows": topic.rows,
        "clean": topic.clean,
        "dead": topic.dead,
        "expectations": [_count(topic.topic, count) for count in topic.ordered()],
    }


def _count(topic: str, count: Count) -> dict[str, Any]:
    return {
        "expectation": count.name,
        "column": count.column,
        "arguments": count.arguments,
        "severity": count.severity,
        "failed": count.failed,
        "examples": [f"{topic}/{partition}/{offset}" for partition, offset in count.examples],
    }


def _window(judged: Judged) -> dict[str, Any]:
    return {
        "expectation": judged.rule.name,
        "column": judged.rule.subject,
        "arguments": judged.rule.arguments,
        "severity": judged.severity,
        "start": judged.start_ms,
        "end": judged.end_ms,
        "complete": judged.final,
        "holds": judged.verdict.holds,
        "observed": judged.verdict.observed,
    }
