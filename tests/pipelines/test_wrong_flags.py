"""What the binaries say of flags that cannot be meant."""

from pathlib import Path

import pytest

from tests.binaries import run_binary


@pytest.mark.parametrize(
    ("binary", "arguments", "named"),
    [
        ("prepare_data", ["--output=x", "--sorce=takeout"], "source"),
        ("prepare_data", ["--output=x", "--source=takeot"], "did you mean 'takeout'?"),
        ("prepare_data", ["--output=x", "--rows=0"], "rows"),
        ("pretrain", ["--data=x", "--output=y", "--learning_rate=-1"], "learning_rate"),
        ("pretrain", ["--data=x", "--output=y", "--units=64,no"], "of at least 1"),
        ("pretrain", ["--data=nowhere", "--output=y"], "nowhere"),
        ("pretrain", ["--data=x"], "--output"),
        ("score", ["--data=x"], "error: score through either an export or a server"),
        ("score", ["--export=x", "--server=y:1"], "score through either an export or a server"),
        ("pretrain", ["--data=x", "--output=y", "--task_weights=ctr"], "expected name=value pairs"),
        ("pretrain", ["--data=x", "--output=y", "--auxiliary=mood"], "expected distinct ones of"),
        ("evaluate", ["--data=x", "--base=y", "--output=z", "--dta=x"], "Did you mean: data"),
        ("evaluate", ["--data=x", "--base=y", "--output=z", "--plugin=no.py"], "--plugin=no.py"),
    ],
)
def test_wrong_flags_stop_before_any_work(
    binary: str,
    arguments: list[str],
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run_binary(binary, *arguments)
    assert done.returncode == 1
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("binary", "kind", "flags", "named"),
    [
        ("pretrain", "job", ["--recency"], "pretrain with model='olr' has no setting 'recency'"),
        (
            "pretrain",
            "job",
            ["--model=star", "--base_topics="],
            "STAR is told a row's domain: expected base_topics",
        ),
        (
            "pretrain",
            "job",
            ["--model=esmm", "--experts=3"],
            "'esmm' has no setting 'experts'",
        ),
        ("pretrain", "news_job", ["--units=8"], "pretrain on news has no setting 'units'"),
        (
            "pretrain",
            "news_job",
            ["--base_topics=section"],
            "pretrain on news has no setting 'base_topics'",
        ),
        *(
            (
                binary,
                "news_job",
                ["--base={base}", "--precision=bfloat16"],
                "precision='bfloat16': expected float32",
            )
            for binary in ("evaluate", "export")
        ),
    ],
)
def test_flags_of_another_kind_of_model_are_refused(
    binary: str,
    kind: str,
    flags: list[str],
    named: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    job = request.getfixturevalue(kind)
    places = (f"--data={job.data}", f"--output={tmp_path / 'run'}")
    done = run_binary(binary, *places, *(flag.format(base=job.base) for flag in flags))
    assert done.returncode == 1
    assert named in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
