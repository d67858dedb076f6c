"""`Evaluation`: what was measured, as frames, as text, as a page and in a notebook."""

import base64
import contextlib
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from absl import logging

from tfrec_mt.evaluation.cells import ALL, MEAN
from tfrec_mt.evaluation.comparison import ComparisonLine, ModelRoles, compare_models
from tfrec_mt.evaluation.figures import interval_figure, lift_figure
from tfrec_mt.evaluation.metric_row import MetricRow, write_rows
from tfrec_mt.evaluation.metric_table import MetricTable
from tfrec_mt.evaluation.page import Section, render_fragment
from tfrec_mt.evaluation.report import ReportCase, task_name, write_report
from tfrec_mt.evaluation.table import (
    HEADER,
    format_metrics,
    format_table,
    line_cells,
    shown_columns,
)
from tfrec_mt.extras import MissingExtraError
from tfrec_mt.metrics.calibration_bins import CalibrationBin
from tfrec_mt.storage.folders import published_folder

METRICS_FILE = "metrics.json"
REPORT_FILE = "report.html"


@dataclass(frozen=True, kw_only=True, repr=False)
class Evaluation:
    """What an evaluation found, of a click log or of news.

    In a notebook it shows itself: a table of AUC per domain and a picture of the lifts. `print`
    gives the same as text.

    Args:
      metrics: Metrics, lifts and oracle shares, as in `metrics.json`.
      tasks: Task names.
      roles: Which model is which.
      part: The part that was scored.
      split: How the parts came about.
      scores: All estimates with their replicates.

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

    @functools.cached_property
    def rows(self) -> pl.DataFrame:
        """Every number with its 95% interval, a row each; columns as in `MetricRow`."""
        schema = {
            name: pl.Int64 if name == "n" else pl.Float64 if name in _NUMBERS else pl.String
            for name in MetricRow.__dataclass_fields__
        }
        return pl.DataFrame([vars(row) for row in self.metrics], schema)

    @functools.cached_property
    def table(self) -> pl.DataFrame:
        """AUC, or RMSE, per task, topic and domain: a column per model, and the lift with interval.

        Columns `task`, `topic`, `domain`, `n` (rows, of news impressions), one per model (such as
        `zero_shot`, `adapted`, `control`), and where there are kernels `lift`, `ci_low` and
        `ci_high`: by how much the adapted model is better than the base.
        """
        cell = ["task", "topic", "domain"]
        main = pl.col("metric").is_in(["auc", "rmse"])
        measured = self.rows.filter(main, pl.col("reference").is_null())
        found = measured.pivot("model", index=[*cell, "n"], values="value", maintain_order=True)
        if self.roles.adapted != self.roles.zero_shot:
            lifts = self.rows.filter(
                pl.col("metric").is_in(["auc_lift", "rmse_lift"]),
                pl.col("model") == self.roles.adapted,
                pl.col("reference") == self.roles.zero_shot,
            ).select(*cell, "n", pl.col("value").alias("lift"), "ci_low", "ci_high")
            # means over domains are of lifts alone
            found = found.join(lifts, on=[*cell, "n"], how="full", coalesce=True)
        topics = self.rows["topic"].unique(maintain_order=True)
        return found.sort(
            pl.col("task").replace_strict({task: i for i, task in enumerate(self.tasks)}),
            pl.col("topic").replace_strict({topic: i for i, topic in enumerate(topics)}),
            pl.col("domain") == MEAN,
            maintain_order=True,
        )

    def save(self, folder: str | Path) -> Path:
        """Writes `metrics.json` and `report.html`, whole or not at all.

        Where matplotlib is not installed there is no report, and a warning says what brings it.

        Args:
          folder: Folder to make.

        Returns:
          The folder.

        Raises:
          FileExistsError: It exists.
        """
        target = Path(folder)
        with published_folder(target) as temporary:
            write_rows(temporary / METRICS_FILE, self.metrics)
            case = ReportCase(
                name=f"part {self.part}",
                rows=self.metrics,
                roles=self.roles,
                reliability=self.reliability(),
            )
            overall = "\n\n".join(format_metrics(self.metrics, task) for task in self.tasks)
            how = f"The part {self.part!r}, split by {self.split}."
            sections = [Section("All rows together", how, overall)]
            try:
                write_report(temporary / REPORT_FILE, "Evaluation", [case], sections=sections)
            except MissingExtraError as error:
                logging.warning("%s: no %s: %s", target, REPORT_FILE, error)
        return target

    def reliability(self) -> Mapping[str, Mapping[str, Sequence[CalibrationBin]]]:
        """Reliability curves by task, of the base and of the model with kernels.

        There are none of scores that only rank, as those of news.
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
        texts = [f"part {self.part}, split by {self.split}"]
        for task in self.tasks:
            texts.append(format_metrics(self.metrics, task))
            if self.roles.adapted != self.roles.zero_shot:
                texts.append(format_table(self.metrics, task, self.roles))
        return "\n\n".join(texts)

    def _repr_html_(self) -> str:
        tables: list[dict[str, object]] = []
        pictures: list[tuple[str, str]] = []
        for task in self.tasks:
            lines = compare_models(self.metrics, task, self.roles)
            name = f"{self._metric(task).upper()}, {task_name(task)}"
            if lines:
                tables.append(self._lift_table(lines, name))
            else:
                tables.append(self._plain_table(task, name))
            # without matplotlib the tables alone
            with contextlib.suppress(MissingExtraError):
                if lines:
                    pictures.append((f"{name}: lift", lift_figure({task_name(task): lines})))
                else:
                    pictures.append((name, interval_figure({name: self._intervals(task)})))
        encoded = [(name, base64.b64encode(svg.encode()).decode()) for name, svg in pictures]
        return render_fragment(
            "evaluation.html.jinja",
            part=self.part,
            split=self.split,
            tables=tables,
            pictures=encoded,
        )

    def _metric(self, task: str) -> str:
        regression = any(row.metric == "rmse" and row.task == task for row in self.metrics)
        return "rmse" if regression else "auc"

    def _lift_table(self, lines: Sequence[ComparisonLine], caption: str) -> dict[str, object]:
        columns = shown_columns(lines, self.roles)
        rows = []
        for line in lines:
            cells = line_cells(line)
            rows.append((line.domain == MEAN, [cells[column] for column in columns]))
        return {"caption": caption, "header": [HEADER[c] for c in columns], "rows": rows}

    def _plain_table(self, task: str, caption: str) -> dict[str, object]:
        found = self.table.filter(task=task).drop("task")
        rows = [
            (row["domain"] == MEAN, [_text(value) for value in row.values()])
            for row in found.iter_rows(named=True)
        ]
        return {"caption": caption, "header": found.columns, "rows": rows}

    def _intervals(self, task: str) -> dict[str, tuple[float, float | None, float | None]]:
        """AUC of the base with its interval by cell."""
        return {
            row.topic if row.topic == ALL else f"{row.topic} / {row.domain}": (
                row.value,
                row.ci_low,
                row.ci_high,
            )
            for row in self.metrics
            if (row.task, row.metric, row.model) == (task, self._metric(task), self.roles.zero_shot)
            and row.value is not None
        }


_NUMBERS = ("value", "ci_low", "ci_high", "oracle")


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else str("-" if value is None else value)
