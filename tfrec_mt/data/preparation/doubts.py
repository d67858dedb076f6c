"""Finds what is doubtful about a readable log: values that are probably not what was meant."""

from collections import Counter
from collections.abc import Mapping, Sequence

import polars as pl

from tfrec_mt.data.manifest import Doubt
from tfrec_mt.data.numeric import NumericLearner
from tfrec_mt.data.vocabulary import IdTable, is_missing
from tfrec_mt.schema import CategoricalFeature, NumericFeature, Schema
from tfrec_mt.schema.features import MISSING_STRING
from tfrec_mt.tables.missing import words_for_missing

# A kernel learns hardly anything from fewer rows.
_FEW_ROWS = 100
# A number further from the mean than this, in deviations, sets the scale of all others.
_FAR = 50.0
_FLOAT = r"^-?\d+(\.0+|(\.\d+)?[eE]\+?\d+)$"  # how a float writes a whole number
_FIRST_YEAR = 631_152_000  # 1990, in seconds since 1970


class DoubtFinder:
    """Collects counts while a log is learned from, and then lists what is doubtful about it.

    Args:
      schema: Describes the log.
      words: Words read as missing by column and word, see `Place.words`.
    """

    def __init__(self, schema: Schema, words: Mapping[tuple[str, str], int]) -> None:
        self._schema = schema
        self._words = words
        self._rows, self._nobody, self._missing = 0, 0, Counter[str]()
        self._longest: dict[str, int] = {}
        self._example: dict[str, str] = {}
        self._domains: dict[str, Counter[str]] = {topic.name: Counter() for topic in schema.topics}
        self._times: list[tuple[int, int]] = []

    def look(self, frame: pl.DataFrame) -> None:
        """Counts checked rows `[n]`, of any part."""
        self._rows += frame.height
        for feature in self._schema.features:
            column = frame[feature.name]
            self._missing[feature.name] += column.null_count()
            if isinstance(feature, CategoricalFeature) and feature.max_values > 1:
                longest = column.list.len().max()
                known = self._longest.get(feature.name, 0)
                self._longest[feature.name] = max(known, int(longest or 0))  # type: ignore[arg-type]
                if feature.name not in self._example and len(ids := column.explode().drop_nulls()):
                    self._example[feature.name] = str(ids[-1])
        for topic, counts in self._domains.items():
            found = frame[topic].drop_nulls().value_counts()
            counts.update(dict(zip(found[topic], found["count"], strict=True)))
        self._nobody += int(is_missing(frame[self._schema.keys.user]).sum())
        if (time := self._schema.keys.timestamp) and frame.height:
            self._times.append((frame[time].min(), frame[time].max()))  # type: ignore[arg-type]

    def domains(self, topic: str) -> set[str]:
        """The domains of a topic that rows have."""
        return set(self._domains[topic]) - {MISSING_STRING}

    def found(
        self,
        learned: Schema,
        numbers: Mapping[str, NumericLearner],
        tables: Mapping[str, IdTable],
    ) -> tuple[Doubt, ...]:
        """Everything doubtful about the log.

        Args:
          learned: The schema with its learned parts.
          numbers: What was learned of each number.
          tables: The ids of each vocabulary.
        """
        doubts: list[Doubt] = []
        for (column, word), count in sorted(self._words.items()):
            doubts.append(Doubt(column, f"{word!r} is read as a missing value in {count:,} rows"))
        for feature in learned.features:
            if isinstance(feature, NumericFeature):
                told = self._of_number(feature, numbers[feature.name])
            else:
                told = self._of_ids(feature, learned, tables[feature.vocabulary])
            doubts += [Doubt(feature.name, text) for text in told]
        doubts += [Doubt(name, text) for name in self._domains for text in self._of_topic(name)]
        if self._nobody:
            nobody = f"{self._nobody:,} rows name no user; they have no history, each is a user"
            doubts.append(Doubt(learned.keys.user, nobody))
        doubts += self._of_times()
        return tuple(doubts)

    def _of_number(self, feature: NumericFeature, learner: NumericLearner) -> Sequence[str]:
        told = []
        missing = self._missing[feature.name]
        if missing:
            told.append(f"{missing:,} of {self._rows:,} values are missing and imputed")
        if learner.low is None:
            told.append("no value in the first part")
        elif learner.low == learner.high and not missing:
            told.append(f"every value of the first part is {learner.low:g}")
        elif feature.buckets is None and learner.high is not None:
            far = max(feature.mean - learner.low, learner.high - feature.mean) / feature.std
            if far > _FAR:
                told.append(
                    f"values reach from {learner.low:g} to {learner.high:g}, {far:.0f} deviations "
                    "from the mean; clip them, or set buckets"
                )
        elif learner.merged:
            told.append(
                f"{feature.buckets} buckets were asked for, {len(feature.boundaries) + 1} came: "
                "a few values are most of the rows"
            )
        return told

    def _of_ids(self, feature: CategoricalFeature, schema: Schema, table: IdTable) -> Sequence[str]:
        told = []
        alone = sum(
            isinstance(other, CategoricalFeature) and other.vocabulary == feature.vocabulary
            for other in schema.features
        )
        if alone == 1 and len(table.ids) == 1 and not self._missing[feature.name]:
            told.append(f"every value of the first part is {table.ids[0]!r:.40}")
        if feature.max_values > 1 and self._longest.get(feature.name, 0) <= 1:
            example = f", as in {known!r:.40}" if (known := self._example.get(feature.name)) else ""
            told.append(f"every bag holds one value at most{example}; is the separator another?")
        if table.ids.dtype == pl.String:
            if words := words_for_missing(table.ids):
                told.append(f"{_listed(words)} are ids; null_words would read them as missing")
            if (floats := table.ids.filter(table.ids.str.contains(_FLOAT))).len():
                told.append(f"ids such as {floats[0]!r} are whole numbers written as floats")
        return told

    def _of_topic(self, name: str) -> Sequence[str]:
        counts = {domain: self._domains[name][domain] for domain in self.domains(name)}
        told = []
        if words := words_for_missing(pl.Series(name, list(counts), dtype=pl.String)):
            told.append(f"{_listed(words)} are domains; null_words would read them as missing")
        few = sorted((count, domain) for domain, count in counts.items() if count < _FEW_ROWS)
        if few:
            told.append(
                f"{len(few)} of {len(counts)} domains have fewer than {_FEW_ROWS} rows, such as "
                f"{few[0][1]!r} with {few[0][0]}"
            )
        return told

    def _of_times(self) -> list[Doubt]:
        name = self._schema.keys.timestamp
        if name is None or not self._times or self._schema.keys.time_unit:
            return []
        newest = max(last for _, last in self._times)
        if newest >= _FIRST_YEAR:
            return []
        return [Doubt(name, f"all times lie before 1990 ({newest:,} seconds at most)")]


def _listed(words: Mapping[str, int]) -> str:
    return ", ".join(map(repr, words))
