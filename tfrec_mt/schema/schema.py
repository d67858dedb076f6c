"""`Schema`: the single description of a click log."""

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args

from tfrec_mt.errors import SchemaError, nearest
from tfrec_mt.schema.features import (
    CategoricalFeature,
    Feature,
    History,
    NumericFeature,
    Side,
    Topic,
    Vocabulary,
)
from tfrec_mt.schema.keys import Keys
from tfrec_mt.schema.reading import file_content, read_json
from tfrec_mt.schema.saving import edited_json
from tfrec_mt.schema.task import Task, check_tasks, click_tasks
from tfrec_mt.schema.usable_names import check_cases
from tfrec_mt.storage.folders import published_file
from tfrec_mt.storage.names import VOCABULARIES
from tfrec_mt.tables.notation import NULL_WORDS, Quoting

FORMAT_VERSION = 2
HISTORY_PREFIX = "history_"
HISTORY_AGE = "history_age"
_Part = TypeVar("_Part", Feature, Vocabulary, Topic)


@dataclass(frozen=True, kw_only=True)
class Schema:
    """A click log described once; parse spec, tables, signature and checks derive from it.

    Args:
      vocabularies: Id tables, in the order of the embedding tables.
      features: Categorical and numeric features of user, item, context and exposure.
      tasks: What is predicted, with the label columns.
      keys: Identifying columns.
      history: Click history, or None.
      topics: Domain columns.
      truth: True probability columns by task, from a simulator.
      null_words: Words of text files that stand for a missing value, beside an empty field.
      quoting: How fields of text files are quoted, see `read_delimited`.

    Raises:
      SchemaError: A name is duplicated or unknown, or parts contradict each other.

    Example:
      >>> mt.Schema.from_json(schema.to_json()) == schema
      True
    """

    vocabularies: tuple[Vocabulary, ...]
    features: tuple[Feature, ...]
    tasks: tuple[Task, ...]
    keys: Keys
    history: History | None = None
    topics: tuple[Topic, ...] = ()
    truth: Mapping[str, str] = field(default_factory=dict)
    null_words: tuple[str, ...] = NULL_WORDS
    quoting: Quoting = "auto"

    def __post_init__(self) -> None:
        _distinct("vocabulary", [v.name for v in self.vocabularies])
        inputs = [part.name for part in (*self.features, *self.topics)]
        _distinct("feature or topic", inputs)
        elements = [HISTORY_PREFIX + name for name in self.history.elements] if self.history else []
        check_cases([*inputs, *elements, HISTORY_AGE])
        known = {v.name for v in self.vocabularies}
        for feature in self.features:
            if isinstance(feature, CategoricalFeature) and feature.vocabulary not in known:
                raise SchemaError(
                    f"feature {feature.name!r} names vocabulary {feature.vocabulary!r}, "
                    f"which the schema does not have; {nearest(feature.vocabulary, known)}"
                )
        check_tasks(self.tasks)
        if self.quoting not in get_args(Quoting):
            raise SchemaError(f"quoting: expected one of {get_args(Quoting)}, got {self.quoting!r}")
        for part in (*self.features, *self.tasks):
            if part.name.startswith(HISTORY_PREFIX):
                raise SchemaError(
                    f"{part.name!r}: {HISTORY_PREFIX!r} starts names of history inputs"
                )
        reserved = {*self.truth.values(), *(task.column for task in self.tasks)}
        for name in [f.name for f in (*self.features, *self.topics)]:
            if name in reserved:
                raise SchemaError(f"feature {name!r} is also a label or truth column")
        if unknown := set(self.truth) - {task.name for task in self.tasks if task.binary}:
            raise SchemaError(f"truth names {sorted(unknown)}: expected tasks, binary ones")
        if self.click is None and (self.history or self.side("exposure")):
            raise SchemaError(
                "a history and exposure features need a binary task, such as a click; there is none"
            )
        if self.history:
            self._check_history(self.history)

    def _check_history(self, history: History) -> None:
        for name in history.elements:
            feature = self.feature(name)
            if feature.side != "item":
                raise SchemaError(
                    f"history element {name!r} must be an item feature, its side is {feature.side}"
                )
            if isinstance(feature, CategoricalFeature):
                if feature.max_values > 1:
                    raise SchemaError(f"history element {name!r} must have one value per row")
            elif feature.buckets is None:
                raise SchemaError(f"history element {name!r} must be discretised: set buckets")
        if history.time_gaps and not self.keys.timestamp:
            raise SchemaError("history: time_gaps needs keys.timestamp")

    @property
    def task_names(self) -> tuple[str, ...]:
        """Names of the tasks."""
        return tuple(task.name for task in self.tasks)

    @property
    def click(self) -> Task | None:
        """The first binary task: histories hold its positives, exposure features move its logit."""
        return next((task for task in self.tasks if task.binary), None)

    def feature(self, name: str) -> Feature:
        """The feature of that name."""
        return _by_name("feature", name, self.features)

    def vocabulary(self, name: str) -> Vocabulary:
        """The vocabulary of that name."""
        return _by_name("vocabulary", name, self.vocabularies)

    def topic(self, name: str) -> Topic:
        """The topic of that name."""
        return _by_name("topic", name, self.topics)

    def side(self, *sides: Side) -> tuple[Feature, ...]:
        """The features of those sides, in schema order."""
        return tuple(f for f in self.features if f.side in sides)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every raw column that preparation reads, once each."""
        keys = self.keys
        named = [keys.user, keys.item, keys.request, keys.timestamp, keys.weight]
        names = [
            *(f.name for f in self.features),
            *(t.name for t in self.topics),
            *(task.column for task in self.tasks),
            *named,
            *self.truth.values(),
        ]
        return tuple(dict.fromkeys(name for name in names if name))

    def identified(self, files: Mapping[str, str]) -> "Schema":
        """The schema with each vocabulary's hash from `files`: SHA-256 by path in data or model."""
        vocabularies = tuple(
            dataclasses.replace(v, sha256=files.get(f"{VOCABULARIES}/{v.name}.txt", ""))
            for v in self.vocabularies
        )
        return dataclasses.replace(self, vocabularies=vocabularies)

    def unlearned(self) -> "Schema":
        """The schema without what preparation learns, domains included."""

        def bare(feature: Feature) -> Feature:
            if isinstance(feature, CategoricalFeature):
                return feature
            return dataclasses.replace(feature, boundaries=(), mean=0.0, std=1.0)

        return dataclasses.replace(
            self,
            vocabularies=tuple(
                dataclasses.replace(v, size=0, sha256="") for v in self.vocabularies
            ),
            features=tuple(bare(feature) for feature in self.features),
            topics=tuple(dataclasses.replace(topic, domains=()) for topic in self.topics),
            tasks=tuple(dataclasses.replace(task, mean=0.0, std=1.0) for task in self.tasks),
        )

    def ids_digest(self) -> str:
        """Which ids the codes of vocabularies stand for, as sixteen digits; empty if not known."""
        known = {vocabulary.name: vocabulary.sha256 for vocabulary in self.vocabularies}
        if not all(known.values()):
            return ""
        return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:16]

    def fingerprint(self) -> str:
        """SHA-256 of the JSON form: equal for equal schemas."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """The schema as JSON text, stable under a round trip."""
        value = {"format_version": FORMAT_VERSION, **dataclasses.asdict(self)}
        for vocabulary in value["vocabularies"]:
            # as written before there were hashes and evictions
            if not vocabulary["sha256"]:
                del vocabulary["sha256"]
            if vocabulary["evict_after"] is None:
                del vocabulary["evict_after"]
        return json.dumps(value, indent=2, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes, where: str = "schema") -> "Schema":
        """Reads JSON text; `where` names it in errors.

        Raises:
          SchemaError: Not JSON, an unknown key or format version, or a contradiction.
        """
        parts = (CategoricalFeature, NumericFeature, Vocabulary, History, Topic, Task, Keys)
        schema: Schema = read_json(text, where, cls, parts, FORMAT_VERSION, _upgraded)
        return schema

    @classmethod
    def load(cls, path: str | Path) -> "Schema":
        """Reads a schema file that `save` wrote or that holds `to_json`.

        Raises:
          SchemaError: There is no such file; see `from_json`.
        """
        return cls.from_json(file_content(path, "schema file"), str(path))

    def save(self, path: str | Path) -> None:
        """Writes the schema as a file to edit, without keys at their default, one feature per line.

        Raises:
          FileExistsError: `path` exists.

        Example:
          >>> schema.save("edited.json")
          >>> mt.Schema.load("edited.json") == schema
          True
        """
        with published_file(Path(path)) as file:
            file.write_text(edited_json(self, FORMAT_VERSION), encoding="utf-8")

    @classmethod
    def infer(
        cls,
        log: Any,
        *,
        user: str | None = None,
        item: str | None = None,
        time: str | None = None,
        request: str | None = None,
        weight: str | None = None,
        tasks: Sequence[str | Task] = (),
        topics: Sequence[str] = (),
        kinds: Mapping[str, str] | None = None,
        sides: Mapping[str, str] | None = None,
        history: bool = True,
        rows: int = 200_000,
        null_words: Sequence[str] = NULL_WORDS,
        quoting: Quoting = "auto",
        verbose: bool = True,
        output: str | Path | None = None,
    ) -> "Schema":
        """Proposes a schema for a log, and prints the decision on each column with its reason.

        Name the columns that only you can know; the kinds and sides of the others are inferred from
        the first rows. Correct a wrong guess in `kinds`, in `sides` or in the saved file.

        Args:
          log: A pandas, Polars or Arrow frame, columns by name, or paths as of `LogsSource`.
          user: Column of users.
          item: Column of items.
          time: Column of seconds since 1970, ISO 8601 or timestamps.
          request: Column that the rows of one request share.
          weight: Column of how much a row counts in losses, metrics and intervals.
          tasks: Label columns, or a `Task` for one that is within another, is a number, or has
            another name. A click alone, or a click and an order within it, are called `ctr` and
            `ctcvr` unless a `Task` names its label.
          topics: Columns whose values are domains.
          kinds: `"categorical"`, `"numeric"` or `"bag"` by column; `"none"` leaves it out.
          sides: `"user"`, `"item"`, `"context"` or `"exposure"` by column.
          history: Whether the model sees what the user clicked before, where users have several
            rows; without `time`, other clicks of theirs in no order.
          rows: How many rows to look at.
          null_words: Words of text files that stand for a missing value, beside an empty field.
          quoting: How fields of text files are quoted, see `read_delimited`.
          verbose: Whether to print the table.
          output: File for the schema, see `save`; None writes none.

        Returns:
          The schema; vocabularies, buckets and domains are learned at preparation.

        Raises:
          SchemaError: A column is missing, unknown, or does not hold what its role needs.
          DataError: The log cannot be read.
          FileExistsError: `output` exists.

        Example:
          >>> schema = mt.Schema.infer("clicks/*.parquet", user="uid", item="iid", time="ts",
          ...                          tasks=["clicked", mt.Task("bought", within="clicked")],
          ...                          topics=["market"])
        """
        # Imported here, because reading a schema needs none of it.
        from tfrec_mt.schema.inference.infer_schema import infer_schema

        inferred = infer_schema(
            log,
            user=user,
            item=item,
            time=time,
            request=request,
            weight=weight,
            tasks=tasks,
            topics=topics,
            kinds=kinds,
            sides=sides,
            history=history,
            rows=rows,
            null_words=null_words,
            quoting=quoting,
        )
        if verbose:
            print(inferred)
        if output is not None:
            inferred.schema.save(output)
        return inferred.schema


def _by_name(kind: str, name: str, parts: Sequence[_Part]) -> _Part:
    found = {part.name: part for part in parts}
    if name not in found:
        raise SchemaError(f"the schema has no {kind} {name!r}; {nearest(name, found)}")
    return found[name]


def _distinct(kind: str, names: list[str]) -> None:
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise SchemaError(f"{kind} names must be distinct; given more than once: {twice}")


def _upgraded(value: dict[str, Any]) -> dict[str, Any]:
    """Upgrades a description of format 1, which had `labels` of a click and a conversion."""
    if not isinstance(labels := value.pop("labels", None), dict) or "click" not in labels:
        return value
    tasks = click_tasks(labels["click"], labels.get("conversion"))
    return {**value, "tasks": [dataclasses.asdict(task) for task in tasks]}
