"""News through `prepare_data`, in this process where no binary has to start."""

from pathlib import Path

import pytest

from tests.binaries import told
from tests.data.news.tiny_news import VOCABULARY
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.pipelines import prepare_data
from tfrec_mt.schema import SchemaError

SMALL = ("--users=60", "--articles=200", "--impressions=600", "--vocabulary=learn")


def run(output: Path, *arguments: str) -> None:
    prepare_data.main(told(prepare_data.define, f"--output={output}", *arguments))


def test_the_newsroom(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path / "data", "--source=newsroom", *SMALL, "--seed=3", "--max_entities=7")
    dataset = NewsDataset(tmp_path / "data")
    split = dataset.manifest.split
    assert split and (split.kind, split.parts) == ("days", "train:6,fresh:1,test:1")
    assert dataset.articles == 201 and len(dataset.schema.entities) == 7
    assert dataset.manifest.source["source"] == "newsroom"
    assert dataset.manifest.source["users"] == 60
    out = capsys.readouterr().out
    assert "200 articles" in out and "impressions without click" in out


def test_a_vocabulary_file(tmp_path: Path) -> None:
    VOCABULARY.save(tmp_path / "vocab.txt")
    run(
        tmp_path / "data",
        "--source=newsroom",
        *SMALL[:3],
        f"--vocabulary={tmp_path / 'vocab.txt'}",
        "--nolowercase",
        "--split=time",
        "--split_parts=train:4,test:1",
    )
    dataset = NewsDataset(tmp_path / "data")
    assert dataset.vocabulary.pieces == VOCABULARY.pieces
    assert not dataset.schema.lowercase
    assert dataset.parts == ("train", "test")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--source=newsroom", "--rows=5"], "--source=newsroom has no setting 'rows'"),
        (["--source=newsroom", "--data_dir=x"], "no setting 'data_dir'"),
        (["--source=newsroom", *SMALL[:3], "--examples=x"], "no setting 'examples'"),
        (["--source=mind", "--users=5"], "--source=mind has no setting 'users'"),
        (["--source=mind", "--shift=0"], "no setting 'shift'"),
        (["--source=takeout", "--vocabulary=learn"], "prepare has no setting 'vocabulary'"),
        (["--source=eb_nerd"], "--source=eb_nerd needs --data_dir"),
        (["--source=eb_nerd", "--data_dir=nowhere"], "nowhere does not exist"),
        (["--source=newsrom"], "did you mean 'newsroom'"),
        (["--source=newsroom", *SMALL[:3], "--learned_pieces=99"], "goes with vocabulary='learn'"),
        (["--source=newsroom", *SMALL[:3], "--lowercase"], "says itself whether it is lowercased"),
        (["--source=newsroom", *SMALL[:3], "--vocabulary=no.txt"], "expected a vocabulary file"),
    ],
)
def test_wrong_flags_stop_before_any_work(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    with pytest.raises((SchemaError, ValueError), match=message):
        run(tmp_path / "data", *arguments)
    assert not list(tmp_path.iterdir())


def test_a_divided_source_takes_no_split(tmp_path: Path) -> None:
    folder = tmp_path / "mind" / "train"
    folder.mkdir(parents=True)
    (folder / "news.tsv").write_text("N1\tnews\tnewsus\tStorm\t\t\t[]\t[]\n")
    (folder / "behaviors.tsv").write_text("1\tU1\t11/11/2019 9:05:58 AM\t\tN1-1 N2-0\n")
    source = ("--source=mind", f"--data_dir={folder.parent}", "--vocabulary=learn")
    run(tmp_path / "data", *source)
    assert NewsDataset(tmp_path / "data").parts == ("train",)
    run(tmp_path / "given", *source, "--split=given")
    assert NewsDataset(tmp_path / "given").parts == ("train",)
    for flag in ("--split=time", "--split_parts=train:1"):
        with pytest.raises(SchemaError, match="comes divided"):
            run(tmp_path / "again", *source, flag)
