"""The binary of studies, run as a person runs it."""

import json
from pathlib import Path

import pytest

from tests.binaries import run_binary, succeed

BINARY = "studies.run"
SMALL = [
    f"--set={setting}"
    for setting in (
        "title_encoder=bag",
        "users=60",
        "articles=200",
        "impressions=600",
        "batch_size=32",
    )
]


@pytest.mark.slow  # a whole job
def test_a_study_ends_with_its_tables(tmp_path: Path) -> None:
    arguments = ("--study=surgery", f"--output={tmp_path / 'study'}", "--seeds=0", *SMALL)
    out = succeed(BINARY, *arguments)
    assert "== surgery: pcgrad, seed 0 (run 3 of 3" in out
    assert "against none" in out and "nDCG@10" in out
    (report,) = (tmp_path / "study").glob("surgery-*")  # not "surgery": its settings are others
    page = (report / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 6  # intervals of four metrics, angles, losses
    table = json.loads((report / "table.json").read_text(encoding="utf-8"))
    assert {line["variant"] for line in table} == {"none", "mtrec", "pcgrad"}

    again = succeed(BINARY, *arguments)
    assert "== surgery" not in again  # nothing is run twice
    assert again.strip() == out[out.index("AUC\n") :].strip()

    some = succeed(BINARY, *arguments, "--variants=mtrec")
    assert "mtrec" in some and "pcgrad" not in some and "== surgery" not in some
    assert len(list((tmp_path / "study").glob("surgery-*"))) == 2  # beside the whole table

    both = succeed(BINARY, *arguments, "--study=surgery,mtrec_table1_ebnerd")
    assert "mtrec_table1_ebnerd: not run: source eb_nerd needs its files" in both
    (report,) = (tmp_path / "study").glob("studies-*.html")
    assert both.strip().endswith(str(report))
    page = report.read_text(encoding="utf-8")
    assert page.count("<svg") == 6 and "Above" not in page  # one seed of a few rows
    assert "Gradient surgery" in page and "needs its files" in page


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--study=surgery", "--set=epoch=2"], "did you mean 'epochs'"),
        (["--study=surgery", "--variants=mtrek"], "did you mean 'mtrec'"),
        (["--study=surgary"], "did you mean 'surgery'"),
        (["--study=surgery,rates", "--variants=mtrec"], "does not go with several studies"),
        (["--study=surgery,rates", "--set=epochs=2"], "study rates has no setting 'epochs'"),
        (["--study=surgery", "--publish", "--set=epochs=2"], "it is of whole studies"),
        (["--study=surgery", "--seeds=one"], "expected whole numbers, got 'one'"),
    ],
)
def test_wrong_flags_stop_before_any_work(arguments: list[str], named: str, tmp_path: Path) -> None:
    done = run_binary(BINARY, f"--output={tmp_path / 'study'}", *arguments)
    assert done.returncode == 1
    assert named in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
