"""Names that no export can carry are refused at once, and any domain can have a kernel."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import tfrec_mt as mt
from tests.shop import TINY, shop_rows, shop_schema
from tfrec_mt.schema import CategoricalFeature, NumericFeature, SchemaError, Topic, Vocabulary

BAD_NAMES = ("class", "self", "and", "None", "价格", "größe", "_x", "1st", "a b", "")


@pytest.mark.fault_case("names")
@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize(
    "make",
    [
        lambda name: Vocabulary(name=name),
        lambda name: CategoricalFeature(name=name, vocabulary="v", side="item"),
        lambda name: NumericFeature(name=name, side="item"),
        lambda name: Topic(name=name),
        lambda name: mt.Schema.infer(
            shop_rows(300).rename({"market": name or "x y"}),
            user="uid",
            item="iid",
            tasks=["clicked"],
            topics=[name or "x y"],
            verbose=False,
        ),
    ],
)
def test_a_name_that_no_export_can_carry_is_refused_at_once(
    make: Callable[[str], Any], name: str
) -> None:
    with pytest.raises(SchemaError, match="expected a name"):
        make(name)


@pytest.mark.fault_case("names")
def test_columns_of_such_names_are_left_out_and_the_reason_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = shop_rows(300).with_columns(pl.col("price").alias(name) for name in BAD_NAMES[:6])
    schema = mt.Schema.infer(rows, user="uid", item="iid", tasks=["clicked"])
    assert not {feature.name for feature in schema.features} & {*BAD_NAMES}
    assert "expected a name that is neither a keyword of Python nor 'self'" in (
        " ".join(capsys.readouterr().out.split())
    )


@pytest.mark.fault_case("names")
def test_names_that_differ_in_case_alone_are_refused() -> None:
    rows = shop_rows(300).with_columns(pl.col("price").alias("PRICE"))
    with pytest.raises(SchemaError, match="'price' and 'PRICE': expected names that differ"):
        mt.Schema.infer(rows, user="uid", item="iid", tasks=["clicked"], verbose=False)


@pytest.mark.fault_case("66")
def test_domains_that_no_file_can_list_are_refused_when_they_are_learned(tmp_path: Path) -> None:
    rows = shop_rows(300)
    rows = rows.with_columns(pl.col("market").replace("de", "d\ne"))
    with pytest.raises(SchemaError, match=r"domain 'd\\ne': expected a name without tabs and line"):
        mt.prepare(rows, shop_schema(rows), tmp_path / "data", split="random")
    assert not [*tmp_path.iterdir()]


@pytest.mark.slow
@pytest.mark.fault_case("66")
def test_domains_of_any_name_are_trained_exported_and_exchanged(tmp_path: Path) -> None:
    odd = ("../x", "a/b", "%2f", "n\0l", "x" * 300, "dot.", "北京")
    rows = shop_rows(3_000)
    names = np.array(odd)[np.arange(rows.height) % len(odd)]
    rows = rows.with_columns(pl.Series("market", names))
    log = mt.prepare(rows, shop_schema(rows), tmp_path / "runs" / "data")
    base = mt.pretrain(log, tmp_path / "runs" / "base", batch_size=256, **TINY)
    settings: dict[str, Any] = {"encoder_units": (2,), "certainty": 0.0, "batch_size": 64}
    model = mt.fine_tune(base, log, tmp_path / "runs" / "kernels", **settings)
    export = tmp_path / "runs" / "export"
    mt.export(model, export)
    requests = log.requests()
    before = mt.load_export(export).score(requests)
    mt.remove_kernels(export, [f"market/{odd[0]}"])
    less = mt.load_export(export).score(requests)
    assert less.filter(pl.col("used_fallback").list.len() > 0)["market"].unique().to_list() == [
        odd[0]
    ]
    mt.add_kernels(export, tmp_path / "runs" / "kernels", [f"market/{odd[0]}"])
    assert mt.load_export(export).score(requests).equals(before)
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [
        *("base", "data", "export", "kernels")
    ]
