"""`Study`: a table or figure of a paper, described as a grid of variants and seeds."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from results.result import commit
from tfrec_mt.errors import nearest
from tfrec_mt.evaluation.estimate import Estimate
from tfrec_mt.schema import SchemaError

Settings = Mapping[str, Any]
Curve = list[tuple[float, float]]
# Separates y and x in a curve's name; a name without it is plotted against the step.
BY = " by "


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of one variant with one seed.

    Args:
      estimates: Metrics by name. Variants of one seed must have been resampled alike, so that
        their differences are paired.
      facts: Further numbers by name, such as parameters or seconds.
      curves: Pairs of step and value by name; see `BY` for other pairs.
      commit: With which code it was measured; empty where that was not noted.
    """

    estimates: Mapping[str, Estimate]
    facts: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Curve] = field(default_factory=dict)
    commit: str = field(default_factory=commit)


class Experiment(Protocol):
    """A function that runs one variant with one seed; its name identifies its outcomes."""

    __name__: str

    def __call__(self, settings: Settings, folder: Path, shared: Path, /) -> Outcome:
        """Runs the variant and returns its outcome.

        Args:
          settings: All settings, with `seed`.
          folder: The variant's own.
          shared: The folder of all variants of this seed, for what they have in common.
        """


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A row of the table.

    Args:
      name: As the table calls it.
      settings: What sets it apart from the study's settings.
      published: The paper's figures by metric.
      reference: Variant that this one is compared with; by default the study's.
      control: Variant of kernels: the one whose base was itself trained on their rows.
      case: Where kernels are put here, for the table of where they help; empty for other rows.
    """

    name: str
    settings: Settings = field(default_factory=dict)
    published: Mapping[str, float] = field(default_factory=dict)
    reference: str | None = None
    control: str | None = None
    case: str = ""


@dataclass(frozen=True, kw_only=True)
class Study:
    """A table or figure.

    Args:
      name: For `--study`.
      title: For the page.
      question: The question, the expectation and its reasons, in plain text.
      experiment: Runs one variant with one seed.
      settings: Names and defaults of everything a variant or the caller may set.
      variants: The rows.
      metrics: Metrics of the table, in order, by name; the value is how the page calls them.
      seeds: Default seeds.
      reference: Variant that the others are compared with.
      paper: What the paper found, in plain text.
      best, worst: Variants whose distance is what is possible, if the truth is known.
      curves: Names of the curves to draw.
    """

    name: str
    title: str
    question: str
    experiment: Experiment
    settings: Settings
    variants: tuple[Variant, ...]
    metrics: Mapping[str, str]
    seeds: tuple[int, ...]
    reference: str
    paper: str = ""
    best: str | None = None
    worst: str | None = None
    curves: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [variant.name for variant in self.variants]
        if len(set(names)) < len(names):
            raise SchemaError(f"study {self.name}: variants of one name in {names}")
        references = (self.reference_of(variant) for variant in self.variants)
        controls = (variant.control for variant in self.variants)
        for named in (self.reference, self.best, self.worst, *references, *controls):
            if named is not None and named not in names:
                raise SchemaError(f"study {self.name}: no variant {named!r} in {names}")
        for variant in self.variants:
            self.check(variant.settings)

    def reference_of(self, variant: Variant) -> str:
        """Name of the variant that `variant` is compared with."""
        return variant.reference or self.reference

    def only(self, names: Sequence[str]) -> "Study":
        """The study reduced to some of its variants and those they are compared with.

        Raises:
          SchemaError: A variant that the study does not have.
        """
        known = {variant.name: variant for variant in self.variants}
        for name in names:
            if name not in known:
                raise SchemaError(
                    f"study {self.name} has no variant {name!r}; {nearest(name, known)}"
                )
        kept = {*names, self.reference, *(self.reference_of(known[name]) for name in names)}
        kept |= {control for name in names if (control := known[name].control)}
        bounds = (self.best, self.worst)
        best, worst = bounds if kept.issuperset(bounds) else (None, None)
        variants = tuple(variant for variant in self.variants if variant.name in kept)
        return replace(self, variants=variants, best=best, worst=worst)

    def check(self, settings: Settings) -> None:
        """Refuses settings that the study does not have.

        Raises:
          SchemaError: Names the setting and what it may be.
        """
        for name, value in settings.items():
            if name not in self.settings:
                raise SchemaError(
                    f"study {self.name} has no setting {name!r}; {nearest(name, self.settings)}"
                )
            default = self.settings[name]
            if default is not None and not _alike(default, value):
                raise SchemaError(
                    f"study {self.name}: {name} must be like {default!r}, got {value!r}"
                )


def settings_key(settings: Settings) -> str:
    """Sixteen hexadecimal digits that identify settings, whatever their order."""
    text = json.dumps(dict(settings), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def folder_of(settings: Settings, names: Sequence[str]) -> str:
    """A folder name made of the named settings, for results that depend on these alone."""
    text = ",".join(f"{name}={settings[name]}" for name in names)
    return "".join(c if c.isalnum() or c in "=,.+-_" else "_" for c in text)


def _alike(default: Any, value: Any) -> bool:
    """Whether a value has the default's type; an integer may stand for a float."""
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(default) is type(value)
