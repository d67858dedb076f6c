"""`ExportedModel`: an exported version, opened for scoring."""

import abc
import functools
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import tensorflow as tf

from tfrec_mt.errors import DataError, nearest
from tfrec_mt.serving.history_inputs import is_history
from tfrec_mt.serving.input_checks import refusal
from tfrec_mt.serving.kernel_files import MEMORIES
from tfrec_mt.serving.load_saved_model import load_saved_model
from tfrec_mt.serving.requests import check_histories, counted_from, row_tensors, with_scores
from tfrec_mt.serving.signatures import MISSING, USED_FALLBACK, Specs, missing_values
from tfrec_mt.serving.versions import (
    EXTRA,
    MANIFEST_FILE,
    newest_version,
    read_manifest,
    verified_manifest,
)
from tfrec_mt.tables.frames import as_given, as_polars, column_array

_AGE, _CANDIDATES, _HISTORY = "age_hours", "candidates", "history"


class ExportedModel(abc.ABC):
    """A version of an exported model in this process, as a server would answer.

    Args:
      version: Folder of the version.

    Attributes:
      path: Folder of the version.
      manifest: What `assets.extra/manifest.json` says of it.
      topics: Domains that have a kernel, by topic.

    Raises:
      DataError: The folder is no exported version, a file of it is missing or changed, or its
        graph could reach files or Python.

    Example:
      >>> model = mt.load_export("runs/shop/export")
      >>> model.score(frame)["ctr"]
    """

    signature: str
    rows_per_call: int

    def __init__(self, version: Path) -> None:
        self.path = version
        self.manifest = verified_manifest(version)
        self.topics = {t: tuple(domains) for t, domains in self.manifest["kernels"].items()}
        self._loaded = load_saved_model(version)

    @property
    def signatures(self) -> Mapping[str, Any]:
        """The SavedModel's functions by name."""
        signatures: Mapping[str, Any] = self._loaded.signatures
        return signatures

    @functools.cached_property
    def inputs(self) -> Specs:
        """Shape and type of the columns that `score` takes."""
        arguments = self.signatures[self.signature].structured_input_signature[1]
        return {n: tf.TensorSpec(t.shape, t.dtype, n) for n, t in arguments.items()}

    def predict(self, tensors: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Calls the signature behind `score` once.

        Raises:
          DataError: An input is not there or unknown, or is refused; names it.
        """
        if differing := sorted(set(self.inputs) ^ set(tensors)):
            raise DataError(f"{self.path}: inputs missing or unknown: {', '.join(differing)}")
        given = {n: _constant(values, self.inputs[n]) for n, values in tensors.items()}
        try:
            answer = self.signatures[self.signature](**given)
        except tf.errors.OpError as error:
            raise DataError(refusal(error)) from error
        return {name: values.numpy() for name, values in answer.items()}

    def score(self, rows: Any) -> Any:
        """Scores raw rows.

        Args:
          rows: A pandas, Polars or Arrow frame or columns by name: an input a column, as raw as in
            the log; nulls are missing, lists are bags and histories.

        Returns:
          The rows with their scores, in a pandas frame for a pandas frame and else in Polars.

        Raises:
          DataError: There is no row, a column is absent or of a wrong type, or what it holds is
            refused.
        """
        frame = as_polars(rows)
        if frame.is_empty():
            raise DataError("there are no rows to score")
        check_histories(frame, frame.columns)
        parts: list[pl.DataFrame] = []
        for part in frame.iter_slices(self.rows_per_call):
            with counted_from(self.rows_per_call * len(parts)):
                parts.append(self._scored(part))
        return as_given(pl.concat(parts), rows)

    def _with_answer(self, frame: pl.DataFrame, answer: dict[str, np.ndarray]) -> pl.DataFrame:
        """Rows with the outputs of an answer, and topics without a kernel by name."""
        fallback = answer.pop(USED_FALLBACK, None)
        scores = [pl.Series(task, answer[task]) for task in sorted(answer)]
        if fallback is not None:
            topics = [*self.topics]
            named = [[topics[place] for place in np.flatnonzero(row)] for row in fallback]
            scores.append(pl.Series(USED_FALLBACK, named, pl.List(pl.String)))
        return with_scores(frame, scores)

    @abc.abstractmethod
    def _scored(self, frame: pl.DataFrame) -> pl.DataFrame:
        """A few rows with their scores."""

    def __repr__(self) -> str:
        topics = ", ".join(f"{topic}: {len(names)}" for topic, names in self.topics.items())
        kernels = f"kernels of {topics}" if topics else "no kernels"
        return f"{type(self).__name__}({str(self.path)!r}, {kernels})"


class ExportedRanking(ExportedModel):
    """An exported ranking model: rows in; a column per task and `used_fallback` out.

    `used_fallback` lists the topics for which a row's domain has no kernel, so that the base
    scored it; `unknown_user` and `unknown_item` say whose ids were not among the known ones. Every
    input is a column, which may hold nulls unless it is a number that the schema does not impute.
    Only histories may be left out, as the rows of a log have none; rows are then scored as those of
    users who have not clicked.
    """

    signature = "serving_default"
    rows_per_call = 1024

    def score(self, rows: Any) -> Any:
        columns = as_polars(rows).columns
        if absent := [name for name in self._histories() if name not in columns]:
            warnings.warn(
                f"the rows have no {', '.join(sorted(absent))}: they are scored as of users who "
                "have not clicked yet",
                stacklevel=2,
            )
        return super().score(rows)

    def _scored(self, frame: pl.DataFrame) -> pl.DataFrame:
        return self._with_answer(frame, self.predict(self.tensors(frame)))

    def tensors(self, frame: pl.DataFrame) -> dict[str, Any]:
        """Rows as inputs; histories that are left out are missing."""
        histories = self._histories()
        asked = {n: s for n, s in self.inputs.items() if n in frame.columns or n not in histories}
        found: dict[str, Any] = dict(row_tensors(frame, asked))
        absent = {n: s for n, s in self.inputs.items() if n not in found}
        found |= missing_values(absent)
        if known := [found[name].shape for name in histories if name not in absent]:
            # the clicks are known, so an absent history has a missing value for each of them
            for name, spec in absent.items():
                found[name] = tf.constant(MISSING[spec.dtype], spec.dtype, known[0])
        return found

    def _histories(self) -> list[str]:
        return [name for name in self.inputs if is_history(name)]


def _constant(values: Any, spec: tf.TensorSpec) -> tf.Tensor:
    try:
        return tf.constant(values, spec.dtype)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"inputs: expected {spec.name} of type {spec.dtype.name}, got "
            f"{np.asarray(values).dtype.name}"
        ) from error


class ExportedRows(ExportedModel):
    """An exported model from elsewhere: its inputs and topics are columns.

    The outputs are each task's probability and `used_fallback`; see `ExportedRanking`. Vectors are
    lists. Domains and ids that kernels remember may be given as texts or as whole numbers.
    """

    signature = "serving_default"
    rows_per_call = 1024

    def _scored(self, frame: pl.DataFrame) -> pl.DataFrame:
        tensors, remembered = {}, self.manifest.get(MEMORIES, {}).values()
        matched = {*self.topics, *(name for names in remembered for name in names)}
        for name, spec in self.inputs.items():
            if name not in frame.columns:
                raise DataError(f"rows lack input column {name!r}; {nearest(name, frame.columns)}")
            column = frame[name]
            if name in matched and spec.dtype == tf.string:
                column = column.cast(pl.String).fill_null("")
            tensors[name] = _as_input(column_array(column), spec)
        return self._with_answer(frame, self.predict(tensors))


def _as_input(values: np.ndarray, spec: tf.TensorSpec) -> np.ndarray:
    if spec.dtype != tf.string:
        try:
            values = values.astype(spec.dtype.as_numpy_dtype)
        except (TypeError, ValueError):
            # without the values, which may be user ids
            raise DataError(
                f"column {spec.name!r}: expected {spec.dtype.name}, got other values"
            ) from None
    return values[:, np.newaxis] if values.ndim == 1 and spec.shape.rank == 2 else values


class ExportedNews(ExportedModel):
    """An exported news model: impressions in; a list `scores`, one per candidate, out.

    Columns are the lists `history` and `candidates` of titles, `age_hours` of the candidates if
    known, and a column for the domain of each topic that has kernels.
    """

    signature = "score_impression"
    rows_per_call = 32

    def _scored(self, frame: pl.DataFrame) -> pl.DataFrame:
        for name in (_HISTORY, _CANDIDATES):
            if name not in frame.columns or not isinstance(frame[name].dtype, pl.List):
                raise DataError(f"expected a column {name!r} with a list of titles in each row")
        counts = frame[_CANDIDATES].list.len()
        asked = frame
        if _AGE not in frame.columns:
            asked = frame.with_columns(pl.Series(_AGE, [[]] * len(frame), pl.List(pl.Float32)))
        elif (frame[_AGE].list.len() != counts).any():
            raise DataError(f"column {_AGE!r}: expected one age per candidate, or leave it out")
        scores = self.predict(row_tensors(asked, self.inputs))["scores"]
        lists = [row[:count] for row, count in zip(scores, counts, strict=True)]
        return with_scores(frame, [pl.Series("scores", lists, dtype=pl.List(pl.Float32))])


_KINDS: dict[str, type[ExportedModel]] = {
    "ranking": ExportedRanking,
    "news": ExportedNews,
    **dict.fromkeys(("keras", "saved_model", "table"), ExportedRows),
}


def load_export(folder: str | Path) -> ExportedModel:
    """Opens an exported model.

    Args:
      folder: Folder of versions, of which the newest is taken, or folder of one version.

    Raises:
      DataError: There is no export, none that scores rows, or one that has changed since it was
        published.

    Example:
      >>> mt.load_export("runs/shop/export").score(frame)
    """
    path = Path(folder)
    if not path.is_dir():
        raise DataError(f"{path} does not exist; expected the folder of an export")
    version = path if (path / EXTRA / MANIFEST_FILE).is_file() else newest_version(path)
    kind = read_manifest(version).get("kind")
    if kind not in _KINDS:
        raise DataError(f"{version}: expected a model of {', '.join(_KINDS)}, got {kind!r}")
    return _KINDS[kind](version)
