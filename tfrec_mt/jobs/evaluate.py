"""`evaluate`: a base, its kernels and the control, measured with intervals."""

from collections.abc import Sequence
from pathlib import Path

import keras

from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.errors import SchemaError
from tfrec_mt.evaluation.evaluate import EvaluateConfig, measure_ranking, refuse_existing
from tfrec_mt.evaluation.evaluate_news import measure_news
from tfrec_mt.evaluation.evaluation import Evaluation
from tfrec_mt.jobs.opened import Base, Folder, Log, open_base, open_model
from tfrec_mt.layers.precision import Precision


def evaluate(
    model: keras.Model | Folder,
    log: Log | Folder | None = None,
    *,
    base: Base | Folder | None = None,
    control: Base | Folder | None = None,
    part: str = EvaluateConfig.part,
    seen_in: Sequence[str] = (),
    precision: Precision = "float32",
    output: Folder | None = None,
) -> Evaluation:
    """Measures models per task and domain on a part that nothing was trained on.

    Args:
      model: What `pretrain` or `fine_tune` gave, or the folder of their run.
      log: Prepared data; by default what the model was trained on.
      base: The kernels' base, where it is no longer where it was.
      control: The base continued on the kernels' rows, to compare kernels with.
      part: Part to score.
      seen_in: Of click logs: parts, such as the kernels' own; each domain is also measured on users
        that had rows of it there, and on those that had none.
      precision: Of click logs: type of the main net's products, as in an export of this precision.
      output: Folder to make, with `metrics.json` and `report.html`; None writes nothing.

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
    refuse_existing(folder)
    opened = open_model(model, log, base, precision)
    beside = open_base(control, opened.log, precision) if control is not None else None
    if isinstance(opened.log, NewsDataset):
        if seen_in or precision != "float32":
            raise SchemaError("seen_in and precision are for click logs, these are news")
        found = measure_news(opened.log, opened.base, opened.kernels, beside, part)
    else:
        found = measure_ranking(opened.log, opened.base, opened.kernels, beside, part, seen_in)
    if folder is not None:
        found.save(folder)
    return found
