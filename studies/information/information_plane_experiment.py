"""Study experiment: what kernels hold of the base's knowledge and of clicks, by step."""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studies.framework.study import BY, Curve, Outcome, Settings
from studies.information.channel_information import covariance_information
from studies.information.information_trace import FINE, Trace, kernel_trace
from studies.information.kernel_correlation import (
    correlation_within,
    kernel_draws,
    pooled_correlation,
    rank_correlation,
)
from studies.information.kernel_probe import TASK, KernelProbe, kernel_probe
from studies.information.label_information import label_gains
from studies.takeout.takeout_runs import TAKEOUT_SETTINGS, takeout_base, takeout_data
from tfrec_mt.adapters.kernel_store import load_kernels
from tfrec_mt.evaluation.cells import Cell
from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap
from tfrec_mt.evaluation.estimate import Estimate, mean
from tfrec_mt.evaluation.row_scoring import RowScoring
from tfrec_mt.evaluation.scoring import ADAPTED, ZERO_SHOT
from tfrec_mt.models.model_store import fingerprint, load_model
from tfrec_mt.schema import SchemaError
from tfrec_mt.training.run_folder import model_folder

# Each of `kl_weights` is trained separately; their measurements are correlated together.
# `snapshots` are evenly spaced in the logarithm of the step. At most `rows_per_domain` test rows
# of a domain are measured.
INFORMATION_SETTINGS: Settings = {
    **{k: v for k, v in TAKEOUT_SETTINGS.items() if k not in ("scores", "kl_weight", "certainty")},
    "kl_weights": [1.0],
    "snapshots": 12,
    "rows_per_domain": 8_000,
}
FINAL_METRICS = {
    "information": "I(G^;G) at the end, nats, noise of a tenth",
    "label": "I(G^;T) at the end, nats, T a click",
    "kl": "KL of the encoder's weights from N(0, 1) at the end, millionths of a nat",
    "distance": "Root mean square change of the encoder's weights at the end",
    "auc": "AUC of a click at the end, mean over all domains",
}
_MEASURES = {
    "fine": "I(G^;G), noise of a tenth",
    "coarse": "I(G^;G), noise of one",
    "own_scale": "I(G^;G), columns of deviation 1",
    "weights": "information through the weights alone",
    "label": "I(G^;T)",
}
_MOVES = {"kl": "KL", "distance": "distance of weights"}
_READINGS = {
    "pooled": "all steps, kernels and weights",
    "within": "within each kernel, over steps and weights",
    "end": "within each kernel, over weights at the end",
}
CORRELATION_METRICS = {
    f"{move}/{measure}/{reading}": f"Rank correlation of {what} and {of}: {over}"
    for measure, of in _MEASURES.items()
    for move, what in _MOVES.items()
    for reading, over in _READINGS.items()
}
CURVES = {
    "fine": "I(G^;G), nats",
    "label": "I(G^;T), nats",
    "kl": "KL of encoder weights, nats",
    "distance": "change of encoder weights",
    "cross_entropy": "test cross-entropy, nats",
}
PLANE = f"I(G^;T), nats{BY}I(G^;G), nats"


def information_plane_experiment(settings: Settings, folder: Path, shared: Path) -> Outcome:
    """Follows kernels over their training, for each of several weights of the penalty.

    Correlations (`CORRELATION_METRICS`) pool all weights; those at the end of training need at
    least two. Final measurements (`FINAL_METRICS`) are given if there is only one weight. Kernels
    are measured as trained: no trial drops any.

    Args:
      settings: `INFORMATION_SETTINGS` and `seed`.
      folder: Not used, as variants share what they train and measure.
      shared: Takes worlds, bases, snapshots and traces.

    Raises:
      SchemaError: Kernels that are not of `IAK`, or no weight of the penalty.
    """
    weights = settings["kl_weights"]
    if not weights:
        raise SchemaError("kl_weights: expected at least one weight, got none")
    if settings["adapter"] != "iak":
        raise SchemaError(f"expected the adapter 'iak', which encodes, got {settings['adapter']!r}")
    runs = [_of_weight(settings, weight) for weight in weights]
    probes = [functools.cache(functools.partial(kernel_probe, run, shared)) for run in runs]
    traces = [kernel_trace(run, shared, probe) for run, probe in zip(runs, probes, strict=True)]
    estimates = _correlations(traces)
    facts = _checks(traces)
    if len(traces) > 1:
        return Outcome(estimates=estimates, facts=facts)
    probe = probes[0]()
    auc, plain = _auc(runs[0], probe, shared)
    facts |= {"AUC without kernels": plain.value} | _ends(traces[0])
    return Outcome(
        estimates=estimates | _final(probe, traces[0]) | {"auc": auc},
        facts=facts,
        curves=_curves(traces[0]),
    )


def _of_weight(settings: Settings, weight: float) -> Settings:
    kept = {name: value for name, value in settings.items() if name != "kl_weights"}
    # no trial takes place
    return {**kept, "kl_weight": float(weight), "certainty": 0.0}


def _correlations(traces: Sequence[Trace]) -> dict[str, Estimate]:
    draws = kernel_draws(len(traces[0].cells), len(ClusterBootstrap().weights))
    together = {
        name: np.concatenate([trace.values[name] for trace in traces], axis=1)
        for name in (*_MOVES, *_MEASURES)
    }
    last = {
        name: np.stack([trace.values[name][:, -1] for trace in traces], axis=1) for name in together
    }
    found = {}
    for move in _MOVES:
        for measure in _MEASURES:
            pair, ends = (together[move], together[measure]), (last[move], last[measure])
            found[f"{move}/{measure}/pooled"] = pooled_correlation(*pair, draws)
            found[f"{move}/{measure}/within"] = correlation_within(*pair, draws)
            if len(traces) > 1:
                found[f"{move}/{measure}/end"] = correlation_within(*ends, draws)
    return found


def _checks(traces: Sequence[Trace]) -> dict[str, float]:
    """Agreement of the Gaussian bound with the nearest-neighbour estimate, on few columns."""
    pair = [
        np.concatenate([trace.values[name].ravel() for trace in traces])[np.newaxis]
        for name in ("neighbours", "gaussian")
    ]
    return {
        "neighbours and Gaussian, rank correlation": float(rank_correlation(*pair)[0]),
        "neighbours / Gaussian": float(pair[0].mean() / pair[1].mean()),
    }


def _ends(trace: Trace) -> dict[str, float]:
    """Means over kernels, before and after training."""
    named = {
        **{"fine": "I(G^;G)", "coarse": "I(G^;G), noise 1", "own_scale": "I(G^;G), own scale"},
        "weights": "through weights alone",
        **{"label": "I(G^;T)", "logit": "I(logit;T), Ross", "cross_entropy": "cross-entropy"},
    }
    return {
        f"{what}, {when}": float(trace.values[name][:, place].mean())
        for name, what in named.items()
        for when, place in (("untrained", 0), ("at the end", -1))
    }


def _curves(trace: Trace) -> dict[str, Curve]:
    averages = {name: values.mean(axis=0).tolist() for name, values in trace.values.items()}
    steps = trace.steps.tolist()
    curves = {what: list(zip(steps, averages[name], strict=True)) for name, what in CURVES.items()}
    return curves | {PLANE: list(zip(averages["fine"], averages["label"], strict=True))}


def _final(probe: KernelProbe, trace: Trace) -> dict[str, Estimate]:
    """Final measurements of the kernels, averaged over domains; users are resampled."""
    bootstrap = ClusterBootstrap()
    kernels = probe.kernels(int(trace.steps[-1]))
    information, label = [], []
    for cell, rows in probe.rows.items():
        code = probe.code(cell, kernels[cell])
        information.append(_information(code, rows.groups, FINE * probe.unit, bootstrap))
        label.append(bootstrap.mean(label_gains(code, rows.labels, rows.groups), rows.groups))
    found = {"information": mean(information), "label": mean(label)}
    for name, factor in ("kl", 1e6), ("distance", 1.0):
        value = factor * float(trace.values[name][:, -1].mean())
        # weights do not depend on the users drawn
        found[name] = Estimate(value, np.full(len(bootstrap.weights), value))
    return found


def _information(
    code: NDArray[np.float64],
    groups: NDArray[np.int64],
    noise: float,
    bootstrap: ClusterBootstrap,
) -> Estimate:
    """`channel_information` over resampled users, from each group's sums of products.

    A resample has fewer distinct rows, which makes its determinant too small once more. So
    replicates are shifted to have the value as their mean.
    """
    columns = np.column_stack([np.ones(len(code)), code - code.mean(axis=0)])
    width = columns.shape[1]
    sums = np.zeros((bootstrap.groups, width, width))
    for group in np.unique(groups):
        own = columns[groups == group]
        sums[group] = own.T @ own
    values = [
        covariance_information(_covariance(weights @ sums.reshape(len(sums), -1), width), noise)
        for weights in (np.ones((1, bootstrap.groups)), bootstrap.weights)
    ]
    value = float(values[0][0])
    replicates = values[1] + (value - values[1].mean())
    return bootstrap.estimate(value, replicates, len(np.unique(groups)))


def _covariance(sums: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Covariances `[R, d, d]` from `[R, (d + 1)^2]` sums of products of rows that start with 1."""
    moments = sums.reshape(-1, width, width) / sums[:, :1, np.newaxis]
    average = moments[:, 0, 1:]
    covariance = moments[:, 1:, 1:] - average[:, :, np.newaxis] * average[:, np.newaxis, :]
    return np.asarray(covariance, np.float64)


def _auc(settings: Settings, probe: KernelProbe, shared: Path) -> tuple[Estimate, Estimate]:
    """AUC with the kernels of the last step, and without kernels."""
    dataset = takeout_data(settings, shared)
    base = load_model(model_folder(takeout_base(settings, shared)), dataset)
    kernels = load_kernels(probe.snapshots[max(probe.snapshots)], fingerprint(base))
    table = RowScoring(dataset, base, kernels).measure("").scores
    cells: tuple[Cell, ...] = tuple(probe.rows)
    adapted, plain = (
        mean([table.estimate(model, TASK, cell, "auc") for cell in cells])
        for model in (ADAPTED, ZERO_SHOT)
    )
    return adapted, plain
