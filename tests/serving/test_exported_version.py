"""A published version: what it holds, how versions follow each other, and rows that it refuses."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tests.jobs import Job
from tfrec_mt.configs import ExportConfig, ScoreConfig
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.jobs.export import run_export
from tfrec_mt.jobs.score import run_score
from tfrec_mt.schema import DataError
from tfrec_mt.serving.versions import EXTRA, MANIFEST_FILE, read_manifest
from tfrec_mt.serving.warm_up import WARM_UP_FILE
from tfrec_mt.storage.hashes import verify_files

TOPICS = ("scene", "period", "region")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"precision": "bfloat16"}, "| type of products | bfloat16 |"),
        ({"table_precision": "int8"}, "| type of embedding rows | int8 |"),
    ],
)
def test_lower_precision_is_that_of_the_export(
    settings: dict[str, Any], told: str, job: Job, exported: Path, tmp_path: Path
) -> None:
    config = ExportConfig(
        base=job.base,
        kernels=job.kernels,
        data=job.data,
        output=tmp_path / "short",
        **settings,
    )
    short = run_export(config)
    asked = ScoreConfig(export=short, data=job.data, base=job.base, kernels=job.kernels)
    found = run_score(asked)
    assert found.difference is not None and found.difference <= 1e-6
    plain = run_score(dataclasses.replace(asked, export=exported)).rows
    moved = (found.rows["ctr"] - plain["ctr"]).abs().max()
    assert 1e-5 < float(moved) < 0.02  # type: ignore[arg-type]
    assert told in (short / EXTRA / "model_card.md").read_text()


def test_warm_up_requests_name_every_signature(exported: Path) -> None:
    logs = [
        prediction_log_pb2.PredictionLog.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(str(exported / EXTRA / WARM_UP_FILE))
    ]
    named = [log.predict_log.request.model_spec.signature_name for log in logs]
    assert named == ["serving_default", "score_candidates", "parse_examples", "serving_default"]
    every = logs[-1].predict_log.request.inputs
    kernels = read_manifest(exported)["kernels"]
    for topic in TOPICS:
        asked = {text.decode() for text in tf.make_ndarray(every[topic])}
        assert asked == set(kernels[topic])


def test_the_manifest_finds_any_damage(exported: Path, tmp_path: Path) -> None:
    manifest = json.loads((exported / EXTRA / MANIFEST_FILE).read_text())
    verify_files(exported, manifest["files"])
    assert set(manifest["kernels"]) == set(TOPICS)
    target = Path(shutil.copytree(exported, tmp_path / "1")) / "saved_model.pb"
    whole = target.read_bytes()
    target.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ValueError, match=r"saved_model\.pb: expected the content"):
        verify_files(target.parent, manifest["files"])


@pytest.mark.slow
def test_versions_count_up_and_keep_their_signatures(job: Job, tmp_path: Path) -> None:
    bare = ExportConfig(base=job.base, data=job.data, output=tmp_path)
    with_kernels = dataclasses.replace(bare, kernels=job.kernels)
    assert [run_export(bare).name, run_export(bare).name] == ["1", "2"]
    assert run_export(with_kernels).name == "3"  # more that need not be asked, more that is told
    with pytest.raises(DataError, match=r"serving_default inputs 'period': \['string', .* None"):
        run_export(bare)
    assert run_export(dataclasses.replace(bare, allow_signature_change=True)).name == "4"


def test_rows_that_lack_an_input_are_named(job: Job, exported: Path, tmp_path: Path) -> None:
    PreparedDataset(job.data).requests().drop("cuisine").write_parquet(tmp_path / "rows.parquet")
    with pytest.raises(ValueError, match="lack input column 'cuisine'"):
        run_score(ScoreConfig(export=exported, rows=tmp_path / "rows.parquet"))


def test_rows_of_a_wrong_type_are_named(job: Job, exported: Path, tmp_path: Path) -> None:
    requests = PreparedDataset(job.data).requests()
    requests.with_columns(user_id=pl.lit("someone")).write_parquet(tmp_path / "rows.parquet")
    with pytest.raises(ValueError, match="column 'user_id' of type String cannot be input"):
        run_score(ScoreConfig(export=exported, rows=tmp_path / "rows.parquet"))


def test_scores_are_written_whole_and_once(job: Job, exported: Path, tmp_path: Path) -> None:
    config = ScoreConfig(export=exported, data=job.data, output=tmp_path / "scores.parquet")
    run_score(config)
    assert {"ctr", "ctcvr", "row"} <= set(pl.read_parquet(tmp_path / "scores.parquet").columns)
    with pytest.raises(FileExistsError, match=r"scores\.parquet exists"):
        run_score(config)
