"""`worse_than_published`: figures of a study that are worse than the published ones."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from studies.framework.study_table import Line

# Metrics of which higher or lower is better; for others, such as calibration, neither is.
_HIGHER, _LOWER = ("auc", "mrr", "ndcg"), ("log_loss", "rmse", "mae")


def worse_than_published(
    lines: Sequence[Line], published: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """Yields a sentence for each figure outside its published interval, on the worse side.

    The interval is the one over users, on whose rows both were measured. A drop within it goes
    unnoticed.

    Args:
      lines: What a study found.
      published: `figures` of its result file.
    """
    known = {(figure["variant"], figure["metric"]): figure["value"] for figure in published}
    for line in lines:
        before = known.get((line.variant, line.metric))
        better = _better(line.metric)
        if before is None or not better:
            continue
        low, high = before["by_bootstrap"]
        end = low if better > 0 else high
        now = line.value.value
        if end is not None and better * (end - now) > 0:
            yield (
                f"{line.variant}, {line.metric}: {now:.4f}, published {before['value']:.4f} "
                f"[{low:.4f}, {high:.4f}]"
            )


def _better(metric: str) -> int:
    if metric.removeprefix("mean_").startswith(_HIGHER):
        return 1
    return -1 if metric in _LOWER else 0
