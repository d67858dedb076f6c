"""`learn_memory`: learns what fresh rows say about ids beyond a base and its kernels."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.memory import (
    Axes,
    Memory,
    Remembered,
    coordinates,
    feature_and_code,
    memory_keys,
    without_slopes,
)
from tfrec_mt.data.reading.batch import Batch
from tfrec_mt.models.scorer import BatchFunction
from tfrec_mt.schema import Task
from tfrec_mt.schema.task import ROW_WEIGHT
from tfrec_mt.training.id_effects import SWEEPS, Effects, Floats, Ids, Slopes, fit_effects
from tfrec_mt.training.kept_knowledge import knowledge_of
from tfrec_mt.training.kernel_learner import KernelBatch
from tfrec_mt.training.kernel_trial import FACTORS, Tried
from tfrec_mt.training.logit_labels import logit_labels
from tfrec_mt.training.user_clusters import CLUSTERS, FOLDS, clusters_of

# With known variances, effects converge in few sweeps.
_SWEEPS_OF_A_FOLD = 8
# A user's rows in a domain, on average, from which on users have slopes: as many as tell as much as
# 16 with even odds. With fewer, slopes cost time and gain nothing.
_ROWS_OF_A_USER = 16
# Offsets of less than a thousandth of a logit are not worth keeping.
_LEAST_OFFSET = 1e-3

Codes = NDArray[Any]


class Tastes(NamedTuple):
    """What is to be learned of users who have many rows; see `Memory`.

    Attributes:
      feature: Of the users' ids.
      axes: Principal axes of knowledge along which a user has a slope each, at most; not more than
        the rows that users have.
    """

    feature: str
    axes: int


def learn_memory(
    model: AdaptedModel,
    rows: Callable[[], Iterable[Batch]],
    features: Mapping[str, bool],
    *,
    joint: bool,
    certainty: float,
    beside: AdaptedModel | None = None,
    before: Mapping[str, Memory] | None = None,
    tastes: Tastes | None = None,
) -> dict[str, Tried]:
    """Gives a model's kernels a memory of some features' ids; see `Memory`.

    Base and kernels predict each row; an id's offset is what a domain's rows say beyond that. Each
    kind of id has a learned variance, which is 0 where ids carry no information; see `fit_effects`.
    Each domain's memory is then tried on users whose rows it was not learned from, and kept, shrunk
    or dropped as kernels are; see `KernelTrial`. Offsets and slopes of users come last: they are
    learned from what a domain's tried memory leaves over, and without rows a user has none.

    Args:
      model: Base and trained kernels.
      rows: Gives the rows that the kernels were trained on, with the key `user`.
      features: Names of the features, and whether a row has several ids of each.
      joint: Whether topics are learned as the sum that is served.
      certainty: See `KernelTrial`.
      beside: The base with fixed kernels of other topics that are to serve together with these.
      before: Memories of an earlier day by topic, of the same features and domains, which go on:
        offsets are drawn to theirs instead of to 0, and those of ids without rows stay.
      tastes: What is learned of users in topics where they have rows enough; None: nothing.

    Returns:
      What became of each topic's memories on users held out.

    Raises:
      ValueError: The users' feature is one of the features, but not the last.
    """
    before = before or {}
    names = [*features]
    if tastes is not None:
        if tastes.feature not in features:
            names.append(tastes.feature)
        elif names[-1] != tastes.feature:
            raise ValueError(f"expected {tastes.feature} as the last feature, got {names}")
    found = _collect(model, rows(), names, joint, beside, before)
    bags = [name for name, several in features.items() if several]
    tasks = list(model.base.learned_tasks())
    conditional = getattr(model.base, "chained", False)  # only bases of this package are
    axes = _axes_of_users(model, found, tasks, tastes, before) if tastes else {}
    along = _along(model, rows(), axes) if axes else {}
    topics = [layer.topic for layer in model.kernels]
    tried: dict[str, Tried] = {}
    for together in [topics] if joint else [[topic] for topic in topics]:
        kinds = {
            (topic, number): _kind(found.domains[topic], found.ids.get(name))
            for topic in together
            for number, name in enumerate(["", *features])
        }
        fits = [_TaskFit(found, kinds, task, conditional) for task in tasks]
        for layer in model.kernels:
            if layer.topic in together:
                count = len(layer.domains)
                gains = np.sum([fit.gains(layer.topic, count) for fit in fits], axis=0)
                earlier = before.get(layer.topic)
                proven = np.array([len(of.keys) > 0 for of in earlier.domains]) if earlier else None
                tried[layer.topic] = Tried.of(gains, certainty, proven)
                learned = _remembered(layer.topic, kinds, fits, tried[layer.topic].factors, earlier)
                layer.memory = Memory(
                    _known(names, learned, len(features)),
                    bags,
                    model.base.tasks,
                    learned,
                    earlier.axes if earlier else None,
                )
        if tastes is not None and axes:
            factors = {topic: tried[topic].factors for topic in together}
            _learn_users(model, found, fits, factors, tastes.feature, names, axes, along)
    return tried


def _learn_users(
    model: AdaptedModel,
    rows: "_Rows",
    fits: Sequence["_TaskFit"],
    factors: Mapping[str, Floats],
    feature: str,
    names: Sequence[str],
    axes: Mapping[str, Axes],
    along: Mapping[str, Mapping[str, Codes]],
) -> None:
    """Adds users to the memories of topics that have axes.

    Args:
      model: Its kernels have memories of all else.
      rows: What is learned from.
      fits: What was learned, by task.
      factors: Shares of memories that are served, by topic and domain.
      feature: Of the users' ids.
      names: Of all features.
      axes: See `_axes_of_users`.
      along: See `_along`.
    """
    layers = [layer for layer in model.kernels if layer.topic in factors and layer.topic in axes]
    users = {}
    for layer in layers:
        domains = rows.domains[layer.topic]
        served = np.concatenate([[False], factors[layer.topic] > 0])[domains]
        users[layer.topic] = _kind(np.where(served, domains, 0), rows.ids[feature])
    of_tasks = [fit.users(factors, users, along) for fit in fits] if users else []
    for layer in layers:
        numbers = np.stack([of_task[layer.topic] for of_task in of_tasks], axis=1)
        memory, own = layer.memory, axes[layer.topic]
        assert memory is not None
        if not memory.axes:
            memory = memory.padded(names, {task: of.shape[1:] for task, of in own.items()})
        kind, known = users[layer.topic], list[Remembered]()
        for code, domain in enumerate(memory.domains, start=1):
            mine = kind.domains == code
            keys = memory_keys(1 + names.index(feature), kind.codes[mine])
            wide = numbers[mine].reshape(len(keys), memory.width)
            known.append(_large_enough(*_sum((keys, wide), domain)))
        layer.memory = Memory(names, memory.bags, memory.tasks, known, own)


def _known(names: Sequence[str], domains: Sequence[Remembered], least: int) -> list[str]:
    """The names of features up to the last one of which something is remembered."""
    places = [feature_and_code(of.keys)[0].max(initial=0) for of in domains]
    return [*names[: max(least, *map(int, places))]]


def _axes_of_users(
    model: AdaptedModel,
    rows: "_Rows",
    tasks: Sequence[Task],
    tastes: Tastes,
    before: Mapping[str, Memory],
) -> dict[str, Axes]:
    """The axes of slopes in topics whose users have rows enough, those of an earlier day first."""
    found: dict[str, Axes] = {}
    for layer in model.kernels if model.view else ():
        told = rows.domains[layer.topic] > 0
        users = _kind(rows.domains[layer.topic], rows.ids[tastes.feature])
        evidence = max(_even_rows(task, rows.labels[task.name][told]) for task in tasks)
        of_a_user = evidence / max(1, int((users.domains > 0).sum()))
        if of_a_user < _ROWS_OF_A_USER:
            continue
        earlier = before[layer.topic].axes if layer.topic in before else {}
        found[layer.topic] = earlier or _axes(
            model, layer, min(tastes.axes, max(1, int(of_a_user)))
        )
    return found


def _even_rows(task: Task, labels: Floats) -> float:
    """Rows with even odds that tell as much of a logit as rows with these labels."""
    labels = labels[~np.isnan(labels)]
    if not task.binary or not len(labels):
        return float(len(labels))
    return float(4 * len(labels) * labels.mean() * (1 - labels.mean()))


def _axes(model: AdaptedModel, layer: DomainKernels, count: int) -> Axes:
    """The largest axes of the base's knowledge by task, the same for each domain."""
    assert model.view is not None
    largest = {task: model.view.largest(task, count) for task in model.base.tasks}
    return {task: np.stack([axes] * len(layer.domains)) for task, axes in largest.items()}


def _along(
    model: AdaptedModel, rows: Iterable[Batch], axes: Mapping[str, Axes]
) -> dict[str, dict[str, Codes]]:
    """Coordinates of rows `[n, K]` along their domain's axes, by topic and task."""

    def forward(features: Mapping[str, Any]) -> Any:
        knowledge, codes = knowledge_of(model.base, features), model.kernel_codes(features)
        return {topic: coordinates(of, knowledge, codes[topic]) for topic, of in axes.items()}

    run = BatchFunction(forward)
    parts = [run(batch.features) for batch in rows]
    return {
        topic: {
            task: np.concatenate([part[topic][task].numpy() for part in parts]) for task in of_topic
        }
        for topic, of_topic in axes.items()
    }


class _Rows(NamedTuple):
    """What memories are learned from, for all rows `[n]`.

    Attributes:
      logits: Predicted logits by topic and task; jointly trained topics share theirs.
      domains: Codes of domains, 0 for none, by topic.
      ids: Codes `[n]`, or `[n, V]` of bags, by feature.
      labels: By task, NaN for none.
      weights: How much each row counts.
      clusters: See `clusters_of`.
      before: Offsets of an earlier day's memories by topic and task, where there are any.
    """

    logits: Mapping[tuple[str, str], Codes]
    domains: Mapping[str, Codes]
    ids: Mapping[str, Codes]
    labels: Mapping[str, Floats]
    weights: Floats
    clusters: Codes
    before: Mapping[tuple[str, str], Codes]


def _collect(
    model: AdaptedModel,
    rows: Iterable[Batch],
    features: Sequence[str],
    joint: bool,
    beside: AdaptedModel | None,
    before: Mapping[str, Memory],
) -> _Rows:
    base, layers = model.base, model.kernels

    def expected(features: Mapping[str, Any]) -> Any:
        batch = KernelBatch(model, features, beside)
        added = [batch.added(layer, batch.codes[layer.topic]) for layer in layers]
        found: dict[str, Any] = {}
        for place, layer in enumerate(layers):
            logits = batch.logits(*(added if joint else [added[place]]))
            found |= {f"logits:{layer.topic}/{task}": z[:, 0] for task, z in logits.items()}
        for topic, memory in before.items():
            offsets = memory.offsets(batch.codes[topic], features, batch.knowledge)
            found |= {f"before:{topic}/{task}": z[:, 0] for task, z in offsets.items()}
        return found | {f"domains:{topic}": of for topic, of in batch.codes.items()}

    forward, parts = BatchFunction(expected), dict[str, list[Codes]]()
    for batch in rows:
        count = len(batch.keys["user"])
        columns = {name: values.numpy() for name, values in forward(batch.features).items()}
        columns |= {f"ids:{name}": batch.features[name] for name in features}
        columns |= {f"labels:{name}": batch.labels[name] for name in base.tasks}
        columns["weights:"] = batch.labels.get(ROW_WEIGHT, np.ones(count, np.float32))
        columns["clusters:"] = clusters_of(batch.keys["user"])
        for name, values in columns.items():
            parts.setdefault(name, []).append(values)
    groups: dict[str, dict[Any, Codes]] = {}
    for name, values in parts.items():
        group, _, short = name.partition(":")
        groups.setdefault(group, {})[short] = np.concatenate(values)
    return _Rows(
        {tuple(name.split("/", 1)): z for name, z in groups["logits"].items()},
        groups["domains"],
        groups.get("ids", {}),
        {name: values.astype(np.float64) for name, values in groups["labels"].items()},
        groups["weights"][""].astype(np.float64),
        groups["clusters"][""],
        {tuple(name.split("/", 1)): z for name, z in groups.get("before", {}).items()},
    )


class _Kind(NamedTuple):
    """One topic's ids of one feature, numbered by domain and code.

    Attributes:
      numbers: `[n]`, or `[n, V]` where 0 is an empty place.
      domains, codes: What each number stands for.
    """

    numbers: Codes
    domains: Codes
    codes: Codes


def _kind(domains: Codes, codes: Codes | None) -> _Kind:
    """Numbers the rows' ids by domain and code; without codes, the domains themselves."""
    codes = np.zeros(len(domains), np.int64) if codes is None else codes.astype(np.int64)
    plain = codes.ndim == 1 and bool((domains > 0).all())
    held = (domains > 0) if codes.ndim == 1 else (domains[:, np.newaxis] > 0) & (codes > 0)
    of_domain = domains if codes.ndim == 1 else np.broadcast_to(domains[:, np.newaxis], codes.shape)
    pairs = (of_domain[held].astype(np.int64) << 32) + codes[held]
    distinct, places = np.unique(pairs, return_inverse=True)
    if not plain:
        numbers = np.zeros(codes.shape, np.int64)
        numbers[held] = places + 1
        places = numbers.reshape(len(domains), -1)
        distinct = np.concatenate([np.zeros(1, np.int64), distinct])
    return _Kind(places, distinct >> 32, distinct & (2**32 - 1))


class _TaskFit:
    """The effects of one task, over all rows and without each fold of users.

    A task whose logit is conditional on an outer task learns only from rows of that task.
    """

    def __init__(
        self,
        rows: _Rows,
        kinds: Mapping[tuple[str, int], _Kind],
        task: Task,
        conditional: bool,
    ) -> None:
        labels = logit_labels(task, rows.labels, conditional)
        known = ~np.isnan(labels) & (rows.weights > 0)
        self._task, self._kinds = task, kinds
        self._numbers = {key: kind.numbers[known] for key, kind in kinds.items()}
        topic = next(iter(kinds))[0]
        self._before = {
            of: rows.before[of, task.name][known].astype(np.float64)
            for of in dict.fromkeys(of for of, _ in kinds)
            if (of, task.name) in rows.before
        }
        self._offsets = rows.logits[topic, task.name][known].astype(np.float64)
        self._offsets += sum(self._before.values(), np.zeros(len(self._offsets)))
        self._domains = {of: rows.domains[of][known] for of, _ in kinds}
        self._labels, self._weights = labels[known], rows.weights[known]
        self._clusters = rows.clusters[known]
        self._known = known
        self.effects = self._fit(np.ones(len(self._labels), bool), None)
        self._folds = [self._fold(fold) for fold in range(FOLDS)]

    def _ids(self, chosen: Codes) -> list[Ids]:
        return [
            Ids(numbers[chosen], len(self._kinds[key].codes))
            for key, numbers in self._numbers.items()
        ]

    def _fit(self, chosen: Codes, variances: Sequence[float] | None) -> Effects:
        if not chosen.any():
            empty = [np.zeros(len(kind.codes)) for kind in self._kinds.values()]
            return Effects(0.0, empty, [0.0] * len(empty))
        return fit_effects(
            self._labels[chosen],
            self._ids(chosen),
            binary=self._task.binary,
            weights=self._weights[chosen],
            offsets=self._offsets[chosen],
            variances=variances,
            sweeps=SWEEPS if variances is None else _SWEEPS_OF_A_FOLD,
        )

    def users(
        self,
        factors: Mapping[str, Floats],
        users: Mapping[str, _Kind],
        along: Mapping[str, Mapping[str, Codes]],
    ) -> dict[str, Floats]:
        """Offsets and slopes of users `[size, 1 + K]` by topic, beyond all that is served.

        Args:
          factors: Shares of memories that are served, by topic and domain.
          users: By topic.
          along: Coordinates `[n, K]` along the axes of slopes, by topic and task.
        """
        every = np.ones(len(self._labels), bool)
        total = self._offsets - sum(self._before.values(), np.zeros(len(self._offsets)))
        for topic, domains in self._domains.items():
            share = np.concatenate([[0.0], factors[topic]])[domains]
            total += share * self._before.get(topic, 0.0)
            pairs = zip(self._kinds, self._ids(every), self.effects.values, strict=True)
            total += share * sum(ids.spread(of) for (name, _), ids, of in pairs if name == topic)
        kinds: list[Ids] = []
        for topic, kind in users.items():
            numbers, size = kind.numbers[self._known].reshape(-1), len(kind.codes)
            inside = (kind.domains[numbers] > 0).astype(np.float64)
            columns = along[topic][self._task.name][self._known].T
            kinds += [Slopes(numbers, size, inside * of) for of in (np.ones(len(inside)), *columns)]
        values = fit_effects(
            self._labels,
            kinds,
            binary=self._task.binary,
            weights=self._weights,
            offsets=total,
        ).values
        found, place = {}, 0
        for topic in users:
            count = 1 + along[topic][self._task.name].shape[1]
            found[topic] = np.stack(values[place : place + count], axis=1)
            place += count
        return found

    def _fold(self, fold: int) -> tuple[Codes, list[Floats]]:
        """Which rows are held out, and what each kind of id adds to them."""
        held = self._clusters % FOLDS == fold
        effects = self._fit(~held, self.effects.variances)
        pairs = zip(self._ids(held), effects.values, strict=True)
        return held, [ids.spread(of) for ids, of in pairs]

    def gains(self, topic: str, domains: int) -> Floats:
        """By how much losses on held-out users fall with each share of a topic's memory.

        Returns:
          Sums `[N, CLUSTERS, len(FACTORS)]`.
        """
        total = np.zeros((domains + 1, CLUSTERS, len(FACTORS)))
        for held, added in self._folds:
            own = sum(of for (name, _), of in zip(self._kinds, added, strict=True) if name == topic)
            rest = self._offsets[held] + sum(added) - own
            if topic in self._before:  # tried as one with what is learned now
                own, rest = own + self._before[topic][held], rest - self._before[topic][held]
            labels, weights = self._labels[held], self._task.weight * self._weights[held]
            places = self._domains[topic][held] * CLUSTERS + self._clusters[held]
            without = self._losses(rest, labels)
            for number, factor in enumerate(FACTORS):
                gain = weights * (without - self._losses(rest + factor * own, labels))
                sums = np.bincount(places, gain, (domains + 1) * CLUSTERS)
                total[:, :, number] += sums.reshape(domains + 1, CLUSTERS)
        return total[1:]

    def _losses(self, logits: Floats, labels: Floats) -> Floats:
        if self._task.binary:
            return np.asarray(np.logaddexp(0.0, logits) - labels * logits)
        return np.square(labels - logits)


def _remembered(
    topic: str,
    kinds: Mapping[tuple[str, int], _Kind],
    fits: Sequence[_TaskFit],
    factors: Floats,
    before: Memory | None,
) -> list[Remembered]:
    """What each of a topic's domains remembers, what it did before included."""
    found = []
    own = [
        (place, number, kind)
        for place, ((name, number), kind) in enumerate(kinds.items())
        if name == topic
    ]
    for code, factor in enumerate(factors, start=1):
        keys, offsets = [], []
        for place, number, kind in own:
            inside = kind.domains == code
            values = [fit.effects.values[place][inside] for fit in fits]
            keys.append(memory_keys(number, kind.codes[inside]))
            offsets.append(np.stack(values, axis=1))
        # features are in order and codes ascend, so keys ascend
        every, of_every = np.concatenate(keys), np.concatenate(offsets)
        if before is not None:
            wide = without_slopes(of_every, before.width)
            every, of_every = _sum((every, wide), before.domains[code - 1])
        found.append(_large_enough(every, factor * of_every))
    return found


def _large_enough(keys: NDArray[np.int64], offsets: Floats) -> Remembered:
    """The ids of which something is worth keeping."""
    kept = np.abs(offsets).max(axis=1, initial=0) >= _LEAST_OFFSET
    return Remembered(keys[kept], offsets[kept].astype(np.float32))


def _sum(
    one: tuple[NDArray[np.int64], Floats], other: Remembered
) -> tuple[NDArray[np.int64], Floats]:
    """The sums of two sets of numbers of ids, each by ascending keys."""
    keys = np.union1d(one[0], other.keys)
    total = np.zeros((len(keys), one[1].shape[1]))
    for of, offsets in (one, other):
        total[np.searchsorted(keys, of)] += offsets
    return keys, total
