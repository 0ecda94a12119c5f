"""What a raw topic takes, clean and its dead letters take too: their limit is raw's and room for headers."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from tidemill.contracts.topics import TopicCatalog
from tidemill.errors import RetryLater

__all__ = ["HEADERS_BYTES", "fit_sizes"]

HEADERS_BYTES = 65_536
"""Room for the headers that a result carries beside its record: origin, and a dead letter's reason."""

LIMIT = "max.message.bytes"
_RESULTS = {"raw": ("clean", "raw_dlq"), "labels_raw": ("labels", "labels_raw_dlq")}
_TIMEOUT_S = 10.0
_log = logging.getLogger(__name__)


def fit_sizes(admin: AdminClient, catalog: TopicCatalog, models: Iterable[str]) -> dict[str, int]:
    """Raise `max.message.bytes` of results below raw's and 64 KiB; gives the topics that were raised, with their new
    limit. Raises RetryLater without brokers. Where that may not be changed it is said, loudly: a record that raw takes
    and its dead letters do not would stop the validator.
    """
    pairs = {
        catalog.name(result, model): catalog.name(source, model)
        for model in models
        for source, results in _RESULTS.items()
        for result in results
    }
    limits = _limits(admin, sorted({*pairs, *pairs.values()}))
    low = {
        result: limits[source] + HEADERS_BYTES
        for result, source in pairs.items()
        if source in limits and result in limits and limits[result] < limits[source] + HEADERS_BYTES
    }
    return {topic: limit for topic, limit in low.items() if _raise(admin, topic, limit)}


def _limits(admin: AdminClient, topics: list[str]) -> dict[str, int]:
    resources = [ConfigResource(ResourceType.TOPIC, topic) for topic in topics]
    found = {}
    for resource, future in admin.describe_configs(resources, request_timeout=_TIMEOUT_S).items():
        try:
            found[resource.name] = int(future.result()[LIMIT].value)
        except KafkaException as error:
            if error.args[0].retriable():
                raise RetryLater(f"settings of {resource.name}: {error.args[0].str()}") from error
            _log.warning("settings of %s may not be read: %s", resource.name, error.args[0].str())
    return found


def _raise(admin: AdminClient, topic: str, limit: int) -> bool:
    entry = ConfigEntry(LIMIT, str(limit), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    (future,) = admin.incremental_alter_configs([resource], request_timeout=_TIMEOUT_S).values()
    try:
        future.result()
    except KafkaException as error:
        _log.error("%s must take %s=%d and may not be changed: %s", topic, LIMIT, limit, error.args[0].str())
        return False
    _log.info("%s takes records of up to %d bytes now", topic, limit)
    return True
