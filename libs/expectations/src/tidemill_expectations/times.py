"""Times in expectations: bounds as people write them, values as milliseconds since the epoch in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from tidemill.contracts.quantities import milliseconds

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_millis(value: object) -> int | None:
    """A date, a datetime or an ISO-8601 text as milliseconds since the epoch; None where it is none of them.

    What has no offset is in UTC, YAML's own rule for its timestamps.
    """
    if isinstance(value, str):
        try:
            return to_millis(datetime.fromisoformat(value))
        except ValueError:
            return None
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return milliseconds(aware - EPOCH)
    if isinstance(value, date):
        return to_millis(datetime(value.year, value.month, value.day, tzinfo=UTC))
    return None


def iso(millis: float) -> str:
    """Milliseconds since the epoch as people read them; the number itself outside the years 1 to 9999."""
    try:
        return (EPOCH + timedelta(milliseconds=millis)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except OverflowError:
        return f"{millis:.0f} ms"


def span(value: timedelta) -> str:
    """A span as people write it: its largest unit that leaves at least 2 of it, or its only one."""
    seconds = value.total_seconds()
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size or seconds == size:
            return f"{seconds / size:.4g} {unit}"
    return f"{seconds:.4g} s"
