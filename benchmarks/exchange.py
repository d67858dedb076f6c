"""Cost of adding kernels to an export, one new version per kernel.

python -m benchmarks.exchange --domains=100 --additions=100
"""

import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import app, flags, logging

from benchmarks.native.native_model import NativeModel
from benchmarks.ranking.served import random_kernels, request_rows, write_vocabularies
from benchmarks.ranking.world import UNITS, World
from results.result import Result
from tfrec_mt.adapters.kernel_store import kernel_path, save_kernels
from tfrec_mt.models.catalog import RANKING_MODELS
from tfrec_mt.models.model_store import fingerprint
from tfrec_mt.serving.exchange_kernels import ExchangeConfig, exchange_kernels
from tfrec_mt.serving.kernels_to_serve import kernels_to_serve
from tfrec_mt.serving.serving_module import ServingModule
from tfrec_mt.serving.versions import publish_version
from tfrec_mt.serving.warm_up import every_domain
from tfrec_mt.workloads.ranking import Ranking

_DOMAINS = flags.DEFINE_integer("domains", 100, "Domains of the first version.", lower_bound=1)
_ADDITIONS = flags.DEFINE_integer("additions", 100, "Kernels that are added.", lower_bound=2)

ITEMS = 500
TOPIC = "region"


def main(_: list[str]) -> None:
    """Runs the benchmark and publishes its figures."""
    logging.set_verbosity(logging.WARNING)
    world = World()
    base = RANKING_MODELS["olr"](world.schema, units=UNITS)
    widths = base.knowledge_widths
    rows = request_rows(world, ITEMS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first = random_kernels(TOPIC, widths, 0, _DOMAINS.value)
        more = random_kernels(TOPIC, widths, _DOMAINS.value, _ADDITIONS.value)
        save_kernels(more, folder / "more", fingerprint(base))
        write_vocabularies(base.schema, folder)
        started = time.monotonic()
        with kernels_to_serve(base, [first]) as (kernels, description, files):
            module = ServingModule(base, kernels, folder)
            row = {name: values[:1] for name, values in rows.items()}
            version = publish_version(
                folder / "export",
                module,
                module.functions,
                name=Ranking.kind,
                warm_up=[("serving_default", every_domain(row, description["kernels"]))],
                description={"kind": Ranking.kind, **description},
                extra_files=files,
            )
        whole = time.monotonic() - started
        first = version
        seconds, sizes = [], [_size(version)]
        for domain in more.domains:
            started = time.monotonic()
            kernel = kernel_path(folder / "more", TOPIC, domain)
            config = ExchangeConfig(output=version.parent, add=[kernel])
            following = exchange_kernels(config)
            seconds.append(time.monotonic() - started)
            if version != first:  # a hundred versions would fill a disk
                shutil.rmtree(version)
            version = following
            sizes.append(_size(version))
        asked = rows | {TOPIC: np.full(ITEMS, "d0", object)}
        answers = []
        for path in (first, version):
            with NativeModel(path) as model:
                answers.append(model.answer("serving_default", asked))
    equal = all(np.array_equal(answers[0][task], answers[1][task]) for task in base.tasks)
    growth = np.diff(sizes)
    tenth = max(1, len(seconds) // 10)
    Result(
        name="exchange",
        title="Kernels added to an export",
        command="python -m benchmarks.exchange",
        about=(
            f"OLR at appendix C's sizes, 1,000,000 table rows, {_DOMAINS.value} domains at first; "
            f"{len(seconds)} versions, each with one domain more, whose answers are compared with "
            f"the one before. The whole export took {whole:.1f} s. Scores of the first domain in "
            f"the first and the last version are {'' if equal else 'NOT '}equal to the last bit.",
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
    ).publish()


def _size(version: Path) -> int:
    """Bytes of the version's variables, which a server holds in memory."""
    return sum(path.stat().st_size for path in (version / "variables").iterdir())


if __name__ == "__main__":
    app.run(main)
