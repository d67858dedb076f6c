"""Your own adapter: a kind of kernel that this package does not have.

An adapter defines what it adds to a row's knowledge, and how a server computes the same. The two
are compared before training.

Run it with `python examples/own_adapter.py`; everything is written to a temporary folder. With the
binaries, use `--plugin=examples/own_adapter.py --adapter=offset`.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import tfrec_mt as mt
from tfrec_mt.adapters.served_kernels import FoldedKernels


@mt.register_adapter("offset")
class Offset(mt.adapters.DomainKernels):
    """Adds one vector to all knowledge of a domain: the smallest possible kernel."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._offsets = {
            task: self._stack(f"{task}_offset", (width,))
            for task, width in self.knowledge_widths.items()
        }
        # the weights that read knowledge; they stay at zero
        self._readers = {
            task: (
                self._stack(f"{task}_kernel", (self.seen_widths[task], width), trainable=False),
                self._stack(f"{task}_bias", (width,), trainable=False),
            )
            for task, width in self.knowledge_widths.items()
        }
        self.built = True

    def first_layer(self, task: str) -> tuple[str, str, float]:
        return f"{task}_kernel", f"{task}_bias", 1.0

    def residual(self, task: str, seen: Any, groups: Any, knowledge: Any, ids: Any = None) -> Any:
        offset = groups.select(self._offsets[task].value)
        return groups.collect(groups.spread(knowledge) * 0.0 + offset)

    def folded(self, directions: Mapping[str, np.ndarray] | None) -> FoldedKernels:
        layers = {}
        for task, width in self.knowledge_widths.items():
            bias = np.asarray(self._offsets[task].value)
            kernel = np.zeros((len(self.domains), width, width), np.float32)
            if directions is not None:
                kernel, bias = kernel[:, :, :1], bias @ directions[task][:, np.newaxis]
            layers[task] = [(kernel, bias)]
        return FoldedKernels.of(layers, negative_slope=1.0)

    def scale_residuals(self, factors: np.ndarray) -> None:
        for weight in self._offsets.values():
            weight.assign(weight.value * np.asarray(factors, np.float32)[:, np.newaxis])


def main(folder: Path) -> mt.Evaluation:
    """Trains the adapter on a generated log, evaluates and exports it."""
    log = mt.prepare(mt.sources.takeout(rows=30_000), output=folder / "data")
    base = mt.pretrain(log, folder / "base", model="mmoe", units=(16, 8))
    model = mt.fine_tune(base, log, folder / "kernels", adapter="offset", certainty=0.0)
    report = mt.evaluate(model)
    print(report)
    version = mt.export(model, folder / "export")
    print(mt.load_export(version).score(log.requests().head(3)).select("ctr", "ctcvr"))
    return report


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))
