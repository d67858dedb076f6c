"""What goes wrong at the door is said in one sentence."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import polars as pl
import pytest

import tfrec_mt as mt
from tests.shop import TINY, Shop, shop_rows, shop_schema
from tfrec_mt.models.model_store import ModelStoreError
from tfrec_mt.training.run_folder import RunFolderError


def _refused(call: Callable[[], Any], kind: type[Exception], *words: str) -> None:
    """Checks that a call is refused by one line that holds some words."""
    with pytest.raises(kind) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    for word in words:
        assert word in text


def test_a_frame_without_a_column(shop: Shop, tmp_path: Path) -> None:
    rows = shop_rows().drop("price")
    _refused(
        lambda: mt.prepare(rows, shop.folder / "schema.json", tmp_path / "data"),
        mt.DataError,
        "the Polars frame",
        "'price'",
        "'market'",
    )


def test_a_label_that_is_no_label(shop: Shop, tmp_path: Path) -> None:
    rows = shop_rows().with_columns(clicked=pl.col("clicked").replace(1, 2))
    row = rows["clicked"].to_list().index(2) + 1
    _refused(
        lambda: mt.prepare(rows, shop.folder / "schema.json", tmp_path / "data"),
        mt.DataError,
        "the Polars frame",
        f"row {row}, column 'clicked': expected 0, 1 or null, got 2",
    )
    assert not (tmp_path / "data").exists() and not list(tmp_path.iterdir())


def test_an_output_that_exists(shop: Shop, tmp_path: Path) -> None:
    exists = str(shop.data)
    _refused(
        lambda: mt.prepare(shop_rows(), shop.folder / "schema.json", shop.data),
        FileExistsError,
        exists,
    )
    _refused(lambda: mt.pretrain(shop.data, shop.base), RunFolderError, "finished run")
    _refused(lambda: mt.fine_tune(shop.base, shop.data, shop.kernels), RunFolderError, "finished")
    _refused(lambda: mt.evaluate(shop.base, output=shop.data), FileExistsError, exists)
    _refused(lambda: mt.evaluate(shop.base).save(shop.data), FileExistsError, exists)


def test_a_schema_that_was_inferred_wrongly_and_corrected(tmp_path: Path) -> None:
    rows = shop_rows().with_columns(code=pl.int_range(pl.len()) % 9)
    late = rows.with_columns(code=pl.when(pl.col("ts") > rows["ts"][3_000]).then(pl.lit("x9")))
    names: dict[str, Any] = {"user": "uid", "item": "iid", "time": "ts", "tasks": ["clicked"]}
    wrong = mt.Schema.infer(rows, **names, topics=["market"], verbose=False)
    _refused(
        lambda: mt.prepare(late, wrong, tmp_path / "data"),
        mt.DataError,
        "row 3002, column 'code'",
        "'x9'",
    )
    right = mt.Schema.infer(rows, **names, topics=["market"], kinds={"code": "none"}, verbose=False)
    mt.prepare(late, right, tmp_path / "data")


def test_no_schema(tmp_path: Path) -> None:
    _refused(
        lambda: mt.prepare(shop_rows(), output=tmp_path / "data"), mt.SchemaError, "Schema.infer"
    )
    _refused(
        lambda: mt.prepare(shop_rows(), tmp_path / "schema.json", tmp_path / "data"),
        mt.SchemaError,
        "schema.json does not exist",
    )
    _refused(lambda: mt.prepare(shop_rows(), shop_schema(shop_rows())), mt.SchemaError, "output")
    _refused(
        lambda: mt.prepare(5, shop_schema(shop_rows()), tmp_path / "data"),
        mt.DataError,
        "got int",
    )


def test_an_export_that_is_missing(tmp_path: Path, shop: Shop) -> None:
    _refused(lambda: mt.load_export(tmp_path / "no"), mt.DataError, "does not exist")
    _refused(lambda: mt.load_export(tmp_path), mt.DataError, "holds no exported version")
    _refused(lambda: mt.roll_back(tmp_path / "no"), mt.DataError, "holds no exported version")
    _refused(lambda: mt.remove_kernels(shop.export, ["market"]), mt.SchemaError, "TOPIC/DOMAIN")
    _refused(lambda: mt.remove_kernels(shop.export, ["market/fr"]), mt.DataError, "'fr'")


def test_rows_that_cannot_be_scored(shop: Shop) -> None:
    model = mt.load_export(shop.export)
    rows = mt.load(shop.data).requests().head(3)
    _refused(lambda: model.score(rows.drop("uid")), mt.DataError, "'uid'")
    _refused(lambda: model.score(rows.drop("price")), mt.DataError, "'price'")
    _refused(lambda: model.score(rows.drop("market")), mt.DataError, "'market'")
    _refused(lambda: model.score(rows.clear()), mt.DataError, "no rows")
    _refused(lambda: model.score(rows.with_columns(iid=pl.lit("x"))), mt.DataError, "column 'iid'")


def test_names_that_are_not_known(shop: Shop, tmp_path: Path) -> None:
    run = tmp_path / "run"
    _refused(lambda: mt.pretrain(shop.data, run, epoch=2), mt.SchemaError, "mean 'epochs'")
    _refused(lambda: mt.pretrain(shop.data, run, model="mmo"), mt.SchemaError, "mean 'mmoe'")
    _refused(
        lambda: mt.pretrain(shop.data, run, model="esmm", experts=3), mt.SchemaError, "'experts'"
    )
    _refused(
        lambda: mt.fine_tune(shop.base, shop.data, run, rank=3),
        mt.SchemaError,
        "adapter='iak' has no setting 'rank'",
    )
    _refused(
        lambda: mt.fine_tune(shop.base, shop.data, run, topics=["markt"]),
        mt.SchemaError,
        "mean 'market'",
    )
    _refused(
        lambda: mt.fine_tune(shop.base, shop.data, run, parts=["frsh"]), mt.DataError, "'fresh'"
    )
    _refused(lambda: mt.evaluate(shop.base, part="tset"), mt.DataError, "mean 'test'")
    _refused(lambda: mt.export(shop.base, run, precison="x"), mt.SchemaError, "mean 'precision'")
    assert not (run / "model").exists() and not (run / "kernels").exists()


def test_folders_that_hold_something_else(shop: Shop, tmp_path: Path) -> None:
    _refused(lambda: mt.pretrain(shop.clicks, tmp_path / "r"), mt.DataError, "prepared data")
    _refused(lambda: mt.evaluate(tmp_path), ModelStoreError, "holds no model")
    _refused(lambda: mt.evaluate(tmp_path / "no"), ModelStoreError, "does not exist")
    _refused(
        lambda: mt.fine_tune(shop.base / "model", shop.data, tmp_path / "r"),
        ModelStoreError,
        "expected the run's folder",
    )
    _refused(lambda: mt.load(tmp_path), mt.DataError, "expected prepared data")
    _refused(lambda: mt.load(tmp_path / "no"), mt.DataError, "does not exist")


def test_objects_of_another_kind(shop: Shop, tmp_path: Path) -> None:
    other = keras.Sequential([keras.layers.Dense(1)])
    _refused(lambda: mt.evaluate(other), mt.SchemaError, "Sequential")
    _refused(lambda: mt.fine_tune(other, shop.data, tmp_path / "r"), mt.SchemaError, "Sequential")
    own = mt.models.MMoE(mt.load(shop.data).schema, **TINY)
    _refused(
        lambda: mt.pretrain(shop.data, tmp_path / "r", init_from=own), mt.SchemaError, "init_from"
    )
    _refused(lambda: mt.pretrain(7, tmp_path / "r"), mt.DataError, "int")  # type: ignore[arg-type]


def test_data_and_models_that_do_not_belong_together(shop: Shop, tmp_path: Path) -> None:
    rows = shop_rows(seed=1).filter(pl.col("iid") < 30)
    other = mt.prepare(rows, shop_schema(rows), tmp_path / "other")
    _refused(lambda: mt.evaluate(shop.base, other), mt.SchemaError, "another schema")
    base = mt.models.MMoE(other.schema, **TINY)
    _refused(lambda: mt.evaluate(base, shop.data), mt.SchemaError, "another schema")
    _refused(lambda: mt.evaluate(base), mt.DataError, "log")


def test_data_that_changed_under_a_run(shop: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(shop.folder, folder)
    moved = Shop(folder)
    shutil.rmtree(moved.data)
    mt.prepare(shop_rows(), moved.folder / "schema.json", moved.data, split="random")
    text = (moved.base / "run.json").read_text().replace(str(shop.data), str(moved.data))
    (moved.base / "run.json").write_text(text)
    _refused(lambda: mt.evaluate(moved.base), mt.DataError, "no longer the data")
    shutil.rmtree(moved.data)
    _refused(lambda: mt.evaluate(moved.base), mt.DataError, "not there; name it: log=")
