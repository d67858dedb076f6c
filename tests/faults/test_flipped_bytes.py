"""No number comes from a byte that was not written: what has changed on disk is refused.

Places and flips are drawn with a seed that stands in every failure.
"""

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import tfrec_mt as mt
from tests.binaries import SMALL_MODEL, run_binary, succeed
from tests.fault_cases import Record
from tests.shop import TINY, shop_rows, shop_schema
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.iak import IAK
from tfrec_mt.adapters.kernel_store import KernelStoreError, load_kernels, save_kernels
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.reading.scan import scan
from tfrec_mt.models.model_store import ModelStoreError, fingerprint, load_model
from tfrec_mt.serving.exported_model import load_export
from tfrec_mt.storage import folders
from tfrec_mt.storage.variables import named_variables
from tfrec_mt.training.checkpoints import CheckpointError, Checkpoints
from tfrec_mt.training.run_folder import save_once

FLIPS = 100
OURS = (mt.DataError, mt.SchemaError, ModelStoreError, KernelStoreError, CheckpointError)


@dataclass(frozen=True)
class Kept:
    """Folders: prepared data, a run with model and checkpoints, kernels, and an export."""

    data: Path
    run: Path
    kernels: Path
    export: Path
    base_fingerprint: str


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    folder = Path(tmp_path_factory.mktemp("kept"))
    rows = shop_rows(1_500)
    log = mt.prepare(rows, shop_schema(rows), folder / "data")
    base = mt.models.MMoE(log.schema, **TINY)
    run, found = folder / "run", fingerprint(base)
    save_once(base, run, log.vocabularies, log.path, log.fingerprint)
    kernels = IAK("market", ("de", "us"), base.knowledge_widths, encoder_units=(4,))
    save_kernels(kernels, folder / "kernels", found)
    Checkpoints(run / "checkpoints", named_variables(base)).save(7, {"log": {"log.jsonl": 10}})
    mt.export(AdaptedModel(base, [kernels]), folder / "export", log)
    return Kept(log.path, run, folder / "kernels", folder / "export", found)


def read_data(folder: Path) -> None:
    """Reads all that training, evaluation, export, scoring and the next preparation read."""
    dataset = PreparedDataset(folder)
    for part in dataset.parts:
        for _ in scan(dataset, part, 4_096):
            pass
    dataset.requests()
    for name in [
        "clicks",
        *(f"ids/{vocabulary.name}" for vocabulary in dataset.schema.vocabularies),
    ]:
        dataset.carried(name)
    assert dataset.vocabularies.is_dir()


def flip(path: Path, places: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[places.randrange(len(content))] ^= places.randrange(1, 256)
    path.write_bytes(content)


def spoil(path: Path) -> None:
    """Flips a bit of the last byte, which no header holds."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def assert_every_flip_is_found(folder: Path, read: Callable[[], object], seed: int) -> str:
    """Flips bytes, in every other turn of any file alike and else of any byte alike."""
    read()
    places = random.Random(seed)
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.stat().st_size)
    sizes = [path.stat().st_size for path in paths]
    passed = []
    for turn in range(FLIPS):
        path = places.choices(paths, sizes if turn % 2 else None)[0]
        whole = path.read_bytes()
        flip(path, places)
        try:
            read()
            passed.append(f"{path} read as if nothing were (seed {seed}, turn {turn})")
        except OURS as error:
            if path.name not in str(error):
                passed.append(f"{path} is not named (seed {seed}, turn {turn}): {error}")
        path.write_bytes(whole)
    assert not passed
    read()
    return f"{FLIPS} of {FLIPS} flipped bytes"


@pytest.mark.fault_case("9")
@pytest.mark.filterwarnings("ignore")  # NumPy's, of headers
def test_any_flipped_byte_of_prepared_data_is_found_before_it_is_read(
    kept: Kept, record_property: Record
) -> None:
    found = assert_every_flip_is_found(kept.data, lambda: read_data(kept.data), seed=1)
    record_property("came", f"{found} of prepared data found")


def read_news(folder: Path) -> None:
    dataset = NewsDataset(folder)
    for part in dataset.parts:
        dataset.part(part)
    assert dataset.vocabularies.is_file()


@pytest.mark.fault_case("9")
@pytest.mark.filterwarnings("ignore")  # NumPy's, of headers
def test_any_flipped_byte_of_prepared_news_is_found_before_it_is_read(
    tmp_path: Path, record_property: Record
) -> None:
    source = mt.sources.newsroom(impressions=150, articles=100, users=20)
    news = mt.prepare(source, output=tmp_path / "news", vocabulary="learn", learned_pieces=150)
    found = assert_every_flip_is_found(news.path, lambda: read_news(news.path), seed=9)
    record_property("came", f"{found} of prepared news found")


@pytest.mark.fault_case("43")
def test_any_flipped_byte_of_a_model_is_found(kept: Kept, record_property: Record) -> None:
    model = kept.run / "model"
    found = assert_every_flip_is_found(model, lambda: load_model(model), seed=2)
    record_property("came", f"{found} of a model found")


@pytest.mark.fault_case("43")
def test_any_flipped_byte_of_a_kernel_is_found(kept: Kept, record_property: Record) -> None:
    found = assert_every_flip_is_found(
        kept.kernels, lambda: load_kernels(kept.kernels, kept.base_fingerprint), seed=3
    )
    record_property("came", f"{found} of kernels found")


@pytest.mark.fault_case("31")
def test_any_flipped_byte_of_a_checkpoint_is_found(kept: Kept, record_property: Record) -> None:
    variables = named_variables(load_model(kept.run / "model"))
    checkpoints = Checkpoints(kept.run / "checkpoints", variables)
    found = assert_every_flip_is_found(checkpoints.folder, checkpoints.restore_latest, seed=4)
    record_property("came", f"{found} of a checkpoint found")


@pytest.mark.fault_case("43")
def test_any_flipped_byte_of_an_export_is_found(kept: Kept, record_property: Record) -> None:
    version = kept.export / "1"
    found = assert_every_flip_is_found(version, lambda: load_export(version), seed=5)
    record_property("came", f"{found} of an export found")


@pytest.mark.fault_case("42")
@pytest.mark.fault_case("43")
def test_the_binary_scores_nothing_through_a_changed_export(kept: Kept, tmp_path: Path) -> None:
    version = Path(shutil.copytree(kept.export / "1", tmp_path / "1"))
    vocabulary = next(version.glob("assets/*.txt"))
    whole = vocabulary.read_bytes()
    spoil(vocabulary)
    done = run_binary("score", f"--export={version}", f"--data={kept.data}")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"error: {vocabulary}: expected the content that assets.extra/manifest.json" in (
        done.stderr
    )
    vocabulary.write_bytes(whole)
    shutil.rmtree(version / "variables")
    with pytest.raises(
        mt.DataError, match=r"variables\S* is missing; assets\.extra/manifest\.json"
    ):
        load_export(version)


@pytest.mark.fault_case("9")
@pytest.mark.parametrize(
    ("name", "reads"),
    [
        ("test/shard-00000/features/iid.npy", "evaluate"),
        ("test/shard-00000/history/start.npy", "evaluate"),
        ("events/features/iid.npy", "evaluate"),
        ("fresh/shard-00000/labels/ctr.npy", "fine_tune"),
        ("vocabularies/iid.txt", "pretrain"),
        ("requests.parquet", "export"),
        ("schema.json", "evaluate"),
    ],
)
def test_each_step_refuses_data_that_were_changed(
    kept: Kept, tmp_path: Path, name: str, reads: str
) -> None:
    data = Path(shutil.copytree(kept.data, tmp_path / "data"))
    spoil(data / name)
    steps: dict[str, Callable[[], object]] = {
        "pretrain": lambda: mt.pretrain(data, tmp_path / "run", batch_size=256, **TINY),
        "fine_tune": lambda: mt.fine_tune(kept.run, data, tmp_path / "run", batch_size=64),
        "evaluate": lambda: mt.evaluate(kept.run, data),
        "export": lambda: mt.export(kept.run, tmp_path / "export", data),
    }
    message = rf"{name}: expected the content that manifest\.json was written for \(SHA-256"
    with pytest.raises(mt.DataError, match=message):
        steps[reads]()
    assert not (tmp_path / "export").exists()


@pytest.mark.fault_case("15")
def test_a_run_does_not_go_on_with_inverted_labels(kept: Kept, tmp_path: Path) -> None:
    data, run = Path(shutil.copytree(kept.data, tmp_path / "data")), tmp_path / "run"
    command = (f"--data={data}", f"--output={run}", "--batch_size=256", *SMALL_MODEL)
    succeed("pretrain", *command)
    whole = fingerprint(load_model(run / "model"))
    shutil.rmtree(run / "model")  # as if it had been killed before its end
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    labels = data / "train" / "shard-00000" / "labels" / "ctr.npy"
    values = np.load(labels)
    np.save(labels, 1 - values)
    done = run_binary("pretrain", *command)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"error: {labels}: expected the content that manifest.json was written for" in (
        done.stderr
    )
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    np.save(labels, values)
    succeed("pretrain", *command)
    assert fingerprint(load_model(run / "model")) == whole


@pytest.mark.fault_case("15")
def test_a_changed_validation_part_is_found_before_training(kept: Kept, tmp_path: Path) -> None:
    data = Path(shutil.copytree(kept.data, tmp_path / "data"))
    spoil(data / "test" / "shard-00000" / "labels" / "ctr.npy")
    with pytest.raises(mt.DataError, match=r"labels/ctr\.npy: expected the content"):
        mt.pretrain(
            data, tmp_path / "run", batch_size=256, validation="test", patience=1, epochs=2, **TINY
        )
    assert not (tmp_path / "run").exists()


@pytest.mark.fault_case("P")
def test_prepared_data_are_on_the_disk_before_they_have_their_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, synced = tmp_path / "data", set[str]()
    really = folders.sync

    def sync(path: Path) -> None:
        if path != tmp_path:
            assert not target.exists()
            synced.add(path.relative_to(tmp_path).as_posix().partition("/")[2])
        really(path)

    monkeypatch.setattr(folders, "sync", sync)
    rows = shop_rows(1_500)
    mt.prepare(rows, shop_schema(rows), target)
    written = {path.relative_to(target).as_posix() for path in target.rglob("*")}
    assert "manifest.json" in written and written <= synced
