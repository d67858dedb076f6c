"""What is known about a batch when training diverges."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def describe_divergence(
    features: Mapping[str, np.ndarray[Any, Any]],
    step: int,
    metrics: Mapping[str, float],
    topics: Mapping[str, Sequence[str]],
) -> str:
    """Names what was not finite, and the domains of the batch.

    Args:
      features: Arrays `[steps, B, ...]` by name.
      step: Which of the steps to describe.
      metrics: What the steps came to.
      topics: Domains by topic in the order of their codes.
    """
    batch = {name: values[step] for name, values in features.items()}
    parts = [f"not finite: {', '.join(n for n, v in metrics.items() if not np.isfinite(v))}"]
    parts += [
        f"row {np.argwhere(~np.isfinite(values))[0][0]} of the batch in feature {name}"
        for name, values in batch.items()
        if not np.isfinite(values).all()
    ]
    for topic, domains in topics.items():
        counts = np.bincount(batch[topic], minlength=len(domains) + 1)
        present = [
            f"{domain} {count}"
            for domain, count in zip(("none", *domains), counts, strict=True)
            if count
        ]
        parts.append(f"rows by {topic}: {', '.join(present)}")
    return "; ".join(parts)
