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
