"""What a base knows of rows, kept on disk."""

import contextlib
import dataclasses
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

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
from tfrec_mt.storage.disk_space import DiskFullError
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
    with without_room():
        unkept = dataclasses.replace(config, output=tmp_path / "unkept", knowledge=None)
        expected = _decoders(run_fine_tune(unkept), base)
    assert np.corrcoef(found, expected)[0, 1] > 0.99
    stamp = (tmp_path / "knowledge" / "knowledge.json").stat().st_mtime_ns
    again = _decoders(run_fine_tune(dataclasses.replace(config, output=tmp_path / "again")), base)
    np.testing.assert_array_equal(again, found)
    assert (tmp_path / "knowledge" / "knowledge.json").stat().st_mtime_ns == stamp


@contextlib.contextmanager
def without_room() -> Iterator[None]:
    """No disk has room for what a base knows."""

    def full(folder: Path, needed: int, purpose: str) -> None:
        raise DiskFullError(f"{folder}: {purpose} need {needed}, the disk has 0.0 MB free")

    with mock.patch("tfrec_mt.training.kept_knowledge.check_free_space", full):
        yield


def _stop(*given: Any, **named: Any) -> Any:
    raise KeyboardInterrupt


def _small(job: Job, run: Path) -> FineTuneConfig:
    return FineTuneConfig(base=job.base, data=job.data, output=run, topics=("scene",), train=TRAIN)


def test_a_run_keeps_it_until_it_ends(job: Job, tmp_path: Path) -> None:
    there = []

    def remember(*given: Any, **named: Any) -> dict[str, Any]:
        there.append((tmp_path / "run" / "knowledge" / "fresh").is_dir())
        return {}

    with mock.patch("tfrec_mt.training.fine_tune.learn_memory", remember):
        run_fine_tune(_small(job, tmp_path / "run"))
    assert there == [True] and not (tmp_path / "run" / "knowledge").exists()


def test_without_room_it_is_computed_again(
    job: Job, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with without_room():
        run_fine_tune(_small(job, tmp_path / "run"))
        with pytest.raises(DiskFullError):
            config = _small(job, tmp_path / "named")
            run_fine_tune(dataclasses.replace(config, knowledge=tmp_path / "knowledge"))
    assert "is computed whenever they are read: " in capfd.readouterr().err
    assert (tmp_path / "run" / "kernels").is_dir() and not (tmp_path / "named").exists()


def test_a_run_goes_on_as_it_began(job: Job, base: RankingModel, tmp_path: Path) -> None:
    config = _small(job, tmp_path / "run")
    stopped = mock.patch("tfrec_mt.training.fine_tune.learn_memory", _stop)
    with without_room(), stopped, pytest.raises(KeyboardInterrupt):
        run_fine_tune(config)
    run_fine_tune(config)  # with room
    with without_room():
        run_fine_tune(_small(job, tmp_path / "whole"))
    for name in ("run", "whole"):
        assert not (tmp_path / name / "knowledge").exists()
    one, other = (_decoders(tmp_path / name / "kernels", base) for name in ("run", "whole"))
    np.testing.assert_array_equal(one, other)
