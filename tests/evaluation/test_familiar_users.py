"""Domains measured on users that are, or are not, known from other parts."""

from pathlib import Path

import numpy as np
import pytest

from tfrec_mt.configs import EvaluateConfig, FineTuneConfig, PretrainConfig
from tfrec_mt.configs.train import TrainConfig
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.preparation.prepare import prepare
from tfrec_mt.data.reading.scan import scan
from tfrec_mt.data.sources.takeout import TakeoutConfig, TakeoutSource
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.evaluation.familiar_users import FamiliarUsers
from tfrec_mt.jobs.evaluate import run_evaluate
from tfrec_mt.jobs.fine_tune import run_fine_tune
from tfrec_mt.jobs.pretrain import run_pretrain
from tfrec_mt.schema import DataError


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> PreparedDataset:
    folder = Path(tmp_path_factory.mktemp("familiar"))
    split = SplitSpec.parse("train:6,fresh:1,test:1", "days")
    return prepare(TakeoutSource(TakeoutConfig(rows=20_000)), folder / "data", split)


def test_rows_are_split_by_what_their_users_did_before(dataset: PreparedDataset) -> None:
    pairs = {
        (topic.name, user, code)
        for batch in scan(dataset, "fresh", 500)
        for topic in dataset.schema.topics
        for user, code in zip(batch.keys["user"], batch.features[topic.name], strict=True)
    }
    familiar = FamiliarUsers(dataset, ["fresh"])
    counts = {"seen": 0, "new": 0}
    for batch in scan(dataset, "test", 500):
        codes = {topic.name: batch.features[topic.name] for topic in dataset.schema.topics}
        codes["region"] = np.where(np.arange(len(codes["region"])) % 7 == 0, 0, codes["region"])
        found = familiar.split(batch.keys["user"], codes)
        assert set(found) == set(familiar.topics)
        for name, of in codes.items():
            for row, (user, code) in enumerate(zip(batch.keys["user"], of, strict=True)):
                seen = (name, user, code) in pairs and code > 0
                assert found[f"{name}/seen"][row] == (code if seen else 0)
                assert found[f"{name}/new"][row] == (0 if seen else code)
                counts["seen" if seen else "new"] += code > 0
    assert min(counts.values()) > 500


@pytest.mark.slow
def test_an_evaluation_measures_both_kinds_with_a_topics_own_kernels(
    dataset: PreparedDataset, tmp_path: Path
) -> None:
    small = TrainConfig(batch_size=256, seed=0)
    base = PretrainConfig(
        data=dataset.path, output=tmp_path / "base", model_settings={"units": (8,)}, train=small
    )
    run_pretrain(base)
    kernels = tmp_path / "kernels"
    run_fine_tune(
        FineTuneConfig(
            base=base.output,
            data=dataset.path,
            output=kernels,
            topics=("scene",),
            certainty=0.0,
            train=small,
        )
    )
    found = run_evaluate(
        EvaluateConfig(data=dataset.path, base=base.output, kernels=kernels, seen_in=("fresh",))
    )
    rows = {
        (r.model, r.topic, r.domain): r
        for r in found.metrics
        if r.task == "ctr" and r.metric == "auc"
    }
    for domain in ("homepage", "channel"):
        whole = rows["zero_shot", "scene", domain].n
        for model in ("zero_shot", "adapted"):
            seen, new = (rows[model, f"scene/{kind}", domain] for kind in ("seen", "new"))
            assert seen.n + new.n == whole
            assert seen.n > 0 < new.n
    changed = [
        rows["adapted", f"scene/{kind}", "homepage"].value
        != rows["zero_shot", f"scene/{kind}", "homepage"].value
        for kind in ("seen", "new")
    ]
    assert changed == [True, True]


def test_an_unknown_part_is_named(dataset: PreparedDataset) -> None:
    with pytest.raises(DataError, match="frsh"):
        FamiliarUsers(dataset, ["frsh"])
