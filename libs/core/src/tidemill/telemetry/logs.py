"""JSON log lines, one object per line, the same fields in every service."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path

from opentelemetry import trace

from tidemill.secret_files import without_store_keys
from tidemill.telemetry.repeats import Repeats

__all__ = ["JsonFormatter", "configure_logging", "model_version"]

model_version: ContextVar[str | None] = ContextVar("model_version", default=None)
"""The model version at work in this context (`<model>:<version>`); stands on every log line."""

KAFKA_LOGGERS = ("aiokafka", "kafka", "faust", "mode")
"""Loggers of clients that say a dozen times a second that a broker is away."""

WEB_LOGGERS = ("uvicorn",)
"""It warns of what is no request: whoever reaches a port could fill the disk. A defect has its line each time."""

PAYLOAD_LOGGERS: Mapping[str, int] = {
    **dict.fromkeys(KAFKA_LOGGERS, logging.INFO),  # whole requests, with the records in them
    **dict.fromkeys(("botocore", "aiobotocore", "boto3", "s3fs", "fsspec"), logging.INFO),  # bodies and signatures
    "gcsfs": logging.INFO,  # the same
    **dict.fromkeys(("httpx", "httpcore", "urllib3", "hpack"), logging.INFO),  # addresses with queries, headers
    **dict.fromkeys(("asyncio", "concurrent"), logging.INFO),
    "sqlalchemy": logging.WARNING,  # statements with their parameters
}
"""Loggers of libraries that write what passes through them, and the level below which they stay silent, whatever
level is asked for: what a person sent does not stand in a log.
"""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


_STEERING = re.compile("[\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff]")
"""What JSON leaves as it is, though it steers a terminal (C1 controls, directions of writing), ends a line for some
readers, or is no UTF-8: a value of a request or a record may hold it, and the log is read by people.
"""


class JsonFormatter(logging.Formatter):
    """`ts` (RFC 3339, UTC), `level`, `service`, `logger`, `message`, `trace_id`, `model_version`, extras."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON without line breaks."""
        context = trace.get_current_span().get_span_context()
        line: dict[str, object] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
            "trace_id": f"{context.trace_id:032x}" if context.is_valid else None,
            "model_version": model_version.get(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        text = json.dumps(line, default=str, ensure_ascii=False)
        return without_store_keys(_STEERING.sub(_escaped, text))


def _escaped(found: re.Match[str]) -> str:
    """As JSON writes it, so that whoever reads the line has the same text."""
    return f"\\u{ord(found[0]):04x}"


def configure_logging(service: str, level: str = "INFO", file: Path | None = None) -> None:
    """Send all logging of this process to stderr, or to `file`, as JSON lines; replaces earlier handlers.

    Extras given with `extra={"model_version": ...}` win over the context's.
    """
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(file, encoding="utf-8") if file is not None else logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    handler.addFilter(Repeats(KAFKA_LOGGERS))
    handler.addFilter(Repeats(WEB_LOGGERS, below=logging.ERROR))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name, least in PAYLOAD_LOGGERS.items():
        logging.getLogger(name).setLevel(max(least, logging.getLogger().level))
    logging.captureWarnings(True)
