import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.adapters.kernel_files import change
from tests.adapters.longhand import READERS, SETTINGS, small_kernels
from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.kernel_store import (
    KernelStoreError,
    hashes_of_kernels,
    kernel_path,
    kernel_paths,
    load_kernel,
    load_kernels,
    read_kernel,
    save_kernels,
)
from tfrec_mt.adapters.knowledge_view import KnowledgeView

BASE = "ab" * 32
WIDTHS = {"ctr": 9, "ctcvr": 6}
REGIONS = ("north", "Côte d'Azur", "北京")


def saved(folder: Path, adapter: str = "iak") -> list[Any]:
    layers = [
        small_kernels(adapter, "scene", ("home", "channel"), WIDTHS, seed=1),
        small_kernels(adapter, "region", REGIONS, WIDTHS, seed=2),
    ]
    for layer in layers:
        save_kernels(layer, folder, BASE)
    return layers


@pytest.fixture
def kernels(tmp_path: Path) -> Path:
    saved(tmp_path / "kernels")
    return tmp_path / "kernels"


def test_kernels_whose_partners_are_missing_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    topics = {"scene": ("home", "channel"), "region": REGIONS}
    for topic, domains in topics.items():
        layer = small_kernels("iak", topic, domains, WIDTHS)
        save_kernels(layer, tmp_path, BASE, beside=[name for name in topics if name != topic])
    load_kernels(tmp_path, BASE)
    assert not caplog.records
    shutil.rmtree(tmp_path / "scene")
    load_kernels(tmp_path, BASE)
    assert "kernels of region were trained as a sum with those of scene" in caplog.text


@pytest.mark.parametrize("adapter", READERS)
def test_round_trip_bit_for_bit(tmp_path: Path, adapter: str) -> None:
    by_topic = {layer.topic: layer for layer in saved(tmp_path, adapter)}
    found = load_kernels(tmp_path, BASE)
    assert {layer.topic for layer in found} == set(by_topic)
    for layer in found:
        original = by_topic[layer.topic]
        assert type(layer) is ADAPTERS[adapter]
        assert set(layer.domains) == set(original.domains)
        for name, value in SETTINGS[adapter].items():
            assert tuple(np.ravel(layer.get_config()[name])) == tuple(np.ravel(value))
        for domain in layer.domains:
            for name, weight in original.kernel(domain).items():
                np.testing.assert_array_equal(layer.kernel(domain)[name], weight)


def test_one_file_per_domain_that_can_be_taken_away(kernels: Path) -> None:
    names = {f"{domain}.safetensors" for domain in REGIONS}
    assert {p.name for p in (kernels / "region").iterdir()} == names
    kept = {layer.topic: layer for layer in load_kernels(kernels, BASE)}["region"].kernel("north")
    kernel_path(kernels, "region", "北京").unlink()
    shutil.rmtree(kernels / "scene")
    (layer,) = load_kernels(kernels, BASE)
    assert set(layer.domains) == {"north", "Côte d'Azur"}
    for name, weight in layer.kernel("north").items():
        np.testing.assert_array_equal(weight, kept[name])


def test_another_base_is_refused_naming_both(kernels: Path) -> None:
    with pytest.raises(KernelStoreError, match=r"behind base abababababab.* base cdcdcdcdcdcd"):
        load_kernels(kernels, "cd" * 32)


def test_any_damaged_or_cut_file_is_named(kernels: Path) -> None:
    path = kernel_path(kernels, "region", "north")
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    rng = np.random.default_rng(0)
    places = [*rng.integers(header, size=60), *rng.integers(header, len(whole), size=20)]
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(KernelStoreError, match=r"north\.safetensors(: format| is damaged)"):
            load_kernels(kernels, BASE)
    for size in (0, 7, 100, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(KernelStoreError, match=r"north\.safetensors is damaged"):
            load_kernels(kernels, BASE)


def test_safetensors_of_another_kind_are_no_kernel(kernels: Path) -> None:
    save_file({"a": np.zeros(3)}, kernel_path(kernels, "region", "north"))
    with pytest.raises(KernelStoreError, match=r"north\.safetensors is damaged: not JSON"):
        load_kernels(kernels, BASE)


def test_equal_kernels_are_equal_files(kernels: Path, tmp_path: Path) -> None:
    saved(tmp_path / "again")
    paths = kernel_paths(kernels)
    assert len(paths) == 5
    for path in paths:
        again = tmp_path / "again" / path.relative_to(kernels)
        assert again.read_bytes() == path.read_bytes()
    hashes = hashes_of_kernels(kernels)
    assert hashes == hashes_of_kernels(tmp_path / "again")
    assert {*hashes} == {"scene/home", "scene/channel", *(f"region/{name}" for name in REGIONS)}


def test_a_newer_or_unknown_description_is_named(kernels: Path) -> None:
    path = kernel_path(kernels, "region", "north")
    change(path, adapter="iac")
    with pytest.raises(KernelStoreError, match=r"unknown adapter 'iac'; did you mean 'iak'"):
        load_kernels(kernels, BASE)
    change(path, adapter="iak", format_version=4)
    with pytest.raises(KernelStoreError, match=r"north\.safetensors: format 4 .* reads 3"):
        load_kernels(kernels, BASE)


def test_kernels_of_the_format_before_are_refused(kernels: Path) -> None:
    old = kernels / "region" / "west"
    old.mkdir()
    (old / "kernel.json").write_text("{}")
    message = r"region/west: a kernel of format 2, a folder for each domain; .* reads format 3"
    with pytest.raises(KernelStoreError, match=message):
        load_kernels(kernels, BASE)
    with pytest.raises(KernelStoreError, match=message):
        load_kernel(old, BASE)


def test_kernels_of_a_topic_share_their_settings(tmp_path: Path) -> None:
    save_kernels(small_kernels("iak", "region", ("a",), WIDTHS), tmp_path, BASE)
    other = ADAPTERS["iak"](topic="region", domains=("b",), knowledge_widths=WIDTHS)
    save_kernels(other, tmp_path, BASE)
    with pytest.raises(KernelStoreError, match=r"region=b has other settings than .*region/a"):
        load_kernels(tmp_path, BASE)
    # another topic is free to differ
    kernel_path(tmp_path, "region", "b").unlink()
    scene = ADAPTERS["iak"](topic="scene", domains=("b",), knowledge_widths=WIDTHS)
    save_kernels(scene, tmp_path, BASE)
    assert {layer.topic for layer in load_kernels(tmp_path, BASE)} == {"region", "scene"}


def test_settings_that_do_not_fit_the_weights_are_named(tmp_path: Path) -> None:
    save_kernels(small_kernels("iak", "region", ("a",), WIDTHS), tmp_path, BASE)
    path = kernel_path(tmp_path, "region", "a")
    change(path, config={**read_kernel(path)[0]["config"], "encoder_units": [7, 6]})
    with pytest.raises(KernelStoreError, match=r"region/a\.safetensors: kernel of region=a"):
        load_kernels(tmp_path, BASE)


def test_no_domain_can_have_two_kernels(kernels: Path) -> None:
    shutil.copy(kernel_path(kernels, "region", "north"), kernel_path(kernels, "region", "south"))
    with pytest.raises(KernelStoreError, match=r"south\.safetensors: .* region=north; its file"):
        load_kernels(kernels, BASE)


def test_what_a_killed_run_left_behind_is_no_kernel(kernels: Path) -> None:
    north = kernel_path(kernels, "region", "north")
    shutil.copy(north, north.with_name(f".tmp-{north.name}"))
    shutil.copy(north, north.with_name(f".tmp-{north.name}-7"))
    assert len(load_kernels(kernels, BASE)) == 2


def test_nothing_is_overwritten_nor_half_written(kernels: Path) -> None:
    before = {path: path.read_bytes() for path in kernel_paths(kernels)}
    layer = small_kernels("iak", "region", ("south", "north"), WIDTHS, seed=9)
    with pytest.raises(FileExistsError, match="north"):
        save_kernels(layer, kernels, BASE)
    assert {path: path.read_bytes() for path in kernel_paths(kernels)} == before


ODD = ("../x", "/etc", "a/b", "a\\b", "..", ".", "a\0b", "%2f", ".hid", "x" * 5_000, "a.", " ")


def test_a_name_that_is_no_files_is_escaped_and_comes_back(tmp_path: Path) -> None:
    layer = small_kernels("iak", "region", ("fine", *ODD), WIDTHS)
    save_kernels(layer, tmp_path / "kernels", BASE)
    assert [path.name for path in tmp_path.iterdir()] == ["kernels"]
    assert len([*(tmp_path / "kernels" / "region").iterdir()]) == 1 + len(ODD)
    [loaded] = load_kernels(tmp_path / "kernels", BASE)
    assert set(loaded.domains) == {"fine", *ODD}
    for domain in ODD:
        path = kernel_path(tmp_path / "kernels", "region", domain)
        assert load_kernel(path, BASE).domains == (domain,)
        for name, weight in layer.kernel(domain).items():
            np.testing.assert_array_equal(loaded.kernel(domain)[name], weight)


def test_a_name_that_is_escaped_now_and_was_not_before_still_loads(tmp_path: Path) -> None:
    save_kernels(small_kernels("iak", "region", ("a.",), WIDTHS), tmp_path, BASE)
    path = kernel_path(tmp_path, "region", "a.")
    assert path.name == "a%2E.safetensors"
    path = path.rename(path.with_name("a..safetensors"))
    assert kernel_path(tmp_path, "region", "a.") == path
    assert load_kernels(tmp_path, BASE)[0].domains == ("a.",)
    shutil.copy(path, path.with_name("a%2E.safetensors"))
    with pytest.raises(KernelStoreError, match="so that no domain has two"):
        load_kernels(tmp_path, BASE)


def test_no_kernels_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(KernelStoreError, match="holds no kernels"):
        load_kernels(tmp_path, BASE)


@pytest.mark.parametrize("adapter", READERS)
def test_kernels_that_saw_a_few_axes_are_saved_for_knowledge_as_it_is(
    tmp_path: Path, adapter: str
) -> None:
    view = KnowledgeView(WIDTHS, most_axes=4)
    rows = {task: np.random.default_rng(3).normal(size=(50, w)) for task, w in WIDTHS.items()}
    for task, values in rows.items():
        view.fit(task, values)
    domains = tuple(sorted(REGIONS))
    layer = small_kernels(adapter, "region", domains, WIDTHS, seen_widths=view.seen_widths)
    save_kernels(layer, tmp_path, BASE, view)

    known = {task: values.astype(np.float32) for task, values in rows.items()}
    codes = np.arange(50, dtype=np.int32) % 4
    [loaded] = load_kernels(tmp_path, BASE)
    assert loaded.seen_widths == WIDTHS
    for task, values in layer(known, codes, view(known)).items():
        np.testing.assert_allclose(loaded(known, codes)[task], values, rtol=1e-4, atol=1e-5)
