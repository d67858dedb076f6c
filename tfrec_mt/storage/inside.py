"""Walks untrusted folders; links are followed only if they stay inside."""

import fnmatch
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from tfrec_mt.errors import DataError


def files_inside(folder: Path) -> list[Path]:
    """Every file below a folder, in the order of their names.

    The folder itself may be a link.

    Raises:
      DataError: A link leads out of the folder or nowhere, or something is neither file nor folder.
    """
    return sorted(_walk(folder, folder.resolve()))


def copy_inside(
    source: Path, target: Path, left_out: Iterable[str] = (), linked: bool = False
) -> None:
    """Copies the files of `files_inside` into a folder, made if needed.

    Args:
      source: The folder.
      target: Its copy, which holds no links.
      left_out: Names and patterns of files and folders that are not copied.
      linked: Whether files are shared, see `share`, instead of copied.

    Raises:
      DataError: See `files_inside`; nothing is copied.
    """
    patterns, files = [*left_out], files_inside(source)
    target.mkdir(parents=True, exist_ok=True)
    for path in files:
        name = path.relative_to(source)
        if any(fnmatch.fnmatch(part, pattern) for part in name.parts for pattern in patterns):
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (share if linked else shutil.copy2)(path, target / name)


def share(source: Path, target: Path) -> None:
    """Makes a file appear elsewhere, too, by a hard link; by a copy on disks that have none."""
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copy2(source, target)


def check_inside(folder: Path, names: Iterable[str], where: Path) -> None:
    """Checks that the files that a description lists lie inside its folder, links followed.

    Args:
      folder: The folder.
      names: Paths relative to it; what is not there is not looked at.
      where: The description, for errors.

    Raises:
      DataError: Names the file that does not.
    """
    root = folder.resolve()
    parents: set[PurePosixPath] = set()
    for name in names:
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts or "\0" in name or not pure.parts:
            raise DataError(f"{where}: {name!r} lies outside of {folder}")
        for path in (pure, *pure.parents):
            if path in parents:
                break
            parents.add(path)
            try:
                linked = path.parts and (folder / path).is_symlink()
            except OSError as error:  # of a name that no file can have
                raise DataError(f"{where}: {name!r:.80}: {error.strerror}") from error
            if linked:
                _check_link(folder / path, root)


def _walk(folder: Path, root: Path, linked: bool = False) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for entry in entries:
            path = folder / entry.name
            if entry.is_symlink():
                _check_link(path, root)
                if linked and entry.is_dir():  # else few links could stand for any number of files
                    raise DataError(f"{path}: a link to a folder, below another such link")
            if entry.is_dir():
                yield from _walk(path, root, linked or entry.is_symlink())
            elif entry.is_file():
                yield path
            else:
                raise DataError(f"{path}: expected a file or a folder, got neither")


def _check_link(link: Path, root: Path) -> None:
    try:
        found = link.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise DataError(f"{link}: a link that leads nowhere; remove it") from error
    if not found.is_relative_to(root):
        raise DataError(
            f"{link}: a link out of its folder, to {found}; copy there what belongs to it, or link "
            "the whole folder"
        )
