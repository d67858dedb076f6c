"""The index of a TensorFlow checkpoint: where each tensor's bytes are.

An index is a LevelDB table: sorted keys in blocks, whose places are in a last block. TensorFlow has
operations that write an index with its tensors, none that points one at bytes already written.
"""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from tensorflow.core.protobuf.tensor_bundle_pb2 import BundleEntryProto, BundleHeaderProto

from tfrec_mt.errors import DataError
from tfrec_mt.storage.json_files import read_bytes

MOST_BYTES = 64 << 20
_HEADER = b""  # its key
_FOOTER_BYTES = 48
_MAGIC = bytes.fromhex("57fb808b247547db")
_TRAILER_BYTES = 5  # after a block: how it is compressed, and a checksum
_NOT_COMPRESSED = b"\0"


def read_index(path: Path) -> tuple[Any, dict[str, Any]]:
    """The header of an index and its tensors' entries by name, both protocol buffers.

    Raises:
      DataError: It is damaged, or compressed.
    """
    table = read_bytes(path, MOST_BYTES)
    try:
        if table[-len(_MAGIC) :] != _MAGIC:
            raise ValueError("its last bytes are not those of an index")
        footer = _Cursor(table[-_FOOTER_BYTES:])
        footer.handle()
        places = _entries(_block(table, footer.handle()))
        found = dict(
            pair for _, place in places for pair in _entries(_block(table, _Cursor(place).handle()))
        )
        header = BundleHeaderProto.FromString(found.pop(_HEADER))
        return header, {
            key.decode(): BundleEntryProto.FromString(value) for key, value in found.items()
        }
    except (DecodeError, ValueError, LookupError, struct.error) as error:
        raise DataError(f"{path} is damaged: {error}") from error


def write_index(path: Path, header: Any, entries: Mapping[str, Any]) -> None:
    """Writes an index of these tensors."""
    named = {name.encode(): entry.SerializeToString() for name, entry in entries.items()}
    # the header comes first, as its key is empty
    rows = [(_HEADER, header.SerializeToString()), *sorted(named.items())]
    table = bytearray()
    data, nothing = (_append(table, _as_block(pairs)) for pairs in (rows, []))
    index = _append(table, _as_block([(rows[-1][0], data)]))
    footer = nothing + index
    table += footer.ljust(_FOOTER_BYTES - len(_MAGIC), b"\0") + _MAGIC
    path.write_bytes(table)


class _Cursor:
    """Reads a table's bytes from the first to the last."""

    def __init__(self, content: bytes) -> None:
        self._content, self._place = content, 0

    def __bool__(self) -> bool:
        return self._place < len(self._content)

    def number(self) -> int:
        """A number of seven bits a byte, the lowest first."""
        value = shift = 0
        while True:
            byte = self._content[self._place]
            self._place += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def take(self, count: int) -> bytes:
        taken = self._content[self._place : self._place + count]
        if len(taken) < count:
            raise ValueError("an entry ends after its block")
        self._place += count
        return taken

    def handle(self) -> tuple[int, int]:
        """A block's first byte, and how many it has."""
        return self.number(), self.number()


def _block(table: bytes, handle: tuple[int, int]) -> bytes:
    first, size = handle
    block, trailer = (
        table[first : first + size],
        table[first + size : first + size + _TRAILER_BYTES],
    )
    if trailer[:1] != _NOT_COMPRESSED:
        raise ValueError("a block is compressed or missing")
    if trailer[1:] != _checksum(block + _NOT_COMPRESSED):
        raise ValueError("the checksum of a block differs")
    return block


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values; a key shares its first bytes with the one before."""
    (restarts,) = struct.unpack("<I", block[-4:])
    cursor, key = _Cursor(block[: len(block) - 4 * (restarts + 1)]), b""
    while cursor:
        shared, own, size = cursor.number(), cursor.number(), cursor.number()
        key = key[:shared] + cursor.take(own)
        yield key, cursor.take(size)


def _as_block(pairs: list[tuple[bytes, bytes]]) -> bytes:
    """A block whose keys share nothing, so that each is where a search may begin."""
    content, starts = bytearray(), []
    for key, value in pairs:
        starts.append(len(content))
        content += b"\0" + _as_number(len(key)) + _as_number(len(value)) + key + value
    starts = starts or [0]
    return bytes(content) + struct.pack(f"<{len(starts) + 1}I", *starts, len(starts))


def _append(table: bytearray, block: bytes) -> bytes:
    """Adds a block to a table and returns its handle."""
    handle = _as_number(len(table)) + _as_number(len(block))
    table += block + _NOT_COMPRESSED + _checksum(block + _NOT_COMPRESSED)
    return handle


def _as_number(value: int) -> bytes:
    coded = bytearray()
    while value > 127:
        coded.append(value & 127 | 128)
        value >>= 7
    return bytes([*coded, value])


def _crc_of_byte(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value


_CRC_OF_BYTE = [_crc_of_byte(value) for value in range(256)]


def _checksum(content: bytes) -> bytes:
    """CRC-32C, masked as TensorFlow stores it."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = crc >> 8 ^ _CRC_OF_BYTE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
