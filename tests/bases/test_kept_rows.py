"""What a base knows of its rows, kept beside a run."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tfrec_mt as mt
from tests.adapters.item_offset import ITEMS, ItemOffset
from tests.bases.own_models import DOMAINS, keras_model
from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.bases import IAK, Adapter, attach
from tfrec_mt.bases.known_rows import KnownRows, keep_rows
from tfrec_mt.bases.own_rows import OwnRows
from tfrec_mt.errors import DataError, SchemaError
from tfrec_mt.training.train_loop import TrainLoop

TOPICS = {"market": DOMAINS}
OWN = keras_model("one_head")
CTR = mt.Task("ctr")


def test_kept_rows_are_shuffled_the_same_way_however_they_are_asked_for(tmp_path: Path) -> None:
    model = attach(OWN.base, IAK(4), TOPICS)
    keep_rows(tmp_path / "rows", model, OwnRows(OWN.data).batches([CTR], ["market"]))
    reader = KnownRows(tmp_path / "rows", 700, seed=3)
    assert reader.steps_per_epoch == 4
    whole = KnownRows(tmp_path / "rows", 700, seed=3).read(0, 8)
    for start, stop in ((6, 8), (0, 1), (3, 6), (1, 3)):
        part = reader.read(start, stop)
        for found, expected in ((part.features, whole.features), (part.keys, whole.keys)):
            for name, values in expected.items():
                np.testing.assert_array_equal(found[name], values[start:stop])
    rows = whole.keys["user"]
    assert all(len(np.unique(epoch)) == 2800 for epoch in (rows[:4], rows[4:]))
    assert set(rows[:4].ravel()) != set(rows[4:].ravel())
    even = reader.of(lambda users: users % 2 == 0)
    drawn = even.read(0, 2).keys["user"].ravel()
    assert even.steps_per_epoch == 2 and len(np.unique(drawn)) == 1400 and not (drawn % 2).any()
    other = KnownRows(tmp_path / "rows", 700, seed=4).read(0, 1).keys["user"]
    assert (other != rows[:1]).any()
    # what a row brings is its own
    step, place = 5, 17
    row = rows[step, place]
    np.testing.assert_allclose(
        whole.features["knowledge_ctr"][step, place],
        OWN.base.knowledge(OWN.features)["ctr"][row],
        rtol=1e-6,
        atol=1e-6,
    )
    assert whole.labels["ctr"][step, place] == OWN.labels["ctr"][row]


def _lose_a_row(folder: Path) -> None:
    path = next(folder.glob("*.npy"))
    path.write_bytes(path.read_bytes()[:-24])


def test_kept_rows_that_are_not_these_are_refused(tmp_path: Path) -> None:
    model, folder = attach(OWN.base, IAK(4), TOPICS), tmp_path / "rows"

    def keep(data: Any = OWN.data, of: Any = model) -> None:
        keep_rows(folder, of, OwnRows(data).batches([CTR], ["market"]))

    keep()
    keep()
    with pytest.raises(DataError, match="holds other rows: their ctr differs"):
        keep((OWN.features, 1 - OWN.labels["ctr"]))
    with pytest.raises(DataError, match="holds what another base knows of rows"):
        keep(of=attach(OWN.base, IAK(4), {"market": ("us",)}))
    _lose_a_row(folder)
    with pytest.raises(
        DataError, match=r"holds no rows that a base knows: .*: expected the content that rows"
    ):
        KnownRows(folder, 100, 0)


def test_a_run_that_was_killed_goes_on_from_its_kept_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = attach(OWN.base, IAK(4), TOPICS)
    settings: dict[str, Any] = {"epochs": 3, "checkpoint_every": 10}
    whole = mt.fine_tune(model, OWN.data, tmp_path / "whole", **settings)

    class Killed(Exception):
        pass

    def kill(*_: Any) -> None:
        raise Killed

    plain = TrainLoop._run_portion
    monkeypatch.setattr(
        TrainLoop,
        "_run_portion",
        lambda self, step, *rest: kill() if step >= 20 else plain(self, step, *rest),
    )
    with pytest.raises(Killed):
        mt.fine_tune(model, OWN.data, tmp_path / "killed", **settings)
    monkeypatch.setattr(TrainLoop, "_run_portion", plain)
    stamp = (tmp_path / "killed" / "rows" / "rows.json").stat().st_mtime_ns
    again = mt.fine_tune(model, OWN.data, tmp_path / "killed", **settings)
    assert (tmp_path / "killed" / "rows" / "rows.json").stat().st_mtime_ns == stamp
    np.testing.assert_allclose(
        again(OWN.features)["ctr"], whole(OWN.features)["ctr"], rtol=0, atol=1e-6
    )
    assert np.abs(again(OWN.features)["ctr"] - OWN.own(OWN.features)["ctr"][:, None]).max() > 0.01


def test_ids_reach_kernels_from_kept_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ADAPTERS, "item_offset", ItemOffset)
    rng = np.random.default_rng(0)
    items = rng.integers(0, ITEMS, 3000)
    clicks = (items % 2 == (OWN.features["market"] == "us")).astype(np.float32)
    features = OWN.features | {"item_id": items}
    model = attach(OWN.base, Adapter("item_offset"), TOPICS)
    trained = mt.fine_tune(model, (features, clicks), tmp_path / "run", epochs=4, batch_size=100)
    report = mt.evaluate(trained, (features, clicks))
    assert report.table.filter(topic="market", domain="us")["adapted"].item() > 0.95
    with pytest.raises(SchemaError, match=r"kernels of market \(ItemOffset\) read item_id beside"):
        mt.export(trained, tmp_path / "export")
