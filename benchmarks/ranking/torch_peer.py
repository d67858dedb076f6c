"""The benchmarked ranking models in PyTorch, as a contender.

It is written for speed, as PyTorch users would: one table with sparse gradients, one lookup per
shape, and the same algebra in the attentions. Clicks of the long history are embedded for their
hash without a gradient. Sparse parameters use Adagrad, dense ones fused Adagrad. Everything after
the lookups can be compiled.
"""

import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.ranking.world import ELEMENTS, FEATURES, UNITS, World
from benchmarks.support.contest import serve, settings_of_process

RATE, ACCUMULATOR = 0.005, 0.1
WIDTH, HEADS, HEAD_WIDTH = 8, 8, 8
EXPERTS = 2
TOP, BITS = 32, 48
EPSILON = 1e-7


class Attention(nn.Module):
    """Multi-head attention of one target over a history."""

    def __init__(self, query: int, element: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(query, HEADS, HEAD_WIDTH) / query**0.5)
        self.key = nn.Parameter(torch.randn(element, HEADS, HEAD_WIDTH) / element**0.5)
        self.value = nn.Parameter(torch.randn(element, HEADS, HEAD_WIDTH) / element**0.5)

    def forward(self, target: Any, history: Any, mask: Any) -> Any:
        """Maps `[B, Dq]`, `[B, L, Dx]` and `[B, L]` to `[B, HEADS * HEAD_WIDTH]`."""
        query = torch.einsum("bq,qhd->bhd", target, self.query)
        query = torch.einsum("bhd,xhd->bhx", query, self.key) * HEAD_WIDTH**-0.5
        seen = mask[:, None, :].to(history.dtype)
        scores = query @ history.transpose(1, 2) + (seen - 1) * 1e9
        attended = (scores.softmax(-1) * seen) @ history
        return torch.einsum("bhx,xhd->bhd", attended, self.value).flatten(1)


class DenseNet(nn.Sequential):
    """Linear layers with LeakyReLU."""

    def __init__(self, inputs: int, units: Sequence[int]) -> None:
        layers: list[nn.Module] = []
        for width in units:
            layers += [nn.Linear(inputs, width), nn.LeakyReLU(0.01)]
            inputs = width
        super().__init__(*layers)


class Dense(nn.Module):
    """Everything after the lookups."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        element = (ELEMENTS + 1) * WIDTH
        attentions = bool(world.short) + bool(world.short and world.long)
        width = 2 * FEATURES * WIDTH + attentions * HEADS * HEAD_WIDTH
        self.short = Attention(ELEMENTS * WIDTH, element) if world.short else None
        self.long = Attention(ELEMENTS * WIDTH, element) if attentions == 2 else None
        self.experts = nn.ModuleList([DenseNet(width, UNITS) for _ in range(EXPERTS)])
        self.gates = nn.ModuleList([nn.Linear(width, EXPERTS, bias=False) for _ in range(2)])
        known = UNITS[-1] + (width if world.model == "olr" else 0)
        self.logits = nn.ModuleList([nn.Linear(known, 1) for _ in range(2)])
        self.debias = nn.Sequential(DenseNet(WIDTH, (16,)), nn.Linear(16, 1, bias=False))

    def forward(
        self, flat: Any, recent: Any, relevant: Any, masks: Any, position: Any, labels: Any
    ) -> Any:
        """The loss of a batch."""
        logits = self.logits_of(flat, recent, relevant, masks)
        if position is not None:
            effect = self.debias(position).float()[:, 0]
            logits[0] = logits[0] + effect - effect.logsumexp(0) + np.log(len(effect))
        click, order = self.chances(logits)
        return log_loss(click, labels[0]) + log_loss(order, labels[1])

    def logits_of(self, flat: Any, recent: Any, relevant: Any, masks: Any) -> list[Any]:
        """Logits of click and order, `[B]` each."""
        target = flat[:, FEATURES * WIDTH :][:, : ELEMENTS * WIDTH]
        parts = [flat]
        if self.short is not None:
            parts.append(self.short(target, recent, masks[0]))
        if self.long is not None:
            parts.append(self.long(target, relevant, masks[1]))
        flat = torch.cat(parts, -1)
        experts = torch.stack([expert(flat) for expert in self.experts], 1)
        logits = []
        for gate, logit in zip(self.gates, self.logits, strict=True):
            mixture = (gate(flat).softmax(-1)[:, :, None] * experts).sum(1)
            known = torch.cat([mixture, flat], -1) if self.world.model == "olr" else mixture
            logits.append(logit(known).float()[:, 0])
        return logits

    def chances(self, logits: list[Any]) -> tuple[Any, Any]:
        """Probabilities of click and order."""
        click, order = (logit.sigmoid() for logit in logits)
        return click, click * order if self.world.model == "olr" else order


def log_loss(chances: Any, labels: Any) -> Any:
    """Mean cross-entropy."""
    chances = chances.clamp(EPSILON, 1 - EPSILON)
    return -(labels * chances.log() + (1 - labels) * (-chances).log1p()).mean()


class Peer:
    """Model, optimizers and batches."""

    def __init__(self, world: World, compiled: bool, weights: str | None) -> None:
        torch.manual_seed(0)
        self.world = world
        ages = 33 if world.short else 0
        self.table = nn.Embedding(world.table_rows + ages, WIDTH, sparse=True)
        nn.init.normal_(self.table.weight, std=0.05)
        self.positions = nn.Embedding(20, WIDTH, sparse=True)
        self.projection = torch.randn(ELEMENTS * WIDTH, BITS)
        self.dense = Dense(world)
        if weights:
            self.load(weights)
        self.loss = torch.compile(self.dense) if compiled else self.dense
        tables = [self.table.weight, *([self.positions.weight] if world.debias else [])]
        used = [p for n, p in self.dense.named_parameters() if world.debias or "debias" not in n]
        make = torch.optim.Adagrad
        self.optimizers = [
            make(tables, RATE, initial_accumulator_value=ACCUMULATOR, eps=0.0),
            make(used, RATE, initial_accumulator_value=ACCUMULATOR, eps=0.0, fused=True),
        ]
        features, labels = world.rows_of_one_table()
        answers = np.stack([labels["ctr"], labels["ctcvr"]], axis=1)
        self.batches = [
            {name: torch.from_numpy(values[i]) for name, values in features.items()}
            | {"labels": torch.from_numpy(answers[i])}
            for i in range(world.batches)
        ]

    def looked_up(self, batch: dict[str, Any]) -> tuple[Any, Any, Any, Any]:
        """Embeddings of features, recent clicks and retrieved clicks, and the clicks' masks."""
        flat = self.table(batch["flat"]).flatten(1)
        recent = relevant = masks = None
        if self.world.short:
            history, mask = batch["history"], batch["mask"]
            recent = self.table(history[:, : self.world.short]).flatten(2)
            masks = [mask[:, : self.world.short]]
            if self.world.long:
                places = self._retrieve(flat, history, mask)
                found = history.gather(1, places[:, :, None].expand(-1, -1, history.shape[-1]))
                relevant = self.table(found).flatten(2)
                masks.append(mask.gather(1, places))
        return flat, recent, relevant, masks

    def step(self, batch: dict[str, Any]) -> float:
        """Runs one step and returns its loss."""
        looked_up = self.looked_up(batch)
        position = self.positions(batch["position"]) if self.world.debias else None
        with torch.autocast("cpu", torch.bfloat16, enabled=self.world.precision == "bfloat16"):
            loss = self.loss(*looked_up, position, batch["labels"])
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for optimizer in self.optimizers:
            optimizer.step()
        return float(loss)

    @torch.no_grad()
    def _retrieve(self, flat: Any, history: Any, mask: Any) -> Any:
        target = flat[:, FEATURES * WIDTH :][:, : ELEMENTS * WIDTH]
        keys = self.table(history[:, :, :ELEMENTS]).flatten(2)
        wanted = torch.where(target @ self.projection > 0, 1.0, -1.0)
        signs = torch.where(keys @ self.projection > 0, 1.0, -1.0)
        similarity = (signs @ wanted[:, :, None])[:, :, 0] + (mask.float() - 1) * 1e9
        # PyTorch's top k breaks ties arbitrarily; ours takes the newest
        order = torch.arange(similarity.shape[1]) * 1e-4
        return (similarity - order).topk(min(TOP, similarity.shape[1])).indices

    def timed(self, count: int) -> float:
        """Seconds of `count` steps."""
        start = time.perf_counter()
        for i in range(count):
            self.step(self.batches[i % len(self.batches)])
        return time.perf_counter() - start

    def losses(self, count: int) -> list[float]:
        """Losses of `count` steps."""
        return [self.step(self.batches[i % len(self.batches)]) for i in range(count)]

    @torch.no_grad()
    def load(self, path: str) -> None:
        """Loads weights saved by `ours`."""
        given = {n.replace("|", "/"): torch.from_numpy(v) for n, v in np.load(path).items()}

        def of(end: str) -> Any:
            (found,) = (value for name, value in given.items() if name.endswith(end))
            return found

        self.table.weight.copy_(of("front_end/embedding/table"))
        if self.world.debias:
            self.positions.weight.copy_(of("debias/embedding/table"))
            self.dense.debias[0][0].weight.copy_(of("debias/net/dense_0/kernel").T)
            self.dense.debias[0][0].bias.copy_(of("debias/net/dense_0/bias"))
            self.dense.debias[1].weight.copy_(of("debias/logit/kernel").T)
        for name in ("short", "long"):
            attention = getattr(self.dense, name)
            for part in ("query", "key", "value") if attention is not None else ():
                getattr(attention, part).copy_(of(f"{name}_sequence/{part}_kernel"))
        if self.dense.long is not None:
            self.projection = of("projection")
        for e, expert in enumerate(self.dense.experts):
            for i in range(len(UNITS)):
                expert[2 * i].weight.copy_(of(f"expert_{e}/dense_{i}/kernel").T)
                expert[2 * i].bias.copy_(of(f"expert_{e}/dense_{i}/bias"))
        for task, gate, logit in zip(
            ("ctr", "ctcvr"), self.dense.gates, self.dense.logits, strict=True
        ):
            gate.weight.copy_(of(f"{task}_gate/kernel").T)
            logit.weight.copy_(of(f"{task}_logit/kernel").T)
            logit.bias.copy_(of(f"{task}_logit/bias"))


def main() -> None:
    """Trains on request."""
    settings = settings_of_process(sys.argv)
    compiled, weights = settings.pop("compiled", False), settings.pop("weights", None)
    peer = Peer(World(**settings), compiled, weights)
    about = {"torch": torch.__version__}
    serve(about, {"time": peer.timed, "losses": peer.losses})


if __name__ == "__main__":
    main()
