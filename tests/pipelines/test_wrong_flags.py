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
        ("pretrain", ["--data=x", "--output=y", "--units=64,no"], "--units=64,no"),
        ("pretrain", ["--data=nowhere", "--output=y"], "nowhere"),
        ("pretrain", ["--data=x"], "--output"),
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
        ("pretrain", "job", ["--recency"], "--recency does not go with a prepared click log"),
        ("pretrain", "job", ["--model=star"], "STAR is told a row's domain: expected base_topics"),
        ("pretrain", "job", ["--model=esmm", "--experts=3"], "--experts does not go with --model"),
        ("pretrain", "news_job", ["--units=8"], "--units does not go with prepared news"),
        (
            "pretrain",
            "news_job",
            ["--base_topics=section"],
            "--base_topics does not go with prepared news",
        ),
        *(
            (
                binary,
                "news_job",
                ["--base=x", "--precision=bfloat16"],
                "--precision does not go with news",
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
    data = request.getfixturevalue(kind).data
    done = run_binary(binary, f"--data={data}", f"--output={tmp_path / 'run'}", *flags)
    assert done.returncode == 1
    assert named in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
