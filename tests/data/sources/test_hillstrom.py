"""Rows of the e-mail challenge, written by hand in its format."""

from pathlib import Path

import polars as pl
import pytest

from tests.real_folders import real_folder
from tfrec_mt.data.preparation.validation import check_chunk
from tfrec_mt.data.sources.hillstrom import HillstromSource
from tfrec_mt.schema import DataError

HEADER = (
    "recency,history_segment,history,mens,womens,zip_code,newbie,channel,segment,visit,"
    "conversion,spend\n"
)
ROWS = (
    "3,1) $0 - $100,29.99,1,0,Urban,0,Phone,No E-Mail,0,0,0\n"
    '12,"6) $750 - $1,000",812.5,1,1,Surburban,1,Multichannel,Womens E-Mail,1,1,45.2\n'
    "1,2) $100 - $200,150,0,1,Rural,1,Web,Mens E-Mail,1,0,0\n"
)


def _write(folder: Path, text: str) -> Path:
    (folder / "hillstrom.csv").write_text(text)
    return folder


def _checked(source: HillstromSource) -> pl.DataFrame:
    return pl.concat([check_chunk(chunk, source.schema) for chunk in source.chunks()])


def test_a_visit_is_a_click_and_a_purchase_a_conversion(tmp_path: Path) -> None:
    source = HillstromSource(_write(tmp_path, HEADER + ROWS))
    rows = _checked(source)
    assert [t.column for t in source.schema.tasks] == ["visit", "conversion"]
    assert rows["visit"].to_list() == [0, 1, 1]
    assert rows["conversion"].to_list() == [0, 1, 0]
    assert rows["customer"].to_list() == [1, 2, 3]
    assert rows["recency"].to_list() == ["3", "12", "1"]
    assert rows["history"].to_list() == pytest.approx([29.99, 812.5, 150.0])
    assert rows["zip_code"].to_list() == ["Urban", "Surburban", "Rural"]
    assert rows["segment"].to_list() == ["No E-Mail", "Womens E-Mail", "Mens E-Mail"]
    assert rows["campaign"].n_unique() == 1


def test_no_feature_knows_what_happened_or_who_was_sent_what(tmp_path: Path) -> None:
    source = HillstromSource(_write(tmp_path, HEADER + ROWS))
    features = {feature.name for feature in source.schema.features}
    assert features == {"recency", "mens", "womens", "newbie", "history", "campaign"}
    assert [topic.name for topic in source.schema.topics] == ["channel", "zip_code", "segment"]
    assert "spend" not in _checked(source).columns


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER.replace("visit", "visited") + ROWS, r"\['visit'\] are missing \(did you mean"),
        (
            HEADER + ROWS.replace("Web,Mens E-Mail,1", "Web,Mens E-Mail,yes"),
            "row 3, column 'visit'",
        ),
        (HEADER + ROWS.replace("29.99", "much"), r"row 1, column 'history'.* got 'much'"),
        (HEADER + ROWS.replace("Urban", "Moon"), r"row 1, column 'zip_code'.*'Moon'"),
        (HEADER + ROWS.replace("Rural", "Rural,1"), r"row 3: expected 12 fields, got 13"),
        (HEADER + ROWS.replace("No E-Mail,0,0", "No E-Mail,0,1"), r"row 1, column 'conversion'"),
    ],
)
def test_errors_name_the_place(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        _checked(HillstromSource(_write(tmp_path, text)))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"hillstrom\.csv does not exist"):
        HillstromSource(tmp_path)


@pytest.mark.real_data
def test_the_challenge_is_complete() -> None:
    rows = _checked(HillstromSource(real_folder("hillstrom_email")))
    assert (rows.height, rows["visit"].sum(), rows["conversion"].sum()) == (64_000, 9_394, 578)
    assert rows.group_by("segment").len()["len"].min() == 21_306
