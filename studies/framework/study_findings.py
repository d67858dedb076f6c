"""A study's findings, as sentences generated from its numbers."""

import itertools
from collections.abc import Mapping, Sequence

from studies.framework.study import Study
from studies.framework.study_table import Line, Number, interval_of


def findings(study: Study, lines: Sequence[Line]) -> list[str]:
    """Sentences on each metric: significant differences, and whether the paper's order holds.

    A difference is significant if its 95% interval over seeds, or over users where there is one
    seed, does not contain zero.
    """
    found = []
    for metric, caption in study.metrics.items():
        of_metric = [line for line in lines if line.metric == metric]
        sentences = [
            *_differences(study, of_metric),
            *_sorted({line.variant: line.over_control for line in of_metric}, "the control"),
            *_order(of_metric),
        ]
        if sentences:
            found.append(f"{caption}. {' '.join(sentences)}")
    return found


def paper_order(study: Study, lines: Sequence[Line]) -> list[str]:
    """Sentences on whether the paper's order holds, by metric."""
    found = []
    for metric, caption in study.metrics.items():
        order = _order([line for line in lines if line.metric == metric])
        found += [f"{caption}. {sentence}" for sentence in order]
    return found


def _differences(study: Study, lines: Sequence[Line]) -> list[str]:
    own = any(variant.reference for variant in study.variants)
    reference = "what they are compared with" if own else study.reference
    found = {
        line.variant: line.against_reference
        for line in lines
        if line.variant not in (study.best, study.worst)
    }
    return _sorted(found, reference)


def _sorted(differences: Mapping[str, Number | None], reference: str) -> list[str]:
    """Which variants are above and below a reference, and which do not differ significantly."""
    kinds: dict[str, list[str]] = {"above": [], "below": [], "not significantly different from": []}
    for variant, difference in differences.items():
        low, high = interval_of(difference) if difference else (None, None)
        if difference is None or low is None or high is None:
            continue
        kind = "above" if low > 0 else "below" if high < 0 else "not significantly different from"
        kinds[kind].append(f"{variant} ({difference.value:+.4f})")
    return [
        f"{kind[:1].upper()}{kind[1:]} {reference}: {', '.join(names)}."
        for kind, names in kinds.items()
        if names
    ]


def _order(lines: Sequence[Line]) -> list[str]:
    """Whether the rows that the paper also has are in the paper's order."""
    published = [(line, line.published) for line in lines if line.published is not None]
    pairs = [
        (low, high) if a < b else (high, low)
        for (low, a), (high, b) in itertools.combinations(published, 2)
        if a != b
    ]
    if not pairs:
        return []
    turned = [
        f"{low.variant} over {high.variant}"
        for low, high in pairs
        if low.value.value >= high.value.value
    ]
    text = f"Of the {len(pairs)} pairs of rows that the paper has, {len(pairs) - len(turned)}"
    text += " stand in its order here"
    return [f"{text}; the others: {', '.join(turned)}." if turned else f"{text}."]
