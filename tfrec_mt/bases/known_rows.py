"""`KnownRows`: a frozen base's knowledge of rows, with labels and domains, on disk."""

import copy
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from tqdm import tqdm

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.bases.own_rows import RowBatch
from tfrec_mt.bases.remembered_columns import IdTexts, people_columns, remembered_columns
from tfrec_mt.data.column_file import ColumnFile
from tfrec_mt.data.hashing import permutation
from tfrec_mt.data.reading.batch import Batch, Users
from tfrec_mt.errors import DataError, TooFewRowsError
from tfrec_mt.models.model_store import fingerprint
from tfrec_mt.models.scorer import BatchFunction
from tfrec_mt.storage.description import read_description, write_description
from tfrec_mt.storage.folders import published_folder
from tfrec_mt.storage.hashes import hash_files, verify_files
from tfrec_mt.training.progress import shown_stream

FORMAT_VERSION = 2
_UNSEALED = (1,)  # formats whose descriptions do not hold their own hash
_DESCRIPTION = "rows.json"
_ID_TEXTS = "ids.parquet"
_MEMORY = "memory"


class KnownRows:
    """A reader of shuffled batches; a step's batch depends on the seed and its number alone.

    Rows that do not fill a last batch are left out; these differ between epochs.

    Args:
      folder: What `keep_rows` has written.
      batch_size: Rows of a batch.
      seed: Seed of the order.

    Attributes:
      remembered: Columns whose ids can be remembered; see `remembered_columns`.

    Raises:
      DataError: The folder holds nothing of that kind, or a file is not what was written.
      TooFewRowsError: Fewer rows than one batch.
    """

    def __init__(self, folder: Path, batch_size: int, seed: int) -> None:
        try:
            found = _read(folder, "columns", "files")
            verify_files(folder, found["files"], _DESCRIPTION)
        except ValueError as error:
            raise DataError(f"{folder} holds no rows that a base knows: {error}") from error
        self.remembered: list[str] = found.get(_MEMORY, [])
        self._columns = {
            name: ColumnFile.open(folder / f"{place}.npy").mapped()
            for place, name in enumerate(found["columns"])
        }
        self._batch_size, self._seed = batch_size, seed
        self._choose(np.arange(len(self._columns["keys:user"])))

    def of(self, users: Users | None) -> "KnownRows":
        """A reader of some users' rows; for None, this reader of all rows."""
        if users is None:
            return self
        found = copy.copy(self)
        found._choose(np.flatnonzero(users(self._columns["keys:user"])))
        return found

    def _choose(self, rows: npt.NDArray[np.int64]) -> None:
        self._chosen, self.rows = rows, len(rows)
        self.steps_per_epoch = self.rows // self._batch_size
        if not self.steps_per_epoch:
            raise TooFewRowsError(
                f"expected at least one batch of {self._batch_size} rows, got {self.rows}"
            )
        self._epoch, self._order = -1, np.zeros(0, np.int64)

    def read(self, start_step: int, stop_step: int) -> Batch:
        """The batches of some steps, `[steps, B, ...]`."""
        rows = np.stack([self._rows_of(step) for step in range(start_step, stop_step)])
        # in stored order, which is faster on a disk
        distinct, places = np.unique(rows, return_inverse=True)
        groups: dict[str, dict[str, Any]] = {"features": {}, "labels": {}, "keys": {}}
        for name, values in self._columns.items():
            group, _, short = name.partition(":")
            groups[group][short] = values[distinct][places.reshape(rows.shape)]
        return Batch(**groups, truth={})

    def in_order(self, rows: int) -> Iterator[Batch]:
        """All rows in stored order, in batches `[B, ...]` of at most `rows`."""
        for start in range(0, len(self._columns["keys:user"]), rows):
            part = slice(start, start + rows)
            found = {
                group: {name: np.asarray(x[part]) for name, x in self.columns(group).items()}
                for group in ("features", "labels", "keys")
            }
            yield Batch(**found, truth={})

    def columns(self, group: str) -> dict[str, npt.NDArray[Any]]:
        """Mapped columns `[rows, ...]` of `features`, `labels` or `keys`, by their short names."""
        named = {name.partition(":"): values for name, values in self._columns.items()}
        return {short: values for (of, _, short), values in named.items() if of == group}

    def head(self, rows: int) -> dict[str, npt.NDArray[Any]]:
        """The columns of the first rows."""
        return {name: np.asarray(values[:rows]) for name, values in self._columns.items()}

    def _rows_of(self, step: int) -> npt.NDArray[np.int64]:
        epoch, within = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, permutation(self.rows, self._seed, epoch)
        order = self._order[within * self._batch_size : (within + 1) * self._batch_size]
        return self._chosen[order]


def keep_rows(
    folder: Path,
    model: AdaptedModel,
    batches: Iterator[RowBatch],
    memory: Sequence[str] = (),
    user: str | None = None,
) -> None:
    """Computes the base's knowledge of rows and writes it to a folder, unless the folder exists.

    The rows that an earlier call has written must begin like these.

    Args:
      folder: Folder to make.
      model: The base, with kernels that say what is needed.
      batches: The rows.
      memory: What kernels are to remember; see `remembered_columns`.
      user: Column of the user.

    Raises:
      DataError: What is there is of another base or of other rows.
      SchemaError: A column to remember is not there, or has no ids.
    """
    columns_of = _Columns(model, memory, user)
    if folder.exists():
        _check_same(folder, model, columns_of(next(batches)))
        return
    columns_of_batches = map(columns_of, batches)
    first = next(columns_of_batches)  # may print something, which belongs above the progress bar
    stream, redrawn = shown_stream()
    with (
        published_folder(folder) as temporary,
        tqdm(desc="knowledge", unit=" rows", file=stream, leave=redrawn) as progress,
    ):
        files: dict[str, _GrowingColumn] = {}
        for columns in itertools.chain([first], columns_of_batches):
            for place, (name, values) in enumerate(columns.items()):
                if name not in files:
                    files[name] = _GrowingColumn(temporary / f"{place}.npy", values)
                files[name].append(values)
            progress.update(len(columns["keys:user"]))
        for file in files.values():
            file.close()
        columns_of.texts.frame().write_parquet(temporary / _ID_TEXTS)
        description = {
            "format_version": FORMAT_VERSION,
            "base_fingerprint": fingerprint(model.base),
            "domains": {layer.topic: list(layer.domains) for layer in model.kernels},
            "columns": [*files],
            _MEMORY: columns_of.remembered,
            "files": hash_files(temporary),
        }
        write_description(temporary / _DESCRIPTION, description)


def _read(folder: Path, *keys: str) -> dict[str, Any]:
    return read_description(folder / _DESCRIPTION, FORMAT_VERSION, keys, _UNSEALED)


def id_texts(folder: Path) -> pl.DataFrame:
    """The ids that remembered codes stand for; see `IdTexts.frame`.

    Raises:
      DataError: The folder is not as `keep_rows` left it.
    """
    try:
        found = _read(folder, "files")
        verify_files(folder, {_ID_TEXTS: found["files"][_ID_TEXTS]}, _DESCRIPTION)
    except (ValueError, LookupError) as error:
        raise DataError(f"{folder} does not say what its ids are: {error}") from error
    return pl.read_parquet(folder / _ID_TEXTS)


class _Columns:
    """Maps rows to the columns that are kept.

    Attributes:
      remembered: Columns whose ids can be remembered; known after the first rows.
      texts: The ids that their codes stand for, except those that identify users.
    """

    def __init__(self, model: AdaptedModel, memory: Sequence[str], user: str | None) -> None:
        self._model = model
        self._memory, self._user = memory, user
        self.remembered: list[str] = []
        self.texts = IdTexts()
        self._named: list[str] = []
        self._known: BatchFunction | None = None

    def _begin(self, batch: RowBatch) -> BatchFunction:
        """Looks at the first rows to find what the base reads and which columns have ids."""
        model = self._model
        people = set[str]()
        if self._memory:
            people = people_columns(batch.features, batch.users, self._user)
        self.remembered = remembered_columns(
            model.base,
            batch.features,
            self._memory,
            [layer.topic for layer in model.kernels],
            people,
        )
        self._named = [name for name in self.remembered if name not in people]
        return BatchFunction(
            lambda columns: (
                model.base.knowledge(columns),
                model.kernel_codes(columns),
                model.base.ids(columns, self.remembered),
            )
        )

    def __call__(self, batch: RowBatch) -> dict[str, npt.NDArray[Any]]:
        self._model.base.check(batch.features)
        self._known = self._known or self._begin(batch)
        known, codes, hashed = self._known(batch.features)
        remembered = {name: values.numpy() for name, values in hashed.items()}
        self.texts.add(batch.features, {name: remembered[name] for name in self._named})
        ids = self._model.ids(batch.features)
        return {
            **{f"features:knowledge_{task}": values.numpy() for task, values in known.items()},
            **{f"features:{name}": np.asarray(values) for name, values in ids.items()},
            **{f"features:{name}": values for name, values in remembered.items()},
            **{f"features:{topic}": values.numpy() for topic, values in codes.items()},
            **{f"labels:{task}": values for task, values in batch.labels.items()},
            "keys:user": batch.users,
        }


def _check_same(folder: Path, model: AdaptedModel, columns: Mapping[str, npt.NDArray[Any]]) -> None:
    try:
        found = _read(folder, "base_fingerprint", "domains", "columns")
    except ValueError as error:
        raise DataError(f"{folder} holds no rows that a base knows: {error}") from error
    domains = {layer.topic: list(layer.domains) for layer in model.kernels}
    expected = (fingerprint(model.base), domains, [*columns])
    if (found["base_fingerprint"], found["domains"], found["columns"]) != expected:
        raise DataError(f"{folder} holds what another base knows of rows; choose another output")
    before = KnownRows(folder, 1, 0).head(len(columns["keys:user"]))
    # knowledge itself may differ by rounding
    for name, values in columns.items():
        if not name.startswith("features:knowledge_") and not np.array_equal(before[name], values):
            raise DataError(
                f"{folder} holds other rows: their {name.partition(':')[2]} differs; resume the "
                "run with its own rows or choose another output"
            )


class _GrowingColumn:
    """A NumPy file that rows are appended to; its header has room for their number."""

    def __init__(self, path: Path, like: npt.NDArray[Any]) -> None:
        self._file = path.open("wb")
        self._dtype, self._shape, self._rows = like.dtype, like.shape[1:], 0
        self._header()

    def append(self, values: npt.NDArray[Any]) -> None:
        self._file.write(np.ascontiguousarray(values, self._dtype).tobytes())
        self._rows += len(values)

    def close(self) -> None:
        self._file.seek(0)
        self._header()
        self._file.close()

    def _header(self) -> None:
        shape: Sequence[int] = (self._rows, *self._shape)
        described = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": tuple(shape),
        }
        np.lib.format.write_array_header_1_0(self._file, described)
