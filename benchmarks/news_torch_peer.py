"""The news model in PyTorch, as a process that trains on request.

It has the two optimisations that matter most (each title encoded once per batch, padding to the
batch's longest title) and PyTorch's own fast paths: fused attention, fused AdamW, autocast. It
reads lines `step PATH` from stdin, each naming a batch saved by NumPy, and answers each with the
seconds and the loss.
"""

import sys
import time
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import BertModel

AUXILIARY_WEIGHT = 0.3


class LoRALinear(nn.Module):
    """A frozen linear layer plus `alpha / rank * B A`."""

    def __init__(self, linear: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        self.linear = linear
        self.down = nn.Linear(linear.in_features, rank, bias=False)
        self.up = nn.Linear(rank, linear.out_features, bias=False)
        nn.init.zeros_(self.up.weight)
        self.scale = alpha / rank

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Applies the layer to `[..., D]`."""
        return self.linear(x) + self.scale * self.up(self.down(x))


class Peer(nn.Module):
    """The news model: title encoder, additive attention, dot product, heads."""

    def __init__(self, folder: str, weights: Any, rank: int, alpha: float) -> None:
        super().__init__()
        self.bert = BertModel.from_pretrained(
            folder,
            add_pooling_layer=False,
            attn_implementation="sdpa",
            hidden_act="gelu_pytorch_tanh",
        )
        for module in self.bert.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        for layer in self.bert.encoder.layer:
            layer.attention.self.dropout_prob = 0.0
        if rank:
            self.bert.requires_grad_(False)
            for layer in self.bert.encoder.layer:
                attention = layer.attention
                for name in ("query", "key", "value"):
                    linear = LoRALinear(getattr(attention.self, name), rank, alpha)
                    setattr(attention.self, name, linear)
                attention.output.dense = LoRALinear(attention.output.dense, rank, alpha)
        own = ("kernel", "bias", "query")
        self.own = nn.ParameterDict({n: nn.Parameter(torch.tensor(weights[n])) for n in own})
        self.heads = nn.ParameterDict(
            {
                f"{task}_{part}": nn.Parameter(torch.tensor(weights[f"{task}_{part}"]))
                for task in ("category", "sentiment")
                for part in ("kernel", "bias")
            }
        )

    def losses(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Losses of the clicks and of the auxiliary tasks."""
        tokens = batch["tokens"]
        hidden = self.bert(tokens, attention_mask=(tokens > 0).long()).last_hidden_state
        vectors = hidden[:, 0].float()
        with torch.autocast("cpu", enabled=False):
            clicked = vectors[batch["history"]]
            scores = torch.tanh(clicked @ self.own["kernel"] + self.own["bias"])
            scores = (scores @ self.own["query"])[..., 0]
            length = batch["history_length"][:, None]
            shown = torch.arange(clicked.shape[1])[None] < length
            attention = torch.softmax(scores.masked_fill(~shown, -1e9), -1) * shown
            users = (attention[..., None] * clicked).sum(1)
            scores = torch.einsum("bd,bcd->bc", users, vectors[batch["candidates"]])
            scores = scores.masked_fill(~batch["candidate_mask"], -1e30)
            click = (torch.logsumexp(scores, -1) - scores[:, 0]).mean()
            times = torch.bincount(
                batch["history"].flatten(), shown.flatten().float(), minlength=len(vectors)
            )
            total = torch.zeros(())
            for task in ("category", "sentiment"):
                logits = vectors @ self.heads[f"{task}_kernel"] + self.heads[f"{task}_bias"]
                codes = batch[task]
                weights = times * (codes > 0)
                each = nn.functional.cross_entropy(
                    logits, (codes - 1).clamp(min=0), reduction="none"
                )
                total = total + (each * weights).sum() / weights.sum()
        return click, AUXILIARY_WEIGHT * total


def surgery(main: list[Any], auxiliary: list[Any]) -> list[Any]:
    """The sum of both gradients, each projected where they conflict."""
    both = [(m, a) for m, a in zip(main, auxiliary, strict=True) if m is not None and a is not None]
    inner = sum(torch.dot(m.flatten(), a.flatten()) for m, a in both)
    of_main = sum(torch.dot(m.flatten(), m.flatten()) for m, _ in both)
    of_auxiliary = sum(torch.dot(a.flatten(), a.flatten()) for _, a in both)
    conflict = min(float(inner), 0.0)
    first, second = 1.0 - conflict / float(of_main), 1.0 - conflict / float(of_auxiliary)
    return [
        first * m + second * a if m is not None and a is not None else (m if a is None else a)
        for m, a in zip(main, auxiliary, strict=True)
    ]


def main() -> None:
    """Runs requested steps until stdin ends."""
    folder, weights, rank, alpha, precision, mode = sys.argv[1:]
    torch.set_num_threads(2)
    model = Peer(folder, np.load(weights), int(rank), float(alpha)).train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=2e-5, weight_decay=1e-6, fused=True)
    print("ready", flush=True)
    for line in sys.stdin:
        with np.load(line.strip()) as arrays:
            batch = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        for name in ("tokens", "history", "candidates", "category", "sentiment"):
            batch[name] = batch[name].long()
        start = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"):
            click, auxiliary = model.losses(batch)
        if mode == "none":
            gradients = torch.autograd.grad(click + auxiliary, parameters, allow_unused=True)
        else:
            first = torch.autograd.grad(click, parameters, retain_graph=True, allow_unused=True)
            second = torch.autograd.grad(auxiliary, parameters, allow_unused=True)
            gradients = surgery(list(first), list(second))
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        optimizer.step()
        loss = float((click + auxiliary).detach())
        print(time.perf_counter() - start, loss, flush=True)


if __name__ == "__main__":
    main()
