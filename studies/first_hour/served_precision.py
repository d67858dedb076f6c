"""Study `served_precision`: what a served model loses with fewer bytes per number."""

from pathlib import Path
from typing import Any

import tfrec_mt as mt
from studies.framework.logs import prepared_log
from studies.framework.study import Outcome, Settings, Study, Variant
from tfrec_mt.evaluation.cells import ALL, Cell
from tfrec_mt.evaluation.scoring import ZERO_SHOT
from tfrec_mt.storage.names import MODEL

_LOGS = ("takeout 1M", "MovieLens-1M")
_CHANGES: dict[str, Settings] = {
    "products in bfloat16": {"precision": "bfloat16"},
    "rows in bfloat16": {"table_precision": "bfloat16"},
    "rows in bytes": {"table_precision": "int8"},
}


def served_precision_experiment(settings: Settings, folder: Path, shared: Path) -> Outcome:
    """Trains a base with defaults in float32, and measures it as it would be served.

    Estimates are AUC and log loss of the log's first task over all rows.

    Args:
      settings: `log`, `precision` and `table_precision` as those of an export, and `seed`.
      folder: Takes the export.
      shared: Takes the data and the base.

    Raises:
      SchemaError: An unknown log, or `$TFREC_MT_DATA` is not set.
    """
    log = prepared_log(settings, shared)
    base = shared / f"base of {settings['log']}"
    if not (base / MODEL).exists():
        mt.pretrain(log, base, seed=settings["seed"])
    told: dict[str, Any] = {name: settings[name] for name in ("precision", "table_precision")}
    table = mt.evaluate(base, log, **told).scores
    task, everywhere = log.schema.task_names[0], Cell(ALL, ALL)
    version = folder / "export" / "1"
    if not version.exists():
        mt.export(base, version.parent, log, **told)
    size = sum(path.stat().st_size for path in (version / "variables").iterdir())
    return Outcome(
        estimates={
            metric: table.estimate(ZERO_SHOT, task, everywhere, metric)
            for metric in ("auc", "log_loss")
        },
        facts={"MB of variables": size / 1e6},
    )


SERVED_PRECISION = Study(
    name="served_precision",
    title="What a served model loses with fewer bytes per number",
    question=(
        "A base is trained in float32 with defaults, and measured as it is served: with the main "
        "net's products in bfloat16, or with embedding rows stored in bfloat16 or in bytes, with "
        "a step for each column.\n\n"
        "Expected: no difference beyond its interval, as rounding is far below what an embedding "
        "is uncertain by. Tables of this size are a small part of an export; see the benchmark "
        "`served_tables` for larger ones."
    ),
    experiment=served_precision_experiment,
    settings={"log": _LOGS[0], "precision": "float32", "table_precision": "float32"},
    variants=tuple(
        variant
        for log in _LOGS
        for variant in (
            Variant(name=f"{log}: float32", settings={"log": log}),
            *(
                Variant(
                    name=f"{log}: {what}",
                    settings={"log": log, **change},
                    reference=f"{log}: float32",
                )
                for what, change in _CHANGES.items()
            ),
        )
    ),
    metrics={"auc": "AUC of a click", "log_loss": "Log loss of a click"},
    seeds=(0, 1, 2),
    reference=f"{_LOGS[0]}: float32",
)
