"""`MetricRow`: one number with its interval, and the `metrics.json` it is stored in."""

import dataclasses
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfrec_mt.schema import DataError
from tfrec_mt.storage.folders import write_text
from tfrec_mt.storage.json_files import read_json


@dataclass(frozen=True, kw_only=True)
class MetricRow:
    """One metric of one model on one cell of the data; a number that is not finite becomes None.

    Args:
      model: Model name.
      task: Task name.
      topic: Topic name, or `all`.
      domain: Domain name, `all` for every row, or `mean` for the mean over domains.
      metric: `auc`, `gauc_user`, `gauc_request`, `log_loss`, `calibration`, `ece`, `auc_lift` or
        `auc_oracle_share`. Of a regression `rmse`, `mae`, `calibration`, `rmse_lift` and `mae_lift`
        (by how much the error is smaller), and `decile_3_predicted` and `decile_3_actual`, the mean
        prediction and label of a tenth of all rows in order of prediction. Of news, means over
        impressions: `auc`, `mrr`, `ndcg@5`, `ndcg@10`, and each of them with `_lift` or
        `_oracle_share`.
      value: The number, None where it is not defined.
      n: Rows of the cell; of news, impressions.
      ci_low, ci_high: Ends of the 95% interval, None where it is not defined.
      oracle: The same metric of the true probabilities, where they are known.
      reference: The model that a lift or a share is measured against.
      note: What the number rests on, or why there is none.
    """

    model: str
    task: str
    topic: str
    domain: str
    metric: str
    value: float | None
    n: int
    ci_low: float | None = None
    ci_high: float | None = None
    oracle: float | None = None
    reference: str | None = None
    note: str | None = None

    def __post_init__(self) -> None:
        for name in ("value", "ci_low", "ci_high", "oracle"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                object.__setattr__(self, name, None)

    def to_dict(self) -> dict[str, Any]:
        """The row as in `metrics.json`: optional keys only where they have a value."""
        row = dataclasses.asdict(self)
        return {key: row[key] for key in row if key not in _OPTIONAL or row[key] is not None}


_KEYS = tuple(field.name for field in dataclasses.fields(MetricRow))
_OPTIONAL = ("oracle", "reference", "note")
_TEXT = ("model", "task", "topic", "domain", "metric")


def write_rows(path: str | Path, rows: Iterable[MetricRow]) -> None:
    """Writes `metrics.json`, a list with one row per line, whole or not at all.

    Raises:
      OSError: The file cannot be written; what was there before is untouched.
    """
    lines = ",\n".join(json.dumps(row.to_dict(), allow_nan=False) for row in rows)
    write_text(Path(path), f"[\n{lines}\n]\n" if lines else "[]\n")


def read_rows(path: str | Path) -> list[MetricRow]:
    """Reads what `write_rows` wrote.

    Raises:
      DataError: No such file, not a JSON list of rows, or a row with a missing, unknown or
        wrong entry; names the file and the row, counted from 1.
    """
    try:
        value = read_json(Path(path))
    except FileNotFoundError as error:
        raise DataError(f"metrics file {path} does not exist") from error
    if not isinstance(value, list):
        raise DataError(f"{path}: expected a list of metric rows, got {type(value).__name__}")
    return [_row(entry, f"{path}: row {number}") for number, entry in enumerate(value, start=1)]


def _row(entry: Any, where: str) -> MetricRow:
    if not isinstance(entry, dict):
        raise DataError(f"{where}: expected an object, got {type(entry).__name__}")
    missing = sorted(set(_KEYS) - set(_OPTIONAL) - set(entry))
    unknown = sorted(set(entry) - set(_KEYS))
    if missing or unknown:
        raise DataError(f"{where}: missing keys {missing}, unknown keys {unknown}")
    for key, got in entry.items():
        if key in _TEXT:
            fits = isinstance(got, str)
        elif key == "n":
            fits = isinstance(got, int) and not isinstance(got, bool)
        elif key in ("reference", "note"):
            fits = got is None or isinstance(got, str)
        else:
            fits = got is None or (isinstance(got, int | float) and not isinstance(got, bool))
        if not fits:
            raise DataError(f"{where}: {key} must not be {got!r}")
    return MetricRow(**entry)
