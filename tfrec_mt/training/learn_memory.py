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
      axes: Principal axes of knowledge along which a user has a slope each.
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
    or dropped as kernels are; see `KernelTrial`.

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
    """
    before = before or {}
    names = [*features]
    if tastes is not None and tastes.feature not in features:
        names.append(tastes.feature)
    found = _collect(model, rows(), names, joint, beside, before)
    bags = [name for name, several in features.items() if several]
    tasks = list(model.base.learned_tasks())
    conditional = getattr(model.base, "chained", False)  # only bases of this package are
    topics = [layer.topic for layer in model.kernels]
    kinds = {
        (topic, number): _kind(found.domains[topic], found.ids.get(name))
        for topic in topics
        for number, name in enumerate(["", *names])
    }
    axes: dict[str, Axes] = {topic: memory.axes for topic, memory in before.items()}
    sloped = set()
    if tastes is not None:
        for layer in model.kernels:
            users = layer.topic, 1 + names.index(tastes.feature)
            told = found.domains[layer.topic] > 0
            evidence = max(_even_rows(task, found.labels[task.name][told]) for task in tasks)
            if model.view and evidence >= _ROWS_OF_A_USER * len(kinds[users].codes):
                sloped.add(users)
                if not axes.get(layer.topic):
                    axes[layer.topic] = _axes(model, layer, tastes.axes)
            elif tastes.feature not in features:
                del kinds[users]
    along = _along(model, rows(), {topic: axes[topic] for topic, _ in sloped}) if sloped else {}
    tried: dict[str, Tried] = {}
    for together in [topics] if joint else [[topic] for topic in topics]:
        own = {key: kind for key, kind in kinds.items() if key[0] in together}
        of_kinds = {key: along[key[0]] for key in own if key in sloped}
        fits = [_TaskFit(found, own, of_kinds, task, conditional) for task in tasks]
        for layer in model.kernels:
            topic = layer.topic
            if topic not in together:
                continue
            gains = np.sum([fit.gains(topic, len(layer.domains)) for fit in fits], axis=0)
            earlier = before.get(topic)
            proven = np.array([len(of.keys) > 0 for of in earlier.domains]) if earlier else None
            tried[topic] = Tried.of(gains, certainty, proven)
            # users are the last feature, if at all
            last = max(number for of, number in own if of == topic)
            if earlier:
                last = max(
                    last, *(feature_and_code(of.keys)[0].max(initial=0) for of in earlier.domains)
                )
            memory = Memory(names[:last], bags, model.base.tasks, [], axes.get(topic))
            factors = tried[topic].factors
            memory.domains = _remembered(topic, own, fits, factors, earlier, memory.width)
            layer.memory = memory
    return tried


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
        along: Mapping[tuple[str, int], Mapping[str, Codes]],
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
        mine = {key: of_kind[task.name][known] for key, of_kind in along.items()}
        self.effects, self.slopes = self._whole(mine)
        self._folds = [self._fold(fold) for fold in range(FOLDS)]

    def _whole(
        self, along: Mapping[tuple[str, int], Codes]
    ) -> tuple[Effects, dict[tuple[str, int], Floats]]:
        """Effects over all rows, and slopes `[size, K]` of kinds that have some.

        Folds hold users out, so that theirs do without slopes.
        """
        every = np.ones(len(self._labels), bool)
        slopes = [
            Slopes(self._numbers[key], len(self._kinds[key].codes), column.astype(np.float64))
            for key, columns in along.items()
            for column in columns.T
        ]
        mean, values, variances = self._fit(every, None, slopes)
        found, place = {}, len(self._kinds)
        for key, columns in along.items():
            end = place + columns.shape[1]
            found[key] = np.stack(values[place:end], axis=1)
            place = end
        count = len(self._kinds)
        return Effects(mean, values[:count], variances[:count]), found

    def _ids(self, chosen: Codes) -> list[Ids]:
        return [
            Ids(numbers[chosen], len(self._kinds[key].codes))
            for key, numbers in self._numbers.items()
        ]

    def _fit(
        self, chosen: Codes, variances: Sequence[float] | None, slopes: Sequence[Slopes] = ()
    ) -> Effects:
        kinds = [*self._ids(chosen), *slopes]
        if not chosen.any():
            return Effects(0.0, [np.zeros(kind.size) for kind in kinds], [0.0] * len(kinds))
        return fit_effects(
            self._labels[chosen],
            kinds,
            binary=self._task.binary,
            weights=self._weights[chosen],
            offsets=self._offsets[chosen],
            variances=variances,
            sweeps=SWEEPS if variances is None else _SWEEPS_OF_A_FOLD,
        )

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
    width: int,
) -> list[Remembered]:
    """What each of a topic's domains remembers, `width` numbers an id; see `Memory.width`.

    What it did before is included.
    """
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
            values = np.zeros((int(inside.sum()), len(fits), width // len(fits)))
            for task, fit in enumerate(fits):
                values[:, task, 0] = fit.effects.values[place][inside]
                if (slopes := fit.slopes.get((topic, number))) is not None:
                    values[:, task, 1:] = slopes[inside]
            keys.append(memory_keys(number, kind.codes[inside]))
            offsets.append(values.reshape(len(values), width))
        # features are in order and codes ascend, so keys ascend
        every, of_every = np.concatenate(keys), np.concatenate(offsets)
        if before is not None:
            every, of_every = _sum((every, of_every), before.domains[code - 1], len(fits))
        of_every = (factor * of_every).astype(np.float32)
        kept = np.abs(of_every).max(axis=1, initial=0) >= _LEAST_OFFSET
        found.append(Remembered(every[kept], of_every[kept]))
    return found


def _sum(
    one: tuple[NDArray[np.int64], Floats], other: Remembered, tasks: int
) -> tuple[NDArray[np.int64], Floats]:
    """The sums of two sets of offsets, each by ascending keys; the other may lack slopes."""
    keys = np.union1d(one[0], other.keys)
    width = one[1].shape[1]
    total = np.zeros((len(keys), tasks, width // tasks))
    for of, offsets in (one, other):
        own = offsets.shape[1] // tasks
        total[np.searchsorted(keys, of), :, :own] += offsets.reshape(len(of), tasks, own)
    return keys, total.reshape(len(keys), width)
