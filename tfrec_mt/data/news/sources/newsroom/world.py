"""`World`: articles, readers and tastes of a newsroom, fixed before the first impression."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.data.news.sources.newsroom.config import WARM_UP_DAYS, NewsroomConfig
from tfrec_mt.data.news.sources.newsroom.lexicon import DESKS, SENTIMENTS
from tfrec_mt.data.news.sources.newsroom.titles import (
    DESKS_PER_CATEGORY,
    ENTITIES_PER_CATEGORY,
    RealTitles,
    entity_names,
    write_titles,
)
from tfrec_mt.schema import Topic

DAY: Final = 86_400
FIRST_SECOND: Final = 1_704_067_200  # 2024-01-01, the first day with impressions
# Articles begin to appear this many days before histories do, so that there is always a choice.
_EARLIER_DAYS: Final = 2

SECTION: Final = Topic(name="section", domains=("front", "article", "most_read", "newsletter"))
DEVICE: Final = Topic(name="device", domains=("desktop", "mobile", "tablet"))
TOPICS: Final = (SECTION, DEVICE)
SHARES: Final[dict[str, NDArray[np.float64]]] = {
    "section": np.array([0.5, 0.25, 0.15, 0.1]),
    "device": np.array([0.3, 0.55, 0.15]),
}
CLICK_RATE: Final = 0.12
# Share of negative, neutral and positive articles.
_SENTIMENT_SHARES = np.array([0.35, 0.35, 0.30])

_ARTICLES, _USERS, _DOMAINS, _SUBTITLES = 1, 2, 3, 5


@dataclass(frozen=True)
class Articles:
    """Articles by row (0..A-1) in order of publication.

    Args:
      titles: [A].
      subtitles: [A] second titles of the same subjects; None with real titles.
      category, desk: [A] codes; a desk is one of three parts of its category.
      sentiment: [A] code into `SENTIMENTS`; None with real titles.
      entity, named: [A] code of the article's one entity, and whether the title names it.
      published: [A] seconds since 1970, ascending.
      appeal: [A] the part of an article's appeal that its title does not show, standard normal.
      categories, entities: Names.
    """

    titles: Sequence[str]
    subtitles: Sequence[str] | None
    category: NDArray[np.int64]
    desk: NDArray[np.int64]
    sentiment: NDArray[np.int64] | None
    entity: NDArray[np.int64]
    named: NDArray[np.bool_]
    published: NDArray[np.int64]
    appeal: NDArray[np.float64]
    categories: tuple[str, ...]
    entities: tuple[str, ...]


@dataclass(frozen=True)
class Readers:
    """Readers by row (0..U-1): their share of the impressions, and standard normal tastes.

    Args:
      activity: [U] share of the impressions.
      category, desk, sentiment: [U, K], [U, K, 3] and [U, 3] tastes.
      recency: [U] how much more a reader dislikes old news than others do.
      inclination: [U] to click at all.
    """

    activity: NDArray[np.float64]
    category: NDArray[np.float64]
    desk: NDArray[np.float64]
    sentiment: NDArray[np.float64]
    recency: NDArray[np.float64]
    inclination: NDArray[np.float64]


@dataclass(frozen=True)
class DomainTerms:
    """What the N domains of a topic add, with a mean of 0 over the log.

    `category` [N, K], `sentiment` [N, 3] and `recency` [N] add to the appeal of each category, each
    sentiment and old news.
    """

    category: NDArray[np.float64]
    sentiment: NDArray[np.float64]
    recency: NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """Everything that is fixed before the first impression is drawn.

    `liked` [K] and `fame` [E] are the common appeal of each category and entity, standard normal;
    `domains` has the domain terms by topic.
    """

    config: NewsroomConfig
    articles: Articles
    readers: Readers
    liked: NDArray[np.float64]
    fame: NDArray[np.float64]
    domains: dict[str, DomainTerms]

    @classmethod
    def create(cls, config: NewsroomConfig, titles: RealTitles | None = None) -> "World":
        """Draws the world of a config."""
        articles = _draw_articles(config, titles)
        categories = len(articles.categories)
        rng = np.random.default_rng([config.seed, _USERS])
        activity = np.exp(0.8 * rng.standard_normal(config.users))
        readers = Readers(
            activity=activity / activity.sum(),
            category=rng.standard_normal((config.users, categories)),
            desk=rng.standard_normal((config.users, categories, DESKS_PER_CATEGORY)),
            sentiment=rng.standard_normal((config.users, len(SENTIMENTS))),
            recency=rng.standard_normal(config.users),
            inclination=rng.standard_normal(config.users),
        )
        rng = np.random.default_rng([config.seed, _DOMAINS])
        return cls(
            config=config,
            articles=articles,
            readers=readers,
            liked=rng.standard_normal(categories),
            fame=rng.standard_normal(len(articles.entities)),
            domains={name: _draw_terms(SHARES[name], categories, rng) for name in SHARES},
        )


def _draw_articles(config: NewsroomConfig, real: RealTitles | None) -> Articles:
    rng = np.random.default_rng([config.seed, _ARTICLES])
    count = config.articles
    names = tuple(DESKS) if real is None else tuple(sorted(set(real.categories)))
    entities = entity_names(len(names) * ENTITIES_PER_CATEGORY)
    first = FIRST_SECOND - (WARM_UP_DAYS + _EARLIER_DAYS) * DAY
    published = np.sort(rng.integers(first, FIRST_SECOND + config.days * DAY, count))
    appeal = rng.standard_normal(count)
    subtitles, sentiment = None, None
    if real is None:
        shares = np.linspace(2.0, 1.0, len(names))
        category = rng.choice(len(names), count, p=shares / shares.sum())
        desk = rng.integers(0, DESKS_PER_CATEGORY, count)
        sentiment = rng.choice(len(SENTIMENTS), count, p=_SENTIMENT_SHARES)
        entity = category * ENTITIES_PER_CATEGORY + rng.integers(0, ENTITIES_PER_CATEGORY, count)
        about = (category, desk, sentiment, entity, entities)
        titles, named = write_titles(*about, rng)
        subtitles, _ = write_titles(*about, np.random.default_rng([config.seed, _SUBTITLES]))
    else:
        # All titles occur equally often, as far as the numbers allow.
        chosen = rng.permutation(np.resize(rng.permutation(len(real.titles)), count))
        titles = [real.titles[row] for row in chosen]
        category = np.array([names.index(name) for name in real.categories])[chosen]
        desk = entity = np.zeros(count, np.int64)
        named = np.zeros(count, bool)
    return Articles(
        titles=titles,
        subtitles=subtitles,
        category=category,
        desk=desk,
        sentiment=sentiment,
        entity=entity,
        named=named,
        published=published,
        appeal=appeal,
        categories=names,
        entities=entities,
    )


def _draw_terms(
    shares: NDArray[np.float64], categories: int, rng: np.random.Generator
) -> DomainTerms:
    drawn = rng.standard_normal((len(shares), categories + len(SENTIMENTS) + 1))
    drawn -= shares @ drawn
    # The mean square of each term, weighted by the shares, is 1.
    drawn /= np.sqrt(shares @ drawn**2)
    return DomainTerms(
        category=drawn[:, :categories],
        sentiment=drawn[:, categories:-1],
        recency=drawn[:, -1],
    )
