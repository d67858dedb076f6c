"""The benchmarked ranking model in PyTorch answering requests, as a contender.

It takes rows of its table, where ours takes raw ids. The whole model, lookups included, is
compiled or exported to ONNX.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.ranking.torch_peer import Peer
from benchmarks.ranking.world import FEATURES, World
from benchmarks.support.contest import serve, settings_of_process


class Served(nn.Module):
    """The served model, from rows of the table to probabilities."""

    def __init__(self, peer: Peer) -> None:
        super().__init__()
        self.dense, self.table, self.positions = peer.dense, peer.table, peer.positions
        self._looked_up = peer.looked_up

    def forward(self, flat: Any, history: Any, mask: Any) -> Any:
        """Maps `[B, 20]`, `[B, L, 5]` and `[B, L]` to click and order, `[B]` each."""
        given = {"flat": flat, "history": history, "mask": mask}
        return self.dense.chances(self.dense.logits_of(*self._looked_up(given)))


def onnx_session(model: nn.Module, inputs: tuple[Any, ...]) -> Callable[[], Any]:
    """A function that runs the model in ONNX Runtime on these inputs."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.onnx")
        torch.onnx.export(model, inputs, path, dynamo=True)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    given = {
        declared.name: values.numpy()
        for declared, values in zip(session.get_inputs(), inputs, strict=True)
    }
    return lambda: session.run(None, given)


def main() -> None:
    """Answers on request."""
    settings = settings_of_process(sys.argv)
    way = settings.pop("way")
    peer = Peer(World(**settings, batches=1), False, None)
    model = Served(peer).eval()
    flat, history, mask = (peer.batches[0][name] for name in ("flat", "history", "mask"))
    # all rows are of one user
    flat[:, :FEATURES] = flat[:1, :FEATURES]
    inputs = (flat, *(values[:1].repeat_interleave(len(flat), 0) for values in (history, mask)))
    about = {"torch": torch.__version__}
    if way == "onnx":
        import onnxruntime

        ask = onnx_session(model, inputs)
        about["onnxruntime"] = onnxruntime.__version__
    else:
        called = model if way == "eager" else torch.compile(model)
        short = way == "compiled, autocast"

        def ask() -> Any:
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=short):
                return called(*inputs)

    def times(count: int) -> list[float]:
        seconds = []
        for _ in range(count):
            start = time.perf_counter()
            ask()
            seconds.append(time.perf_counter() - start)
        return seconds

    serve(about, {"times": times})


if __name__ == "__main__":
    main()
