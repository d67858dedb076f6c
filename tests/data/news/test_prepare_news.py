import json
from pathlib import Path

import numpy as np
import pytest

from tests.data.news.prepared_news import prepared
from tests.data.news.tiny_news import (
    FIRST_SECOND,
    VOCABULARY,
    TinyNews,
    articles,
    histories,
    impressions,
)
from tfrec_mt.data.news.impression_batch import ImpressionBatch
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.scan_impressions import scan_impressions
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.schema import DataError


def whole(dataset: NewsDataset, part: str, length: int = 4) -> ImpressionBatch:
    (batch,) = scan_impressions(dataset, part, 100, length)
    return batch


def test_impressions_are_stored_as_they_came(tmp_path: Path) -> None:
    dataset = prepared(tmp_path)
    train = whole(dataset, "train")
    assert train.impression.tolist() == [1, 2, 3, 4, 5]
    assert train.user.tolist() == [7, 8, 9, 9, 9]
    assert train.offsets.tolist() == [0, 3, 5, 7, 9, 13]
    # Row 0 is the empty article, so article 10 is row 1.
    assert train.candidates.tolist() == [2, 1, 3, 1, 5, 3, 2, 4, 1, 2, 3, 1, 6]
    assert train.clicked is not None and train.truth is not None
    assert train.clicked.tolist() == [0, 1, 0, 1, 0, 0, 0, 1, 1, 1, 0, 1, 0]
    assert train.truth[:3].tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert train.domains["section"].tolist() == [1, 2, 0, 0, 1]
    test = whole(dataset, "test")
    assert (test.impression.tolist(), test.candidates.tolist()) == ([6], [4, 1])


def test_a_history_shows_strictly_older_clicks_newest_first(tmp_path: Path) -> None:
    dataset = prepared(tmp_path)
    train = whole(dataset, "train")
    # User 9 clicked at hours 0, 1, 2, 26 and 27, and is shown something at hours 2, 3 and 4.
    assert train.history.tolist() == [
        [1, 2, 1, 0],
        [0, 0, 0, 0],
        [2, 1, 0, 0],
        [3, 2, 1, 0],
        [3, 2, 1, 0],
    ]
    assert train.history_length.tolist() == [3, 0, 2, 3, 3]
    assert whole(dataset, "train", 2).history.tolist()[3] == [3, 2]


def test_a_history_without_times_is_shown_whole(tmp_path: Path) -> None:
    clicks = {"articles": histories()["articles"]}
    train = whole(prepared(tmp_path, TinyNews(history_columns=clicks)), "train")
    assert train.history[2].tolist() == [4, 2, 3, 2]


def test_classes_are_learned_from_what_the_first_part_shows(tmp_path: Path) -> None:
    dataset = prepared(tmp_path)
    # By falling count, then by name; article 60 is shown in the first part, its entity is known.
    assert dataset.schema.categories == ("weather", "politics", "sport")
    assert dataset.schema.sentiments == ("bad", "good")
    assert dataset.schema.entities == ("Bo", "Ann", "Unseen")
    assert dataset.category.tolist() == [0, 3, 1, 2, 1, 0, 0]
    assert dataset.sentiment.tolist() == [0, 2, 1, 1, 0, 0, 0]
    entities = dataset.article_entities(np.arange(7))
    assert entities.tolist() == [
        [0, 0, 0],
        [1, 0, 0],
        [0, 0, 0],
        [1, 1, 0],
        [0, 0, 0],
        [0, 0, 0],
        [0, 0, 1],
    ]
    assert prepared(tmp_path / "few", max_entities=1).schema.entities == ("Bo",)


def test_what_only_later_parts_show_is_not_learned(tmp_path: Path) -> None:
    shown = [[10, 30], [10, 30], [10, 30], [10, 30], [10, 30], [20, 40]]
    source = TinyNews(
        history_columns={"articles": [[], [], [30]]},
        impression_columns=impressions(
            candidates=shown, clicked=[[0, 1]] * 6, truth=[[0.5, 0.5]] * 6
        ),
    )
    dataset = prepared(tmp_path, source)
    assert dataset.schema.categories == ("politics", "sport")
    assert dataset.category.tolist() == [0, 2, 0, 1, 0, 0, 0]


def test_ages_count_from_publication(tmp_path: Path) -> None:
    ages = whole(prepared(tmp_path), "train").age_hours
    # Article 20 appears at the second of the first impression, 30 never says when.
    assert ages[:5].tolist() == [0.0, 2.0, 0.0, 3.0, 0.0]
    assert ages[7] == 0.0  # article 40 appears a day later


def test_titles_are_tokenised_once_with_the_empty_one_first(tmp_path: Path) -> None:
    dataset = prepared(tmp_path)
    pieces = VOCABULARY.pieces
    words = [
        [pieces[token] for token in row if token] for row in dataset.article_tokens(np.arange(7))
    ]
    assert words == [
        ["[CLS]", "[SEP]"],
        ["[CLS]", "late", "goal", "[SEP]"],
        ["[CLS]", "storm", "in", "goal", "##s", "!", "[SEP]"],
        ["[CLS]", "big", "vote", "[SEP]"],
        ["[CLS]", "big", "storm", "[SEP]"],
        ["[CLS]", "[SEP]"],
        ["[CLS]", "[SEP]"],
    ]
    assert dataset.article_tokens(np.array([0, 1])).shape == (2, 8)
    assert dataset.article_lengths(np.array([0, 2])).tolist() == [2, 7]
    assert dataset.titles()["title"].to_list()[:2] == ["", "Late goal"]
    assert dataset.manifest.counts["articles_without_title"] == 2


def test_long_titles_lose_their_end(tmp_path: Path) -> None:
    titles = ["big " * 3_000, "goal " * 2, "", "🎈 œuvre", "a", "b"]
    dataset = prepared(
        tmp_path, TinyNews(article_columns=articles(title=titles)), max_title_length=10
    )
    tokens = dataset.article_tokens(np.array([1]))
    assert tokens.shape == (1, 16)
    assert [VOCABULARY.pieces[t] for t in tokens[0, :10]] == ["[CLS]", *["big"] * 8, "[SEP]"]


def test_a_subtitle_can_be_read_too(tmp_path: Path) -> None:
    columns = articles(subtitle=["big win", None, "", "late", "in", None])
    dataset = prepared(tmp_path, TinyNews(article_columns=columns), text="title_and_subtitle")
    assert dataset.titles()["title"].to_list()[1:] == [
        "Late goal big win",
        "Storm in goals!",
        "big vote",
        "Big storm late",
        "in",
        "",
    ]
    assert dataset.schema.text == "title_and_subtitle"


def test_articles_that_nobody_describes_are_kept_as_ids(tmp_path: Path) -> None:
    shown = [[20, 99, 30], [10, 98], [30, 20], [40, 10], [20, 30, 10, 99], [40, 97]]
    dataset = prepared(tmp_path, TinyNews(impression_columns=impressions(candidates=shown)))
    assert dataset.articles == 10
    assert whole(dataset, "train").candidates[[1, 4, -1]].tolist() == [7, 8, 7]
    assert dataset.titles()["article"].to_list()[7:] == ["99", "98", "97"]
    assert dataset.article_tokens(np.array([7])).tolist()[0][:3] == [2, 3, 0]
    counts = dataset.manifest.counts
    assert counts["articles_that_are_only_ids"] == 3
    assert counts["candidates_that_are_only_ids"] == 4
    assert counts["articles_without_title"] == 2


def test_odd_impressions_are_counted(tmp_path: Path) -> None:
    counts = prepared(tmp_path).manifest.counts
    assert counts == {
        "articles_without_title": 2,
        "impressions_with_every_candidate_clicked": 1,
        "impressions_without_click": 1,
        "impressions_without_history": 1,
        "odd_things": 3,
        "unknown_domains_of_section": 1,
    }


def test_impressions_without_candidates_are_left_out(tmp_path: Path) -> None:
    columns = impressions()
    for name in ("candidates", "clicked", "truth"):
        columns[name] = [[], None, *columns[name][2:]]
    dataset = prepared(tmp_path, TinyNews(impression_columns=columns))
    assert whole(dataset, "train").impression.tolist() == [3, 4, 5]
    assert dataset.manifest.counts["impressions_without_candidates"] == 2


def test_ids_may_be_text(tmp_path: Path) -> None:
    columns = impressions(user=["U7", "U8", "U9", "U9", "U9", "U7"], clicked=[[0, 1]] * 6)
    columns["candidates"] = [["N1", "N2"]] * 6
    columns["truth"] = [[0.5, 0.5]] * 6
    source = TinyNews(
        article_columns={"article": ["N1"], "title": ["goal"]},
        history_columns={"articles": [["N1"], ["N3"], []]},
        impression_columns=columns,
    )
    dataset = prepared(tmp_path, source)
    assert dataset.titles()["article"].to_list() == [None, "N1", "N3", "N2"]
    users = whole(dataset, "train").user
    assert users[2] == users[3] != users[0]


def test_official_parts_are_kept_and_may_lack_labels(tmp_path: Path) -> None:
    source = TinyNews(part_names=("train", "validation", "test"), unlabelled=("test",))
    dataset = prepared(tmp_path, source)
    assert dataset.parts == ("train", "validation", "test")
    assert [len(dataset.part(part)) for part in dataset.parts] == [6, 6, 6]
    test = whole(dataset, "test")
    assert test.clicked is None and test.truth is None
    # The histories of each part are its own.
    assert test.history.tolist() == whole(dataset, "train").history.tolist()
    assert dataset.manifest.split is None
    assert dataset.manifest.counts["impressions_without_labels"] == 6


@pytest.mark.parametrize(
    ("kind", "parts", "sizes"),
    [("time", "train:2,test:1", [4, 2]), ("random", "train:1,test:1", None)],
)
def test_other_splits(tmp_path: Path, kind: str, parts: str, sizes: list[int] | None) -> None:
    dataset = prepared(tmp_path, split=SplitSpec.parse(parts, kind), seed=3)
    found = [len(dataset.part(part)) for part in dataset.parts]
    assert sum(found) == 6
    assert sizes is None or found == sizes


def test_equal_arguments_give_equal_files(tmp_path: Path) -> None:
    one, other = (prepared(tmp_path / name) for name in "ab")
    assert one.manifest == other.manifest
    assert one.fingerprint == other.fingerprint
    changed = prepared(tmp_path / "c", history_length=9)
    assert changed.fingerprint != one.fingerprint


def test_a_vocabulary_is_learned_from_the_titles_of_the_first_part(tmp_path: Path) -> None:
    columns = articles(title=["goal goal", "storm storm", "vote vote", "zzzz zzzz", None, None])
    source = TinyNews(
        article_columns=columns,
        history_columns={"articles": [[], [], []]},
        impression_columns=impressions(
            candidates=[[10, 20], [10, 30], [10, 30], [10, 30], [10, 30], [40, 10]],
            clicked=[[0, 1]] * 6,
            truth=[[0.5, 0.5]] * 6,
        ),
    )
    dataset = prepared(tmp_path, source, vocabulary=None, learned_pieces=60)
    pieces = dataset.vocabulary.pieces
    assert pieces[:5] == ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    assert {"goal", "storm", "vote"} <= set(pieces)
    assert not any("z" in piece for piece in pieces)
    again = prepared(tmp_path / "again", source, vocabulary=None, learned_pieces=60)
    assert again.vocabulary == dataset.vocabulary


def test_nothing_is_overwritten_and_nothing_half_written(tmp_path: Path) -> None:
    prepared(tmp_path)
    with pytest.raises(FileExistsError):
        prepared(tmp_path)
    broken = TinyNews(impression_columns=impressions(time=[None] * 6))
    with pytest.raises(DataError):
        prepared(tmp_path / "broken", broken)
    assert not list((tmp_path / "broken").iterdir())


@pytest.mark.parametrize("parts", [(), ("train", "test")])
def test_the_split_that_is_not_given_is_the_sources(tmp_path: Path, parts: tuple[str, ...]) -> None:
    source = TinyNews(part_names=parts)
    told = prepared(tmp_path / "told", source, split=source.default_split)
    dataset = prepared(tmp_path / "default", source, split=None)
    assert dataset.manifest == told.manifest
    assert dataset.parts == (parts or ("train", "fresh", "test"))
    split = dataset.manifest.split
    assert (split is None) if parts else (split and split.kind == "time")


def test_the_manifest_counts_the_days_that_a_part_takes(tmp_path: Path) -> None:
    dataset = prepared(tmp_path, split=SplitSpec.parse("train:*,test:1", "days"))
    assert dataset.manifest.split and dataset.manifest.split.parts == "train:1,test:1"


def test_the_manifest_says_where_the_data_came_from(tmp_path: Path) -> None:
    dataset = prepared(tmp_path, description={"source": "tiny"})
    stored = json.loads((dataset.path / "manifest.json").read_text())
    assert stored["kind"] == "news"
    assert stored["source"] == {"source": "tiny"}
    assert stored["split"]["cuts"] == [FIRST_SECOND + 86_400]
