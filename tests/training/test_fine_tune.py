"""Fine-tuning as a whole: what it leaves, and what it warns of."""

import logging
import shutil
from pathlib import Path

import pytest

from tests.jobs import TRAIN, Job
from tfrec_mt.adapters.kernel_store import kernel_path, load_kernels, read_kernel
from tfrec_mt.configs import FineTuneConfig
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.jobs.fine_tune import run_fine_tune
from tfrec_mt.models.model_store import fingerprint, load_model
from tfrec_mt.schema import SchemaError
from tfrec_mt.storage.names import KERNELS
from tfrec_mt.training.run_folder import RunFolderError


def test_every_domain_gets_a_kernel_of_this_base(job: Job) -> None:
    base = load_model(job.model)
    kernels = {layer.topic: layer for layer in load_kernels(job.kernel_folder, fingerprint(base))}
    schema = PreparedDataset(job.data).schema
    assert set(kernels) == {topic.name for topic in schema.topics}
    for topic in schema.topics:
        assert set(kernels[topic.name].domains) == set(topic.domains)
        for domain in topic.domains:
            weights = kernels[topic.name].kernel(domain)
            assert any("decoder" in name and values.any() for name, values in weights.items())


@pytest.mark.parametrize(("parts", "warned"), [(("train",), True), (("fresh",), False)])
def test_rows_that_the_base_has_seen_are_pointed_out(
    job: Job,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    parts: tuple[str, ...],
    warned: bool,
) -> None:
    config = FineTuneConfig(
        base=job.base,
        data=job.data,
        output=tmp_path / "kernels",
        parts=parts,
        topics=("scene",),
        train=TRAIN,
    )
    with caplog.at_level(logging.WARNING):
        run_fine_tune(config)
    assert ("the base was trained on train" in caplog.text) == warned


def _config(job: Job, output: Path, beside: Path) -> FineTuneConfig:
    return FineTuneConfig(
        base=job.base,
        data=job.data,
        output=output,
        topics=("scene",),
        beside=beside,
        train=TRAIN,
    )


def test_kernels_are_trained_beside_those_of_other_topics(job: Job, tmp_path: Path) -> None:
    folder = run_fine_tune(_config(job, tmp_path / "run", job.kernels))
    assert [path.name for path in folder.iterdir()] == ["scene"]
    found = read_kernel(kernel_path(folder, "scene", "homepage"))[0]
    topics = {topic.name for topic in PreparedDataset(job.data).schema.topics}
    assert set(found["beside"]) == topics - {"scene"}


def test_a_run_goes_on_beside_the_same_kernels_only(job: Job, tmp_path: Path) -> None:
    shutil.copytree(job.kernels, tmp_path / "beside")
    config = _config(job, tmp_path / "run", tmp_path / "beside")
    shutil.rmtree(run_fine_tune(config))
    kernel_path(tmp_path / "beside" / KERNELS, "region", "region1").unlink()
    with pytest.raises(RunFolderError, match="beside_weights"):
        run_fine_tune(config)


def test_kernels_of_the_same_topic_alone_are_none_to_train_beside(job: Job, tmp_path: Path) -> None:
    shutil.copytree(job.kernel_folder / "scene", tmp_path / "beside" / KERNELS / "scene")
    with pytest.raises(SchemaError, match=r"beside has kernels of no other topic than .* scene"):
        run_fine_tune(_config(job, tmp_path / "run", tmp_path / "beside"))
    assert not (tmp_path / "run").exists()
