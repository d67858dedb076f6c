"""A model is asked about the ids that it was trained on, or not at all."""

import json
import logging
from pathlib import Path

import polars as pl
import pytest

import tfrec_mt as mt
from tests.binaries import run_binary
from tests.shop import TINY, shop_rows, shop_schema
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.news.news_spec import NewsSpec
from tfrec_mt.models.model_store import fingerprint, load_model
from tfrec_mt.schema.differences import differences
from tfrec_mt.storage.description import write_description
from tfrec_mt.training.run_folder import save_once

ROWS = shop_rows(1_500)
EVERYTHING_ELSE_EQUAL = r"vocabulary 'iid' has 40 ids in both, but other ones or in another order"


def prepared(folder: Path, rows: pl.DataFrame = ROWS) -> PreparedDataset:
    log = mt.prepare(rows, shop_schema(ROWS), folder)
    assert isinstance(log, PreparedDataset)
    return log


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data, the run of a base of them, data of equally many other items, and of fewer."""
    folder = Path(tmp_path_factory.mktemp("ids"))
    log = prepared(folder / "data")
    base = mt.models.MMoE(log.schema, **TINY)
    save_once(base, folder / "base", log.vocabularies, log.path, log.fingerprint)
    prepared(folder / "others", ROWS.with_columns(pl.col("iid") + 1_000))
    prepared(folder / "fewer", ROWS.filter(pl.col("iid") < 30))
    return folder


def as_before(folder: Path) -> None:
    """Makes data or a run what the release before would have written."""
    for path, version in ((folder / "manifest.json", 2), (folder / "model" / "model.json", 2)):
        if path.is_file():
            value = json.loads(path.read_text())
            del value["sha256"]
            path.write_text(json.dumps(value | {"format_version": version}, indent=1))


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Data and the run of a base of them, of the release before."""
    log = prepared(tmp_path / "data")
    base = mt.models.MMoE(log.schema.identified({}), **TINY)
    save_once(base, tmp_path / "base", log.vocabularies, log.path, log.fingerprint)
    assert "sha256" not in json.loads((tmp_path / "base/model/model.json").read_text())["config"]
    as_before(tmp_path / "data")
    as_before(tmp_path / "base")
    return tmp_path


@pytest.mark.fault_case("36")
def test_binaries_refuse_as_many_other_ids(folder: Path, tmp_path: Path) -> None:
    others, base = folder / "others", folder / "base"
    for binary in ("evaluate", "fine_tune"):
        done = run_binary(
            binary, f"--data={others}", f"--base={base}", f"--output={tmp_path / binary}"
        )
        assert done.returncode == 1 and "Traceback" not in done.stderr
        assert EVERYTHING_ELSE_EQUAL in done.stderr and "'uid'" not in done.stderr
        assert not (tmp_path / binary).exists()


@pytest.mark.fault_case("36")
def test_each_step_refuses_as_many_other_ids(folder: Path, tmp_path: Path) -> None:
    log, output = folder / "others", tmp_path / "output"
    known = mt.PreparedDataset(folder / "data")
    unsaved = mt.models.MMoE(known.schema, **TINY)
    for refused in (
        lambda: mt.pretrain(log, output, init_from=folder / "base"),
        lambda: mt.fine_tune(unsaved, log, output),
        lambda: mt.evaluate(mt.load(folder / "base"), log),
        lambda: mt.evaluate(unsaved, folder / "data", control=folder / "others_base"),
        lambda: mt.export(folder / "base", output, log),
        lambda: unsaved.save_to_preset(output, mt.load(log)),
    ):
        if not (folder / "others_base").exists():
            other = mt.load(log)
            base = mt.models.MMoE(other.schema, **TINY)
            save_once(base, folder / "others_base", other.vocabularies, log, other.fingerprint)
        with pytest.raises(mt.SchemaError, match=EVERYTHING_ELSE_EQUAL):
            refused()
        assert not output.exists()


@pytest.mark.fault_case("36")
def test_another_number_of_ids_is_told_with_both(folder: Path, tmp_path: Path) -> None:
    log, base, output = folder / "fewer", folder / "base", tmp_path / "output"
    for refused in (
        lambda: mt.pretrain(log, output, init_from=base),
        lambda: mt.fine_tune(base, log, output),
        lambda: mt.evaluate(base, log),
    ):
        with pytest.raises(mt.SchemaError) as caught:
            refused()
        told = str(caught.value)
        assert "vocabulary 'iid': size is 40 in the model, 30 in the data" in told
        assert not output.exists()


def test_what_else_was_learned_is_told_apart(folder: Path, tmp_path: Path) -> None:
    dearer = prepared(tmp_path / "dearer", ROWS.with_columns(pl.col("price") * 2))
    with pytest.raises(mt.SchemaError, match=r"feature 'price': boundaries is \["):
        mt.evaluate(folder / "base", dearer)
    market = pl.when(pl.col("market") == "de").then(pl.lit("at")).otherwise("market")
    moved = prepared(tmp_path / "moved", ROWS.with_columns(market=market))
    with pytest.raises(
        mt.SchemaError,
        match=r"topic 'market': domains is \[de, us\] in the model, \[at, us\] in the data",
    ):
        mt.evaluate(folder / "base", moved)


def test_kernels_of_equal_weights_are_of_one_set_of_ids(folder: Path) -> None:
    schemas = [mt.PreparedDataset(folder / name).schema for name in ("data", "others")]
    models = [mt.models.MMoE(schema, **TINY) for schema in schemas]
    models[1].set_weights(models[0].get_weights())
    assert fingerprint(models[0]) != fingerprint(models[1])


def test_news_of_as_many_other_word_pieces_are_told() -> None:
    plain = NewsSpec(vocabulary_size=9, lowercase=True)
    data = plain.identified({"vocabulary.txt": "a" * 64})
    model = plain.identified({"vocabularies/vocabulary.txt": "a" * 64})
    assert model == data == NewsSpec.from_json(data.to_json())
    assert "sha256" not in plain.to_json() and differences(plain, data) == []
    other = plain.identified({"vocabulary.txt": "b" * 64})
    assert differences(model, other) == [
        "the vocabulary has 9 ids in both, but other ones or in another order"
    ]


def test_what_the_release_before_wrote_still_opens(
    old: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = mt.PreparedDataset(old / "data")
    log.verify()
    assert [vocabulary for vocabulary in log.schema.vocabularies if not vocabulary.sha256] == []
    model = load_model(old / "base" / "model", log)
    assert not caplog.records
    with pytest.raises(mt.SchemaError, match=EVERYTHING_ELSE_EQUAL):
        load_model(
            old / "base" / "model",
            prepared(old / "others", ROWS.with_columns(pl.col("iid") + 1_000)),
        )
    with caplog.at_level(logging.WARNING):
        mt.evaluate(model, log)
    assert "the base does not say which ids it knows" in caplog.text


def test_an_old_manifest_is_still_one_of_its_files(old: Path) -> None:
    value = json.loads((old / "data" / "manifest.json").read_text())
    value["files"]["vocabularies/iid.txt"] = "0" * 64
    (old / "data" / "manifest.json").write_text(json.dumps(value))
    with pytest.raises(mt.DataError, match=r"iid\.txt: expected the content"):
        mt.PreparedDataset(old / "data").ids("iid")
    write_description(old / "data" / "manifest.json", value)
    assert mt.PreparedDataset(old / "data").manifest.format_version == 2
