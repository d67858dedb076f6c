"""`Preset`: a model as one folder that can be shared."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tfrec_mt.errors import DataError, SchemaError
from tfrec_mt.models.model_store import check_same_schema, load_model, save_model
from tfrec_mt.storage.folders import published_folder
from tfrec_mt.storage.names import MODEL, VOCABULARIES


@dataclass(frozen=True)
class Origin:
    """The run that trained a model.

    Args:
      run: The run's folder.
      data: The prepared dataset that it was trained on.
      data_fingerprint: Of that dataset.
    """

    run: Path
    data: Path
    data_fingerprint: str


class Preset:
    """Gives a model `save_to_preset` and `from_preset`, as keras_hub's models have them.

    Attributes:
      schema: What the model knows of its data.
      origin: The run that trained the model, if any.
    """

    schema: Any
    origin: Origin | None = None

    def save_to_preset(self, folder: str | Path, log: Any = None) -> Path:
        """Writes the model and all it needs to read raw rows, completely or not at all.

        Args:
          folder: Folder to make; `mt.load` and `from_preset` open it.
          log: Prepared data whose ids the model knows; by default the run's.

        Returns:
          The folder.

        Raises:
          DataError: The model has no origin, and no log is given.
          SchemaError: The log has other ids or another schema than the model.
          FileExistsError: The folder exists.

        Example:
          >>> base.save_to_preset("shop_base")
          >>> type(base).from_preset("shop_base").tasks
          ('ctr', 'ctcvr')
        """
        target = Path(folder)
        with published_folder(target) as temporary:
            self.save_parts(temporary, self.vocabularies(log))
        return target

    @classmethod
    def from_preset(cls, folder: str | Path) -> Self:
        """Loads what `save_to_preset` wrote.

        Args:
          folder: The preset, or any folder of a run that holds such a model.

        Raises:
          ModelStoreError: There is no model.
          SchemaError: It is of another class.
        """
        model = cls.load_parts(Path(folder))
        if not isinstance(model, cls):
            raise SchemaError(
                f"{folder}: expected a {cls.__name__}, it holds a {type(model).__name__}"
            )
        return model

    def save_parts(self, folder: Path, vocabularies: Path) -> None:
        """Writes the model into an existing folder."""
        save_model(self, folder / MODEL, vocabularies)

    @classmethod
    def load_parts(cls, folder: Path) -> Any:
        """The model in a folder, of any class."""
        return load_model(folder / MODEL)

    def vocabularies(self, log: Any = None) -> Path:
        """Folder of the model's vocabularies; see `save_to_preset`."""
        if log is not None:
            check_same_schema(self.schema, log, "the model")
            found: Path = log.vocabularies
            return found
        if self.origin is None:
            raise DataError("log: the model does not know its data; expected the prepared data")
        return self.origin.run / MODEL / VOCABULARIES
