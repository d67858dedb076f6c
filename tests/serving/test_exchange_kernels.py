"""Kernels that come to an export and go from it."""

import functools
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import tfrec_mt as mt
from tests.adapters.kernel_files import change, copied_kernel
from tests.fault_cases import Record
from tests.jobs import Job
from tests.training.small_runs import fresh_processes
from tfrec_mt.adapters.kernel_store import (
    KernelStoreError,
    kernel_path,
    read_kernel,
    write_kernel,
)
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.schema import DataError
from tfrec_mt.serving.bundle import MODEL_CARD, README
from tfrec_mt.serving.exchange_kernels import ExchangeConfig, exchange_kernels
from tfrec_mt.serving.requests import row_tensors
from tfrec_mt.serving.versions import (
    EXTRA,
    MANIFEST_FILE,
    read_manifest,
    roll_back,
    verified_manifest,
    version_numbers,
)
from tfrec_mt.storage.description import write_description
from tfrec_mt.storage.disk_space import size_of
from tfrec_mt.storage.hashes import hash_files, verify_files
from tfrec_mt.storage.inside import files_inside
from tfrec_mt.storage.variables import save_tensors


@pytest.fixture
def versions(exported: Path, tmp_path: Path) -> Path:
    """A copy of the folder of versions."""
    shutil.copytree(exported.parent, tmp_path / "ranking")
    return tmp_path / "ranking"


@pytest.fixture(scope="module")
def rows(job: Job, exported: Path) -> dict[str, np.ndarray]:
    specs = dict(_signature(exported).structured_input_signature[1])
    return row_tensors(PreparedDataset(job.data).requests().head(256), specs)


@functools.cache
def _signature(version: Path) -> Any:
    return tf.saved_model.load(str(version)).signatures["serving_default"]


def _answer(version: Path, rows: dict[str, Any]) -> dict[str, np.ndarray]:
    answer = _signature(version)(**{name: tf.constant(value) for name, value in rows.items()})
    return {name: values.numpy() for name, values in answer.items()}


def _variables(version: Path) -> dict[str, Any]:
    reader = tf.train.load_checkpoint(str(version / "variables" / "variables"))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


@pytest.mark.slow
def test_a_kernel_that_goes_and_comes_again_leaves_no_trace(
    job: Job,
    exported: Path,
    versions: Path,
    rows: dict[str, np.ndarray],
    caplog: pytest.LogCaptureFixture,
) -> None:
    gone = rows["region"][0]
    others = rows["region"] != gone
    first = _answer(exported, rows)
    without = exchange_kernels(ExchangeConfig(output=versions, remove=[("region", gone)]))
    assert without == versions / "2"
    second = _answer(without, rows)
    unknown = rows | {"region": np.where(others, rows["region"], "nowhere").astype(object)}
    expected = _answer(exported, unknown)
    for name, values in second.items():
        np.testing.assert_array_equal(values, expected[name])
    assert np.any(second["ctr"][~others] != first["ctr"][~others])
    topics = [*read_manifest(without)["kernels"]]
    assert second["used_fallback"][:, topics.index("region")].tolist() == (~others).tolist()
    verify_files(without, read_manifest(without)["files"])
    regions = ", ".join(read_manifest(without)["kernels"]["region"])
    assert f"- `region`: {regions}\n" in (without / EXTRA / README).read_text()
    assert "region: 5" in (without / EXTRA / MODEL_CARD).read_text()

    again = exchange_kernels(
        ExchangeConfig(output=versions, add=[kernel_path(job.kernel_folder, "region", gone)])
    )
    for name, values in _answer(again, rows).items():
        np.testing.assert_array_equal(values, first[name])
    assert "trained as a sum" not in caplog.text  # the others are there


@pytest.mark.slow  # a whole job
def test_ten_publishers_at_once_take_their_turns(
    job: Job, versions: Path, tmp_path: Path, record_property: Record
) -> None:
    source = next((job.kernel_folder / "region").iterdir())
    kernels = [copied_kernel(tmp_path / "new", source, f"new {place}") for place in range(10)]
    publishers = [
        fresh_processes().Process(
            target=exchange_kernels, args=(ExchangeConfig(output=versions, add=[kernel]),)
        )
        for kernel in kernels
    ]
    for publisher in publishers:
        publisher.start()
    for publisher in publishers:
        publisher.join()
    assert [publisher.exitcode for publisher in publishers] == [0] * 10
    assert version_numbers(versions) == [*range(1, 12)]
    domains = [set(verified_manifest(versions / str(n))["kernels"]["region"]) for n in range(1, 12)]
    for older, newer in pairwise(domains):  # each had what the one before had
        assert older < newer and len(newer - older) == 1
    assert domains[-1] - domains[0] == {kernel.stem for kernel in kernels}
    record_property("came", "10 processes at once, versions 2 to 11, each with one kernel more")


def test_a_version_shares_all_but_its_kernels_with_the_one_before(
    job: Job, versions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, manifest = versions / "1", read_manifest(versions / "1")
    region = manifest["kernels"]["region"]
    exchange_kernels(ExchangeConfig(output=versions, remove=[("region", region[0])]))
    come = kernel_path(job.kernel_folder, "region", region[0])
    third = exchange_kernels(ExchangeConfig(output=versions, add=[come]))
    base = Path("variables/variables.data-00000-of-00002")
    assert (third / base).samefile(first / base)
    assert (third / "saved_model.pb").samefile(first / "saved_model.pb")
    own = [path for path in files_inside(third) if path.stat().st_nlink == 1]
    assert sum(path.stat().st_size for path in own) < size_of(first) / 2
    # what is shared is not written to
    for version in version_numbers(versions):
        verified_manifest(versions / str(version))
    assert _variables(third).keys() == _variables(first).keys()

    def no_links(*_: object) -> None:
        raise OSError("not on this disk")

    monkeypatch.setattr("os.link", no_links)
    fourth = exchange_kernels(ExchangeConfig(output=versions, remove=[("region", region[1])]))
    assert not (fourth / base).samefile(first / base)
    assert verified_manifest(fourth)["files"][str(base)] == manifest["files"][str(base)]


def test_kernels_can_be_replaced_in_one_exchange(job: Job, versions: Path) -> None:
    before = _variables(versions / "1")
    region = read_manifest(versions / "1")["kernels"]["region"]
    again = mt.add_kernels(
        versions, job.kernel_folder.parent, [f"region/{region[0]}"], replace=True
    )
    after = _variables(again)
    assert read_manifest(again)["kernels"]["region"] == [*region[1:], region[0]]
    for name, values in before.items():
        if "/region/stacks/" not in name or "memory" in name:
            continue
        np.testing.assert_array_equal(after[name][-1], values[1])
        np.testing.assert_array_equal(after[name][:-1], np.delete(values, 1, axis=0))


def test_a_version_of_one_file_of_variables_can_be_exchanged(job: Job, versions: Path) -> None:
    """As earlier releases wrote them."""
    first = versions / "1"
    expected = _variables(first)
    for path in (first / "variables").iterdir():
        path.unlink()
    save_tensors(expected, first / "variables" / "variables")
    manifest = read_manifest(first)
    left_out = [name for name in manifest["files"] if name.startswith("variables/")]
    files = {name: x for name, x in manifest["files"].items() if name not in left_out}
    files |= {f"variables/{name}": x for name, x in hash_files(first / "variables").items()}
    write_description(first / EXTRA / MANIFEST_FILE, manifest | {"files": files})
    region = manifest["kernels"]["region"]
    second = mt.add_kernels(
        versions, job.kernel_folder.parent, [f"region/{name}" for name in region], replace=True
    )
    found = _variables(second)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


def test_a_kernel_that_is_not_finite_is_refused(job: Job, versions: Path, tmp_path: Path) -> None:
    source = next((job.kernel_folder / "region").iterdir())
    kernel = copied_kernel(tmp_path / "new", source, "new")
    value, weights = read_kernel(kernel)
    name = next(name for name in weights if not name.startswith("memory"))
    weights[name] = np.full_like(weights[name], np.nan)
    write_kernel(kernel, value, weights)
    with pytest.raises(DataError, match="the kernel of 'new' has weights that are not finite"):
        exchange_kernels(ExchangeConfig(output=versions, add=[kernel]))


@pytest.mark.slow  # a whole job
def test_new_domains_leave_the_others_as_they_are(
    job: Job, exported: Path, versions: Path, rows: dict[str, np.ndarray], tmp_path: Path
) -> None:
    first = _answer(exported, rows)
    source = next((job.kernel_folder / "region").iterdir())
    newest = versions / "1"
    for place in range(3):
        kernel = copied_kernel(tmp_path / "new", source, f"new {place}")
        newest = exchange_kernels(ExchangeConfig(output=versions, add=[kernel]))
    for name, values in _answer(newest, rows).items():
        np.testing.assert_array_equal(values, first[name])
    assert newest == versions / "4"
    # what is new is its own kernel, also among many
    as_source, as_new = (
        _answer(newest, rows | {"region": np.full(len(rows["region"]), domain, object)})
        for domain in (source.stem, "new 2")
    )
    np.testing.assert_array_equal(as_new["ctr"], as_source["ctr"])
    assert not as_new["used_fallback"][:, 0].all()


@pytest.mark.slow
def test_a_topic_may_lose_all_kernels(
    exported: Path, versions: Path, rows: dict[str, np.ndarray]
) -> None:
    domains = read_manifest(versions / "1")["kernels"]["scene"]
    bare = exchange_kernels(
        ExchangeConfig(output=versions, remove=[("scene", domain) for domain in domains])
    )
    nowhere = rows | {"scene": np.full(len(rows["scene"]), "", object)}
    expected = _answer(exported, nowhere)
    for name, values in _answer(bare, rows).items():
        np.testing.assert_array_equal(values, expected[name])


@pytest.mark.slow
def test_kernels_whose_partners_are_not_in_the_export_are_named(
    job: Job, versions: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Kernels of the job's topics were trained as a sum."""
    domains = read_manifest(versions / "1")["kernels"]
    gone = [(topic, domain) for topic in ("scene", "region") for domain in domains[topic]]
    exchange_kernels(ExchangeConfig(output=versions, remove=gone))
    assert "trained as a sum" not in caplog.text
    comes = kernel_path(job.kernel_folder, "region", domains["region"][0])
    exchange_kernels(ExchangeConfig(output=versions, add=[comes]))
    assert "kernels of region were trained as a sum with those of scene, which" in caplog.text


def test_what_cannot_be_exchanged_is_named(job: Job, versions: Path, tmp_path: Path) -> None:
    version, source = versions / "1", next((job.kernel_folder / "region").iterdir())
    with pytest.raises(DataError, match=f"has a kernel for '{source.stem}'; remove it"):
        exchange_kernels(ExchangeConfig(output=versions, add=[source]))
    with pytest.raises(DataError, match="'region' has no kernel for 'atlantis'"):
        exchange_kernels(ExchangeConfig(output=versions, remove=[("region", "atlantis")]))
    with pytest.raises(DataError, match="no place for kernels of topic 'weather'"):
        exchange_kernels(ExchangeConfig(output=versions, remove=[("weather", "rain")]))
    with pytest.raises(KernelStoreError, match="is no kernel: expected a file"):
        exchange_kernels(ExchangeConfig(output=versions, add=[tmp_path]))
    foreign = copied_kernel(tmp_path / "new", source, "new")
    change(foreign, base_fingerprint="0" * 64)
    with pytest.raises(KernelStoreError, match="was trained behind base 000000000000"):
        exchange_kernels(ExchangeConfig(output=versions, add=[foreign]))
    (version / "saved_model.pb").write_bytes(b"")
    with pytest.raises(ValueError, match=r"saved_model\.pb: expected the content"):
        exchange_kernels(ExchangeConfig(output=versions, add=[foreign]))
    assert not (versions / "2").exists() and not [*versions.glob(".tmp-*")]


@pytest.mark.fault_case("67")
def test_a_link_out_of_a_version_is_not_copied(
    versions: Path, rows: dict[str, np.ndarray], tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("secret")
    (versions / "1" / "assets.extra" / "notes.txt").symlink_to(tmp_path / "secret")
    with pytest.raises(DataError, match="a link out of its folder"):
        exchange_kernels(ExchangeConfig(output=versions, remove=[("region", rows["region"][0])]))
    with pytest.raises(DataError, match="a link out of its folder"):
        roll_back(versions, to=1)
    assert version_numbers(versions) == [1] and not [*versions.glob(".tmp-*")]
