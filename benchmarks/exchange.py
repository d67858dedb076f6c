"""Cost of new kernels in an export: added one by one, and all replaced beside a large base.

python -m benchmarks.exchange --parts=additions --parts=delta
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree, rmtree

import numpy as np
import tensorflow as tf
from absl import app, flags, logging

from benchmarks.native.native_model import NativeModel
from benchmarks.ranking.served import random_kernels, request_rows, write_vocabularies
from benchmarks.ranking.world import UNITS, World
from results.result import Result
from tfrec_mt.adapters.kernel_store import kernel_paths, save_kernels
from tfrec_mt.models.catalog import RANKING_MODELS
from tfrec_mt.models.model_store import fingerprint
from tfrec_mt.serving.exchange_kernels import ExchangeConfig, exchange_kernels
from tfrec_mt.serving.kernels_to_serve import kernels_to_serve
from tfrec_mt.serving.serving_module import ServingModule
from tfrec_mt.serving.versions import publish_version
from tfrec_mt.serving.warm_up import every_domain
from tfrec_mt.workloads.ranking import Ranking

PARTS = ("additions", "delta")
_PARTS = flags.DEFINE_multi_enum("parts", list(PARTS), PARTS, "What is exchanged.")
_DOMAINS = flags.DEFINE_integer("domains", 100, "Domains before any addition.", lower_bound=1)
_ADDITIONS = flags.DEFINE_integer("additions", 100, "Kernels that are added.", lower_bound=2)
_ROUNDS = flags.DEFINE_integer("rounds", 7, "Deltas beside a large base.", lower_bound=3)
_TABLE_ROWS = flags.DEFINE_integer(
    "table_rows", 32_000_000, "Table rows of the large base, 32 bytes each.", lower_bound=1_000
)

ITEMS = 500
TOPIC = "region"
DELTA_DOMAINS = 11  # as many as takeout has


@dataclass(frozen=True)
class Export:
    """An export with random kernels of domains `d0`, `d1`, ...

    Attributes:
      version: The first version.
      widths: Widths of knowledge.
      fingerprint: Of the base.
      rows: A request of one user's items.
      seconds: What the whole export took.
      folder: A folder for other files.
    """

    version: Path
    widths: Mapping[str, int]
    fingerprint: str
    rows: Mapping[str, np.ndarray]
    seconds: float
    folder: Path

    def kernels(self, name: str, first: int, count: int) -> list[Path]:
        """Files of new random kernels, for domains from number `first` on."""
        layer = random_kernels(TOPIC, self.widths, first, count)
        save_kernels(layer, self.folder / name, self.fingerprint)
        return kernel_paths(self.folder / name)

    def answers(self, version: Path, domain: str) -> Mapping[str, np.ndarray]:
        """What a version answers for one of the domains."""
        with NativeModel(version) as model:
            asked = self.rows | {TOPIC: np.full(ITEMS, domain, object)}
            return model.answer("serving_default", asked)


def main(_: list[str]) -> None:
    """Runs the benchmark and publishes its figures."""
    logging.set_verbosity(logging.WARNING)
    for part in _PARTS.value:
        (additions if part == "additions" else delta)().publish()


def additions() -> Result:
    """Adds kernels one by one."""
    with _exported(World(), _DOMAINS.value) as export:
        seconds, sizes, version = [], [_variables(export.version)], export.version
        for kernel in export.kernels("more", _DOMAINS.value, _ADDITIONS.value):
            config = ExchangeConfig(output=version.parent, add=[kernel])
            following, taken = _timed(lambda config=config: exchange_kernels(config))
            seconds.append(taken)
            if version != export.version:  # a hundred versions would fill a disk
                rmtree(version)
            version = following
            sizes.append(_variables(version))
        equal = _equal(*(export.answers(path, "d0") for path in (export.version, version)))
        whole = export.seconds
    growth = np.diff(sizes)
    tenth = max(1, len(seconds) // 10)
    return Result(
        name="exchange",
        title="Kernels added to an export",
        command="python -m benchmarks.exchange --parts=additions",
        about=(
            f"OLR at appendix C's sizes, 1,000,000 table rows, {_DOMAINS.value} domains at first; "
            f"{len(seconds)} versions, each with one domain more. The whole export took "
            f"{whole:.1f} s. Scores of the first domain in the first and the last version are "
            f"{'' if equal else 'NOT '}equal to the last bit.",
            f"Versions: tensorflow {tf.__version__}.",
        ),
        columns=("additions", "median s", "slowest s", "MB added by each, least to most"),
        rows=[
            [
                label,
                f"{statistics.median(part):.2f}",
                f"{max(part):.2f}",
                f"{grown.min() / 1e6:.3f} to {grown.max() / 1e6:.3f}",
            ]
            for label, part, grown in (
                (f"first {tenth}", seconds[:tenth], growth[:tenth]),
                (f"last {tenth}", seconds[-tenth:], growth[-tenth:]),
            )
        ],
    )


def delta() -> Result:
    """Replaces all kernels beside a large base, against copying the version."""
    with _exported(World(table_rows=_TABLE_ROWS.value), DELTA_DOMAINS) as export:
        newest, deltas, copies = export.version, [], []
        for turn in range(_ROUNDS.value):
            added = export.kernels(f"night{turn}", 0, DELTA_DOMAINS)
            config = ExchangeConfig(output=newest.parent, add=added, replace=True)
            newest, taken = _timed(lambda config=config: exchange_kernels(config))
            deltas.append(taken)
            copy = export.folder / "copy"
            copies.append(_timed(lambda copy=copy: copytree(export.version, copy))[1])
            rmtree(copy)
        equal = _equal(*(export.answers(path, "none") for path in (export.version, newest)))
        base = sum(path.stat().st_size for path in _files(export.version))
        own = sum(path.stat().st_size for path in _files(newest) if path.stat().st_nlink == 1)
        whole = export.seconds
    return Result(
        name="exchange_delta",
        title="All kernels replaced beside a large base",
        command="python -m benchmarks.exchange --parts=delta",
        about=(
            f"OLR at appendix C's sizes, {_TABLE_ROWS.value:,} table rows; all {DELTA_DOMAINS} "
            f"kernels are replaced. The version has {base / 1e6:,.0f} MB. Scores of other domains, "
            "which are the base's, are "
            f"{'' if equal else 'NOT '}equal to the last bit in the first and the last version. "
            "The copy is of the whole version, by turns with the delta; the export ran once.",
            f"Versions: tensorflow {tf.__version__}.",
        ),
        columns=("what", "median s", "least to most", "delta / it", "MB on disk"),
        rows=[
            _row("delta of kernels", deltas, deltas, own),
            _row("copy of the version", copies, deltas, base),
            _row("whole export", [whole], deltas, base),
        ],
    )


@contextmanager
def _exported(world: World, domains: int) -> Iterator[Export]:
    base = RANKING_MODELS["olr"](world.schema, units=UNITS)
    rows = request_rows(world, ITEMS)
    row = {name: values[:1] for name, values in rows.items()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_vocabularies(base.schema, folder)
        started = time.monotonic()
        first = random_kernels(TOPIC, base.knowledge_widths, 0, domains)
        with kernels_to_serve(base, [first]) as (kernels, description, files):
            module = ServingModule(base, kernels, folder)
            version = publish_version(
                folder / "export",
                module,
                module.functions,
                name=Ranking.kind,
                warm_up=[("serving_default", every_domain(row, description["kernels"]))],
                description={"kind": Ranking.kind, **description},
                extra_files=files,
            )
        seconds = time.monotonic() - started
        widths = base.knowledge_widths
        yield Export(version, widths, fingerprint(base), rows, seconds, folder)


def _timed(what: Callable[[], Path]) -> tuple[Path, float]:
    started = time.monotonic()
    return what(), time.monotonic() - started


def _equal(first: Mapping[str, np.ndarray], last: Mapping[str, np.ndarray]) -> bool:
    return all(np.array_equal(values, last[name]) for name, values in first.items())


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _variables(version: Path) -> int:
    """Bytes of the version's variables, which a server holds in memory."""
    return sum(path.stat().st_size for path in _files(version / "variables"))


def _row(what: str, seconds: list[float], deltas: list[float], size: int) -> list[str]:
    median = statistics.median(seconds)
    return [
        what,
        f"{median:.2f}",
        f"{min(seconds):.2f} to {max(seconds):.2f}",
        f"{statistics.median(deltas) / median:.3f}x",
        f"{size / 1e6:,.1f}",
    ]


if __name__ == "__main__":
    app.run(main)
