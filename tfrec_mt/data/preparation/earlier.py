"""What an earlier preparation leaves to the one that continues it."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl
from absl import logging

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.manifest import GrowthRecord, LikeRecord
from tfrec_mt.data.preparation.growth import no_ids
from tfrec_mt.data.splits import SECONDS_PER_DAY
from tfrec_mt.errors import DataError, SchemaError
from tfrec_mt.schema import Schema, Vocabulary
from tfrec_mt.schema.differences import differences

IDS, CLICKS = "ids", "clicks"  # names in the folder of what is carried on
# What a person may change from one preparation to the next.
RULES = ("min_count", "max_size", "evict_after")


@dataclass(frozen=True)
class Earlier:
    """Ids, clicks and learned numbers that go on.

    Args:
      schema: With all learned parts, and the rules by which ids come and go from now on.
      dataset: The earlier dataset; None of a first preparation, which continues nothing.
    """

    schema: Schema
    dataset: PreparedDataset | None = None

    @classmethod
    def of(cls, dataset: PreparedDataset, told: Schema) -> "Earlier":
        """What a dataset leaves.

        Args:
          dataset: The earlier dataset.
          told: A schema of the same log. Domains that it adds are added, and its `min_count`,
            `max_size` and `evict_after` hold from now on.

        Raises:
          DataError: A release that carried nothing on has prepared it.
          SchemaError: The schema describes another log.
        """
        if dataset.manifest.carried is None:
            raise DataError(
                f"{dataset.path}: expected data to continue, but a release before 0.3 has "
                "prepared it, which kept no counts of ids; prepare it once more"
            )
        schema = dataset.schema
        if found := differences(schema.unlearned(), told.unlearned()):
            raise SchemaError(
                f"like={dataset.path} was prepared with another schema: {'; '.join(found)}; "
                "expected the same but for new domains and the vocabularies' min_count, max_size "
                "and evict_after"
            )
        schema = _with_rules(_with_new_domains(schema, told), told)
        if schema.history and not schema.keys.timestamp:
            logging.warning(
                "like=%s: the log has no time, so histories start anew with its rows", dataset.path
            )
        return cls(schema, dataset)

    def ids(self, vocabulary: Vocabulary) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The known ids in code order and those that wait, see `no_ids`."""
        if self.dataset is None:
            return no_ids(vocabulary), no_ids(vocabulary)
        carried = self.dataset.carried(f"{IDS}/{vocabulary.name}")
        return carried.head(vocabulary.size), carried.slice(vocabulary.size)

    @property
    def clicks(self) -> pl.DataFrame | None:
        """The newest clicks of each user, in raw form; None where there are none to go on."""
        schema = self.schema
        if self.dataset is None or not (schema.history and schema.keys.timestamp):
            return None
        return self.dataset.carried(CLICKS)

    @property
    def preparations(self) -> int:
        """How many there were."""
        carried = self.dataset.manifest.carried if self.dataset else None
        return carried.preparations if carried else 0

    def days(self, frame: pl.DataFrame) -> pl.Series:
        """The day (UTC) of each row `[n]`; without time each preparation counts as one."""
        if time := self.schema.keys.timestamp:
            return frame[time] // SECONDS_PER_DAY
        return pl.Series(np.full(frame.height, self.preparations))

    def record(self, grown: Mapping[str, GrowthRecord], schema: Schema) -> LikeRecord | None:
        """What the manifest says of the earlier data, if there are any."""
        if self.dataset is None:
            return None
        before = self.dataset.manifest.like
        return LikeRecord(
            str(self.dataset.path),
            self.dataset.fingerprint,
            (*(before.ids if before else ()), self.dataset.schema.ids_digest()),
            grown,
            {
                topic.name: topic.domains[len(self.dataset.schema.topic(topic.name).domains) :]
                for topic in schema.topics
            },
        )

    def today(self, newest: int | None) -> int | None:
        """The last of those days, of rows up to a second; None in a first preparation."""
        if self.dataset is None:
            return None
        return self.preparations if newest is None else newest // SECONDS_PER_DAY

    def check_order(self, newest: int | None) -> None:
        """Checks that rows up to a second continue the earlier ones.

        Raises:
          DataError: They do not reach beyond them.
        """
        carried = self.dataset.manifest.carried if self.dataset else None
        if carried is None or carried.newest is None or newest is None or self.dataset is None:
            return
        if newest <= carried.newest:
            raise DataError(
                f"like={self.dataset.path}: expected rows later than its last, at "
                f"{_moment(carried.newest)}, but the last one is at {_moment(newest)}; is this day "
                "given twice, or out of order?"
            )


def _with_new_domains(schema: Schema, told: Schema) -> Schema:
    topics = []
    for topic in schema.topics:
        new = [name for name in told.topic(topic.name).domains if name not in topic.domains]
        topics.append(dataclasses.replace(topic, domains=(*topic.domains, *new)))
    return dataclasses.replace(schema, topics=tuple(topics))


def _with_rules(schema: Schema, told: Schema) -> Schema:
    vocabularies = []
    for vocabulary in schema.vocabularies:
        rules = {name: getattr(told.vocabulary(vocabulary.name), name) for name in RULES}
        vocabularies.append(dataclasses.replace(vocabulary, **rules))
    return dataclasses.replace(schema, vocabularies=tuple(vocabularies))


def _moment(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M:%S} UTC"
