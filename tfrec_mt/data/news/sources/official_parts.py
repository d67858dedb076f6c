"""Folders of a data set that is published as train, validation and test."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tfrec_mt.schema import DataError


def official_parts(
    data_dir: Path, names: Mapping[str, Sequence[str]], file: str
) -> dict[str | None, Path]:
    """The folder of each part.

    Args:
      data_dir: Folder of the data set, or of one log that is still to be divided.
      names: By part, the names that its folder may have; the first part must exist.
      file: A file that every part has.

    Returns:
      Folder by part, in the order of `names`; `{None: data_dir}` if the file lies in it directly.

    Raises:
      DataError: No such folder, none of the expected folders in it, or several for one part.
    """
    if not data_dir.is_dir():
        raise DataError(f"{data_dir} does not exist; expected a folder of the unpacked files")
    if (data_dir / file).is_file():
        return {None: data_dir}
    found: dict[str | None, Path] = {}
    for part, folders in names.items():
        there = [data_dir / name for name in folders if (data_dir / name / file).is_file()]
        if len(there) > 1:
            raise DataError(
                f"{data_dir}: expected one folder for the part {part!r}, "
                f"got {', '.join(path.name for path in there)}"
            )
        if there:
            found[part] = there[0]
    first = next(iter(names))
    if first not in found:
        raise DataError(
            f"{data_dir}: expected {file} in it, or in one of the folders "
            f"{', '.join(names[first])}; found neither"
        )
    return found
