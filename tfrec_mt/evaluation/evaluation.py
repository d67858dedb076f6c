"""`Evaluation`: metrics as frames, as text, as a page and in a notebook."""

import base64
import contextlib
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from absl import logging

from tfrec_mt.evaluation.below_floors import BelowFloor, below_sentences
from tfrec_mt.evaluation.cells import ALL, MEAN
from tfrec_mt.evaluation.comparison import ModelRoles, compare_models, main_metric
from tfrec_mt.evaluation.figures import interval_figures, lift_figures
from tfrec_mt.evaluation.metric_pages import domain_table, model_tables
from tfrec_mt.evaluation.metric_row import MetricRow, write_rows
from tfrec_mt.evaluation.metric_table import MetricTable
from tfrec_mt.evaluation.page import Section, render_fragment
from tfrec_mt.evaluation.page_table import PageTable
from tfrec_mt.evaluation.remembered_ids import no_remembered_ids
from tfrec_mt.evaluation.report import ReportCase, task_name, write_report
from tfrec_mt.evaluation.summary import Summary, summary
from tfrec_mt.evaluation.table import format_metrics, format_table
from tfrec_mt.extras import MissingExtraError
from tfrec_mt.metrics.calibration import CalibrationBin
from tfrec_mt.storage.folders import published_folder

METRICS_FILE = "metrics.json"
REPORT_FILE = "report.html"


@dataclass(frozen=True, kw_only=True, repr=False)
class Evaluation:
    """Results of an evaluation on a click log or on news.

    In a notebook it shows a table of AUC or RMSE per domain and a picture of the lifts; `print`
    gives the table as text.

    Args:
      metrics: Metrics, lifts and oracle shares, as in `metrics.json`.
      tasks: Task names.
      roles: Which model is which.
      part: The part that was scored.
      split: How the parts came about.
      scores: All estimates with their replicates.
      below: Models that are below their floors.
      control: How the control came about; empty if that is not known.
      trial: Sentences about kernels that were dropped.
      remembered: The ids that domains like most and least beyond what base and kernels say, see
        `remembered_ids`; of kernels with a memory.
      rankings: A few requests with and without kernels, see `RankedRequests.ranked`.
      unit: What is counted.

    Example:
      >>> report = mt.evaluate("runs/shop/kernels")
      >>> report.table.filter(topic="market").select("domain", "zero_shot", "adapted", "lift")
      >>> report.save("runs/shop/evaluation")
    """

    metrics: Sequence[MetricRow]
    tasks: tuple[str, ...]
    roles: ModelRoles
    part: str
    split: str
    scores: MetricTable
    below: tuple[BelowFloor, ...] = ()
    control: str = ""
    trial: tuple[str, ...] = ()
    remembered: pl.DataFrame = field(default_factory=no_remembered_ids, compare=False)
    rankings: Sequence[dict[str, Any]] = ()
    unit: str = "rows"

    @functools.cached_property
    def rows(self) -> pl.DataFrame:
        """Every metric with its 95% interval; columns as in `MetricRow`."""
        numbers = dict.fromkeys(("value", "ci_low", "ci_high", "oracle"), pl.Float64)
        types = dict.fromkeys(MetricRow.__dataclass_fields__, pl.String) | numbers | {"n": pl.Int64}
        return pl.DataFrame([vars(row) for row in self.metrics], types)

    @functools.cached_property
    def table(self) -> pl.DataFrame:
        """AUC, or RMSE, per task, topic and domain: a column per model, and the lift with interval.

        Columns `task`, `topic`, `domain`, `n` (rows, for news impressions), one per model (such as
        `zero_shot`, `adapted`, `control`), and with kernels `lift`, `ci_low` and `ci_high`: by how
        much the adapted model is better than the base. With a control also `over_control`,
        `over_control_low` and `over_control_high`: by how much it is better than the control.
        """
        cell = ["task", "topic", "domain"]
        main = pl.col("metric").is_in(["auc", "rmse"])
        measured = self.rows.filter(main, pl.col("reference").is_null())
        found = measured.pivot("model", index=[*cell, "n"], values="value", maintain_order=True)
        if self.roles.adapted != self.roles.zero_shot:
            lifts = self._lifts(self.roles.zero_shot, "lift", "ci_low", "ci_high")
            if self.roles.control:
                names = ("over_control", "over_control_low", "over_control_high")
                over = self._lifts(self.roles.control, *names)
                lifts = lifts.join(over, on=[*cell, "n"], how="left")
            # only lifts have means over domains
            found = found.join(lifts, on=[*cell, "n"], how="full", coalesce=True)
        topics = self.rows["topic"].unique(maintain_order=True)
        return found.sort(
            pl.col("task").replace_strict({task: i for i, task in enumerate(self.tasks)}),
            pl.col("topic").replace_strict({topic: i for i, topic in enumerate(topics)}),
            pl.col("domain") == MEAN,
            maintain_order=True,
        )

    def _lifts(self, reference: str, value: str, low: str, high: str) -> pl.DataFrame:
        """By how much the adapted model is better than another, by cell."""
        return self.rows.filter(
            pl.col("metric").is_in(["auc_lift", "rmse_lift"]),
            pl.col("model") == self.roles.adapted,
            pl.col("reference") == reference,
        ).select(
            *("task", "topic", "domain", "n"),
            pl.col("value").alias(value),
            pl.col("ci_low").alias(low),
            pl.col("ci_high").alias(high),
        )

    def save(self, folder: str | Path) -> Path:
        """Writes `metrics.json` and `report.html`, whole or not at all.

        Without matplotlib there is no report, and a warning names the extra to install.

        Args:
          folder: Folder to create, which is returned.

        Raises:
          FileExistsError: It exists.
        """
        target = Path(folder)
        with published_folder(target) as temporary:
            write_rows(temporary / METRICS_FILE, self.metrics)
            how = f"The part {self.part!r} was scored; parts came about by {self.split}."
            try:
                write_report(
                    temporary / REPORT_FILE,
                    "Evaluation",
                    [self.case(f"part {self.part}")],
                    sections=[Section("The data", how)],
                )
            except MissingExtraError as error:
                logging.warning("%s: no %s: %s", target, REPORT_FILE, error)
        return target

    def case(self, name: str) -> ReportCase:
        """This evaluation as a case of a report, under a name."""
        return ReportCase(
            name=name,
            rows=self.metrics,
            roles=self.roles,
            reliability=self.reliability(),
            control=self.control,
            what=self._what(),
            below=self.below,
            trial=self.trial,
            remembered=self.remembered,
            rankings=self.rankings,
        )

    def summary(self) -> Summary:
        """What was compared, what was found, and whether to ship kernels; see `summary`."""
        return summary(self.metrics, self.roles, self.below, self._what())

    def _what(self) -> str:
        rows = max((row.n for row in self.metrics if row.topic == row.domain == ALL), default=0)
        return f"{rows:,} {self.unit} of the part {self.part}"

    def reliability(self) -> Mapping[str, Mapping[str, Sequence[CalibrationBin]]]:
        """Reliability curves by task of the base and of the adapted model.

        Scores that only rank, such as those of news, have none.
        """
        models = dict.fromkeys((self.roles.zero_shot, self.roles.adapted))
        return {
            task: {model: self.scores.reliability(model, task) for model in models}
            for task in self.tasks
            if self.scores.calibrated(task)
        }

    def __repr__(self) -> str:
        models = dict.fromkeys(row.model for row in self.metrics if row.reference is None)
        return (
            f"{type(self).__name__}(part {self.part!r}: tasks {', '.join(self.tasks)}; "
            f"models {', '.join(models)})"
        )

    def __str__(self) -> str:
        texts = self._sentences()
        texts = ["\n".join(texts)] if texts else []
        texts.append(f"part {self.part}, split by {self.split}")
        for task in self.tasks:
            texts.append(format_metrics(self.metrics, task))
            if self.roles.adapted != self.roles.zero_shot:
                texts.append(format_table(self.metrics, task, self.roles))
        return "\n\n".join(texts)

    def _sentences(self) -> list[str]:
        told = [f"Control: {self.control}."] if self.control else []
        found = self.summary()
        three = [found.compared, found.found, found.verdict]
        return [*below_sentences(self.below), *three, *told, *self.trial]

    def _repr_html_(self) -> str:
        tables: list[PageTable] = []
        pictures: list[tuple[str, str]] = []
        for task in self.tasks:
            lines = compare_models(self.metrics, task, self.roles)
            metric = main_metric(self.metrics, task).upper()
            name = f"{metric}, {task_name(task)}"
            tables += model_tables(self.metrics, task, task_name(task))
            if lines:
                tables.append(domain_table(name, lines, self.metrics, self.roles))
            # without matplotlib the tables alone
            with contextlib.suppress(MissingExtraError):
                svgs = (
                    lift_figures({task_name(task): lines}, metric)
                    if lines
                    else interval_figures({name: self._intervals(task)})
                )
                title = f"{name}: lift" if lines else name
                pictures += [(title, base64.b64encode(svg.encode()).decode()) for svg in svgs]
        return render_fragment(
            "evaluation.html.jinja",
            part=self.part,
            split=self.split,
            sentences=self._sentences(),
            tables=tables,
            pictures=pictures,
        )

    def _intervals(self, task: str) -> dict[str, tuple[float, float | None, float | None]]:
        """AUC or RMSE of the base with its interval by cell."""
        metric = main_metric(self.metrics, task)
        return {
            row.topic if row.topic == ALL else f"{row.topic} / {row.domain}": (
                row.value,
                row.ci_low,
                row.ci_high,
            )
            for row in self.metrics
            if (row.task, row.metric, row.model) == (task, metric, self.roles.zero_shot)
            and row.value is not None
        }
