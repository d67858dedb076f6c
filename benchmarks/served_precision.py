"""AUC cost of serving a ranking model's products in bfloat16, on a test part.

python -m benchmarks.served_precision --data=runs/takeout/data --base=runs/takeout/base
"""

from pathlib import Path

from absl import app, flags

from results.result import Result
from tfrec_mt.configs.choices import PRECISIONS
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.scan import scan
from tfrec_mt.evaluation.cells import ALL, ScoreKey
from tfrec_mt.evaluation.evaluator import Evaluator
from tfrec_mt.evaluation.metric_row import MetricRow
from tfrec_mt.evaluation.row_scoring import SCAN_ROWS
from tfrec_mt.models.model_store import load_model
from tfrec_mt.models.scorer import Scorer
from tfrec_mt.storage.names import MODEL

_DATA = flags.DEFINE_multi_string("data", None, "Prepared dataset; repeatable.", required=True)
_BASE = flags.DEFINE_multi_string(
    "base", None, "Run folders of bases, separated by commas, of each dataset.", required=True
)
_PART = flags.DEFINE_string("part", "test", "Part to score.")


def compared(data: Path, base: Path) -> list[MetricRow]:
    """AUC of each task over all rows, in both precisions, and the paired difference."""
    dataset = PreparedDataset(data)
    scorers = {
        ScoreKey(precision): Scorer(load_model(base / MODEL, dataset, precision))
        for precision in PRECISIONS
    }
    evaluator = Evaluator(list(scorers), dataset.schema.task_names, {}, truth=(), requests=False)
    for batch in scan(dataset, _PART.value, SCAN_ROWS):
        scores = {key: scorer(batch.features) for key, scorer in scorers.items()}
        evaluator.update(scores, labels=batch.labels, domains={}, users=batch.keys["user"])
    table = evaluator.result()
    plain, short = PRECISIONS
    rows = [*table.rows(), *table.lift(short, plain)]
    return [row for row in rows if row.metric in ("auc", "auc_lift") and row.domain == ALL]


def main(_: list[str]) -> None:
    """Runs the benchmark and publishes its figures."""
    lines = []
    for data, bases in zip(_DATA.value, _BASE.value, strict=True):
        for base in bases.split(","):
            rows = compared(Path(data), Path(base))
            for task in dict.fromkeys(row.task for row in rows):
                found = {(row.metric, row.model): row for row in rows if row.task == task}
                plain, short = (found["auc", precision] for precision in PRECISIONS)
                lift = found["auc_lift", PRECISIONS[1]]
                interval = f"{lift.ci_low:+.6f} to {lift.ci_high:+.6f}"
                aucs = (f"{plain.value:.5f}", f"{short.value:.5f}")
                lines.append(
                    [
                        f"{Path(data).name}, {Path(base).name}",
                        task,
                        f"{plain.n:,}",
                        *aucs,
                        f"{lift.value:+.6f}",
                        interval,
                    ]
                )
    Result(
        name="served_precision",
        title="AUC of a model served in bfloat16",
        command="python -m benchmarks.served_precision --data=... --base=...",
        about=("Trained in float32. The interval is a bootstrap over users, paired.",),
        columns=("data, base", "task", "rows", "float32", "bfloat16", "difference", "95%"),
        rows=lines,
    ).publish()


if __name__ == "__main__":
    app.run(main)
