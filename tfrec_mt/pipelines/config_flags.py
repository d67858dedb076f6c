"""Flags generated from settings: names, types, bounds, help texts and defaults.

A setting is defined once, where it takes effect: as the field of a config or the argument of a
constructor or function, with its docstring.
"""

import dataclasses
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from absl import flags

from tfrec_mt.configs.bounds import REPEATED, expected, fits, is_setting, kind_of
from tfrec_mt.configs.described import Setting, described

_EMPTY = inspect.Parameter.empty
# Settings whose flag has a name that Python does not allow.
WRITTEN = {"continue_from": "continue"}


class ConfigFlags:
    """The flags of one binary.

    Args:
      values: Where the flags are defined.

    Example:
      >>> told = ConfigFlags()
      >>> told.add(EvaluateConfig)
      >>> EvaluateConfig(**told.given())
    """

    def __init__(self, values: flags.FlagValues = flags.FLAGS) -> None:
        self._values = values
        self._added: dict[str, list[tuple[str, Setting]]] = {}
        self._groups: dict[str, dict[str, str]] = {}  # flags of each, with the setting's name

    def add(
        self,
        source: Callable[..., Any],
        *,
        of: str = "",
        without: Iterable[str] = (),
        choices: Mapping[str, Iterable[str]] | None = None,
        group: str = "",
        prefix: str = "",
        required: Iterable[str] | None = None,
        defaults: Mapping[str, Any] | None = None,
    ) -> None:
        """Defines a flag for each setting of a dataclass, a constructor or a function.

        A dataclass within a dataclass is flattened. Settings that cannot be written on a command
        line, such as a schema, get no flag. A flag that exists already is shared by both sources.

        Args:
          source: What has the settings.
          of: What they apply to, for help texts, if not to everything.
          without: Settings that get no flag.
          choices: Allowed values by setting, for names in a catalog.
          group: Group of the flags, for `given`.
          prefix: Prefix of names that another group has already.
          required: Settings that must be given; by default those without a default.
          defaults: Defaults that replace the source's.
        """
        taken = {name for other, names in self._groups.items() if other != group for name in names}
        for setting in _taken_apart(source):
            if setting.name not in without and is_setting(setting.hint):
                if setting.name in (defaults or {}):
                    setting = dataclasses.replace(setting, default=(defaults or {})[setting.name])
                flag = f"{prefix}{setting.name}" if setting.name in taken else setting.name
                flag = WRITTEN.get(flag, flag)
                known = (choices or {}).get(setting.name)
                self._define(flag, setting, of, sorted(known) if known else None)
                self._groups.setdefault(group, {})[flag] = setting.name
                must = setting.default is setting.REQUIRED if required is None else flag in required
                if must:
                    flags.mark_flag_as_required(flag, flag_values=self._values)  # type: ignore[no-untyped-call]

    def given(self, group: str = "") -> dict[str, Any]:
        """Settings of a group that were given, on the command line or in a flag file."""
        names = self._groups.get(group, {})
        found = {n: self._values[flag].value for flag, n in names.items() if self._present(flag)}
        return {n: tuple(v) if isinstance(v, list) else v for n, v in found.items()}

    def _present(self, flag: str) -> bool:
        return bool(self._values[flag].present)

    def _define(self, name: str, setting: Setting, of: str, known: list[str] | None) -> None:
        added = self._added.setdefault(name, [])
        added.append((of, setting))
        if len(added) == 1:
            made = _flag(name, setting.hint, known)
            # shown by --help, which is about the program
            flags.DEFINE_flag(made, self._values, module_name=sys.argv[0])
        parser = self._values[name].parser
        known = parser.enum_values if isinstance(parser, flags.EnumParser) else []
        self._values[name].help = f"<{'|'.join(known)}>: " * bool(known) + _help(added)


def _taken_apart(source: Callable[..., Any]) -> list[Setting]:
    found = []
    for setting in described(source).values():
        if dataclasses.is_dataclass(setting.default):
            inner = described(type(setting.default)).values()
            found += [
                dataclasses.replace(one, default=getattr(setting.default, one.name))
                for one in inner
            ]
        else:
            found.append(setting)
    return found


def _help(added: Sequence[tuple[str, Setting]]) -> str:
    """The docstrings' texts, then the defaults, and what the flag applies to if not everything."""
    texts: dict[str, list[str]] = {}
    defaults: dict[str, list[str]] = {}
    for of, setting in added:
        texts.setdefault(setting.text, []).append(of)
        defaults.setdefault(_shown(setting.default), []).append(of)
    if len(texts) > 1:
        texts.pop("", None)
    words = [*texts]
    if len(texts) > 1:
        words = [f"{_names(of)}: {text}" if _names(of) else text for text, of in texts.items()]
    of_none = _names(defaults.pop("", []))
    if defaults:
        shown = (
            f"{value} for {_names(of)}" if _names(of) else value for value, of in defaults.items()
        )
        words.append(f"(default: {'; '.join(shown)})")
    elif of_none:
        words.append(f"(of {of_none})")
    return " ".join(words)


def _names(sources: Sequence[str]) -> str:
    """What a flag applies to; empty for everything."""
    return "" if "" in sources else ", ".join(dict.fromkeys(sources))


def _shown(default: Any) -> str:
    """A default as it is written on a command line; empty if there is none."""
    if default in (Setting.REQUIRED, None) or default is None or default in ((), {}):
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return f"{default:g}"
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)


def _flag(name: str, hint: Any, known: list[str] | None) -> flags.Flag[Any]:
    kind = kind_of(hint)
    if kind.core is bool:
        return flags.BooleanFlag(name, None, "")
    if known or kind.base is Literal:
        return flags.EnumFlag(name, None, "", known or get_args(kind.core))
    if REPEATED in getattr(hint, "__metadata__", ()):
        parser = _Parser(kind.items)
        return flags.MultiFlag(parser, flags.ArgumentSerializer(), name, None, "")  # type: ignore[no-untyped-call]
    return flags.Flag(_Parser(hint), flags.ArgumentSerializer(), name, None, "")


class _Parser(flags.ArgumentParser):  # type: ignore[type-arg]
    """Parses a value by its annotation; an error names what was expected."""

    def __init__(self, hint: Any) -> None:
        self._hint = hint
        self.syntactic_help = expected(hint)

    def parse(self, argument: Any) -> Any:
        try:
            value = _read(argument, self._hint)
        except ValueError:
            value = _EMPTY
        if value is _EMPTY or not fits(value, self._hint):
            raise ValueError(f"expected {expected(self._hint, value)}")
        return value


def _read(text: str, hint: Any) -> Any:
    kind = kind_of(hint)
    if kind.optional and not text:
        return None
    if kind.base in (str, int, float, Path):
        return kind.core(text)
    if kind.base is Literal:
        return text
    parts = [part.strip() for part in text.split(",")] if text else []
    if issubclass(kind.base, Mapping):
        pairs = [part.partition("=") for part in parts]
        if not all(equals for _, equals, _ in pairs):
            raise ValueError
        return {name.strip(): _read(value.strip(), kind.items) for name, _, value in pairs}
    if kind_of(kind.items).core is int and not parts:
        raise ValueError  # sizes of layers: there is at least one
    return tuple(_read(part, kind.items) for part in parts)
