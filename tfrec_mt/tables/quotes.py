"""Checks that the quotes of delimited text can be read in one way only."""

import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tfrec_mt.errors import DataError
from tfrec_mt.tables.notation import MISSING_WORDS, Quoting

# Writers of these follow the rules of CSV; others, such as Hive and MySQL, may write bare quotes.
_CSV_DELIMITERS = b",;"
# What writers quote for other reasons: words for a missing value, an end of data.
_WORDS = {word.encode() for word in (*MISSING_WORDS, "\\.")}
# A quoted field of more bytes is one whose quote was never closed.
_MOST_RECORD_BYTES = 1 << 24
_BOM = b"\xef\xbb\xbf"

_Ints = npt.NDArray[Any]


class QuoteGuard(io.RawIOBase):
    """A byte stream that refuses doubtful quotes before rows are lost between them.

    A quote inside a bare field is a letter. A field that starts with a quote ends at the next
    single quote, where its column has to end as well. A quoted field may hold line breaks. But if
    each line of such a record has the delimiters of a row, a quote of another row may have closed
    the field. If the delimiter is not one of CSV, quotes that a field does not need are letters if
    other fields of its column go without them.

    Args:
      opened: Opens the file, decompressed.
      path: Names the file in errors.
      delimiter: One character.
      names: The columns.
      header: Whether the first record names them.
      quoting: `"auto"`, or `"csv"` and `"backslash"` (in front of quotes within a field), which
        say that fields hold rows.

    Raises:
      DataError: While reading: names row, column and what is doubtful.
    """

    def __init__(
        self,
        opened: Callable[[], Any],
        path: Path,
        delimiter: str,
        names: Sequence[str],
        header: bool,
        quoting: Quoting,
    ) -> None:
        super().__init__()
        self._stream = opened()
        self._opened = opened
        self._path = path
        self._delimiter = delimiter.encode()
        self._names = names
        self._header = header
        self._quoting = quoting
        self._record = b""  # the last record passed on, not yet whole
        self._decided = False
        self._header_ahead = header
        self._mixed: int | None = None  # a column of text both bare and needlessly quoted
        self._may_be_letters = quoting == "auto" and delimiter.encode() not in _CSV_DELIMITERS

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block = bytes(self._stream.read(size))
        if not self._decided:
            text = self._record + block
            rest = self._rest(text, not block)
            if rest is None or len(rest) > _MOST_RECORD_BYTES:
                self._decided = True
                self._read_records()
            else:
                self._record = rest
        return block

    def close(self) -> None:
        self._stream.close()
        super().close()

    def _rest(self, text: bytes, last: bool) -> bytes | None:
        """What follows the last whole record; None where quotes are doubtful."""
        if b'"' not in text:
            rest = text[text.rfind(b"\n") + 1 :]
            self._header_ahead &= len(rest) == len(text)
            return rest
        text += b"\n" if last else b""
        letters = np.frombuffer(_without_escapes(text, self._quoting), np.uint8)
        quotes, breaks = np.flatnonzero(letters == ord('"')), np.flatnonzero(letters == ord("\n"))
        beside = np.frombuffer(self._delimiter + b'\r\n"', np.uint8)
        first = 3 if text.startswith(_BOM) else 0
        opening, closing = quotes[0::2], quotes[1::2]
        before = letters[opening[opening > first] - 1]
        after = letters[closing[closing < len(letters) - 1] + 1]
        unclosed = last and len(opening) > len(closing)
        if unclosed or not (np.isin(before, beside).all() and np.isin(after, beside).all()):
            return None
        within = np.searchsorted(quotes, breaks) % 2 == 1
        whole = np.flatnonzero(~within)
        if not len(whole):
            return text
        if self._quoting == "auto" and within.any():
            signs = np.flatnonzero(letters == self._delimiter[0])
            counts = np.diff(np.searchsorted(signs, breaks), prepend=0)[: whole[-1] + 1]
            starts = np.concatenate([[0], whole[:-1] + 1])
            like_rows = np.logical_and.reduceat(counts == len(self._names) - 1, starts)
            if (like_rows & (whole > starts)).any():
                return None
        if self._may_be_letters:
            self._mixed = self._mixed_column(letters, quotes, breaks[whole])
            if self._mixed is not None:
                return None
        self._header_ahead = False
        return text[breaks[whole[-1]] + 1 :]

    def _mixed_column(self, letters: _Ints, quotes: _Ints, breaks: _Ints) -> int | None:
        """The first column of some records that holds text both bare and needlessly quoted."""
        signs = np.flatnonzero(letters == self._delimiter[0])
        signs = signs[np.searchsorted(quotes, signs) % 2 == 0]
        ends = np.sort(np.concatenate([signs[signs < breaks[-1]], breaks]))
        starts = np.concatenate([[0], ends[:-1] + 1])
        fields = np.diff(np.searchsorted(ends, breaks), prepend=-1)
        rows = np.repeat(fields == len(self._names), fields)
        rows[: fields[0] * self._header_ahead] = False
        table = np.stack([starts[rows], ends[rows]], 1).reshape(-1, len(self._names), 2)
        quoted = letters[table[..., 0]] == ord('"')
        for column in np.flatnonzero(quoted.any(0) & ~quoted.all(0)):
            if any(
                _is_text(letters[start:end].tobytes())
                for start, end in table[~quoted[:, column], column]
            ) and any(
                _needs_no_quotes(letters[start:end].tobytes().rstrip(b"\r"))
                for start, end in table[quoted[:, column], column]
            ):
                return int(column)
        return None

    def _read_records(self) -> None:
        """Rereads the file record by record, and refuses the first doubtful one."""
        row = 1 - self._header
        record: list[bytes] = []
        size = 0
        with io.BufferedReader(self._opened(), 1 << 20) as lines:
            for number, line in enumerate(lines):
                line = line.removeprefix(_BOM) if number == 0 else line
                if b'"' not in line and not record:
                    row += bool(line.strip(b"\r\n"))
                    continue
                record.append(line)
                size += len(line)
                if b'"' in line and self._is_whole(b"".join(record), row):
                    record, size, row = [], 0, row + 1
                elif size > _MOST_RECORD_BYTES:
                    break
        if record:
            self._is_whole(b"".join(record), row, last=True)

    def _is_whole(self, record: bytes, row: int, last: bool = False) -> bool:
        """Whether a record ends where its text does.

        Raises:
          DataError: It is doubtful.
        """
        text = _without_escapes(record, self._quoting)
        quoted = re.compile(rb'"(?:[^"]|"")*+"')
        bare = re.compile(rb"[^%s\r\n]*+" % re.escape(self._delimiter))
        place, column, of_lines = 0, 0, None
        while True:
            if text[place : place + 1] == b'"':
                field = quoted.match(text, place)
                if field is None and not last:
                    return False
                if field is None:
                    raise self._refusal(row, column, "a field opens a quote that nothing closes")
                if b"\n" in field.group() and of_lines is None:
                    of_lines = column
                place = field.end()
                if text[place : place + 1] not in (self._delimiter, b"\r", b"\n", b""):
                    raise self._refusal(row, column, "letters follow a quote that closes a field")
                if row and column == self._mixed and _needs_no_quotes(field.group()):
                    problem = "a field is in quotes that it does not need, and others are without"
                    raise self._refusal(row, column, problem)
            elif field := bare.match(text, place):
                place = field.end()
            if text[place : place + 1] != self._delimiter:
                break
            place, column = place + 1, column + 1
        lines = text.rstrip(b"\r\n").split(b"\n")
        width = len(self._names) - 1
        of_rows = all(line.count(self._delimiter) == width for line in lines)
        if self._quoting == "auto" and of_lines is not None and of_rows:
            problem = f"a quoted field goes on for {len(lines)} lines that look like rows"
            raise self._refusal(row, of_lines, problem)
        return True

    def _refusal(self, row: int, column: int, problem: str) -> DataError:
        where = f"row {row}" if row else "the header"
        name = self._names[column] if column < len(self._names) else f"number {column + 1}"
        return DataError(
            f"{self._path}, {where}, column {name!r}: {problem}; expected quotes as CSV has them, "
            "doubled within a field. Say in the schema what they are: "
            "quoting 'none' (letters), 'backslash' (\\\" within a field) or 'csv' (all as read)"
        )


def _is_text(field: bytes) -> bool:
    """Whether a bare field is text, which writers that quote text would have quoted."""
    field = field.strip()
    return field.strip(b"0123456789+-.eE") != b"" and field not in _WORDS


def _needs_no_quotes(field: bytes) -> bool:
    """Whether a quoted field is one that writers that leave text bare would not have quoted."""
    inside = field[1:-1]
    return bool(inside.strip()) and (
        inside == inside.strip() and not re.search(rb'[\t|"\r\n]', inside) and inside not in _WORDS
    )


def _without_escapes(text: bytes, quoting: Quoting) -> bytes:
    """The text with quotes that follow a backslash masked, at the same length."""
    if quoting != "backslash":
        return text
    return text.replace(b"\\\\", b"__").replace(b'\\"', b"__")
