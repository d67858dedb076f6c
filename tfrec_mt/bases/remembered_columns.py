"""Columns of your own rows whose ids kernels may remember."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import tensorflow as tf
from numpy.typing import NDArray

from tfrec_mt.bases.attached_base import AttachedBase, as_texts
from tfrec_mt.configs.choices import AUTO
from tfrec_mt.errors import SchemaError, nearest
from tfrec_mt.training.progress import say

_JOINED = (
    "the model's last step joins its tasks, so that labels do not say what each logit should be"
)
ID_TEXTS = {"feature": pl.String, "code": pl.Int64, "id": pl.String}


def remembered_columns(
    base: AttachedBase,
    features: Mapping[str, Any],
    wanted: Sequence[str],
    topics: Collection[str],
    people: Collection[str],
) -> list[str]:
    """Columns whose ids kernels can remember: texts or whole numbers, one per row.

    Args:
      base: The base.
      features: Columns of some rows.
      wanted: Their names; `AUTO` stands for those that the base itself reads, so that a server is
        asked for nothing more, but for those of people.
      topics: Columns of domains, which have an offset anyway.
      people: See `people_columns`.

    Raises:
      SchemaError: There is no such column, or it is no such one; or the base joins tasks, so that
        labels do not say what a logit should be.
    """
    found: list[str] = []
    if wanted and base.joins_tasks():
        if {*wanted} - {AUTO}:
            raise SchemaError(f"memory: expected none, as {_JOINED}")
        say(f"kernels remember no ids, as {_JOINED}")
        return found
    for name in wanted:
        if name == AUTO:
            read = [column for column in base.input_specs() if column not in (*topics, *people)]
            found += [column for column in read if _has_ids(features.get(column))]
        elif name in topics:
            raise SchemaError(f"memory: {name!r} is a topic, whose domains remember themselves")
        elif name not in features:
            raise SchemaError(
                f"memory: the rows have no column {name!r}; {nearest(name, features)}"
            )
        elif not _has_ids(features[name]):
            raise SchemaError(
                f"memory: column {name!r}: expected a text or a whole number in each row, got "
                f"{np.asarray(features[name]).dtype} {[*np.shape(features[name])]}"
            )
        else:
            found.append(name)
    found = list(dict.fromkeys(found))
    if AUTO in wanted and found:
        left = sorted({*base.input_specs()} & {*people} - {*found})
        not_of = (
            f", and none of {', '.join(left)}, by which rows tell who someone is" if left else ""
        )
        say(f"kernels remember ids of {', '.join(found)}{not_of}")
    return found


def people_columns(
    features: Mapping[str, Any], users: NDArray[np.int64], user: str | None
) -> set[str]:
    """The user's column and others that identify the user: ids and users match one to one.

    Args:
      features: Columns of some rows.
      users: Keys of their users.
      user: Column of the user.
    """
    found = set() if user is None else {user}
    count = len(np.unique(users))
    for name, values in features.items():
        if _has_ids(values):
            _, places = np.unique(as_texts(values, name).numpy(), return_inverse=True)
            pairs = np.unique(np.stack([places, users]), axis=1).shape[1]
            if pairs == places.max() + 1 == count:
                found.add(name)
    return found


def _has_ids(values: Any) -> bool:
    if values is None:
        return False
    found = tf.convert_to_tensor(values)
    one = found.shape.rank == 1 or (found.shape.rank == 2 and found.shape[1] == 1)
    return one and (found.dtype == tf.string or found.dtype.is_integer)


class IdTexts:
    """The ids that codes stand for, collected from rows."""

    def __init__(self) -> None:
        self._texts: dict[str, dict[int, str]] = {}

    def add(self, features: Mapping[str, Any], codes: Mapping[str, Any]) -> None:
        """Adds the ids of some rows.

        Args:
          features: Columns.
          codes: See `AttachedBase.ids`.
        """
        for name, of_rows in codes.items():
            distinct, places = np.unique(of_rows, return_index=True)
            texts = as_texts(np.asarray(features[name]).reshape(-1)[places], name).numpy()
            decoded = [text.decode(errors="replace") for text in texts]
            self._texts.setdefault(name, {}).update(zip(distinct.tolist(), decoded, strict=True))

    def frame(self) -> pl.DataFrame:
        """Columns `feature`, `code` and `id`."""
        frames = [
            pl.DataFrame(
                {"feature": [name] * len(texts), "code": [*texts], "id": [*texts.values()]},
                ID_TEXTS,
            )
            for name, texts in self._texts.items()
        ]
        return pl.concat([pl.DataFrame(schema=ID_TEXTS), *frames])


class KeptIdNames:
    """The ids that codes of columns stand for, as kept by a run; see `IdNames`.

    Args:
      binary: Whether each task is one of yes and no.
      texts: See `IdTexts.frame`.
    """

    def __init__(self, binary: Mapping[str, bool], texts: pl.DataFrame) -> None:
        self.binary = binary
        self._texts = {(name, code): text for name, code, text in texts.iter_rows()}
        self._shown = {*texts["feature"]}

    def shown(self, name: str) -> bool:
        return name in self._shown

    def ids(self, features: Sequence[str | None], codes: NDArray[np.int64]) -> list[str | None]:
        return [
            None if name is None else self._texts.get((name, int(code)), "(unknown)") or "(none)"
            for name, code in zip(features, codes, strict=True)
        ]
