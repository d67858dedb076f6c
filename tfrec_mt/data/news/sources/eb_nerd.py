"""`EbNerdSource`: the Ekstra Bladet News Recommendation Dataset in its official files."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from absl import logging

from tfrec_mt.data.news.news_source import NewsLog, NewsSource
from tfrec_mt.data.news.sources.official_parts import official_parts
from tfrec_mt.errors import nearest
from tfrec_mt.schema import DataError, Topic
from tfrec_mt.tables.bags import cut_bags
from tfrec_mt.tables.parquet import parquet_columns, read_parquet

_FOLDERS = {"train": ("train",), "validation": ("validation",), "test": ("test",)}
_DEVICES = ("desktop", "mobile", "tablet")  # device_type 1, 2, 3; 0 is unknown
_PAGES = ("front", "article")
_ARTICLES = {
    "article_id": "article",
    "title": "title",
    "subtitle": "subtitle",
    "category_str": "category",
    "sentiment_label": "sentiment",
    "ner_clusters": "entities",
    "published_time": "published",
}


class EbNerdSource(NewsSource):
    """EB-NeRD (demo, small or large): titles in Danish, with sentiment and time of publication.

    `behaviors.parquet` and `history.parquet` lie in one folder per part, `articles.parquet` next to
    these folders (and perhaps in `test`, which comes with its own). Without folders, the files in
    `data_dir` itself are one log. Without `articles.parquet` articles are only ids, with a warning.

    `articles.parquet`, of which only `article_id` and `title` are required:

    | column | becomes |
    |---|---|
    | `article_id`, `title`, `subtitle` | the same; a missing title is the empty title |
    | `category_str` | the category |
    | `sentiment_label` | the sentiment |
    | `ner_clusters` | entities, those that the title names |
    | `published_time` | the time of publication |
    | `category`, `subcategory`, `topics` | nothing: a number for, and parts of, the category |
    | `sentiment_score`, `entity_groups` | nothing: how sure the label is, kinds of entities |
    | `body`, `url`, `article_type`, `premium`, `image_ids`, `last_modified_time` | nothing |
    | `total_inviews`, `total_pageviews`, `total_read_time` | nothing: they look into the future |

    `behaviors.parquet`, of which the first four are required; the test part has no labels:

    | column | becomes |
    |---|---|
    | `impression_id`, `impression_time`, `user_id` | the same |
    | `article_ids_inview` | the candidates |
    | `article_ids_clicked` | the clicks; a click on an article not in view is counted, not used |
    | `device_type` | topic `device`: desktop, mobile, tablet |
    | `article_id` | topic `page`: front where it is empty, else article |
    | `is_subscriber` | topic `subscriber`: no, yes |
    | `is_sso_user`, `gender`, `postcode`, `age` | nothing: personal, and mostly missing |
    | `session_id`, `is_beyond_accuracy` | nothing |
    | `read_time`, `scroll_percentage`, `next_read_time`, `next_scroll_percentage` | nothing: known only afterwards |

    `history.parquet`, one row per user: `user_id`, `article_id_fixed` and `impression_time_fixed`
    are the history; an impression sees its strictly older clicks. `scroll_percentage_fixed` and
    `read_time_fixed` are not used. A user without a row has no history.

    Args:
      data_dir: Folder of the unpacked files.

    Raises:
      DataError: A folder, file or column is missing, a file is damaged, or a user has two rows of
        history.

    Reference:
      Kruse et al., "EB-NeRD: A Large-Scale Dataset for News Recommendation", RecSys Challenge 2024.
    """  # noqa: E501

    def __init__(self, data_dir: str | Path) -> None:
        self._folder = Path(data_dir)
        self._folders = official_parts(self._folder, _FOLDERS, "behaviors.parquet")
        for folder in self._folders.values():
            if not (folder / "history.parquet").is_file():
                raise DataError(
                    f"{folder / 'history.parquet'} does not exist; every part of EB-NeRD has one"
                )
        self._counts: Counter[str] = Counter()

    @property
    def topics(self) -> tuple[Topic, ...]:
        return (
            Topic(name="device", domains=_DEVICES),
            Topic(name="page", domains=_PAGES),
            Topic(name="subscriber", domains=("no", "yes")),
        )

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(part for part in self._folders if part)

    def articles(self) -> pa.Table:
        folders = dict.fromkeys([self._folder, *self._folders.values()])
        files = [f / "articles.parquet" for f in folders if (f / "articles.parquet").is_file()]
        if not files:
            logging.warning("%s has no articles.parquet: articles are only ids", self._folder)
            return pa.table(
                {"article": pa.array([], pa.int64()), "title": pa.array([], pa.string())}
            )
        frame = pl.concat([_read_articles(path) for path in files], how="diagonal")
        distinct = frame.unique("article", keep="first", maintain_order=True)
        self._counts["articles_described_again"] = frame.height - distinct.height
        return distinct.to_arrow()

    def logs(self) -> Iterator[NewsLog]:
        for part, folder in self._folders.items():
            path = folder / "behaviors.parquet"
            history = _read_history(folder / "history.parquet")
            frame = _read(
                path,
                ("impression_id", "impression_time", "user_id", "article_ids_inview"),
                ("article_ids_clicked", "device_type", "article_id", "is_subscriber"),
            )
            rows = history.select(pl.col("user_id").cast(pl.Int64)).with_row_index("history")
            frame = frame.with_columns(pl.col("user_id").cast(pl.Int64)).join(
                rows, on="user_id", how="left", maintain_order="left"
            )
            impressions = frame.select(
                pl.col("impression_id").alias("impression"),
                pl.col("user_id").alias("user"),
                pl.col("impression_time").dt.epoch("s").alias("time"),
                "history",
                pl.col("article_ids_inview").cast(pl.List(pl.Int64)).alias("candidates"),
                *_domains(frame),
            )
            if "article_ids_clicked" in frame.columns:
                clicked = self._clicked(impressions["candidates"], frame["article_ids_clicked"])
                impressions = impressions.with_columns(clicked)
            clicks = history.select(
                pl.col("article_id_fixed").cast(pl.List(pl.Int64)).alias("articles"),
                pl.col("impression_time_fixed")
                .list.eval(pl.element().dt.epoch("s"))
                .alias("times"),
            )
            yield NewsLog(part, clicks.to_arrow(), impressions.to_arrow(), str(path))

    def counts(self) -> dict[str, int]:
        return dict(self._counts)

    def _clicked(self, shown: pl.Series, clicked: pl.Series) -> pl.Series:
        """For each candidate, whether it is among the clicked ones of its impression."""
        keys = [_row_and_article(lists.cast(pl.List(pl.Int64))) for lists in (shown, clicked)]
        self._counts["clicked_articles_not_in_view"] += int((~np.isin(keys[1], keys[0])).sum())
        flat = pl.Series("clicked", np.isin(keys[0], keys[1]).astype(np.int8))
        return cut_bags(flat, shown.list.len().fill_null(0))


def _row_and_article(lists: pl.Series) -> np.ndarray:
    """One key per element of the lists, made of its row and its value, which is below 2^32."""
    lengths = lists.list.len().fill_null(0).to_numpy()
    flat = lists.explode(empty_as_null=False, keep_nulls=False).to_numpy()
    return (np.repeat(np.arange(len(lists)), lengths) << 32) + flat


def _domains(frame: pl.DataFrame) -> list[pl.Expr]:
    """The topics, null where their column is missing."""

    def of(column: str, domain: pl.Expr) -> pl.Expr:
        return domain if column in frame.columns else pl.lit(None, dtype=pl.String)

    devices = dict(enumerate(_DEVICES, start=1))
    device = pl.col("device_type").replace_strict(devices, default=None, return_dtype=pl.String)
    front = pl.col("article_id").is_null()
    page = pl.when(front).then(pl.lit(_PAGES[0])).otherwise(pl.lit(_PAGES[1]))
    subscriber = (
        pl.when(pl.col("is_subscriber")).then(pl.lit("yes")).when(~pl.col("is_subscriber"))
    ).then(pl.lit("no"))
    return [
        of("device_type", device).alias("device"),
        of("article_id", page).alias("page"),
        of("is_subscriber", subscriber).alias("subscriber"),
    ]


def _read_articles(path: Path) -> pl.DataFrame:
    frame = _read(path, ("article_id", "title"), list(_ARTICLES)[2:])
    frame = frame.rename({name: _ARTICLES[name] for name in frame.columns})
    frame = frame.with_columns(pl.col("article").cast(pl.Int64))
    if "published" in frame.columns:
        frame = frame.with_columns(pl.col("published").dt.epoch("s"))
    if "entities" in frame.columns:
        frame = frame.with_columns(_named_in_title(frame))
    return frame


def _named_in_title(frame: pl.DataFrame) -> pl.Series:
    """Those entities of each article that its title names, ignoring case."""
    numbered = frame.select("title", "entities").with_row_index("row")
    named = numbered.explode("entities").filter(
        pl.col("title")
        .str.to_lowercase()
        .str.contains(pl.col("entities").str.to_lowercase(), literal=True)
    )
    lists = named.group_by("row", maintain_order=True).agg("entities")
    return numbered.select("row").join(lists, on="row", how="left", maintain_order="left")[
        "entities"
    ]


def _read_history(path: Path) -> pl.DataFrame:
    frame = _read(path, ("user_id", "article_id_fixed", "impression_time_fixed"), ())
    again = ~frame["user_id"].is_first_distinct()
    if again.any():
        raise DataError(
            f"{path}, row {int(again.arg_max() or 0) + 1}, column 'user_id': expected one row per "
            "user, got a second one"
        )
    return frame


def _read(path: Path, needed: Sequence[str], wanted: Sequence[str]) -> pl.DataFrame:
    """The needed columns of a file, and the wanted ones that it has."""
    there = parquet_columns(path)
    for name in needed:
        if name not in there:
            raise DataError(f"{path}: expected the column {name!r}; {nearest(name, there)}")
    columns = [*needed, *(name for name in wanted if name in there)]
    return pl.concat(list(read_parquet(path, columns)))
