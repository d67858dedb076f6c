"""Quotes are read in the one way that they can be, or refused."""

import csv
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tfrec_mt.errors import DataError
from tfrec_mt.tables import delimited
from tfrec_mt.tables.delimited import read_delimited
from tfrec_mt.tables.notation import Quoting


def _rows(path: Path, quoting: Quoting = "auto") -> list[tuple[str, ...]]:
    columns = ["id", "title", "click"]
    return pl.concat(read_delimited(path, columns, delimiter="\t", quoting=quoting)).rows()


def _log(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(["id\ttitle\tclick", *lines, ""]), encoding="utf-8")
    return path


PLAIN = "1\tplain\t0"


@pytest.mark.parametrize(
    ("lines", "row"),
    [
        ([PLAIN, '2\t"Grand Hotel\t1', PLAIN, '3\t"Grand Hotel\t0', PLAIN], 2),
        ([PLAIN, '2\t"Grand Hotel\t1', PLAIN, '3\tthe "Grand"\t0', PLAIN], 2),
        ([PLAIN, PLAIN, '2\t"Grand" Hotel\t1'], 3),
        ([PLAIN, '2\t"Grand Hotel\t1', PLAIN], 2),
        ([PLAIN, '2\t"one line\t0', '3\tand another"\t1', PLAIN], 2),
        (['1\t"a ""title"""\t0', PLAIN, '"2\tx\t0'], 3),
    ],
)
@pytest.mark.parametrize("block", [16, 1 << 20])
def test_a_doubtful_quote_is_refused_at_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str], row: int, block: int
) -> None:
    monkeypatch.setattr(delimited, "_BLOCK_BYTES", block if block > 64 else 64)
    path = _log(tmp_path / "log.tsv", *lines)
    with pytest.raises(DataError, match=rf"log\.tsv, row {row}, column '(title|id)': "):
        _rows(path)
    assert len(_rows(path, "none")) == len(lines)


@pytest.mark.parametrize("block", [64, 1 << 20])
def test_quotes_that_may_be_letters_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(delimited, "_BLOCK_BYTES", block)
    lines = [PLAIN] * 40 + ['2\t"Grand Hotel"\t1', PLAIN]
    path = _log(tmp_path / "log.tsv", *lines)
    with pytest.raises(
        DataError, match=r"row 41, column 'title': a field is in quotes that it does"
    ):
        _rows(path)
    assert _rows(path, "none")[40] == ("2", '"Grand Hotel"', "1")
    assert _rows(path, "csv")[40] == ("2", "Grand Hotel", "1")
    path = _log(tmp_path / "log.csv", *lines)
    path.write_text(path.read_text().replace("\t", ","))
    columns = ["id", "title", "click"]
    assert pl.concat(read_delimited(path, columns, delimiter=","))["title"][40] == "Grand Hotel"


@pytest.mark.parametrize(
    "titles",
    [
        ['"Grand Hotel"', '"plain"'],  # all quoted, below a header that is not
        ['"plain"', "NA", "\\N"],  # as R leaves missing values bare
        ['"plain"', "12", "-1.5e3"],  # as writers that quote what is no number
        ["plain", '""', '" plain"', '"plain "', r'"\."', '"NULL"', '"a\tb"', '"a ""b"""'],
    ],
)
def test_quotes_of_writers_are_no_letters(tmp_path: Path, titles: list[str]) -> None:
    path = _log(tmp_path / "log.tsv", *(f"1\t{title}\t0" for title in titles))
    expected = [next(csv.reader([title], delimiter="\x1f"))[0] for title in titles]
    assert [title for _, title, _ in _rows(path)] == expected


def test_what_is_stated_is_read(tmp_path: Path) -> None:
    path = _log(tmp_path / "log.tsv", '2\t"one line\t0', '3\tand another"\t1')
    assert _rows(path, "csv") == [("2", "one line\t0\n3\tand another", "1")]
    path = _log(tmp_path / "log.tsv", '2\t"the \\"Grand\\" \\\\"\t0')
    assert _rows(path, "backslash") == [("2", 'the "Grand" \\', "0")]


def test_a_quote_inside_a_field_is_a_letter(tmp_path: Path) -> None:
    path = _log(tmp_path / "log.tsv", '1\t5" pipe\t0', '2\t"quoted ""too"""\t1', '3\ta"b"\t0')
    assert [title for _, title, _ in _rows(path)] == ['5" pipe', 'quoted "too"', 'a"b"']


@pytest.mark.parametrize("seed", range(40))
def test_tables_that_a_writer_quotes_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    draw = random.Random(seed)
    signs = ['"', "\t", "\n", "\r\n", "a", "é", ",", "'", " ", "\\", "|", "猫"]

    def text() -> str:
        return "".join(draw.choices(signs, k=draw.randrange(6)))

    rows = [(str(i), text(), str(i % 2)) for i in range(draw.randrange(1, 60))]
    path = tmp_path / "log.tsv"
    with path.open("w", newline="", encoding="utf-8") as file:
        quoting: Any = draw.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
        writer = csv.writer(file, delimiter="\t", quoting=quoting, lineterminator="\n")
        writer.writerows([("id", "title", "click"), *rows])
    monkeypatch.setattr(delimited, "_BLOCK_BYTES", draw.choice([1 << 10, 1 << 23]))
    try:
        assert _rows(path) == rows
    except DataError as error:
        # a title whose lines all look like rows may be refused, and is read when stated
        assert "look like rows" in str(error)
        assert _rows(path, "csv") == rows
