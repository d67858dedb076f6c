"""Prepares a source as a dataset on disk."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from tfrec_mt.configs.bounds import AtLeast
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.encoding import Encoder
from tfrec_mt.data.manifest import (
    MANIFEST_FILE,
    CarriedRecord,
    HistoryRecord,
    Manifest,
    Shard,
    SplitRecord,
)
from tfrec_mt.data.preparation.earlier import CLICKS, IDS, Earlier
from tfrec_mt.data.preparation.events import (
    EventLog,
    collect_events,
    history_keys,
    newest_clicks,
)
from tfrec_mt.data.preparation.learning import Learned, learn
from tfrec_mt.data.preparation.requests import RequestSample
from tfrec_mt.data.preparation.shards import ShardWriter
from tfrec_mt.data.preparation.spool import Spool
from tfrec_mt.data.preparation.validation import UnknownDomains
from tfrec_mt.data.source import Source, SourceWith
from tfrec_mt.data.splits import SECONDS_PER_DAY, Split, SplitSpec
from tfrec_mt.storage.disk_space import check_free_space
from tfrec_mt.storage.folders import published_folder
from tfrec_mt.storage.hashes import hash_file
from tfrec_mt.storage.names import CARRIED, VOCABULARIES


def prepare(
    source: Source,
    output_dir: str | Path,
    split: SplitSpec | None = None,
    *,
    seed: int = 0,
    folds: Annotated[int, AtLeast(2)] = 5,
    unknown_domains: UnknownDomains = "error",
    description: Mapping[str, Any] | None = None,
    like: str | Path | PreparedDataset | None = None,
    grow: bool = True,
    renew_numbers: bool = False,
) -> PreparedDataset:
    """Writes the columnar dataset that training and evaluation read.

    Everything is written to a temporary folder and renamed at the end. Equal arguments give equal
    files. Memory grows with distinct ids and with clicks, not with rows. During preparation the
    disk also holds a compressed copy of the rows.

    Args:
      source: The raw rows; iterated once.
      output_dir: Folder to make.
      split: How rows are divided into parts, by default the source's `default_split`;
        vocabularies, boundaries and moments are learned from the first.
      seed: Seed of random splits, folds and samples.
      folds: Folds for histories of a log without time, see `FoldedIndex`.
      unknown_domains: Whether a domain that a topic does not list is an error, falls back to code
        0, or is added to the topic.
      description: JSON-able account of the source for the manifest.
      like: Earlier data to continue, such as those of the day before. Ids keep their codes, apart
        from those that come and go (`min_count`, `max_size` and `evict_after` of `Vocabulary`);
        histories, boundaries and moments go on.
      grow: Whether ids come and go; if not, models of the earlier data can read these as they are.
      renew_numbers: Whether boundaries and moments of numbers are learned from these rows instead.

    Raises:
      DiskFullError: There is too little space; found, where possible, before it runs out.
      FileExistsError: `output_dir` exists.
      LockedError: Another process prepares data there.
      SchemaError: The schema lacks what the split needs, or is not that of the earlier data.
      DataError: A row breaks the schema, a part would be empty, or the rows do not reach beyond the
        earlier ones.
    """
    if like is None:
        earlier = Earlier(source.schema)
    else:
        dataset = like if isinstance(like, PreparedDataset) else PreparedDataset(like)
        earlier = Earlier.of(dataset, source.schema)
        source = SourceWith(source, earlier.schema)
    split = split or source.default_split
    split.key_column(source.schema)
    if folds < 2:
        raise ValueError(f"folds must be at least 2, got {folds}")
    source_record = json.loads(json.dumps(dict(description or {})))
    with published_folder(Path(output_dir)) as folder:
        spool = Spool.write(source, folder / "spool", unknown_domains)
        parted = spool.split(split, seed)
        learned = learn(
            spool,
            parted,
            earlier,
            grows=grow,
            renew_numbers=renew_numbers,
            admits=unknown_domains == "admit",
        )
        _write(spool, folder, parted, learned, earlier, folds, source_record)
        shutil.rmtree(folder / "spool")
    return PreparedDataset(output_dir)


def _write(
    spool: Spool,
    folder: Path,
    split: Split,
    learned: Learned,
    earlier: Earlier,
    folds: int,
    source: dict[str, Any],
) -> None:
    spec, seed, encoder = split.spec, split.seed, learned.encoder
    schema = encoder.schema
    # the hashes of its ids are in the manifest, whatever the schema knew before
    (folder / "schema.json").write_text(schema.identified({}).to_json(), encoding="utf-8")
    (folder / VOCABULARIES).mkdir()
    (folder / CARRIED / IDS).mkdir(parents=True)
    for name, table in encoder.tables.items():
        table.save(folder / VOCABULARIES)
        learned.carried[name].write_parquet(folder / CARRIED / IDS / f"{name}.parquet")
    events = None
    if schema.history:
        events = collect_events(spool, split, encoder, schema.history, folds, earlier.clicks)
        events.save(folder / "events", schema.history.length)
        if learned.newest is not None:
            today = learned.newest // SECONDS_PER_DAY
            clicks = newest_clicks(events, spool, encoder, earlier, today)
            clicks.write_parquet(folder / CARRIED / f"{CLICKS}.parquet")

    requests = RequestSample(schema, learned.rows[spec.names[-1]], seed)
    parts, capped = _write_parts(spool, folder, split, encoder, events, requests)
    requests.write(folder / "requests.parquet", spool, events)
    written = [path for path in folder.glob("*.*") if path.is_file()]
    for name in (VOCABULARIES, CARRIED, "events"):
        written += (path for path in (folder / name).rglob("*.*"))
    files = {path.relative_to(folder).as_posix(): hash_file(path) for path in sorted(written)}
    history = None
    if events:
        timed = events.timestamps is not None
        kind, folds = ("time", 0) if timed else ("folds", folds)
        history = HistoryRecord(kind, len(events.rows), folds, capped)
    record = SplitRecord(spec.kind, str(spec), seed, split.cuts)
    manifest = Manifest(
        source,
        record,
        parts,
        files,
        history,
        learned.doubts,
        CarriedRecord(earlier.preparations + 1, learned.newest),
        earlier.record(learned.grown, schema),
    )
    (folder / MANIFEST_FILE).write_text(manifest.to_json(), encoding="utf-8")


def _write_parts(
    spool: Spool,
    folder: Path,
    split: Split,
    encoder: Encoder,
    events: EventLog | None,
    requests: RequestSample,
) -> tuple[dict[str, tuple[Shard, ...]], dict[str, int]]:
    """Encodes every row into its part; also counts the rows whose history is capped."""
    schema = encoder.schema
    names = split.spec.names
    writers = [ShardWriter(folder / name) for name in names]
    capped = dict.fromkeys(names, 0)
    for block in spool.blocks(schema.columns):
        parts = spool.parts(split, block)
        columns = encoder.encode(block.frame)
        if not block.first_row:
            size = sum(values.nbytes for values in columns.values())
            needed = size * spool.rows // block.frame.height
            check_free_space(folder, needed, f"{spool.rows:,} encoded rows")
        if events and schema.history:
            keys = history_keys(schema, block)
            start, length = events.index.locate(columns["keys/user"], keys, parts == 0)
            columns |= {"history/start": start, "history/length": length}
        # a row without a user is a separate user to all code that counts or draws users
        nobody = columns["keys/user"] == len(encoder.users)
        columns["keys/user"] = columns["keys/user"] + np.where(nobody, block.row_numbers, 0)
        for number, (name, writer) in enumerate(zip(names, writers, strict=True)):
            chosen = np.flatnonzero(parts == number)
            if not len(chosen):
                continue
            part = {column: values[chosen] for column, values in columns.items()}
            writer.append(part)
            if schema.history:
                capped[name] += int((part["history/length"] > schema.history.length).sum())
            if number == len(names) - 1:
                requests.add(block.row_numbers[chosen], part)
    shards = {name: writer.close() for name, writer in zip(names, writers, strict=True)}
    return shards, capped
