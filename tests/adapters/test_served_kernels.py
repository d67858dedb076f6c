"""Kernels as a server runs them, against the paper's masked sum in float64."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.adapters.longhand import READERS, masked_sum, small_kernels
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.served_kernels import ServedKernels, write_domains

WIDTH = 12
ROWS = 200


def _layer(adapter: str, count: int) -> DomainKernels:
    domains = tuple(f"d{i}" for i in range(count))
    return small_kernels(adapter, "region", domains, {"ctr": WIDTH, "ctcvr": WIDTH})


def _served(
    layer: DomainKernels, folder: Path, directions: dict[str, np.ndarray] | None
) -> ServedKernels:
    path = folder / f"{len(layer.domains)}.txt"
    write_domains(path, layer.domains)
    return ServedKernels(path, layer.folded(directions))


def _codes(kind: str, count: int) -> np.ndarray:
    rng = np.random.default_rng(2)
    if kind == "mixed":
        return rng.integers(0, count + 1, ROWS).astype(np.int32)
    return np.full(ROWS, {"one": count, "none": 0}[kind], np.int32)


# many domains with and without a gate; the other adapters are served by the same graph
@pytest.mark.parametrize(
    ("adapter", "count"),
    [*itertools.product(READERS, (1, 11)), ("iak", 300), ("gate", 300)],
)
@pytest.mark.parametrize("kind", ["one", "none", "mixed"])
def test_they_are_the_masked_sum(adapter: str, count: int, kind: str, tmp_path: Path) -> None:
    layer, codes = _layer(adapter, count), _codes(kind, count)
    rng = np.random.default_rng(3)
    rows = {task: rng.normal(size=(ROWS, WIDTH)).astype(np.float32) for task in ("ctr", "ctcvr")}
    directions = {task: rng.normal(size=WIDTH).astype(np.float32) for task in rows}
    residuals = _served(layer, tmp_path, None)(rows, codes)
    shifts = _served(layer, tmp_path, directions)(rows, codes)
    for task, values in rows.items():
        expected = masked_sum(adapter, layer, task, values.astype(np.float64), codes)
        size = max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(residuals[task], expected, atol=1e-6 * size)
        expected = expected @ directions[task][:, np.newaxis]
        size = max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(shifts[task], expected, atol=1e-6 * size)
        assert not np.any(shifts[task][codes == 0])


def test_domains_are_found_by_name(tmp_path: Path) -> None:
    served = _served(_layer("iak", 3), tmp_path, None)
    assert served.codes(tf.constant(["d2", "", "nowhere", "d0"])).numpy().tolist() == [3, 0, 0, 1]
