"""What the messages of an Arrow stream are, told by their headers alone: before anything in them is unpacked."""

from __future__ import annotations

import struct
from typing import Final

import pyarrow as pa

__all__ = ["MOST_MESSAGES", "check_messages"]

MOST_MESSAGES: Final = 2_000
"""Record batches and dictionaries of one stream; each costs by itself, however little it holds."""

_RECORD_BATCH, _DICTIONARY_BATCH = 3, 2  # of the union MessageHeader in Arrow's Message.fbs
_TYPE, _HEADER = 1, 2  # fields of Message
_DATA, _IS_DELTA = 1, 2  # of DictionaryBatch
_COMPRESSION = 3  # of RecordBatch


def check_messages(stream: bytes) -> None:
    """Refuse what would take more memory than the stream has bytes: what is compressed would be unpacked by reading it,
    and a dictionary that grows piece by piece would be copied for each piece.

    Raises ValueError for these, and for more than MOST_MESSAGES; struct.error, IndexError, pa.ArrowException or OSError
    for what is no stream.
    """
    for number, message in enumerate(pa.ipc.MessageReader.open_stream(stream)):
        if number > MOST_MESSAGES:
            raise ValueError(f"it has more than {MOST_MESSAGES} messages: send its rows in fewer batches")
        _look_at(message.metadata.to_pybytes())


def _look_at(message: bytes) -> None:
    root = struct.unpack_from("<I", message)[0]
    kind = _field(message, root, _TYPE)
    header = _field(message, root, _HEADER)
    if not kind or not header or message[kind] not in (_RECORD_BATCH, _DICTIONARY_BATCH):
        return
    table = _follow(message, header)
    if message[kind] == _DICTIONARY_BATCH:
        delta = _field(message, table, _IS_DELTA)
        if delta and message[delta]:
            raise ValueError("delta dictionaries are not read: send each dictionary whole")
        data = _field(message, table, _DATA)
        if not data:
            return
        table = _follow(message, data)
    if _field(message, table, _COMPRESSION):
        raise ValueError("compressed buffers are not read")


def _field(message: bytes, table: int, number: int) -> int:
    """Where a field of a FlatBuffers table lies; 0 where it is left out."""
    vtable = table - struct.unpack_from("<i", message, table)[0]
    size = struct.unpack_from("<H", message, vtable)[0]
    at = 4 + 2 * number
    offset = struct.unpack_from("<H", message, vtable + at)[0] if at < size else 0
    return table + offset if offset else 0


def _follow(message: bytes, at: int) -> int:
    return int(at + struct.unpack_from("<I", message, at)[0])
