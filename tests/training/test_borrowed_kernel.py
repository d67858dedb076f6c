"""The kernel of a domain without rows, or with few, made of those of others."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import tfrec_mt as mt
from tests.shop import SHORT, shop_rows, shop_schema
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.batch import Batch
from tfrec_mt.data.reading.reader import BatchReader
from tfrec_mt.models.scorer import Scorer
from tfrec_mt.training.borrowed_kernel import _projected, borrowed_kernel

SPLIT: dict[str, Any] = {"split": "time", "split_parts": "train:2,fresh:3,test:1"}


def rows(seed: int = 0) -> pl.DataFrame:
    """Three markets, of which `fr` likes what `de` likes."""
    frame = shop_rows(12_000, seed)
    french = pl.Series(np.random.default_rng(seed).random(len(frame)) < 0.4)
    both = pl.when(french & (pl.col("market") == "de")).then(pl.lit("fr")).otherwise("market")
    return frame.with_columns(both.alias("market"))


@dataclass(frozen=True)
class Shop:
    """Kernels of `de` and `us`, trained without a row of `fr`, which the schema lists."""

    folder: Path
    log: PreparedDataset
    without: PreparedDataset

    @property
    def kernels(self) -> Path:
        return self.folder / "kernels"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("borrow")
    frame = rows()
    log = mt.prepare(frame, shop_schema(frame), folder / "log", **SPLIT)
    # the same ids, boundaries and domains
    later = rows(1).with_columns(pl.col("ts") + 30 * 86_400)
    known = mt.prepare(later, output=folder / "later", like=log, grow=False, **SPLIT)
    few = later.filter(pl.col("market") != "fr")
    without = mt.prepare(few, output=folder / "without", like=log, grow=False, **SPLIT)
    base = mt.pretrain(log, folder / "base", **SHORT)
    mt.fine_tune(
        base, without, folder / "kernels", encoder_units=(4,), certainty=0.0, batch_size=64,
        epochs=3, memory=("iid",),
    )  # fmt: skip
    return Shop(folder, known, without)


def rows_of(log: PreparedDataset, part: str, market: str) -> Batch:
    """All rows of one market in a part."""
    code = 1 + log.schema.topic("market").domains.index(market)
    (batch,) = BatchReader(log, [part], 1, seed=0).in_order(1 << 20)
    return batch.only(batch.features["market"] == code)


def log_loss(model: AdaptedModel, batch: Batch) -> float:
    chance, label = Scorer(model)(batch.features)["ctr"].astype(float), batch.labels["ctr"]
    return float(-np.mean(label * np.log(chance) + (1 - label) * np.log(1 - chance)))


def logits(model: AdaptedModel, batch: Batch, market: str) -> np.ndarray:
    """Logits of rows as if they were of a market."""
    code = 1 + list(model.base.topics["market"]).index(market)
    features = batch.features | {"market": np.full_like(batch.features["market"], code)}
    chance = Scorer(model)(features)["ctr"].astype(float)
    return np.asarray(np.log(chance / (1 - chance)))


@pytest.mark.slow
def test_rows_tell_which_domain_is_alike(shop: Shop, tmp_path: Path) -> None:
    model = mt.borrow_kernel(shop.kernels, "market/fr", tmp_path / "run", shop.log)
    opened = mt.load(shop.kernels)
    found = borrowed_kernel(
        AdaptedModel(opened.base, opened.kernels), "market", "fr",
        BatchReader(shop.log, ["fresh"], 1, seed=0).in_order(4_096),
    )  # fmt: skip
    assert found.shares["de"] > 0.6 > found.shares.get("us", 0.0)
    assert found.explained["ctr"] > 0.95 and found.explained["ctcvr"] > 0.7  # of width 4
    test = rows_of(shop.log, "test", "fr")
    base = mt.load(shop.folder / "base")
    assert log_loss(model, test) < log_loss(AdaptedModel(base, []), test) - 0.005
    # what others have stays
    before = mt.load(shop.kernels)
    for market in ("de", "us"):
        batch = rows_of(shop.log, "test", market)
        one, other = (Scorer(of)(batch.features)["ctr"] for of in (before, model))
        np.testing.assert_allclose(one, other, rtol=1e-6)
    assert mt.evaluate(tmp_path / "run", shop.log).scores is not None
    mt.export(model, tmp_path / "export", shop.log)


@pytest.mark.slow
def test_without_rows_named_donors_are_taken_at_their_word(shop: Shop, tmp_path: Path) -> None:
    model = mt.borrow_kernel(
        shop.kernels, "market/fr", tmp_path / "run", shop.without, donors=["de"]
    )
    batch = rows_of(shop.log, "test", "fr")
    as_fr, as_de = (logits(model, batch, market) for market in ("fr", "de"))
    plain = logits(AdaptedModel(model.base, []), batch, "fr")
    assert np.abs(as_de - plain).max() > 0.1
    np.testing.assert_allclose(as_fr, as_de, atol=0.02)


@pytest.mark.slow
def test_without_rows_and_names_opposite_domains_lend_nothing(shop: Shop, tmp_path: Path) -> None:
    """Each of the two markets is worse with the other's kernel."""
    model = mt.borrow_kernel(shop.kernels, "market/fr", tmp_path / "run", shop.without)
    batch = rows_of(shop.log, "test", "fr")
    plain = AdaptedModel(model.base, [])
    one, other = (Scorer(of)(batch.features)["ctr"] for of in (model, plain))
    np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("domain", "settings", "message"),
    [
        ("market", {}, "expected TOPIC/DOMAIN"),
        ("shop/fr", {}, "topic='shop': there are kernels of market"),
        ("market/it", {}, "domain='it': the base's data list no such domain"),
        ("market/fr", {"donors": ["it"]}, "no kernel of market for 'it'"),
    ],
)
def test_what_cannot_be_borrowed_is_refused(
    domain: str, settings: dict[str, Any], message: str, shop: Shop, tmp_path: Path
) -> None:
    with pytest.raises(mt.SchemaError, match=message):
        mt.borrow_kernel(shop.kernels, domain, tmp_path / "run", shop.log, **settings)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("seed", range(5))
def test_shares_are_projected_to_the_nearest_ones_allowed(seed: int) -> None:
    """Against a search over a fine grid."""
    wanted = np.random.default_rng(seed).normal(0.3, 0.6, size=3)
    found = _projected(wanted)
    assert (found >= 0).all() and found.sum() <= 1 + 1e-12
    steps = np.linspace(0, 1, 51)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    grid = grid[grid.sum(axis=1) <= 1 + 1e-9]
    nearest = np.square(grid - wanted).sum(axis=1).min()
    assert np.square(found - wanted).sum() <= nearest + 1e-9
