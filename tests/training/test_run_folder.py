"""A run's folder belongs to one run and one process."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tfrec_mt.configs import FineTuneConfig, NewsPretrainConfig, PretrainConfig
from tfrec_mt.configs.train import TrainConfig
from tfrec_mt.storage.lock import LockedError
from tfrec_mt.training.run_folder import (
    RunFolderError,
    config_of,
    run_folder,
    settings_of,
)

SETTINGS: dict[str, Any] = {"data": "x", "parts": ("train",), "train": {"epochs": 1, "seed": 0}}


def start(folder: Path, settings: dict[str, Any] = SETTINGS) -> None:
    with run_folder(folder, settings, "model"):
        pass


def test_an_unfinished_run_may_go_on_with_the_same_settings(tmp_path: Path) -> None:
    start(tmp_path / "runs" / "one")
    (tmp_path / "runs" / "one" / "checkpoints").mkdir()
    start(tmp_path / "runs" / "one")


def test_other_settings_are_refused_with_each_difference(tmp_path: Path) -> None:
    start(tmp_path)
    other = SETTINGS | {"train": {"epochs": 2, "seed": 0}, "validation": None}
    del other["data"]
    with pytest.raises(RunFolderError, match="unfinished run with other settings") as caught:
        start(tmp_path, other)
    assert [line.strip() for line in str(caught.value).splitlines()[1:]] == [
        "data: 'x' then, not set now",
        "train.epochs: 1 then, 2 now",
        "validation: not set then, None now",
    ]


def test_a_finished_run_is_refused(tmp_path: Path) -> None:
    start(tmp_path)
    (tmp_path / "model").mkdir()
    with pytest.raises(RunFolderError, match="finished run; choose another"):
        start(tmp_path)


def test_a_folder_of_other_things_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(RunFolderError, match=r"holds no run: \['thesis.tex'\]"):
        start(tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "x"
    assert not (tmp_path / "run.json").exists()


def test_a_second_trainer_is_refused_with_the_first_ones_number(tmp_path: Path) -> None:
    with (
        run_folder(tmp_path, SETTINGS, "model"),
        pytest.raises(LockedError, match=f"in use by process {os.getpid()}"),
    ):
        start(tmp_path)
    start(tmp_path)


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunFolderError, match=r"file/run cannot be written to: .*Not a directory"):
        start(tmp_path / "file" / "run")


def test_errors_of_the_run_itself_are_not_renamed(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"^mine$"), run_folder(tmp_path, SETTINGS, "model"):
        raise OSError("mine")


def test_damaged_settings_are_named(tmp_path: Path) -> None:
    start(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(RunFolderError, match=r"run\.json is damaged"):
        start(tmp_path)


def test_what_a_killed_start_left_does_not_count(tmp_path: Path) -> None:
    (tmp_path / ".tmp-run.json-77").write_text("{")
    start(tmp_path)
    assert (tmp_path / "run.json").is_file()


def test_settings_are_a_config_without_its_output() -> None:
    @dataclass(frozen=True)
    class Config:
        data: Path
        output: Path
        train: TrainConfig = field(default_factory=lambda: TrainConfig(epochs=3))

    settings = settings_of(Config(Path("a/b"), Path("c")))
    assert settings["data"] == "a/b"
    assert settings["train"]["epochs"] == 3
    assert set(settings) == {"data", "train"}


@pytest.mark.parametrize(
    "config",
    [
        PretrainConfig(
            data=Path("data"),
            output=Path("run"),
            parts=("one", "two"),
            chosen=("epochs",),
            init_from=Path("base"),
            task_weights={"ctr": 2.0},
            train=TrainConfig(batch_size=64, patience=2),
        ),
        NewsPretrainConfig(data=Path("data"), output=Path("run"), history_length=9),
        FineTuneConfig(
            base=Path("base"), data=Path("data"), output=Path("run"), memory=("auto",), joint=False
        ),
    ],
    ids=lambda config: type(config).__name__,
)
def test_settings_become_the_config_that_they_were_of(config: Any, tmp_path: Path) -> None:
    start(tmp_path, settings_of(config) | {"data_fingerprint": "abc"})
    assert config_of(tmp_path, type(config), output=Path("run")) == config
    moved = config_of(tmp_path, type(config), output=Path("run"), data=Path("there"))
    assert moved.data == Path("there")


def test_settings_of_another_run_are_named(tmp_path: Path) -> None:
    start(tmp_path, {"data": "x", "parts": 3})
    with pytest.raises(RunFolderError, match=r"run.json: expected a PretrainConfig: parts: Input"):
        config_of(tmp_path, PretrainConfig, output=Path("run"))
