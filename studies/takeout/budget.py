"""Settings with which adapters train equally many weights."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

Settings = dict[str, Any]


class _Width(NamedTuple):
    """Widths of one task's knowledge: what kernels read, and the whole, to which they add."""

    seen: int
    known: int


_Solver = Callable[[Sequence[_Width], Sequence[int], int], Settings]


def equal_budget(
    adapter: str,
    knowledge_widths: Mapping[str, int],
    domains: Sequence[int],
    encoder_width: int = 50,
    seen_widths: Mapping[str, int] | None = None,
) -> Settings:
    """Settings of an adapter that trains as many weights as an `IAK` of one encoder layer.

    Over all topics together, the number is as close as whole widths and ranks allow. `last_layer`
    has nothing to set and about a hundredth of the weights; `memory` has none. `shared_lora` has no
    use for a rank above the width of knowledge, so with many domains it has fewer weights.

    Args:
      adapter: Name in `ADAPTERS`.
      knowledge_widths: Width of the base's knowledge by task.
      domains: Number of domains of each topic; what a topic's domains share is trained once for
        all of them.
      encoder_width: Width `d_e` of the `IAK`.
      seen_widths: Width of what kernels see of it; None: all of it.

    Returns:
      `adapter_settings`.

    Raises:
      ValueError: An adapter without a rule, or no domains.
    """
    if adapter not in _SOLVERS:
        raise ValueError(f"no rule for the budget of {adapter!r}; known: {', '.join(_SOLVERS)}")
    if not domains or min(domains) < 1:
        raise ValueError(f"expected numbers of domains of at least 1, got {list(domains)}")
    seen = knowledge_widths if seen_widths is None else seen_widths
    widths = [_Width(seen[task], known) for task, known in knowledge_widths.items()]
    return _SOLVERS[adapter](widths, domains, encoder_width)


def _both(widths: Sequence[_Width]) -> int:
    """Weights of one hidden unit: those that read and those that add, over all tasks."""
    return sum(width.seen + width.known for width in widths)


def _of_iak(widths: Sequence[_Width], encoder_width: int) -> int:
    """Weights of one domain's `IAK`: encoder and decoder with biases, over all tasks."""
    biases = sum(encoder_width + width.known for width in widths)
    return _both(widths) * encoder_width + biases


def _encoder(_: Sequence[_Width], __: Sequence[int], encoder_width: int) -> Settings:
    return {"encoder_units": [encoder_width]}


def _lora(widths: Sequence[_Width], _: Sequence[int], encoder_width: int) -> Settings:
    # (S + D) r per task; the scale alpha / r is that of an encoder-decoder, 1
    rank = max(1, round(_of_iak(widths, encoder_width) / _both(widths)))
    return {"rank": rank, "alpha": float(rank)}


def _shared_lora(widths: Sequence[_Width], domains: Sequence[int], encoder_width: int) -> Settings:
    # (S + D) r per topic and task; a rank above S would add nothing
    of_all = sum(domains) * _of_iak(widths, encoder_width)
    rank = round(of_all / (_both(widths) * len(domains)))
    rank = max(1, min(rank, *(width.seen for width in widths)))
    return {"rank": rank, "alpha": float(rank)}


def _nothing_to_set(_: Sequence[_Width], __: Sequence[int], ___: int) -> Settings:
    return {}


def _hamur(widths: Sequence[_Width], domains: Sequence[int], encoder_width: int) -> Settings:
    # with cores k x k, per task: (S + D) k shared per topic, and 2 k^2 + k + D per domain
    topics, total, tasks = len(domains), sum(domains), len(widths)
    square = 2 * total * tasks
    linear = topics * _both(widths) + total * tasks
    constant = total * (sum(width.known for width in widths) - _of_iak(widths, encoder_width))
    rank = (-linear + math.sqrt(linear**2 - 4 * square * constant)) / (2 * square)
    return {"bottleneck_width": max(1, round(rank)), "core_rank": max(1, round(rank))}


_SOLVERS: dict[str, _Solver] = {
    "iak": _encoder,
    "bottleneck": _encoder,
    "gate": _encoder,
    "lora": _lora,
    "shared_lora": _shared_lora,
    "last_layer": _nothing_to_set,
    "memory": _nothing_to_set,
    "hamur": _hamur,
}
