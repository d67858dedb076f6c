"""Turns the columns of a log into features, one by one."""

from collections.abc import Mapping
from typing import cast

import polars as pl

from tfrec_mt.errors import SchemaError
from tfrec_mt.schema.features import Feature, Side, Vocabulary
from tfrec_mt.schema.inference.column_content import column_content
from tfrec_mt.schema.inference.column_kinds import ColumnKind, decide_kind, given_kind
from tfrec_mt.schema.inference.column_names import is_id_name, is_position_name, unusable_name
from tfrec_mt.schema.inference.column_sides import ColumnSide, SideFinder
from tfrec_mt.schema.inference.inferred_schema import ColumnDecision
from tfrec_mt.schema.inference.outcomes import outcome
from tfrec_mt.schema.inference.role_values import key_content, label_values
from tfrec_mt.schema.inference.roles import Roles

_KEY_HASH_BUCKETS = 10
_FEWEST_DOMAINS, _MOST_DOMAINS = 2, 20


class FeatureColumns:
    """Decides which feature each column of a log becomes.

    Args:
      frame: The first rows.
      roles: The columns that the user named.
      kinds, sides: Overrides by column.
    """

    def __init__(
        self,
        frame: pl.DataFrame,
        roles: Roles,
        kinds: Mapping[str, str],
        sides: Mapping[str, str],
    ) -> None:
        self._frame = frame
        self._roles = roles
        self._kinds = kinds
        self._sides = sides
        self._contents = {
            name: key_content(role, frame[name])
            for role, name in (("user", roles.user), ("item", roles.item))
        }
        users, items = (self._contents[name].keys.to_numpy() for name in (roles.user, roles.item))
        self._finder = SideFinder(users, items)
        self._click: pl.Series | None = None
        for task in roles.tasks:
            if task.column == roles.click:
                self._click = label_values(frame[task.column], task)

    def decide(self, name: str) -> tuple[ColumnDecision, Feature | None, tuple[Vocabulary, ...]]:
        """The decision on a column, its feature and its vocabulary, where it has them.

        Raises:
          SchemaError: A kind in `kinds` does not fit the column.
        """
        if name in self._contents:
            return self._key(name)
        content = column_content(self._frame[name])
        given = self._kinds.get(name)
        kind = given_kind(name, content, given) if given else decide_kind(name, content)
        problem = unusable_name(name)
        if problem and given not in (None, "none"):
            raise SchemaError(f"kinds=: column {name!r} cannot be used: {problem}; rename it")
        if problem and kind.kind != "none":
            kind = ColumnKind("none", content, f"{problem}; rename it to use it")
        if kind.kind == "none":
            return ColumnDecision(name, "left out", missing=content.missing, why=kind.why), None, ()
        side = self._side(name, kind)
        reason = "" if given or name in self._sides else self._give_away(name, kind, side)
        if reason:
            return ColumnDecision(name, "left out", missing=content.missing, why=reason), None, ()
        feature, tables = kind.feature(name, side.side)
        notes = [kind.why, side.why, self._topic_note(kind, side)]
        decision = ColumnDecision(
            name,
            "feature",
            kind.kind,
            side.side,
            side.guessed,
            None if kind.kind == "numeric" else kind.distinct,
            kind.content.missing,
            "; ".join(note for note in notes if note),
        )
        return decision, feature, tables

    def _key(self, name: str) -> tuple[ColumnDecision, Feature | None, tuple[Vocabulary, ...]]:
        side: Side = "user" if name == self._roles.user else "item"
        kind = ColumnKind("categorical", self._contents[name], "")
        if self._kinds.get(name) == "none":
            why = "a key, and no feature, as kinds= says"
            return ColumnDecision(name, side, values=kind.distinct, why=why), None, ()
        feature, tables = kind.feature(name, side, _KEY_HASH_BUCKETS)
        held = "whole numbers" if kind.content.type == "whole" else kind.content.note or "text"
        why = f"{held}; a key, and a feature"
        decision = ColumnDecision(name, side, kind.kind, side, values=kind.distinct, why=why)
        return decision, feature, tables

    def _side(self, name: str, kind: ColumnKind) -> ColumnSide:
        if name in self._sides:
            return ColumnSide(cast(Side, self._sides[name]), "side as sides= says")
        side = self._finder.decide(kind.content.keys.to_numpy())
        if side.side == "context" and is_position_name(name):
            why = f'known only after the item was shown? then sides={{"{name}": "exposure"}}'
            return ColumnSide("context", why)
        return side

    def _give_away(self, name: str, kind: ColumnKind, side: ColumnSide) -> str:
        """Why a column leaks the label or says no more than an id; empty text if neither."""
        id_like = kind.kind == "categorical" and (kind.content.type == "text" or is_id_name(name))
        if id_like and self._finder.names(side.side, kind.distinct):
            return f"one for nearly every {side.side}, so it says no more than the id"
        if side.side != "context" or self._click is None:
            return ""
        seen = self._click.is_not_null()
        keys, label = kind.content.keys.filter(seen), self._click.filter(seen)
        how = outcome(keys.to_numpy(), label.to_numpy())
        means = {
            "one value wherever it is 0": f"one value wherever {self._roles.click} is 0",
            "decides it": f"its value decides {self._roles.click}",
        }
        return f"{means[how]}, so it is an outcome, known only afterwards" if how else ""

    def _topic_note(self, kind: ColumnKind, side: ColumnSide) -> str:
        if kind.kind != "categorical" or side.side != "context" or side.why:
            return ""
        # two whole numbers are a flag
        fewest = _FEWEST_DOMAINS + (kind.content.type == "whole")
        few = fewest <= kind.distinct <= _MOST_DOMAINS
        return "could be a topic" if few and kind.content.type in ("text", "whole") else ""
