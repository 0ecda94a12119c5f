"""Topics of someone else's: their records, in whatever format, as columns of a model's record.

`open_source` gives the reader for a model file's source. Columns where possible; what columns don't settle is read row
by row by the same rules, with every wrong field named.
"""

from tidemill.sources.open import open_source
from tidemill.sources.part import Unreadable
from tidemill.sources.reader import UNFIT, SourceReader

__all__ = ["SET_ASIDE", "UNFIT", "SourceReader", "Unreadable", "open_source"]

SET_ASIDE = frozenset({"DeletedRow", "Tombstone", "NoRow"})
"""Error classes of records that are as they should be and are no events (tombstones of compacted topics; Debezium's
deletes and truncations): they are set aside with the bad ones and say nothing about data quality."""
