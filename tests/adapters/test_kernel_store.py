import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.adapters.longhand import SETTINGS, small_kernels
from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.kernel_store import (
    KERNEL_FILE,
    WEIGHTS_FILE,
    KernelStoreError,
    check_domain_names,
    load_kernels,
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


def change(folder: Path, **values: Any) -> None:
    value = json.loads((folder / KERNEL_FILE).read_text())
    (folder / KERNEL_FILE).write_text(json.dumps(value | values))


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


@pytest.mark.parametrize("adapter", ADAPTERS)
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


def test_one_folder_per_domain_that_can_be_taken_away(kernels: Path) -> None:
    assert {p.name for p in (kernels / "region").iterdir()} == set(REGIONS)
    kept = {layer.topic: layer for layer in load_kernels(kernels, BASE)}["region"].kernel("north")
    shutil.rmtree(kernels / "region" / "北京")
    shutil.rmtree(kernels / "scene")
    (layer,) = load_kernels(kernels, BASE)
    assert set(layer.domains) == {"north", "Côte d'Azur"}
    for name, weight in layer.kernel("north").items():
        np.testing.assert_array_equal(weight, kept[name])


def test_another_base_is_refused_naming_both(kernels: Path) -> None:
    with pytest.raises(KernelStoreError, match=r"behind base abababababab.* base cdcdcdcdcdcd"):
        load_kernels(kernels, "cd" * 32)


def test_any_damaged_cut_or_missing_weights_are_named(kernels: Path) -> None:
    path = kernels / "region" / "north" / WEIGHTS_FILE
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(20):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(KernelStoreError, match=r"north/weights\.npz is damaged"):
            load_kernels(kernels, BASE)
    path.write_bytes(whole[:100])
    with pytest.raises(KernelStoreError, match=r"north/weights\.npz is damaged"):
        load_kernels(kernels, BASE)
    path.unlink()
    with pytest.raises(KernelStoreError, match=r"north/weights\.npz is missing"):
        load_kernels(kernels, BASE)


def test_a_damaged_or_newer_description_is_named(kernels: Path) -> None:
    path = kernels / "region" / "north" / KERNEL_FILE
    change(path.parent, format_version=3)
    with pytest.raises(KernelStoreError, match=r"north/kernel\.json: format 3 .* reads 2"):
        load_kernels(kernels, BASE)
    change(path.parent, format_version=2, adapter="iac")
    with pytest.raises(KernelStoreError, match=r"unknown adapter 'iac'; did you mean 'iak'"):
        load_kernels(kernels, BASE)
    path.write_text(path.read_text()[:-20])
    with pytest.raises(KernelStoreError, match=r"north/kernel\.json is damaged"):
        load_kernels(kernels, BASE)


def test_kernels_of_a_topic_share_their_settings(tmp_path: Path) -> None:
    save_kernels(small_kernels("iak", "region", ("a",), WIDTHS), tmp_path, BASE)
    other = ADAPTERS["iak"](topic="region", domains=("b",), knowledge_widths=WIDTHS)
    save_kernels(other, tmp_path, BASE)
    with pytest.raises(KernelStoreError, match=r"region=b has other settings than .*region/a"):
        load_kernels(tmp_path, BASE)
    # another topic is free to differ
    shutil.move(tmp_path / "region" / "b", tmp_path / "region" / "away")
    shutil.rmtree(tmp_path / "region" / "away")
    scene = ADAPTERS["iak"](topic="scene", domains=("b",), knowledge_widths=WIDTHS)
    save_kernels(scene, tmp_path, BASE)
    assert {layer.topic for layer in load_kernels(tmp_path, BASE)} == {"region", "scene"}


def test_settings_that_do_not_fit_the_weights_are_named(tmp_path: Path) -> None:
    save_kernels(small_kernels("iak", "region", ("a",), WIDTHS), tmp_path, BASE)
    value = json.loads((tmp_path / "region" / "a" / KERNEL_FILE).read_text())
    change(tmp_path / "region" / "a", config={**value["config"], "encoder_units": [7, 6]})
    with pytest.raises(KernelStoreError, match=r"region/a/weights\.npz: kernel of region=a"):
        load_kernels(tmp_path, BASE)


def test_no_domain_can_have_two_kernels(kernels: Path) -> None:
    shutil.copytree(kernels / "region" / "north", kernels / "region" / "south")
    with pytest.raises(KernelStoreError, match=r"south/kernel\.json: .* region=north"):
        load_kernels(kernels, BASE)


def test_what_a_killed_run_left_behind_is_no_kernel(kernels: Path) -> None:
    shutil.copytree(kernels / "region" / "north", kernels / "region" / ".tmp-north-7")
    assert len(load_kernels(kernels, BASE)) == 2


def test_nothing_is_overwritten_nor_half_written(kernels: Path) -> None:
    before = sorted(kernels.rglob("*"))
    old = (kernels / "region" / "north" / WEIGHTS_FILE).read_bytes()
    layer = small_kernels("iak", "region", ("south", "north"), WIDTHS, seed=9)
    with pytest.raises(FileExistsError, match="north"):
        save_kernels(layer, kernels, BASE)
    assert sorted(kernels.rglob("*")) == before
    assert (kernels / "region" / "north" / WEIGHTS_FILE).read_bytes() == old


@pytest.mark.parametrize(
    "domain", ["../x", "/etc", "a/b", "a\\b", "..", ".", "", "a\0b", "..%2fx", ".hidden", "x" * 65]
)
def test_a_name_that_is_no_folders_is_refused_before_any_file(tmp_path: Path, domain: str) -> None:
    layer = small_kernels("iak", "region", ("fine", domain), WIDTHS)
    with pytest.raises(KernelStoreError, match=r"topic 'region': domain .* cannot name a folder"):
        save_kernels(layer, tmp_path / "kernels", BASE)
    assert list(tmp_path.iterdir()) == []
    check_domain_names("region", REGIONS)


def test_no_kernels_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(KernelStoreError, match="holds no kernels"):
        load_kernels(tmp_path, BASE)


@pytest.mark.parametrize("adapter", ADAPTERS)
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
