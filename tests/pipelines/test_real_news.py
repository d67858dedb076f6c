"""The whole job on the real samples of MIND and EB-NeRD; at their size no figure means anything."""

import json
from pathlib import Path

import pytest

from tests.binaries import succeed
from tests.real_folders import real_folder

pytestmark = pytest.mark.real_data


@pytest.mark.parametrize(
    ("source", "sample", "auxiliary"),
    [("mind", "mind_small_sample", "category"), ("eb_nerd", "ebnerd_sample", "")],
)
def test_samples_are_prepared_trained_measured_and_exported(
    source: str, sample: str, auxiliary: str, tmp_path: Path
) -> None:
    files = real_folder(sample)
    data, base = f"--data={tmp_path / 'data'}", tmp_path / "base"
    succeed(
        *("prepare_data", f"--source={source}", f"--data_dir={files}", "--split=time"),
        # EB-NeRD's sample has no titles to learn word pieces from
        *("--split_parts=train:4,test:1", "--vocabulary=minilm", f"--output={tmp_path / 'data'}"),
    )
    succeed(
        *("pretrain", data, f"--output={base}", "--title_encoder=tiny", f"--auxiliary={auxiliary}"),
        *("--batch_size=64", "--lora_rank=4", "--learning_rate=0.001"),
    )
    table = succeed("evaluate", data, f"--base={base}", f"--output={tmp_path / 'evaluation'}")
    assert "auc" in table.lower()
    rows = json.loads((tmp_path / "evaluation" / "metrics.json").read_text())
    assert {row["metric"] for row in rows} >= {"auc", "mrr", "ndcg@5", "ndcg@10"}
    succeed("export", data, f"--base={base}", f"--output={tmp_path / 'export'}")
    scored = succeed(
        *("score", data, f"--base={base}", f"--export={tmp_path / 'export' / '1'}"),
    )
    assert "difference" in scored
