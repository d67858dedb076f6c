"""Vectors from another framework: kernels for a model that this process cannot load.

PyTorch, or NumPy if PyTorch is not installed, writes the last hidden layer and the logit of each
row to Parquet. Kernels are trained on that file and exported as a small SavedModel of their own:
vector, logit and domain in, probability out. The model's server does not change.

Run it with `python examples/vectors.py`; everything is written to a temporary folder.
"""

import importlib.util
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

import tfrec_mt as mt

MARKETS = np.array(["de", "us"])


def hidden_and_logit(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Another framework's hidden layer and logit for rows `[n, 8]`: `[n, 16]` and `[n]`."""
    rng = np.random.default_rng(0)
    first, last = rng.normal(0, 0.35, (8, 16)), rng.normal(0, 0.25, 16)
    if importlib.util.find_spec("torch") is None:
        hidden = np.tanh(rows @ first)
        return hidden, hidden @ last
    import torch

    with torch.no_grad():
        found = torch.tanh(torch.from_numpy(rows) @ torch.from_numpy(first))
        return found.numpy(), (found @ torch.from_numpy(last)).numpy()


def table(rows: int, seed: int, path: Path) -> mt.KnowledgeTable:
    """Rows on disk as the other framework writes them."""
    rng = np.random.default_rng(seed)
    inputs, market = rng.normal(size=(rows, 8)), rng.choice(MARKETS, rows)
    hidden, logit = hidden_and_logit(inputs)
    shift = np.where(market == "de", 1.5, -1.5) * np.sign(inputs[:, 0])
    click = rng.random(rows) < 1 / (1 + np.exp(-(logit + shift)))
    pl.DataFrame(
        {
            "h": hidden.astype(np.float32),
            "z": logit.astype(np.float32),
            "market": market,
            "click": click.astype(int),
        }
    ).write_parquet(path)
    return mt.KnowledgeTable(
        str(path),
        knowledge="h",
        logits={"ctr": "z"},
        labels={"ctr": "click"},
        topics={"market": MARKETS.tolist()},
        model="checkpoint 7",
    )


def main(folder: Path) -> mt.Evaluation:
    """Trains kernels on the vectors, evaluates and exports them."""
    fresh, test = (
        table(rows, seed, folder / f"{name}.parquet")
        for name, rows, seed in (("fresh", 20_000, 1), ("test", 10_000, 2))
    )
    kernels = mt.fine_tune(mt.attach(fresh.base, mt.IAK(width=20)), fresh, folder / "kernels")
    report = mt.evaluate(kernels, test)
    print(report)
    mt.export(kernels, folder / "export")
    hidden, logit = hidden_and_logit(np.zeros((2, 8)))
    asked = pl.DataFrame(
        {"h": hidden.astype(np.float32), "z": logit.astype(np.float32), "market": ["de", "fr"]}
    )
    print(mt.load_export(folder / "export").score(asked))
    return report


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))
