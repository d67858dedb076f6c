"""`MindSource`: the Microsoft News Dataset in its official files."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa

from tfrec_mt.data.news.news_source import NewsLog, NewsSource
from tfrec_mt.data.news.sources.official_parts import official_parts
from tfrec_mt.schema import DataError, Topic
from tfrec_mt.tables.delimited import read_delimited

_FOLDERS = {
    "train": ("train", "MINDsmall_train", "MINDlarge_train"),
    "validation": ("validation", "valid", "dev", "MINDsmall_dev", "MINDlarge_dev"),
    "test": ("test", "MINDlarge_test"),
}
_NEWS = (
    "news_id",
    "category",
    "subcategory",
    "title",
    "abstract",
    "url",
    "title_entities",
    "abstract_entities",
)
_BEHAVIORS = ("impression_id", "user_id", "time", "history", "impressions")
_DAY_PARTS = ("night", "morning", "afternoon", "evening")  # six hours each, by the log's clock
_TIME = "%m/%d/%Y %I:%M:%S %p"
_ENTITIES = pl.List(pl.Struct({"Label": pl.String}))


class MindSource(NewsSource):
    """MIND (small or large): titles in English, no sentiment, no times of publication.

    `news.tsv` and `behaviors.tsv` lie in one folder per part, or in `data_dir` itself as one log.

    | column | becomes |
    |---|---|
    | `news_id`, `title`, `category` | the article; an empty title is the empty title |
    | `abstract` | its subtitle |
    | `title_entities` | its entities, by `Label` |
    | `subcategory`, `url`, `abstract_entities` | nothing: classes are the categories, and entities those of the title |
    | `impression_id`, `user_id`, `time` | the same; the topic `day_part` is six hours each |
    | `history` | clicks oldest first, without times, all of which the impression sees |
    | `impressions` | candidates with `-0` or `-1`; the official test part has none of these labels |

    `entity_embedding.vec` and `relation_embedding.vec` are not read. An article that several parts
    describe is taken from the first; candidates that no `news.tsv` describes are kept as ids.

    Args:
      data_dir: Folder with `train` (or `MINDsmall_train`, ...) and perhaps `dev` and `test`, or with
        the files themselves.

    Raises:
      DataError: A folder or file is missing, a line does not hold the expected fields, or a field
        is malformed; names file and row.

    Reference:
      Wu et al., "MIND: A Large-scale Dataset for News Recommendation", ACL 2020.
    """  # noqa: E501

    def __init__(self, data_dir: str | Path) -> None:
        self._folders = official_parts(Path(data_dir), _FOLDERS, "behaviors.tsv")
        for folder in self._folders.values():
            if not (folder / "news.tsv").is_file():
                raise DataError(f"{folder / 'news.tsv'} does not exist; every part of MIND has one")
        self._counts: Counter[str] = Counter()

    @property
    def topics(self) -> tuple[Topic, ...]:
        return (Topic(name="day_part", domains=_DAY_PARTS),)

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(part for part in self._folders if part)

    def articles(self) -> pa.Table:
        files = [folder / "news.tsv" for folder in self._folders.values()]
        frame = pl.concat([_read_news(path) for path in files])
        distinct = frame.unique("article", keep="first", maintain_order=True)
        self._counts["articles_described_again"] = frame.height - distinct.height
        return distinct.to_arrow()

    def logs(self) -> Iterator[NewsLog]:
        for part, folder in self._folders.items():
            yield _read_behaviors(part, folder / "behaviors.tsv")

    def counts(self) -> dict[str, int]:
        return dict(self._counts)


def _read_news(path: Path) -> pl.DataFrame:
    kept = ("news_id", "category", "title", "abstract", "title_entities")
    frames = read_delimited(path, kept, delimiter="\t", names=_NEWS, quoting="none")
    frame = pl.concat(list(frames))
    entities = frame["title_entities"].replace("", "[]")
    try:
        decoded = entities.str.json_decode(_ENTITIES)
    except pl.exceptions.PolarsError:
        raise _bad_entities(path, entities) from None
    return frame.select(
        pl.col("news_id").alias("article"),
        "title",
        pl.col("abstract").alias("subtitle"),
        "category",
        decoded.list.eval(pl.element().struct.field("Label")).alias("entities"),
    )


def _bad_entities(path: Path, entities: pl.Series) -> DataError:
    """The error for the first row whose entities are not a JSON list."""

    def readable(text: str) -> bool:
        try:
            pl.Series([text]).str.json_decode(_ENTITIES)
        except pl.exceptions.PolarsError:
            return False
        return True

    row, text = next((r, t) for r, t in enumerate(entities, start=1) if not readable(t))
    return DataError(
        f"{path}, row {row}, column 'title_entities': expected a JSON list, got {text!r:.80}"
    )


def _read_behaviors(part: str | None, path: Path) -> NewsLog:
    frame = pl.concat(
        list(read_delimited(path, _BEHAVIORS, delimiter="\t", names=_BEHAVIORS, quoting="none"))
    )
    time = frame["time"].str.to_datetime(_TIME, strict=False)
    _refuse(time.is_null(), frame["time"], path, "a time such as 11/15/2019 8:55:22 AM")
    number = frame["impression_id"].cast(pl.Int64, strict=False)
    _refuse(number.is_null(), frame["impression_id"], path, "a whole number")
    day_part = (time.dt.hour().cast(pl.Int64) // 6).replace_strict(
        dict(enumerate(_DAY_PARTS)), return_dtype=pl.String
    )
    # A user's history is the same text in each of the user's impressions.
    history = frame["history"].unique(maintain_order=True).rename("history")
    rows = history.to_frame().with_row_index("row")
    places = frame.select("history").join(rows, on="history", how="left", maintain_order="left")
    columns = {
        "impression": number,
        "user": frame["user_id"],
        "time": time.dt.epoch("s"),
        "history": places["row"],
        "day_part": day_part,
        **_candidates(frame["impressions"], path),
    }
    return NewsLog(
        part,
        pa.table({"articles": _words(history).to_arrow()}),
        pl.DataFrame(columns).to_arrow(),
        str(path),
    )


def _candidates(impressions: pl.Series, path: Path) -> dict[str, pl.Series]:
    """Ids and, where there are labels, whether each was clicked."""
    lists = _words(impressions)
    flat = lists.explode(empty_as_null=False)
    labelled = flat.str.contains("-[01]$")
    if not labelled.any():
        return {"candidates": lists}
    if not labelled.all():
        at = int((~labelled).arg_max() or 0)
        row = int(lists.list.len().cum_sum().search_sorted(at, side="right")) + 1
        raise DataError(
            f"{path}, row {row}, column 'impressions': expected labels -0 or -1 on all candidates "
            f"of the file or on none, got {flat[at]!r:.80}"
        )
    return {
        "candidates": lists.list.eval(pl.element().str.head(-2)),
        "clicked": lists.list.eval(pl.element().str.tail(1).cast(pl.Int8)),
    }


def _words(texts: pl.Series) -> pl.Series:
    """The words of each text, split at blanks; an empty text has none."""
    return texts.str.split(" ").list.eval(pl.element().filter(pl.element() != ""))


def _refuse(bad: pl.Series, values: pl.Series, path: Path, expected: str) -> None:
    if bad.any():
        row = int(bad.arg_max() or 0)
        raise DataError(
            f"{path}, row {row + 1}, column {values.name!r}: expected {expected}, "
            f"got {values[row]!r:.80}"
        )
