"""`prepare_data --infer` proposes a schema, and prepares with it if asked."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.binaries import SMALL_MODEL, run_binary, succeed
from tests.shop import shop_rows
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.schema import Schema
from tfrec_mt.serving.exported_model import load_export

NAMES = ("--user=uid", "--item=iid", "--time=ts", "--tasks=clicked,bought", "--topics=market")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The flag that names a CSV file."""
    path = tmp_path_factory.mktemp("clicks") / "clicks.csv"
    shop_rows().write_csv(path)
    return f"--files={path}"


def test_a_schema_is_printed_and_written_and_nothing_else(files: str, tmp_path: Path) -> None:
    path = tmp_path / "schema.json"
    out = succeed("prepare_data", "--infer", files, *NAMES, f"--schema={path}")
    schema = Schema.load(path)
    assert schema.task_names == ("ctr", "ctcvr") and schema.topics[0].name == "market"
    for column in (*schema.columns, "schema.json"):
        assert column in out
    assert list(tmp_path.iterdir()) == [path]


def test_with_an_output_the_data_is_prepared_at_once(files: str, tmp_path: Path) -> None:
    places = (f"--schema={tmp_path / 'schema.json'}", f"--output={tmp_path / 'data'}")
    corrections = ("--kinds=price=none", "--sides=kind=context", "--nohistory")
    out = succeed("prepare_data", "--infer", files, *NAMES, *corrections, *places)
    assert "train 3,000, fresh 500, test 500 rows" in out
    schema = PreparedDataset(tmp_path / "data").schema
    assert [feature.name for feature in schema.features] == ["uid", "iid", "kind"]
    assert schema.feature("kind").side == "context" and schema.history is None


def test_a_base_without_a_history_says_how_to_get_one(files: str, tmp_path: Path) -> None:
    schema, data = f"--schema={tmp_path / 'schema.json'}", f"--output={tmp_path / 'data'}"
    succeed("prepare_data", "--infer", files, *NAMES, "--nohistory", schema, data)
    where = (f"--data={tmp_path / 'data'}", f"--output={tmp_path / 'base'}")
    done = run_binary("pretrain", *where, *SMALL_MODEL, "--epochs=1")
    assert done.returncode == 0
    (line,) = [line for line in done.stderr.splitlines() if "history" in line]
    assert f"{tmp_path / 'data'}: the schema has no history, and users have 50.0 rows each" in line
    assert '"history": {"elements": ["iid", "kind"], "time_gaps": true}' in line


@pytest.mark.slow
def test_five_commands_lead_from_a_csv_file_to_scores(files: str, tmp_path: Path) -> None:
    data, base, kernels = (f"--{name}={tmp_path / name}" for name in ("data", "base", "kernels"))
    schema, export = f"--schema={tmp_path / 'schema.json'}", tmp_path / "export"
    out = f"--output={tmp_path}"
    succeed("prepare_data", "--infer", files, *NAMES, schema, f"{out}/data")
    succeed("pretrain", data, f"{out}/base", *SMALL_MODEL)
    succeed("fine_tune", data, base, f"{out}/kernels")
    succeed("export", data, base, kernels, f"{out}/export")
    rows = files.replace("--files", "--rows")
    found = run_binary("score", f"--export={export / '1'}", rows, f"{out}/scores.csv.parquet")
    assert found.returncode == 0 and "4,000 rows scored" in found.stdout
    assert "\nwarning: the rows have no history_age" in f"\n{found.stderr}"
    scores = pl.read_parquet(tmp_path / "scores.csv.parquet")
    expected = load_export(export).score(shop_rows())
    np.testing.assert_array_equal(scores["ctr"], expected["ctr"])


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--infer"], "--infer needs --files"),
        (["--infer", "--files=f.csv", "--schema=s.json", "--users=5"], "no setting 'users'"),
        (["--infer", "--schema=s.json", "--source=takeout"], "--infer is for --source=logs"),
        (["--user=uid", "--output=data"], "--source=takeout has no setting 'user'"),
        ([], "prepare_data needs --output, or --infer"),
    ],
)
def test_what_cannot_be_meant_is_named(arguments: list[str], named: str) -> None:
    found = run_binary("prepare_data", *arguments)
    assert found.returncode == 1 and named in found.stderr.splitlines()[-1]


def test_what_the_log_contradicts_is_named(files: str, tmp_path: Path) -> None:
    path = f"--schema={tmp_path / 'schema.json'}"
    for flag, named in (("--user=uuid", "'uid'"), ("--kinds=price", "expected name=value pairs")):
        found = run_binary("prepare_data", "--infer", files, *NAMES, path, flag)
        assert found.returncode == 1 and named in found.stderr
    (tmp_path / "schema.json").write_text("mine")
    found = run_binary("prepare_data", "--infer", files, *NAMES, path)
    assert found.returncode == 1 and "schema.json exists" in found.stderr
    assert (tmp_path / "schema.json").read_text() == "mine"
