"""Public tables: invented rows under the columns that the files have."""

import csv
from pathlib import Path

import polars as pl
import pytest

from tests.real_folders import real_folder
from tfrec_mt.data.preparation.prepare import prepare
from tfrec_mt.data.preparation.validation import check_chunk
from tfrec_mt.data.sources.crossed_topics import CrossedTopics
from tfrec_mt.data.sources.tables import TABLES, TableSource
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.schema import DataError, SchemaError

ROWS = {"train": 12, "validation": 5, "test": 7, "all": 12}
PARTS = {
    "ali_express": ("train", "test"),
    "ali_ccp": ("train", "validation", "test"),
    "census_income": ("train", "validation", "test"),
    "kuai_rand": (),
}
LABELS = {
    "ali_express": ("click", "conversion"),
    "ali_ccp": ("click", "purchase"),
    "census_income": ("income", None),
    "kuai_rand": ("is_click", None),
}


def write_table(name: str, folder: Path, rows: dict[str, int] | None = None) -> Path:
    """Files of a table as it is distributed; of AliExpress two countries."""
    table = TABLES[name]
    labels = (table.click, table.conversion)
    numbers = {n for names in table.numbers.values() for n in names}
    raw = [table.renamed.get(column, column) for column in table.columns]
    for part, pattern in table.files.items():
        countries = ("NL", "US") if "AliExpress" in pattern else ("",)
        for country in countries:
            path = folder / pattern.replace("AliExpress_*", f"AliExpress_{country}").replace(
                "*", ""
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["unknown to us", *raw])
                for row in range((rows or ROWS)[part]):
                    cells: list[object] = ["x"]
                    for place, column in enumerate(table.columns):
                        if column in labels:
                            cells.append(int(row % (3 if column == table.click else 6) == 0))
                        elif column in numbers:
                            cells.append(0.25 * (row + place))
                        else:
                            cells.append((row + place) % 4)
                    writer.writerow(cells)
    return folder


def _read(source: TableSource) -> pl.DataFrame:
    return pl.concat([check_chunk(chunk, source.schema) for chunk in source.chunks()])


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_a_click_log_divided_as_it_comes(name: str, tmp_path: Path) -> None:
    source = TableSource(TABLES[name], write_table(name, tmp_path / "files"))
    rows = _read(source)
    schema = source.schema
    assert [task.column for task in schema.tasks] == [label for label in LABELS[name] if label]
    assert rows[schema.tasks[0].column].to_list()[:7] == [1, 0, 0, 1, 0, 0, 1]
    assert source.parts == PARTS[name]
    features = {feature.name for feature in schema.features}
    assert not features & {*filter(None, LABELS[name]), *(topic.name for topic in schema.topics)}
    split = SplitSpec.parse("train:1,test:1", "random")
    if source.parts:
        split = SplitSpec("given", tuple((part, 1.0) for part in source.parts))
    dataset = prepare(source, tmp_path / "data", split)
    countries = 2 if name == "ali_express" else 1
    for part in source.parts:
        assert dataset.rows(part) == ROWS[part] * countries
    assert sum(dataset.rows(part) for part in dataset.parts) == rows.height
    (topic,) = dataset.schema.topics
    assert len(topic.domains) == (2 if name == "ali_express" else 4)


def test_a_country_is_what_the_folder_says_and_a_search_is_a_request(tmp_path: Path) -> None:
    source = TableSource(TABLES["ali_express"], write_table("ali_express", tmp_path))
    rows = _read(source)
    assert rows["country"].to_list() == [
        *["NL"] * 12,
        *["US"] * 12,
        *["NL"] * 7,
        *["US"] * 7,
    ]
    keys = source.schema.keys
    assert (keys.user, keys.request, keys.item) == ("search_id", "search_id", "item")


def test_rows_of_nobody_have_a_number_each(tmp_path: Path) -> None:
    rows = _read(TableSource(TABLES["census_income"], write_table("census_income", tmp_path)))
    assert rows["row"].to_list() == list(range(24))


def test_nothing_that_is_known_after_the_click_is_a_feature() -> None:
    late = {"play_time_ms", "profile_stay_time", "comment_stay_time"}
    assert not late & set(TABLES["kuai_rand"].columns)


def test_what_is_missing_or_wrong_is_named(tmp_path: Path) -> None:
    folder = write_table("kuai_rand", tmp_path / "kuai_rand")
    with pytest.raises(DataError, match=r"has no file ali_ccp_train\*\.csv"):
        TableSource(TABLES["ali_ccp"], folder)
    (file,) = folder.glob("*.csv")
    text = file.read_text()
    file.write_text(text.replace("is_click", "clicked"))
    with pytest.raises(DataError, match=r"\['is_click'\] are missing"):
        TableSource(TABLES["kuai_rand"], folder)
    lines = text.splitlines()
    place = lines[0].split(",").index("is_click")
    cells = lines[2].split(",")
    cells[place] = "2"
    file.write_text("\n".join([*lines[:2], ",".join(cells), *lines[3:]]))
    source = TableSource(TABLES["kuai_rand"], folder)
    with pytest.raises(DataError, match=r"row 2, column 'is_click': expected 0, 1 or null"):
        _read(source)


def test_a_division_that_is_not_the_sources_is_refused(tmp_path: Path) -> None:
    divided = TableSource(TABLES["ali_ccp"], write_table("ali_ccp", tmp_path / "a"))
    whole = TableSource(TABLES["kuai_rand"], write_table("kuai_rand", tmp_path / "b"))
    split = SplitSpec("given", (("train", 1.0), ("test", 1.0)))
    with pytest.raises(SchemaError, match="comes divided into train, validation, test"):
        prepare(divided, tmp_path / "data", split)
    with pytest.raises(SchemaError, match="comes divided into nothing"):
        prepare(whole, tmp_path / "data", split)
    assert CrossedTopics(divided, []).parts == divided.parts


@pytest.mark.real_data
def test_the_first_rows_of_the_real_files_are_read(tmp_path: Path) -> None:
    samples = real_folder("format_samples")
    country = tmp_path / "AliExpress_NL"
    country.mkdir()
    for part in ("train", "test"):
        (country / f"{part}.csv").symlink_to(samples / f"aliexpress_{part}_sample.csv")
    found = {
        name: _read(TableSource(table, tmp_path if name == "ali_express" else samples)).height
        for name, table in TABLES.items()
    }
    assert found == {"ali_express": 120, "ali_ccp": 200, "census_income": 120, "kuai_rand": 200}
