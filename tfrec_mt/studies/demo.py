"""The main job end to end, on a generated world."""

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.prepare import prepare
from tfrec_mt.data.sources.takeout import TakeoutConfig, TakeoutSource
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.evaluation.evaluate import METRICS_FILE, Evaluation
from tfrec_mt.evaluation.metric_row import MetricRow, write_rows
from tfrec_mt.evaluation.report import ReportCase, Section, write_report
from tfrec_mt.evaluation.table import format_metrics, format_table
from tfrec_mt.serving.export import ExportConfig, export
from tfrec_mt.serving.score import ScoreConfig, score
from tfrec_mt.studies.domain_lift import LiftCase, lift_case, measure_lift
from tfrec_mt.training.fine_tune import KERNELS, FineTuneConfig
from tfrec_mt.training.pretrain import MODEL, PretrainConfig
from tfrec_mt.training.run_folder import run_folder, settings_of

REPORT = "report.html"
MOST_DIFFERENCE = 1e-5
_SPLIT = SplitSpec.parse("train:6,fresh:1,test:1", "days")


class ParityError(RuntimeError):
    """The exported model does not score as the one in memory."""


@dataclass(frozen=True, kw_only=True)
class DemoConfig:
    """Settings of the demo.

    Args:
      output: Folder for everything; an unfinished demo of the same settings goes on.
      rows: Impressions of the world.
      shift: Strength of its domain shift.
      seed: Seed of the world and of training.
      pretrain: Settings of the bases.
      fine_tune: Settings of the kernels.
    """

    output: Path
    rows: int
    shift: float
    seed: int
    pretrain: PretrainConfig
    fine_tune: FineTuneConfig


def demo(config: DemoConfig) -> None:
    """Generates, prepares, pre-trains, fine-tunes, evaluates, exports, scores and reports.

    Raises:
      ParityError: The export and the model in memory differ.
    """
    with run_folder(config.output, settings_of(config), REPORT):
        data = config.output / "data"
        if not data.exists():
            _say(f"prepare: {config.rows:,} impressions of eight days, 11 domains in three topics")
            world = TakeoutConfig(rows=config.rows, seed=config.seed, shift=config.shift)
            prepare(TakeoutSource(world), data, _SPLIT, description=dataclasses.asdict(world))
        cases = list(_cases(config, PreparedDataset(data)))
        found = []
        for case in cases:
            _say(f"{case.name}: pre-train, continue as control, train 11 kernels, evaluate")
            found.append(measure_lift(case))
            _print_tables(case.name, found[-1])
        exported = _export_and_compare(config, cases[0])
        rows = [row for case, one in zip(cases, found, strict=True) for row in _tagged(case, one)]
        write_rows(config.output / METRICS_FILE, rows)
        _write_report(config, cases, found, exported)
    _say(f"done: {config.output / REPORT}, {METRICS_FILE}, export/")


def _cases(config: DemoConfig, dataset: PreparedDataset) -> Iterator[LiftCase]:
    topics = tuple(topic.name for topic in dataset.schema.topics)
    for name, folder, known in (
        ("topics unknown to the base", "unknown", ()),
        ("topics known to the base", "known", topics),
    ):
        yield lift_case(name, config.output / folder, config.pretrain, config.fine_tune, known)


def _export_and_compare(config: DemoConfig, case: LiftCase) -> str:
    """Exports the first case, scores sampled raw rows, and says how far memory is away."""
    versions, data = config.output / "export", config.output / "data"
    base, kernels = case.folder / "base" / MODEL, case.folder / "kernels" / KERNELS
    version = versions / "1"
    if not version.exists():
        _say("export: base and kernels as one SavedModel")
        version = export(ExportConfig(base=base, kernels=kernels, data=data, output=versions))
    scored = score(ScoreConfig(export=version, data=data, base=base, kernels=kernels))
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
    for row in evaluation.rows:
        reference = f"{case.folder.name}/{row.reference}" if row.reference else None
        model = f"{case.folder.name}/{row.model}"
        yield dataclasses.replace(row, model=model, reference=reference)


def _print_tables(name: str, evaluation: Evaluation) -> None:
    for task in evaluation.tasks:
        print(f"\n{name}\n{format_metrics(evaluation.rows, task)}")
        print(f"\n{format_table(evaluation.rows, task, evaluation.roles)}\n", flush=True)


def _write_report(
    config: DemoConfig, cases: list[LiftCase], found: list[Evaluation], exported: str
) -> None:
    report_cases = [
        ReportCase(
            name=case.name,
            rows=one.rows,
            roles=one.roles,
            reliability={
                task: {
                    model: one.table.reliability(model, task)
                    for model in (one.roles.zero_shot, one.roles.adapted)
                }
                for task in one.tasks
            },
        )
        for case, one in zip(cases, found, strict=True)
    ]
    curves = {
        f"{case.folder.name}, {run}": _curve(case.folder / run)
        for case in cases
        for run in ("base", "control", "kernels")
    }
    write_report(
        config.output / REPORT,
        "tfrec_mt demo: what 11 kernels bring behind a frozen base",
        report_cases,
        curves=curves,
        settings=settings_of(config),
        sections=[
            Section("Serving", exported),
            Section(
                "What is compared",
                "Bases are pre-trained on days 1 to 6, kernels on day 7, and everything is "
                "measured on day 8. Zero-shot is the frozen base; adapted adds the kernels of "
                "one topic; the control is the base itself trained on day 7. The oracle knows "
                "the true probabilities, and the share is of its lead over item popularity.",
            ),
        ],
    )


def _curve(run: Path) -> list[tuple[int, float]]:
    lines = (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines]
    return [(entry["step"], entry["loss"]) for entry in entries if "loss" in entry]


def _say(text: str) -> None:
    print(f"\n== {text}", flush=True)
