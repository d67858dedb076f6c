import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.reader import BatchReader
from tfrec_mt.data.reading.scan import scan
from tfrec_mt.models.mmoe import MMoE
from tfrec_mt.schema import DataError
from tfrec_mt.storage.description import write_description


@pytest.fixture
def folder(click_log: Callable[..., Any], prepared: Callable[..., PreparedDataset]) -> Path:
    return prepared(click_log()).path


def edit_manifest(folder: Path, **changes: Any) -> None:
    path = folder / "manifest.json"
    write_description(path, json.loads(path.read_text()) | changes)


def test_every_file_is_in_the_manifest_and_a_flipped_byte_in_any_is_named(folder: Path) -> None:
    dataset = PreparedDataset(folder)
    listed = {name for name, _ in dataset.manifest.hashes()}
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")}
    assert found == listed | {"manifest.json"}
    assert {"schema.json", "requests.parquet", "vocabularies/tag.txt", "events/timestamp.npy",
            "train/shard-00000/labels/ctr.npy"} <= listed  # fmt: skip
    for name in sorted(listed):
        content = bytearray((folder / name).read_bytes())
        content[-1] ^= 1
        (folder / name).write_bytes(content)
        with pytest.raises(DataError, match=f"{name}: expected the content that manifest.json"):
            dataset.verify()
        content[-1] ^= 1
        (folder / name).write_bytes(content)
    dataset.verify()


@pytest.mark.parametrize("name", ["train/shard-00000/keys/user.npy", "events/features/item_id.npy"])
def test_a_cut_or_missing_column_is_noticed_at_opening(folder: Path, name: str) -> None:
    os.truncate(folder / name, (folder / name).stat().st_size - 4)
    with pytest.raises(DataError, match=f"{name}: expected"):
        PreparedDataset(folder)
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"{name}: the manifest lists it"):
        PreparedDataset(folder)


def test_a_shard_from_another_part_is_noticed_at_opening(folder: Path) -> None:
    shutil.copy(
        folder / "test/shard-00000/keys/user.npy", folder / "train/shard-00000/keys/user.npy"
    )
    with pytest.raises(DataError, match=r"keys/user\.npy: expected \d+ rows, got shape"):
        PreparedDataset(folder)


def test_the_format_version_is_checked(folder: Path) -> None:
    edit_manifest(folder, format_version=5)
    with pytest.raises(DataError, match="written in the newer format 5; this release reads 4"):
        PreparedDataset(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": None}, "expected a manifest with a format_version"),
        ({"colour": 1}, r"manifest\.json: colour"),
        ({"parts": {"train": [{"rows": "many", "files": {}}]}}, r"parts\.train\.0\.rows"),
        ({"files": {"../secret": "00"}}, r"'\.\./secret' lies outside of"),
    ],
)
def test_a_manifest_that_is_none_is_refused(
    folder: Path, changes: dict[str, Any], message: str
) -> None:
    edit_manifest(folder, **changes)
    with pytest.raises(DataError, match=message):
        PreparedDataset(folder)


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a prepared dataset"):
        PreparedDataset(tmp_path)


def test_an_unknown_part_is_named(folder: Path) -> None:
    with pytest.raises(DataError, match=r"has no part 'tests'; did you mean 'test'\?"):
        PreparedDataset(folder).rows("tests")


def test_batches_are_all_rows_in_stored_order(folder: Path) -> None:
    dataset = PreparedDataset(folder)
    batches = dataset.batches("train", 100)
    stored = list(scan(dataset, "train", 100))
    assert batches.cardinality() == len(stored) == -(-dataset.rows("train") // 100)
    for (features, labels), batch in zip(batches, stored, strict=True):
        for found, expected in ((features, batch.features), (labels, batch.labels)):
            assert found.keys() == expected.keys()
            for name, values in expected.items():
                assert found[name].dtype == values.dtype
                np.testing.assert_array_equal(found[name], values)


def test_shuffled_batches_follow_the_seed_and_differ_from_pass_to_pass(folder: Path) -> None:
    dataset = PreparedDataset(folder)

    def passes(seed: int) -> list[list[list[float]]]:
        batches = dataset.batches("train", 64, shuffle=True, seed=seed)
        steps = dataset.rows("train") // 64
        assert batches.cardinality() == steps
        found = [[f["load"].numpy().tolist() for f, _ in batches] for _ in range(2)]
        assert [len(batch) for one in found for batch in one] == [64] * 2 * steps
        return found

    one, other = passes(seed=1)
    assert one != other
    assert [one, other] == passes(seed=1) != passes(seed=2)
    reader = BatchReader(dataset, ["train"], 64, seed=1)
    read = reader.read(0, 2 * reader.steps_per_epoch).features["load"]
    assert [*one, *other] == read.tolist()


def test_keras_fits_and_predicts_batches(folder: Path) -> None:
    dataset = PreparedDataset(folder)
    keras.utils.set_random_seed(0)
    model = MMoE(dataset.schema, embedding_width=4, units=(8,), heads=2, head_width=4)
    model.compile(keras.optimizers.Adam(0.01), loss="binary_crossentropy")
    rows = dataset.batches("train", 32, shuffle=True)
    losses = model.fit(rows, epochs=8, shuffle=False, verbose=0)
    assert losses.history["loss"][-1] < 0.9 * losses.history["loss"][0]
    scores = model.predict(dataset.batches("test", 50), verbose=0)
    expected = [model(batch.features)["ctr"] for batch in scan(dataset, "test", 50)]
    np.testing.assert_allclose(scores["ctr"], tf.concat(expected, 0), rtol=1e-5)


@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_of_nothing_are_refused(folder: Path, shuffle: bool) -> None:
    dataset = PreparedDataset(folder)
    with pytest.raises(DataError, match=r"has no part 'tests'; did you mean 'test'\?"):
        dataset.batches("tests", shuffle=shuffle)
    with pytest.raises(ValueError, match="batch_size"):
        dataset.batches("test", 0, shuffle=shuffle)
    with pytest.raises(DataError, match="fewer than one batch of 100000"):
        dataset.batches("test", 100_000, shuffle=True)
