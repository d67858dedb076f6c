"""`evaluate`: a base, its kernels and the control, measured with intervals."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from tfrec_mt.configs import EvaluateConfig
from tfrec_mt.configs.choices import Precision, TablePrecision
from tfrec_mt.evaluation.evaluation import Evaluation
from tfrec_mt.evaluation.remembered_ids import FEW
from tfrec_mt.jobs.control import control_rate
from tfrec_mt.jobs.opened import Folder, known_run, open_base, open_model
from tfrec_mt.layers.stored_tables import stored_tables
from tfrec_mt.models.base_model import BaseModel
from tfrec_mt.storage.folders import check_absent
from tfrec_mt.training.trial_results import trial_sentences


def evaluate(
    model: keras.Model | Folder,
    log: Any = None,
    *,
    base: BaseModel | Folder | None = None,
    control: BaseModel | keras.Model | Folder | None = None,
    part: str = EvaluateConfig.part,
    seen_in: Sequence[str] = (),
    precision: Precision = EvaluateConfig.precision,
    table_precision: TablePrecision = EvaluateConfig.table_precision,
    output: Folder | None = None,
    labels: Mapping[str, str] | None = None,
    user: str | None = None,
) -> Evaluation:
    """Measures models per task and domain on a part that nothing was trained on.

    Args:
      model: What `pretrain` or `fine_tune` gave, or the folder of their run.
      log: Prepared data; by default what the model was trained on. Of an attached model: rows that
        nothing was trained on, see `OwnRows`.
      base: The kernels' base, where it is no longer where it was.
      control: The base continued on the kernels' rows, to compare kernels with;
        of an attached model also a Keras model with an output for each task.
      part: Part to score.
      seen_in: Of click logs: parts, such as the kernels' own; each domain is also measured on users
        that had rows of it there, and on those that had none.
      precision: Of click logs: type of the main net's products, as in an export of this precision.
      table_precision: Of click logs: how embedding rows are stored, as in an export of this
        precision.
      output: Folder to make, with `metrics.json` and `report.html`; None writes nothing.
      labels: Of an attached model and a frame: the column of each task's label.
      user: Of an attached model: the column of the user.

    Returns:
      AUC, log loss, calibration and lifts, which show themselves in a notebook.

    Raises:
      DataError: There is no such data, or no such part.
      FileExistsError: The output exists.
      ModelStoreError: There is no such model.
      SchemaError: The model is none of this data.

    Example:
      >>> report = mt.evaluate("runs/shop/kernels", output="runs/shop/evaluation")
      >>> print(report)
    """
    folder = Path(output) if output is not None else None
    if folder:
        check_absent(folder, "folder")
    opened = open_model(model, log, base, precision, labels, user)
    against = open_base(control, opened.log, precision) if control is not None else None
    origin = opened.workload.provenance(opened.log)
    with stored_tables(opened.base, table_precision):
        found = opened.workload.scoring(
            opened.log, opened.base, opened.kernels, against, part, seen_in
        ).measure(origin.split if origin else "the caller")
    run = known_run(model) if opened.kernels else None
    few = opened.remembered(run, FEW)
    found = dataclasses.replace(
        found,
        remembered=few,
        control=_told(against),
        trial=trial_sentences(run) if run else (),
    )
    if folder:
        found.save(folder)
    return found


def _told(control: Any) -> str:
    """How a control was trained; empty if there is none, or its run does not tell."""
    origin = getattr(control, "origin", None)
    chosen = control_rate(origin.run) if origin else None
    return str(chosen) if chosen else ""


def run_evaluate(config: EvaluateConfig) -> Evaluation:
    """Measures what runs left in their folders; see `evaluate`."""
    return evaluate(
        config.kernels or config.base,
        config.data,
        base=config.base,
        control=config.control,
        part=config.part,
        seen_in=config.seen_in,
        precision=config.precision,
        table_precision=config.table_precision,
        output=config.output,
    )
