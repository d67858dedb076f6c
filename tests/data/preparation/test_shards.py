from pathlib import Path

import numpy as np

from tfrec_mt.data.preparation.shards import ShardWriter
from tfrec_mt.storage.hashes import hash_file


def test_rows_are_cut_into_shards_in_order(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path / "train", rows_per_shard=10)
    start = 0
    for rows in (4, 6, 1, 25, 3):
        values = np.arange(start, start + rows)
        writer.append({"keys/user": values, "features/bag": np.stack([values, -values], axis=1)})
        start += rows
    shards = writer.close()
    assert [shard.rows for shard in shards] == [10, 10, 10, 9]
    users, bags = [], []
    for number, shard in enumerate(shards):
        folder = tmp_path / "train" / f"shard-{number:05d}"
        users.append(np.load(folder / "keys" / "user.npy"))
        bags.append(np.load(folder / "features" / "bag.npy"))
        assert shard.files["keys/user"] == hash_file(folder / "keys" / "user.npy")
    assert np.concatenate(users).tolist() == list(range(39))
    assert np.array_equal(np.concatenate(bags)[:, 1], -np.arange(39))


def test_a_part_without_rows_has_no_shards(tmp_path: Path) -> None:
    assert ShardWriter(tmp_path / "test").close() == ()
