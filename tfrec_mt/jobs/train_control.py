"""`train_control`: trains the control that kernels are compared with."""

from pathlib import Path

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.configs import FineTuneConfig
from tfrec_mt.errors import SchemaError
from tfrec_mt.jobs.control import control_config, run_control
from tfrec_mt.jobs.opened import Base, Folder, Log, open_base, open_model, run_of
from tfrec_mt.storage.names import KERNELS, ROWS
from tfrec_mt.training.run_folder import config_of
from tfrec_mt.workloads.catalog import workload_in


def train_control(
    model: AdaptedModel | Folder,
    output: Folder,
    *,
    log: Log | Folder | None = None,
    base: Base | Folder | None = None,
) -> Base:
    """Trains the base itself further on the kernels' rows; repeating a killed call resumes it.

    The control takes as many steps as the kernels did, at a rate that is chosen by the loss on
    held-out users. What kernels gain over it is not due to fresher rows.

    Args:
      model: What `fine_tune` gave, or its run folder.
      output: Run folder to make; the model ends up in its folder `model`, how its rate was chosen
        in `control.json`.
      log: The kernels' data, where they are no longer where they were.
      base: The kernels' base, where it is no longer where it was.

    Returns:
      The control, for `evaluate(control=)`.

    Raises:
      DataError: The data are not there.
      ModelStoreError: There are no kernels, or no base.
      RunFolderError: The output holds a finished run, or one with other settings.
      SchemaError: The model has no kernels, or a base that `pretrain` cannot continue.

    Example:
      >>> control = mt.train_control(model, "runs/shop/control")
      >>> report = mt.evaluate(model, control=control)
    """
    run, output = run_of(model, "model"), Path(output)
    if not (run / KERNELS).is_dir():
        raise SchemaError(f"model: {run} holds no kernels, and a control is that of kernels")
    if (run / ROWS).is_dir():
        raise SchemaError(
            f"model: {run} holds kernels behind a model of your own; train a copy of it on their "
            "rows and pass that to `evaluate`"
        )
    opened = open_model(run, log, base)
    data = opened.log.path
    continued, kind = run_of(opened.base, "base"), workload_in(data).config_class
    of_base = config_of(continued, kind, data=data, output=continued)
    of_kernels = config_of(run, FineTuneConfig, data=data, output=run)
    run_control(control_config(of_base, of_kernels, output))
    return open_base(output, opened.log)
