"""What a base knows of rows, kept on disk."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.jobs import TRAIN, Job
from tfrec_mt.adapters.kernel_store import load_kernels
from tfrec_mt.configs import FineTuneConfig
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.scan import scan
from tfrec_mt.jobs.fine_tune import run_fine_tune
from tfrec_mt.models.model_store import fingerprint, load_model
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.schema import DataError
from tfrec_mt.training.kept_knowledge import KeptKnowledge, knowledge_of

PARTS = ("test", "fresh")


@pytest.fixture(scope="module")
def base(job: Job) -> RankingModel:
    model = load_model(job.model)
    assert isinstance(model, RankingModel)
    return model


@pytest.fixture(scope="module")
def folder(job: Job, base: RankingModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept") / "knowledge"
    KeptKnowledge(job.data, base, PARTS, folder)
    return folder


@pytest.mark.parametrize("part", PARTS)
def test_every_row_has_its_own_knowledge_labels_and_domains(
    job: Job, base: RankingModel, folder: Path, part: str
) -> None:
    kept = KeptKnowledge(job.data, base, PARTS, folder)
    rows = kept.rows(part)
    (found,) = scan(kept, part, rows)
    (plain,) = scan(PreparedDataset(job.data), part, rows)
    expected = base.knowledge(plain.features)
    for task, values in knowledge_of(base, found.features).items():
        np.testing.assert_allclose(values, expected[task], rtol=1e-3, atol=1e-4)
        np.testing.assert_array_equal(found.labels[task], plain.labels[task])
    for name in ("position", *(topic.name for topic in base.schema.topics)):
        np.testing.assert_array_equal(found.features[name], plain.features[name])
    assert {name for name in found.features if name.startswith("history")} == set()


def test_what_tasks_share_is_kept_once(base: RankingModel, folder: Path) -> None:
    rows = np.load(next(folder.glob("test/*/knowledge.npy")), mmap_mode="r")
    own = np.load(next(folder.glob("test/*/knowledge_ctr.npy")), mmap_mode="r")
    assert rows.dtype == own.dtype == np.float16
    assert rows.shape[1] == base.front_end.output_width
    assert rows.shape[1] + own.shape[1] == base.knowledge_width


def _damage(folder: Path, base: RankingModel) -> None:
    path = next(folder.glob("fresh/*/knowledge_ctr.npy"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _another_base(folder: Path, base: RankingModel) -> None:
    base.front_end.embedding.table.assign(base.front_end.embedding.table * 1.01)


def _half_written(folder: Path, base: RankingModel) -> None:
    (folder / "knowledge.json").unlink()


@pytest.mark.parametrize(
    ("spoil", "parts", "message"),
    [
        (_damage, PARTS, r"knowledge_ctr.npy: expected the content that knowledge.json .*; delete"),
        (_another_base, PARTS, r"another run: its base_fingerprint is .*, this run's is"),
        (_half_written, PARTS, r"holds no knowledge of a base: .*knowledge.json is missing"),
        (lambda *_: None, ("fresh",), r"its parts is \['test', 'fresh'\], this run's is"),
    ],
)
def test_what_does_not_fit_is_refused(
    job: Job,
    folder: Path,
    tmp_path: Path,
    spoil: Callable[[Path, RankingModel], None],
    parts: tuple[str, ...],
    message: str,
) -> None:
    base = load_model(job.model)
    assert isinstance(base, RankingModel)
    copy = Path(shutil.copytree(folder, tmp_path / "knowledge"))
    spoil(copy, base)
    with pytest.raises(DataError, match=message):
        KeptKnowledge(job.data, base, parts, copy)


def test_knowledge_of_lower_precision_is_kept_apart(
    job: Job, base: RankingModel, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"its precision is float32, this run's is bfloat16"):
        KeptKnowledge(job.data, base, PARTS, folder, "bfloat16")
    kept = tmp_path / "knowledge"
    config = FineTuneConfig(
        base=job.base,
        data=job.data,
        output=tmp_path / "run",
        topics=("scene",),
        knowledge=kept,
        precision="bfloat16",
        train=TRAIN,
    )
    run_fine_tune(config)
    differences = [
        np.abs(np.load(path).astype("f") - np.load(folder / path.relative_to(kept)))
        for path in kept.glob("fresh/*/knowledge_ctr.npy")
    ]
    largest = max(float(values.max()) for values in differences)
    assert 1e-4 < largest < 0.1


def test_numbers_that_half_precision_cannot_hold_are_refused(job: Job, tmp_path: Path) -> None:
    base = load_model(job.model)
    assert isinstance(base, RankingModel)
    base.front_end.embedding.table.assign(base.front_end.embedding.table * 1e7)
    with pytest.raises(DataError, match=r"knowledge for ctr reaches .*half precision cannot hold"):
        KeptKnowledge(job.data, base, PARTS, tmp_path / "knowledge")
    assert not (tmp_path / "knowledge").exists()


def _decoders(kernels: Path, base: RankingModel) -> Any:
    layers = load_kernels(kernels, fingerprint(base))
    return np.concatenate(
        [
            layer.kernel(domain)[f"{task}_decoder_kernel"].ravel()
            for layer in layers
            for domain in layer.domains
            for task in base.tasks
        ]
    )


@pytest.mark.slow  # a whole job
def test_kernels_learn_from_it_what_they_learn_from_the_base(
    job: Job, base: RankingModel, tmp_path: Path
) -> None:
    config = FineTuneConfig(
        base=job.base,
        data=job.data,
        output=tmp_path / "first",
        learning_rate=0.01,
        certainty=0.0,
        knowledge=tmp_path / "knowledge",
        train=TRAIN,
    )
    found = _decoders(run_fine_tune(config), base)
    expected = _decoders(job.kernel_folder, base)
    assert np.corrcoef(found, expected)[0, 1] > 0.99
    stamp = (tmp_path / "knowledge" / "knowledge.json").stat().st_mtime_ns
    again = _decoders(run_fine_tune(dataclasses.replace(config, output=tmp_path / "again")), base)
    np.testing.assert_array_equal(again, found)
    assert (tmp_path / "knowledge" / "knowledge.json").stat().st_mtime_ns == stamp


def test_a_run_of_several_epochs_keeps_it_beside_its_kernels(job: Job, tmp_path: Path) -> None:
    config = FineTuneConfig(
        base=job.base,
        data=job.data,
        output=tmp_path / "run",
        topics=("scene",),
        train=dataclasses.replace(TRAIN, epochs=2),
    )
    run_fine_tune(config)
    assert (tmp_path / "run" / "knowledge" / "fresh").is_dir()
