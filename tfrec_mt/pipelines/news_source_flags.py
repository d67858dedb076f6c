"""Flags of news sources and of the preparation of titles."""

from pathlib import Path
from typing import Any, cast, get_args

from absl import flags

from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.news_source import NewsSource
from tfrec_mt.data.news.news_spec import TextFields
from tfrec_mt.data.news.prepare_news import prepare_news
from tfrec_mt.data.news.sources.catalog import NEWS_FOLDERS
from tfrec_mt.data.news.sources.mind import MindSource
from tfrec_mt.data.news.sources.newsroom import NewsroomConfig, NewsroomSource, RealTitles
from tfrec_mt.data.news.title_vocabulary import LEARN, MINILM, TitleVocabulary
from tfrec_mt.pipelines import source_flags, split_flags
from tfrec_mt.pipelines.flag_types import names_of, refuse_flags
from tfrec_mt.schema import SchemaError

_USERS = flags.DEFINE_integer("users", 5_000, "newsroom: readers.", lower_bound=1)
_ARTICLES = flags.DEFINE_integer("articles", 10_000, "newsroom: articles.", lower_bound=100)
_IMPRESSIONS = flags.DEFINE_integer("impressions", 100_000, "newsroom: impressions.", lower_bound=1)
_REAL_TITLES = flags.DEFINE_string(
    "real_titles", None, "newsroom: folder of MIND whose titles and categories it takes."
)
_VOCABULARY = flags.DEFINE_string(
    "vocabulary",
    MINILM,
    "News: word pieces of the title encoder: minilm, a vocabulary file (*.txt), a keras_hub preset "
    "or Hugging Face folder of a BERT, or learn (from the titles of the first part).",
)
_LEARNED_PIECES = flags.DEFINE_integer(
    "learned_pieces", 8_000, "News, --vocabulary=learn: most word pieces.", lower_bound=6
)
_LOWERCASE = flags.DEFINE_bool(
    "lowercase", True, "News, --vocabulary=learn or a file: whether text is lowercased."
)
_TEXT = flags.DEFINE_enum(
    "text", "title", get_args(TextFields), "News: what is read as an article's title."
)
_MAX_TITLE_LENGTH = flags.DEFINE_integer(
    "max_title_length", 64, "News: most word pieces of a title.", lower_bound=3
)
_HISTORY_LENGTH = flags.DEFINE_integer(
    "news_history_length", 50, "News: clicks of history that models see.", lower_bound=1
)
_MAX_ENTITIES = flags.DEFINE_integer(
    "max_entities", 100, "News: how many of the most frequent entities are known.", lower_bound=0
)

_TITLE_FLAGS = (
    "vocabulary",
    "learned_pieces",
    "lowercase",
    "text",
    "max_title_length",
    "news_history_length",
    "max_entities",
)
_ANY = {"source", "seed", "output", "split", "split_parts", *_TITLE_FLAGS}
_FLAGS_OF = {
    "newsroom": {*_ANY, "users", "articles", "impressions", "shift", "real_titles"},
    **{name: {*_ANY, "data_dir"} for name in NEWS_FOLDERS},
}


def is_news() -> bool:
    """Whether --source names news rather than a click log.

    Raises:
      SchemaError: A flag is given that does not go with the source.
    """
    source = source_flags.SOURCE.value
    own = names_of(__name__)
    if source in _FLAGS_OF:
        others = names_of(source_flags.__name__) | own | {"unknown_domains", "examples"}
        wrong = others - _FLAGS_OF[source]
    else:
        wrong = own
    refuse_flags(wrong, f"--source={source}")
    return source in _FLAGS_OF


def prepare(output: str) -> NewsDataset:
    """Prepares the news that the flags name.

    Raises:
      SchemaError: A source lacks a flag it needs, or flags contradict each other.
    """
    _check_vocabulary_flags()
    source = _source(source_flags.SOURCE.value)
    split = split_flags.split_spec(source)
    if source.parts and split.kind != "given":
        raise SchemaError(
            f"--split: the data comes divided into {', '.join(source.parts)}; leave it out"
        )
    return prepare_news(
        source,
        output,
        split=split,
        vocabulary=TitleVocabulary.named(_VOCABULARY.value, _LOWERCASE.value),
        learned_pieces=_LEARNED_PIECES.value,
        lowercase=_LOWERCASE.value,
        text=cast(TextFields, _TEXT.value),
        max_title_length=_MAX_TITLE_LENGTH.value,
        history_length=_HISTORY_LENGTH.value,
        max_entities=_MAX_ENTITIES.value,
        seed=source_flags.SEED.value,
        description=source_flags.source_settings() | _settings(),
    )


def _check_vocabulary_flags() -> None:
    given = _VOCABULARY.value
    if flags.FLAGS["learned_pieces"].present and given != LEARN:
        raise SchemaError(f"--learned_pieces goes with --vocabulary={LEARN}, got {given}")
    if flags.FLAGS["lowercase"].present and not (given == LEARN or given.endswith(".txt")):
        raise SchemaError(
            f"--lowercase: {given} says itself whether it is lowercased; leave it out"
        )


def _source(name: str) -> NewsSource:
    return NEWS_FOLDERS[name](_data_dir()) if name in NEWS_FOLDERS else _newsroom()


def _newsroom() -> NewsSource:
    config = NewsroomConfig(
        users=_USERS.value,
        articles=_ARTICLES.value,
        impressions=_IMPRESSIONS.value,
        seed=source_flags.SEED.value,
        shift=source_flags.SHIFT.value,
    )
    titles = None
    if _REAL_TITLES.value:
        titles = RealTitles.of_articles(MindSource(_REAL_TITLES.value).articles())
    return NewsroomSource(config, titles)


def _data_dir() -> Path:
    folder = source_flags.DATA_DIR.value
    if not folder:
        raise SchemaError(f"--source={source_flags.SOURCE.value} needs --data_dir")
    return Path(folder)


def _settings() -> dict[str, Any]:
    own = flags.FLAGS.get_flags_for_module(__name__)
    return {flag.name: flag.value for flag in own if flag.present}
