"""`Preset`: a model as one folder, to pass on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tfrec_mt.errors import DataError, SchemaError
from tfrec_mt.models.model_store import load_model, save_model
from tfrec_mt.storage.folders import published_folder
from tfrec_mt.storage.names import MODEL, VOCABULARIES


@dataclass(frozen=True)
class Origin:
    """What a model that was trained by a run, or loaded from one, remembers of it.

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
      origin: Where the model came from, if a run made it.
    """

    origin: Origin | None = None

    def save_to_preset(self, folder: str | Path, log: Any = None) -> Path:
        """Writes the model with all that it needs to read raw rows, whole or not at all.

        Args:
          folder: Folder to make; `mt.load` and `from_preset` open it.
          log: Prepared data whose ids the model knows; by default what a run trained it on.

        Returns:
          The folder.

        Raises:
          DataError: It is not known which data the model reads.
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
        """The model that `save_to_preset` wrote.

        Args:
          folder: The preset, or any folder of a run that holds such a model.

        Raises:
          ModelStoreError: There is none.
          SchemaError: It is of another class.
        """
        model = cls.load_parts(Path(folder))
        if not isinstance(model, cls):
            raise SchemaError(
                f"{folder}: expected a {cls.__name__}, it holds a {type(model).__name__}"
            )
        return model

    def save_parts(self, folder: Path, vocabularies: Path) -> None:
        """Writes the model into a folder that is there."""
        save_model(self, folder / MODEL, vocabularies)

    @classmethod
    def load_parts(cls, folder: Path) -> Any:
        """The model in a folder, whatever it is."""
        return load_model(folder / MODEL)

    def vocabularies(self, log: Any = None) -> Path:
        """The ids that it knows; see `save_to_preset`."""
        if log is not None:
            found: Path = log.vocabularies
            return found
        if self.origin is None:
            raise DataError("log: the model does not know its data; expected the prepared data")
        return self.origin.run / MODEL / VOCABULARIES
