"""The kernel of a domain that has few rows or none, made of those of other domains."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.bottleneck import Bottleneck
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.memory import Memory, Remembered
from tfrec_mt.adapters.served_kernels import FoldedKernels
from tfrec_mt.data.reading.batch import Batch
from tfrec_mt.errors import SchemaError
from tfrec_mt.models.scorer import BatchFunction
from tfrec_mt.schema import Task
from tfrec_mt.schema.task import ROW_WEIGHT
from tfrec_mt.training.kernel_trial import FACTORS, Tried
from tfrec_mt.training.logit_labels import logit_labels
from tfrec_mt.training.user_clusters import CLUSTERS, FOLDS, clusters_of

Floats = NDArray[np.float64]
# Rows to fit a kernel to its donors' sum.
SAMPLE_ROWS = 1 << 14
# What is known of a domain without rows weighs as much as so many rows.
_PRIOR_ROWS = 500.0
_STEPS = 300


@dataclass(frozen=True)
class Borrowed:
    """A domain's kernel and memory.

    Attributes:
      weights: By name, which read plain knowledge.
      memory: What the one domain remembers of ids, if the donors do.
      shares: Of each donor in the sum; none where the base is better.
      explained: Share of the sum's variance that the kernel reproduces, by task.
      rows: Of the domain.
      gain: By how much losses on the domain's users fell who were held out, and its standard error.
    """

    weights: Mapping[str, NDArray[np.float32]]
    memory: Memory | None
    shares: Mapping[str, float]
    explained: Mapping[str, float]
    rows: int
    gain: tuple[float, float]

    def told(self, topic: str, domain: str) -> str:
        """What came of it, in a sentence."""
        name = f"{topic}={domain}"
        if not self.shares:
            return f"{name}: {self.rows:,} rows, the base alone is not certainly worse; no kernel"
        shares = ", ".join(f"{donor} {share:.2f}" for donor, share in self.shares.items())
        like = ", ".join(f"{task} {share:.0%}" for task, share in self.explained.items())
        return (
            f"{name}: {self.rows:,} rows, a kernel of {shares}; it reproduces {like} of their sum"
        )


class _Rows:
    """Rows of some domains: base logits, donors' shifts, labels and users.

    Args:
      logits: Base logits `[n]` by task.
      shifts: What each donor would add, `[n, K]` by task.
      labels: By task, NaN where there is none.
      weights: Of the rows.
      clusters: Of the users.
      domains: Place of each row's domain among the donors, or -1.
    """

    def __init__(
        self,
        logits: Mapping[str, Floats],
        shifts: Mapping[str, Floats],
        labels: Mapping[str, Floats],
        weights: Floats,
        clusters: NDArray[Any],
        domains: NDArray[Any],
    ) -> None:
        self.logits, self.shifts, self.labels = logits, shifts, labels
        self.weights, self.clusters, self.domains = weights, clusters, domains

    def only(self, chosen: NDArray[np.bool_]) -> "_Rows":
        return _Rows(
            {t: z[chosen] for t, z in self.logits.items()},
            {t: s[chosen] for t, s in self.shifts.items()},
            {t: y[chosen] for t, y in self.labels.items()},
            self.weights[chosen],
            self.clusters[chosen],
            self.domains[chosen],
        )

    def __len__(self) -> int:
        return len(self.weights)

    def losses(self, tasks: Sequence[Task], shares: Floats) -> Floats:
        """Loss of each row, all tasks together, with a share `[K]` of each donor, or `[n, K]`."""
        total = np.zeros(len(self))
        for task in tasks:
            z = self.logits[task.name] + (self.shifts[task.name] * shares).sum(axis=1)
            y, known = self.labels[task.name], ~np.isnan(self.labels[task.name])
            loss = np.logaddexp(0.0, z) - y * z if task.binary else np.square(y - z)
            total += task.weight * np.where(known, loss, 0.0)
        return total * self.weights

    def gradient(self, tasks: Sequence[Task], shares: Floats) -> Floats:
        """Gradient `[K]` of the summed loss by shares."""
        total = np.zeros(len(shares))
        for task in tasks:
            z = self.logits[task.name] + self.shifts[task.name] @ shares
            error = 1 / (1 + np.exp(-z)) if task.binary else z
            error = error - np.nan_to_num(self.labels[task.name])
            scale = task.weight * (1.0 if task.binary else 2.0)
            total += scale * self.shifts[task.name].T @ (self._counted(task) * error)
        return total

    def curvature(self, tasks: Sequence[Task]) -> float:
        """A bound on how fast the gradient changes."""
        total = 0.0
        for task in tasks:
            rows = self.shifts[task.name] * np.sqrt(self._counted(task))[:, np.newaxis]
            bend = task.weight * (0.25 if task.binary else 2.0)
            total += bend * float(np.linalg.norm(rows.T @ rows, 2))
        return total

    def _counted(self, task: Task) -> Floats:
        return np.where(np.isnan(self.labels[task.name]), 0.0, self.weights)


@dataclass(frozen=True)
class _Donors:
    """Donors' kernels as plain layers, and the direction of each task's logit in knowledge."""

    names: Sequence[str]
    places: Sequence[int]
    folded: FoldedKernels
    directions: Mapping[str, Floats]

    @classmethod
    def of(cls, model: AdaptedModel, layer: DomainKernels, names: Sequence[str]) -> "_Donors":
        directions = {
            task: np.asarray(u, np.float64) for task, u in model.base.head.directions().items()
        }
        places = [layer.domains.index(name) for name in names]
        return cls(names, places, layer.folded(None), directions)

    def hidden(self, place: int, task: str, knowledge: Floats) -> tuple[Floats, Floats, Floats]:
        """A donor's encoder output `[n, d_e]`, and its decoder's matrix and bias."""
        *encoder, (kernel, bias) = self.folded.layers[task]
        hidden = knowledge
        for matrix, shift in encoder:
            hidden = hidden @ matrix[place].astype(np.float64) + shift[place]
            hidden = np.where(hidden > 0, hidden, self.folded.negative_slope * hidden)
        return hidden, kernel[place].astype(np.float64), bias[place].astype(np.float64)

    def shifts(self, task: str, knowledge: Floats) -> Floats:
        """What each donor's kernel would add to the logits, `[n, K]`."""
        direction, columns = self.directions[task], []
        for place in self.places:
            hidden, kernel, bias = self.hidden(place, task, knowledge)
            columns.append(hidden @ (kernel @ direction) + bias @ direction)
        return np.stack(columns, axis=1)


def borrowed_kernel(
    model: AdaptedModel,
    topic: str,
    domain: str,
    rows: Iterable[Batch],
    donors: Sequence[str] = (),
    certainty: float = 2.0,
) -> Borrowed:
    """Makes a domain's kernel of those of other domains of its topic.

    The kernel is close to a weighted sum of the donors' kernels. Without rows of the domain the
    shares are equal, and as large in all as is best where each donor is served by the others. Rows
    of the domain change them, the more rows the further. The sum is used where its loss on users
    held out is certainly below the base's: the domain's own users or, without rows, those of the
    donors. Donors that are named need no such proof while the domain has no rows.

    Args:
      model: Base and kernels, which read plain knowledge.
      topic: Topic of the domain.
      domain: A domain that the base's data list.
      rows: Rows of any domains, with the key `user`.
      donors: Domains to borrow from; all others by default.
      certainty: Standard errors that a gain must exceed.

    Raises:
      SchemaError: There is no such topic, domain or donor, or kernels of this kind cannot be
        summed.
    """
    layer = _layer(model, topic, domain, donors)
    names = [name for name in donors or layer.domains if name != domain]
    tasks = list(model.base.learned_tasks())
    of_donors = _Donors.of(model, layer, names)
    knowledge, found = _collect(model, layer, of_donors, domain, rows)
    own, others = found.only(found.domains == len(names)), found.only(found.domains < len(names))
    start, proven = _start(others, tasks, len(names), certainty)
    if donors and not len(own):
        start, proven = np.full(len(names), 1.0 / len(names)), True
    shares, gain = start, (0.0, 0.0)
    if len(own):
        tried = Tried.of(_gains(own, tasks, start), certainty)
        gain = float(tried.gains[0]), float(tried.errors[0])
        shares = float(tried.factors[0]) * _shares(own, tasks, start)
        proven = bool(tried.factors[0] > 0)
    if not proven or shares.sum() < 1e-3:
        zero = _nothing(layer, layer.kernel(names[0]))
        memory = None if layer.memory is None else _summed(layer.memory, [0], np.zeros(1))
        return Borrowed(zero, memory, {}, {}, len(own), gain)
    weights, explained = _like_the_sum(layer, of_donors, shares, knowledge)
    places = [layer.domains.index(name) for name in names]
    memory = None if layer.memory is None else _summed(layer.memory, places, shares)
    used = {name: float(w) for name, w in zip(names, shares, strict=True) if w > 1e-3}
    return Borrowed(weights, memory, used, explained, len(own), gain)


def _layer(model: AdaptedModel, topic: str, domain: str, donors: Sequence[str]) -> DomainKernels:
    layers = {layer.topic: layer for layer in model.kernels}
    if topic not in layers:
        raise SchemaError(f"topic={topic!r}: there are kernels of {', '.join(layers)}")
    layer = layers[topic]
    if domain not in model.base.topics.get(topic, ()):
        raise SchemaError(f"domain={domain!r}: the base's data list no such domain of {topic}")
    for name in donors:
        if name not in layer.domains or name == domain:
            raise SchemaError(f"donors: no kernel of {topic} for {name!r} to borrow from")
    if (
        not isinstance(layer, Bottleneck)
        or layer.shared
        or layer.last_layer(model.base.tasks[0]) is None
    ):
        raise SchemaError(
            f"kernels of {topic} are {type(layer).__name__}; expected encoder-decoders (iak, "
            "bottleneck), as others cannot be summed"
        )
    if model.base.head is None:
        raise SchemaError("kernels are borrowed behind bases whose logits are linear in knowledge")
    return layer


def _collect(
    model: AdaptedModel,
    layer: DomainKernels,
    donors: _Donors,
    domain: str,
    rows: Iterable[Batch],
) -> tuple[dict[str, Floats], _Rows]:
    """A sample of the knowledge of all rows, and the rows of donors and of the domain."""
    base, names = model.base, donors.names
    order = [*names, domain]
    tasks = list(base.learned_tasks())
    chained = getattr(base, "chained", False)
    others = [other for other in model.kernels if other is not layer]

    def known(features: Mapping[str, Any]) -> Any:
        knowledge = base.knowledge(features)
        codes = model.kernel_codes(features)
        adapted = model.adapt(knowledge, codes, model.ids(features), others)
        logits = model.remembered(base.logits(adapted), codes, features, knowledge, others)
        offsets = {}
        if layer.memory is not None:
            ids = base.ids(features, layer.memory.features)
            for name in names:
                place = layer.domains.index(name) + 1
                same = 0 * codes[layer.topic] + place
                offsets[name] = layer.memory.offsets(same, ids, knowledge)
        place = base.codes(features, layer.topic, order)
        return {"h": knowledge, "z": logits, "m": offsets, "d": place}

    forward = BatchFunction(known)
    sample: dict[str, list[Floats]] = {task: [] for task in base.tasks}
    parts: dict[str, list[NDArray[Any]]] = {}
    sampled = 0
    for batch in rows:
        out = forward(batch.features)
        knowledge = {task: h.numpy().astype(np.float64) for task, h in out["h"].items()}
        if sampled < SAMPLE_ROWS:
            for task, h in knowledge.items():
                sample[task].append(h)
            sampled += len(out["d"])
        place = out["d"].numpy() - 1
        chosen = place >= 0
        columns: dict[str, NDArray[Any]] = {
            "d": place,
            "c": clusters_of(batch.keys["user"]),
            "w": batch.labels.get(ROW_WEIGHT, np.ones(len(place), np.float32)),
        }
        for task in tasks:
            name = task.name
            shifts = donors.shifts(name, knowledge[name])
            for column, donor in enumerate(names):
                if donor in out["m"]:
                    shifts[:, column] += out["m"][donor][name].numpy()[:, 0]
            columns[f"z/{name}"] = out["z"][name].numpy()[:, 0]
            columns[f"s/{name}"] = shifts
            columns[f"y/{name}"] = logit_labels(task, batch.labels, chained)
        for name, values in columns.items():
            parts.setdefault(name, []).append(values[chosen])
    joined = {name: np.concatenate(values) for name, values in parts.items()}

    def of(kind: str) -> dict[str, Floats]:
        return {task.name: joined[f"{kind}/{task.name}"].astype(np.float64) for task in tasks}

    found = _Rows(
        of("z"), of("s"), of("y"), joined["w"].astype(np.float64), joined["c"], joined["d"]
    )
    return {task: np.concatenate(values) for task, values in sample.items()}, found


def _start(
    others: _Rows, tasks: Sequence[Task], count: int, certainty: float
) -> tuple[Floats, bool]:
    """Shares for a domain of which nothing is known, and whether they are certain to help."""
    if count < 2 or not len(others):
        return np.full(count, 0.5 / count), False
    of_others = (np.arange(count) != others.domains[:, np.newaxis]) / (count - 1.0)
    without = others.losses(tasks, np.zeros(count))
    gains = np.zeros((1, CLUSTERS, len(FACTORS)))
    for number, factor in enumerate(FACTORS):
        gain = without - others.losses(tasks, factor * of_others)
        gains[0, :, number] = np.bincount(others.clusters, gain, CLUSTERS)
    factor = float(Tried.of(gains, certainty).factors[0])
    return np.full(count, (factor or FACTORS[0]) / count), factor > 0


def _shares(rows: _Rows, tasks: Sequence[Task], start: Floats) -> Floats:
    """Shares by which the rows are most probable, near `start` where they are few.

    Minimises the loss plus a quadratic prior over shares of at least 0 and at most 1 in all, by
    projected gradient steps.
    """
    curve = rows.curvature(tasks)
    prior = curve / max(len(rows), 1) * _PRIOR_ROWS
    shares, step = start.copy(), 1.0 / (curve + prior + 1e-12)
    for _ in range(_STEPS):
        gradient = rows.gradient(tasks, shares) + prior * (shares - start)
        shares = _projected(shares - step * gradient)
    return shares


def _projected(shares: Floats) -> Floats:
    """The nearest shares that are at least 0 and sum to at most 1."""
    positive = np.maximum(shares, 0.0)
    if positive.sum() <= 1.0:
        return positive
    falling = np.sort(shares)[::-1]
    excess = (np.cumsum(falling) - 1.0) / np.arange(1, len(falling) + 1)
    return np.maximum(shares - excess[np.flatnonzero(falling > excess)[-1]], 0.0)


def _gains(rows: _Rows, tasks: Sequence[Task], start: Floats) -> Floats:
    """Gains over the base on users from whom shares were not learned, as `Tried` takes them."""
    gains = np.zeros((1, CLUSTERS, len(FACTORS)))
    for fold in range(FOLDS):
        held = rows.clusters % FOLDS == fold
        if held.all() or not held.any():
            continue
        shares, rest = _shares(rows.only(~held), tasks, start), rows.only(held)
        without = rest.losses(tasks, np.zeros(len(start)))
        for number, factor in enumerate(FACTORS):
            gain = without - rest.losses(tasks, factor * shares)
            gains[0, :, number] += np.bincount(rest.clusters, gain, CLUSTERS)
    return gains


def _like_the_sum(
    layer: DomainKernels,
    donors: _Donors,
    shares: Floats,
    knowledge: Mapping[str, Floats],
) -> tuple[dict[str, NDArray[np.float32]], dict[str, float]]:
    """The donor's kernel whose encoder, with another decoder, comes closest to the sum."""
    best: tuple[float, dict[str, NDArray[np.float32]], dict[str, float]] | None = None
    targets = {task: donors.shifts(task, h) @ shares for task, h in knowledge.items()}
    for name, place in zip(donors.names, donors.places, strict=True):
        weights, explained = dict(layer.kernel(name)), {}
        for task, h in knowledge.items():
            hidden, _, _ = donors.hidden(place, task, h)
            read, constant, explained[task] = _regression(hidden, targets[task])
            direction = donors.directions[task]
            unit = direction / (np.square(direction).sum() or 1.0)
            kernel, bias = layer.last_layer(task) or ("", "")
            weights[kernel] = np.outer(read, unit).astype(np.float32)
            weights[bias] = (constant * unit).astype(np.float32)
        score = min(explained.values())
        if best is None or score > best[0]:
            best = score, weights, explained
    assert best is not None  # there is a donor
    return best[1], best[2]


def _regression(x: Floats, y: Floats) -> tuple[Floats, float, float]:
    """Slopes, constant and explained share of `y` as a linear function of `x`."""
    mean, centre = x.mean(axis=0), float(y.mean())
    part = x - mean
    square = part.T @ part
    ridge = 1e-6 * np.trace(square) / len(square) + 1e-12
    slopes = np.linalg.solve(square + ridge * np.eye(len(square)), part.T @ (y - centre))
    total = float(np.square(y - centre).sum())
    rest = float(np.square(y - centre - part @ slopes).sum())
    return slopes, centre - float(mean @ slopes), 1.0 - rest / total if total else 1.0


def _nothing(
    layer: DomainKernels, weights: Mapping[str, NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    """A kernel that adds nothing."""
    last = {name for task in layer.knowledge_widths for name in layer.last_layer(task) or ()}
    return {name: np.zeros_like(v) if name in last else v for name, v in weights.items()}


def _summed(memory: Memory, places: Sequence[int], shares: Floats) -> Memory:
    """What donors remember, weighted by their shares, as the memory of one domain.

    Slopes can be summed only along the same axes, which kernels of one run have.
    """
    donors = memory.chosen(places)
    axes = {task: stacked[:1] for task, stacked in donors.axes.items()}
    of_task = memory.width // len(memory.tasks)
    alike = all((stacked == stacked[:1]).all() for stacked in donors.axes.values())
    keys = np.unique(np.concatenate([of.keys for of in donors.domains]))
    sums = np.zeros((len(keys), len(memory.tasks), of_task))
    for of, share in zip(donors.domains, shares, strict=True):
        own = of.offsets.reshape(len(of.keys), len(memory.tasks), of_task)
        sums[np.searchsorted(keys, of.keys)] += share * own
    if not alike:
        sums[:, :, 1:] = 0.0
    kept = sums.any(axis=(1, 2))
    numbers = sums[kept].reshape(int(kept.sum()), memory.width).astype(np.float32)
    remembered = Remembered(keys[kept], numbers)
    return Memory(memory.features, memory.bags, memory.tasks, [remembered], axes)
