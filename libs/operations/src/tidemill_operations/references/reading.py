"""Reads from topics and database what a platform has recorded of its versions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tidemill_operations.references.uses import Recorded, References, references

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from tidemill_operations.platform import PlatformView

COLUMNS = {
    "runs": ("run_id", "model", "state", "artifact", "evidence"),
    "label_time": ("model", "state", "table_version"),
    "takeovers": ("model", "version", "over", "outcome"),
}
"""Of the trainer's tables: what names artifacts and versions of tables."""


def read_references(platform: PlatformView) -> References:
    """All references there are now. The database is read first: what it names is on topics or will be.

    Raises RetryLater without brokers, ConfigError without the database.
    """
    from tidemill.database import connect
    from tidemill_operations.feed import read_all

    engine = connect(platform.settings.database_url, reads_only=True)
    try:
        rows = {name: read_rows(engine, name, columns) for name, columns in COLUMNS.items()}
    finally:
        engine.dispose()
    events = {
        role: [news.datum for news in read_all(platform, role) if news.datum]
        for role in ("retrain_runs", "model_releases", "model_versions")
    }
    return references(
        Recorded(
            versions=newest(events["model_versions"]), releases=events["model_releases"],
            run_events=events["retrain_runs"], runs=rows["runs"], label_time=rows["label_time"],
            takeovers=rows["takeovers"], tables=table_uris(platform),
        )
    )  # fmt: skip


def newest(versions: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of the events of model-versions the one of each model that holds: a compacted topic may have older ones."""
    found: dict[str, dict[str, Any]] = {}
    for event in versions:
        if event["model"] not in found or event["epoch"] > found[event["model"]]["epoch"]:
            found[event["model"]] = event
    return list(found.values())


def table_uris(platform: PlatformView) -> dict[str, str]:
    """Where each model's training table is, as the trainer names it in events."""
    return {model: table_uri(platform.settings.tables, platform.settings.prefix, model) for model in platform.models}


def table_uri(tables: str, prefix: str, model: str) -> str:
    """Where the table of a model is: a folder as `file://` URI, a URI as it is."""
    from pathlib import Path

    root = tables.rstrip("/") if "://" in tables else Path(tables).resolve().as_uri()
    return f"{root}/{prefix}{model}"


def read_rows(engine: Engine, table: str, columns: Iterable[str]) -> list[dict[str, Any]]:
    """These columns of a table of the trainer's; nothing where it has none yet. Raises ConfigError where the database
    does not answer, or this role may not read.
    """
    from sqlalchemy import MetaData, Table, inspect, select
    from sqlalchemy.exc import DBAPIError

    from tidemill.errors import ConfigError

    try:
        if not inspect(engine).has_table(table):
            return []
        found = Table(table, MetaData(), autoload_with=engine)
        with engine.connect() as connection:
            rows = connection.execute(select(*(found.c[name] for name in columns)))
            return [dict(row._mapping) for row in rows]
    except DBAPIError as error:
        raise ConfigError(
            f"the database of TIDEMILL_DATABASE_URL cannot be read ({table}): {error.orig}; is it there, and may "
            f"{engine.url.username or 'this user'} read it?"
        ) from error
