"""Bytes on a topic to rows and back: both wire formats, whole batches in columns, single records by row.

`Codec` is the entry point. Its column half needs the extra `columns` (pyarrow, pyruhvro) and is imported
on first use, so a service that only encodes single records installs neither.
"""

from __future__ import annotations

from tidemill.codec.codec import Codec
from tidemill.codec.framing import BadRecord
from tidemill.codec.registry.client import Registry, open_registry

__all__ = ["BadRecord", "Codec", "Registry", "open_registry"]
