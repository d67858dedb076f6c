"""`EarlierRun`: a base's training that goes on with the data of another day."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import tensorflow as tf

from tfrec_mt.configs import PretrainConfig
from tfrec_mt.configs.settings import fields_of, sort_settings
from tfrec_mt.configs.train import TrainConfig
from tfrec_mt.data.code_maps import CodeMaps
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.batch import Batch
from tfrec_mt.errors import SchemaError
from tfrec_mt.models.model_store import check_same_schema, load_model, stored_schema
from tfrec_mt.storage.names import BEST, CHECKPOINTS, VOCABULARIES
from tfrec_mt.storage.variables import FILE
from tfrec_mt.training.checkpoints import CheckpointError, Checkpoints
from tfrec_mt.training.run_folder import config_of, model_folder
from tfrec_mt.training.train_loop import Reader

# Of an optimizer: its step, its rate, and of each weight the moving average.
_STEP, _RATE, _AVERAGE = "iteration", "learning_rate", "average"
# What a model is cannot change, nor what its optimizer keeps.
_FIXED = (
    *("model", "model_settings", "encoder_settings", "title_encoder", "start", "init_from"),
    *("optimizer", "ema_decay", "chosen", "train"),
)
_Config = TypeVar("_Config", bound=PretrainConfig)


def continued_config(
    kind: type[_Config], run: Mapping[str, Any], settings: Mapping[str, Any]
) -> _Config:
    """The config of a run that continues another, whose settings it has where it is told no others.

    Args:
      kind: Class of the config.
      run: Fields of the config that are no settings, `continue_from` among them.
      settings: Of the run and of the loop.

    Raises:
      RunFolderError: There is no run to continue.
      SchemaError: A setting that does not exist or cannot change.
    """
    found = sort_settings(
        "pretrain with continue_from",
        settings,
        {"run": fields_of(kind, *run, *_FIXED), "train": fields_of(TrainConfig)},
    )
    stored = config_of(run["continue_from"], kind, output=run["output"])
    before = dataclasses.replace(stored, chosen=())
    changed: dict[str, Any] = {"warm_up": 0.0, **run, **found["run"], "init_from": None}
    train = dataclasses.replace(before.train, **found["train"])
    if "epochs" in stored.chosen and not {"epochs", "patience"} & found["train"].keys():
        changed["chosen"] = ("epochs",)
        train = dataclasses.replace(train, epochs=1, patience=0)
    elif run["validation"] is None:
        changed["validation"] = before.validation
    if run["parts"] == PretrainConfig.parts:
        changed["parts"] = before.parts
    return dataclasses.replace(before, **changed, train=train)


class EarlierRun:
    """The state in which a base's training ended.

    Args:
      run: Its folder.
      dataset: Data that it goes on with.

    Attributes:
      epochs: Epochs that it has learned from, those of runs that it continued included.
      steps: The optimizer's steps.
      digest: SHA-256 of the state.

    Raises:
      CheckpointError: The run has no checkpoint, or a damaged one.
      ModelStoreError: The run has not ended.
      SchemaError: The data do not continue those of the run.
    """

    def __init__(self, run: Path, dataset: Any) -> None:
        self._run, self._dataset = run, dataset
        folder = model_folder(run)
        self._maps = _maps(folder, dataset)
        # a run that stopped early ended with the best epoch
        kept = Checkpoints(run / (BEST if (run / BEST).is_dir() else CHECKPOINTS), {})
        if not kept.steps():
            raise CheckpointError(
                f"{run}: expected a checkpoint to continue from, found none; init_from= starts "
                "from its weights alone"
            )
        step = kept.steps()[-1]
        try:
            state = kept.verified(step)
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{run} cannot be continued: {error}") from error
        if "epochs" not in state:
            raise CheckpointError(
                f"{kept.path(step)}: a release before 0.3 has written it, which did not count "
                "epochs; init_from= starts from the run's weights alone"
            )
        self.epochs = int(state["epochs"])
        self.digest = kept.digest(step)
        self._stored = tf.train.load_checkpoint(str(kept.path(step) / FILE))
        self._shapes = self._stored.get_variable_to_shape_map()
        counts = [name for name in self._shapes if name.endswith(f"/{_STEP}")]
        self.steps = int(self._stored.get_tensor(counts[0])) if counts else 0

    def carry_over(self, variables: Mapping[str, tf.Variable], model: Any) -> None:
        """Gives a learner's variables the values of the run's.

        Rows of tables are taken over id by id. A new id starts from the row that it had as an
        unknown one; what the optimizer keeps for it starts anew.

        Args:
          variables: Of a learner of the same model and optimizer; changed.
          model: The model.

        Raises:
          SchemaError: They are not those of such a learner.
        """
        if variables.keys() != self._shapes.keys():
            odd = sorted(variables.keys() ^ self._shapes.keys())
            raise SchemaError(f"{self._run} has other weights than this model: {odd[:5]}")
        maps = self._maps
        coded = _coded(variables, model.coded_weights()) if maps else {}
        for name, variable in variables.items():
            if name.endswith(f"/{_RATE}"):
                continue  # as this run is told
            values = self._stored.get_tensor(name)
            if maps and (of := coded.get(name)) is not None:
                places, new, rows = maps.of_tables(of.tables)
                if len(values) == rows:
                    values = values[places]
                    if of.anew:
                        values[new] = variable.numpy()[new]
            if values.shape != tuple(variable.shape):
                raise SchemaError(
                    f"{self._run}: {name} is {self._shapes[name]}, which does not fit "
                    f"{list(variable.shape)} of the data in {self._dataset.path}"
                )
            variable.assign(values)


class LaterEpochs:
    """A reader whose first epoch is a later one, so that its order differs from earlier epochs'."""

    def __init__(self, reader: Reader, epochs: int) -> None:
        self._reader = reader
        self.steps_per_epoch = reader.steps_per_epoch
        self._first = epochs * reader.steps_per_epoch

    def read(self, start_step: int, stop_step: int) -> Batch:
        return self._reader.read(self._first + start_step, self._first + stop_step)


def _maps(folder: Path, dataset: Any) -> CodeMaps | None:
    """The codes of the run's model for those of the data; None of news, which have no tables."""
    if not isinstance(dataset, PreparedDataset):
        load_model(folder, dataset)
        return None
    schema = stored_schema(folder)
    if not dataset.continues(schema):
        check_same_schema(schema, dataset, f"the model in {folder}")
    return CodeMaps.between(schema, folder / VOCABULARIES, dataset.schema, dataset.vocabularies)


@dataclass(frozen=True)
class _Coded:
    """Tables of a variable's first axis, and whether what it keeps of a new id starts anew."""

    tables: Mapping[str, int]
    anew: bool


def _coded(
    variables: Mapping[str, tf.Variable], weights: Mapping[str, Mapping[str, int]]
) -> dict[str, _Coded]:
    """Weights with an axis of codes, and what an optimizer keeps for them, by name."""
    found = {path: _Coded(tables, anew=False) for path, tables in weights.items()}
    # the longest first, as one may begin like another
    by_slot = {path.replace("/", "_"): path for path in sorted(weights, key=len, reverse=True)}
    for name in variables.keys() - found.keys():
        kept = name.partition("/")[2]
        for slot, path in by_slot.items():
            if kept.startswith(f"{slot}_"):
                anew = kept.removeprefix(f"{slot}_") != _AVERAGE
                found[name] = _Coded(weights[path], anew)
                break
    return found
