"""The main job end to end, on any source."""

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tfrec_mt.configs import ExportConfig, FineTuneConfig, PretrainConfig, ScoreConfig
from tfrec_mt.configs.bounds import Seed, check
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.preparation.prepare import prepare
from tfrec_mt.data.source import Source
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.evaluation.evaluation import METRICS_FILE, REPORT_FILE, Evaluation
from tfrec_mt.evaluation.metric_row import MetricRow, write_rows
from tfrec_mt.evaluation.page import Section
from tfrec_mt.evaluation.report import write_report
from tfrec_mt.evaluation.scoring import ADAPTED, CONTROL, ZERO_SHOT
from tfrec_mt.jobs.domain_lift import LiftCase, lift_case, measure_lift
from tfrec_mt.jobs.export import run_export
from tfrec_mt.jobs.score import run_score
from tfrec_mt.training.run_folder import run_folder, settings_of
from tfrec_mt.training.train_log import LOG_FILE

MOST_DIFFERENCE = 1e-5
# By name: the title of the case in a report, and whether the base sees the topics.
CASES = {
    "unknown": ("topics unknown to the base", False),
    "known": ("topics known to the base", True),
}


class ParityError(RuntimeError):
    """The exported model does not score as the one in memory."""


@dataclass(frozen=True, kw_only=True)
class DemoConfig:
    """Settings of the main job.

    Args:
      output: Folder for everything; an unfinished job of the same settings goes on.
      source: Where rows come from.
      source_settings: What sets this source apart from others, as JSON values.
      split: How rows are divided; the last part is what models are measured on.
      seed: Seed of a generated world, of the split and of training.
      pretrain: Settings of the bases.
      fine_tune: Settings of the kernels.
      cases: Whether the base knows the topics, each case with a base of its own; the first is
        exported.
    """

    output: Path = Path("runs/demo")
    source: Source
    source_settings: dict[str, Any]
    split: SplitSpec
    seed: Seed = 0
    pretrain: PretrainConfig
    fine_tune: FineTuneConfig
    cases: tuple[Literal["unknown", "known"], ...] = ("unknown", "known")

    def __post_init__(self) -> None:
        check(self)

    def settings(self) -> dict[str, Any]:
        """Everything that decides the result, as JSON values."""
        return {
            "source": self.source_settings,
            "split": f"{self.split.kind} {self.split}",
            "seed": self.seed,
            "pretrain": settings_of(self.pretrain),
            "fine_tune": settings_of(self.fine_tune),
            "cases": self.cases,
        }


def demo(config: DemoConfig) -> None:
    """Prepares, pre-trains, fine-tunes, evaluates, exports, scores and reports.

    Raises:
      ParityError: The export and the model in memory differ.
    """
    with run_folder(config.output, config.settings(), REPORT_FILE):
        data = config.output / "data"
        if not data.exists():
            _say("prepare: rows to columns, ids to codes")
            prepare(
                config.source,
                data,
                config.split,
                seed=config.seed,
                description=config.source_settings,
            )
        dataset = PreparedDataset(data)
        _say(", ".join(f"{part} {dataset.rows(part):,} rows" for part in dataset.parts))
        cases = list(_cases(config, dataset))
        found = []
        for case in cases:
            _say(f"{case.name}: pre-train, continue as control, train kernels, evaluate")
            found.append(measure_lift(case, dataset.parts[-1]))
            _print_tables(case.name, found[-1])
        exported = _export_and_compare(config, cases[0], found[0])
        rows = [row for case, one in zip(cases, found, strict=True) for row in _tagged(case, one)]
        write_rows(config.output / METRICS_FILE, rows)
        _write_report(config, cases, found, exported)
    _say(f"done: {config.output / REPORT_FILE}, {METRICS_FILE}, export/")


def _cases(config: DemoConfig, dataset: PreparedDataset) -> Iterator[LiftCase]:
    topics = tuple(topic.name for topic in dataset.schema.topics)
    for case in config.cases:
        name, known = CASES[case]
        yield lift_case(
            name,
            config.output / case,
            config.pretrain,
            config.fine_tune,
            topics if known else (),
        )


def _export_and_compare(config: DemoConfig, case: LiftCase, measured: Evaluation) -> str:
    """Exports a case, scores sampled raw rows, and compares them with the model in memory."""
    versions, data = config.output / "export", config.output / "data"
    base, kernels = case.folder / "base", case.folder / "kernels"
    version = versions / "1"
    if not version.exists():
        _say("export: base and kernels as one SavedModel")
        rows = [row for row in measured.metrics if row.model in (ZERO_SHOT, ADAPTED, CONTROL)]
        version = run_export(
            ExportConfig(base=base, kernels=kernels, data=data, output=versions, metrics=rows)
        )
    scored = run_score(ScoreConfig(export=version, data=data, base=base, kernels=kernels))
    difference = scored.difference
    if difference is None or not difference <= MOST_DIFFERENCE:
        raise ParityError(f"{version} differs from the model in memory by {difference}")
    sentence = (
        f"{len(scored.rows):,} raw rows scored through {version.parent.name}/{version.name}: the "
        f"largest difference to the model in memory is {difference:.1e}"
    )
    _say(f"score: {sentence}")
    return sentence


def _tagged(case: LiftCase, evaluation: Evaluation) -> Iterator[MetricRow]:
    """Rows with the case in the model's name: `zero_shot` of the second is `known/zero_shot`."""
    for row in evaluation.metrics:
        reference = f"{case.folder.name}/{row.reference}" if row.reference else None
        model = f"{case.folder.name}/{row.model}"
        yield dataclasses.replace(row, model=model, reference=reference)


def _print_tables(name: str, evaluation: Evaluation) -> None:
    print(f"\n{name}\n\n{evaluation}\n", flush=True)


def _write_report(
    config: DemoConfig, cases: list[LiftCase], found: list[Evaluation], exported: str
) -> None:
    report_cases = [one.case(case.name) for case, one in zip(cases, found, strict=True)]
    curves = {
        f"{case.folder.name}, {run}": _curve(case.folder / run)
        for case in cases
        for run in ("base", "control", "kernels")
    }
    curves = {run: points for run, points in curves.items() if points}
    write_report(
        config.output / REPORT_FILE,
        "What kernels bring behind a frozen base",
        report_cases,
        curves=curves,
        settings=config.settings(),
        sections=[
            Section("Serving", exported),
            Section(
                "What is compared",
                f"Rows are split by {config.split.kind} ({config.split}). Bases are trained on "
                f"{', '.join(config.pretrain.parts)}, kernels on "
                f"{', '.join(config.fine_tune.parts)}, and everything is measured on the last "
                "part. Zero-shot is the frozen base; adapted adds the kernels of one topic; the "
                "control is the base itself trained on the kernels' rows, in as many steps. Where "
                "the true probabilities are known, the oracle's are them, and the share is of its "
                "lead over item popularity.",
            ),
        ],
    )


def _curve(run: Path) -> list[tuple[int, float]]:
    """Losses by step; empty for kernels that are a memory alone."""
    path = run / LOG_FILE
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    entries = [json.loads(line) for line in lines]
    return [(entry["step"], entry["loss"]) for entry in entries if "loss" in entry]


def _say(text: str) -> None:
    print(f"\n== {text}", flush=True)
