"""The bytes of a segment: a file header, then records, each framed so that damage shows.

    file    magic 8 | version 4 | marker 8 | CRC32 of those 4
    record  marker 8 | length 4 | CRC32 of those 4 | CRC32 of the message 4 | message

The marker is drawn by chance for each segment. It is how reading finds its way again behind
damage; and since nobody outside knows it, no webhook can carry bytes that pass for a record.
Integers are unsigned and little-endian.

Where there are keys, each message is sealed for its segment, and the version is another: an earlier
release leaves such a segment alone, and would else bring to the broker what nobody can read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final
from zlib import crc32

MAGIC: Final = b"CAUDSPL\n"
VERSION: Final = 1
SEALED_VERSION: Final = 2
MARKER_SIZE: Final = 8
_HEADER: Final = struct.Struct("<8sI8s")
_FRAME: Final = struct.Struct("<8sI")
_CRC: Final = struct.Struct("<I")
HEADER_SIZE: Final = _HEADER.size + _CRC.size
FRAME_SIZE: Final = _FRAME.size + 2 * _CRC.size


@dataclass(frozen=True, slots=True)
class Stretch:
    """What lies between two places of a segment: one whole record, or bytes of no use."""

    start: int
    end: int
    message: bytes | None
    """None: damaged, or torn."""
    torn: bool = False
    """The last record was begun and not finished, which is what a crash leaves."""


def header(marker: bytes, version: int = VERSION) -> bytes:
    """Return what a segment begins with."""
    head = _HEADER.pack(MAGIC, version, marker)
    return head + _CRC.pack(crc32(head))


def version_of(head: bytes) -> int | None:
    """Return the version that a whole header tells, or None where it is damaged."""
    if len(head) < HEADER_SIZE or _CRC.unpack_from(head, _HEADER.size)[0] != crc32(
        head[: _HEADER.size]
    ):
        return None
    magic, version, _ = _HEADER.unpack_from(head)
    return int(version) if magic == MAGIC else None


def frame(marker: bytes, message: bytes) -> bytes:
    """Return the message as a record."""
    head = _FRAME.pack(marker, len(message))
    return b"".join((head, _CRC.pack(crc32(head)), _CRC.pack(crc32(message)), message))


def length_of(head: bytes, marker: bytes) -> int | None:
    """Return the length that a record's frame tells, or None where the frame is not whole."""
    if len(head) < FRAME_SIZE or not head.startswith(marker):
        return None
    if _CRC.unpack_from(head, _FRAME.size)[0] != crc32(head[: _FRAME.size]):
        return None
    return int(_FRAME.unpack_from(head)[1])


def whole(head: bytes, message: bytes) -> bool:
    """Tell whether a message is the one that its frame was written for."""
    return bool(_CRC.unpack_from(head, _FRAME.size + _CRC.size)[0] == crc32(message))


def stretch_at(data: bytes, start: int, marker: bytes) -> Stretch:
    """Return what begins at `start` of `data`, which reaches to the end of the segment."""
    found = _record_at(data, start, marker)
    if found is not None:
        return found
    at = start
    while (at := data.find(marker, at + 1)) >= 0:
        if _record_at(data, at, marker) is not None:
            return Stretch(start, at, None)
    return Stretch(start, len(data), None, torn=_is_torn(data, start, marker))


def _record_at(data: bytes, start: int, marker: bytes) -> Stretch | None:
    head = data[start : start + FRAME_SIZE]
    length = length_of(head, marker)
    if length is None:
        return None
    end = start + FRAME_SIZE + length
    message = data[start + FRAME_SIZE : end]
    if end > len(data) or not whole(head, message):
        return None
    return Stretch(start, end, message)


def _is_torn(data: bytes, start: int, marker: bytes) -> bool:
    """Tell a record that was not finished from one that was spoiled afterwards."""
    rest = data[start:]
    if len(rest) < FRAME_SIZE:
        return True
    length = length_of(rest[:FRAME_SIZE], marker)
    if length is not None and FRAME_SIZE + length > len(rest):
        return True
    return not rest.strip(b"\0")  # the size was noted, the content never arrived
