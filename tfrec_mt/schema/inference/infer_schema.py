"""`infer_schema`: a schema proposed from the first rows of a log, with reasons."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tfrec_mt.errors import DataError, SchemaError, nearest
from tfrec_mt.schema.features import SIDES, Feature, History, Topic, Vocabulary
from tfrec_mt.schema.inference.column_content import column_content
from tfrec_mt.schema.inference.column_names import suggestion
from tfrec_mt.schema.inference.feature_columns import FeatureColumns
from tfrec_mt.schema.inference.inferred_schema import ColumnDecision, InferredSchema
from tfrec_mt.schema.inference.proposed_history import proposed_history
from tfrec_mt.schema.inference.role_values import (
    check_within,
    domain_values,
    key_content,
    label_values,
    time_range,
)
from tfrec_mt.schema.inference.roles import Roles, check_roles
from tfrec_mt.schema.keys import Keys
from tfrec_mt.schema.schema import Schema
from tfrec_mt.schema.task import Task
from tfrec_mt.tables.frames import first_rows, frame_name
from tfrec_mt.tables.notation import NULL_WORDS, Quoting

_SHOWN_DOMAINS = 5
_TYPES: dict[str, Any] = {"values": pl.Int64, "missing": pl.Int64, "guessed": pl.Boolean}


def infer_schema(
    log: Any,
    *,
    user: str | None = None,
    item: str | None = None,
    time: str | None = None,
    request: str | None = None,
    weight: str | None = None,
    tasks: Sequence[str | Task] | str | Task = (),
    topics: Sequence[str] | str = (),
    kinds: Mapping[str, str] | None = None,
    sides: Mapping[str, str] | None = None,
    history: bool = True,
    rows: int = 200_000,
    null_words: Sequence[str] = NULL_WORDS,
    quoting: Quoting = "auto",
) -> InferredSchema:
    """Proposes a schema for a log, with the reason for each decision.

    Arguments and errors are those of `Schema.infer`.
    """
    if rows < 1:
        raise SchemaError(f"rows=: expected a number of rows to look at, got {rows}")
    frame, more = first_rows(log, rows, quoting, null_words)
    if frame.is_empty():
        raise DataError(f"{frame_name(log)}: expected rows, found none")
    named = {"user": user, "item": item, "time": time, "request": request}
    named["weight"] = weight
    roles = check_roles(frame.columns, named, tasks, topics)
    kinds, sides = dict(kinds or {}), dict(sides or {})
    _check_overrides(frame.columns, roles, kinds, sides)
    decisions = _decide_roles(frame, roles)
    columns = FeatureColumns(frame, roles, kinds, sides)
    features: list[Feature] = []
    vocabularies: list[Vocabulary] = []
    # keys first: users look for the tables of users and items
    order = [roles.user, roles.item, *frame.columns]
    for name in dict.fromkeys(name for name in order if name not in decisions):
        decision, feature, tables = columns.decide(name)
        decisions[name] = decision
        features += [feature] if feature else []
        vocabularies += tables
    for name in sides:
        if name not in [feature.name for feature in features]:
            raise SchemaError(
                f"sides=: column {name!r} is left out ({decisions[name].why}); "
                "to keep it, give its kind in kinds= too"
            )
    users = key_content("user", frame[roles.user]).present
    once = not more and not users.is_duplicated().any()
    made, account = _history(features, roles, history, once)
    schema = Schema(
        vocabularies=tuple(vocabularies),
        features=tuple(features),
        tasks=roles.tasks,
        keys=Keys(
            user=roles.user,
            item=roles.item,
            request=roles.request,
            timestamp=roles.time,
            weight=roles.weight,
        ),
        history=made,
        topics=tuple(Topic(name=name) for name in roles.topics),
        null_words=tuple(null_words),
        quoting=quoting,
    )
    shown = [*roles.names, *(name for name in frame.columns if name not in roles.names)]
    fields = dataclasses.fields(ColumnDecision)
    types = {field.name: _TYPES.get(field.name, pl.String) for field in fields}
    table = pl.DataFrame([dataclasses.asdict(decisions[name]) for name in shown], schema=types)
    likely = suggestion("time", shown[len(roles.names) :])
    if roles.time is None and likely:
        account += f" If {likely!r} says when a row happened, pass time={likely!r}."
    return InferredSchema(schema, table, account, frame.height, more)


def _check_overrides(
    columns: Sequence[str], roles: Roles, kinds: Mapping[str, str], sides: Mapping[str, str]
) -> None:
    for argument, given in (("kinds", kinds), ("sides", sides)):
        for name, value in given.items():
            if name not in columns:
                raise SchemaError(
                    f"{argument}=: the log has no column {name!r}; {nearest(name, columns)}"
                )
            role = roles.names.get(name)
            # a key may be no feature and stay a key
            if role and not (argument == "kinds" and value == "none" and role in ("user", "item")):
                raise SchemaError(
                    f"{argument}=: column {name!r} is named as {role} already, "
                    "expected a column without a role"
                )
            if argument == "sides" and value not in SIDES:
                raise SchemaError(
                    f"sides={{{name!r}: {value!r}}}: expected one of {SIDES}, got {value!r}"
                )


def _decide_roles(frame: pl.DataFrame, roles: Roles) -> dict[str, ColumnDecision]:
    """Decisions on the named columns that are no features; refuses those that do not fit."""
    decisions: dict[str, ColumnDecision] = {}
    if roles.time:
        first, last = time_range(frame[roles.time])
        decisions[roles.time] = ColumnDecision(roles.time, "time", why=f"{first} to {last}")
    if roles.request:
        ids = key_content("request", frame[roles.request]).present
        decisions[roles.request] = ColumnDecision(
            roles.request, "request", values=ids.n_unique(), why="a key, and no feature"
        )
    if roles.weight:
        why = "how much a row counts, and no feature"
        decisions[roles.weight] = ColumnDecision(roles.weight, "weight", why=why)
    labels = {task.name: label_values(frame[task.column], task) for task in roles.tasks}
    for task in roles.tasks:
        outer = labels[task.within] if task.within else None
        if outer is not None:
            check_within(outer, labels[task.name])
        decisions[task.column] = ColumnDecision(
            task.column,
            "label",
            missing=column_content(frame[task.column]).missing,
            why=_label_account(task, labels[task.name], outer, task is roles.tasks[0]),
        )
    for name in roles.topics:
        domains = domain_values(frame[name])
        shown = ", ".join(domains.head(_SHOWN_DOMAINS))
        more = ", ..." if len(domains) > _SHOWN_DOMAINS else ""
        decisions[name] = ColumnDecision(
            name,
            "topic",
            values=len(domains),
            missing=column_content(frame[name]).missing,
            why=f"domains, learned at preparation: {shown}{more}",
        )
    return decisions


def _label_account(task: Task, label: pl.Series, outer: pl.Series | None, first: bool) -> str:
    seen, place = label.drop_nulls(), "first task; " if first else "a task; "
    if outer is not None:
        place = f"within {outer.name}; "
    if not task.binary:
        return f"{place}a number, {task.loss} loss; mean {float(seen.to_numpy().mean()):.4g}"
    positive = int(seen.sum())
    account = f"{place}1 in {_percent(positive, max(len(seen), 1))} of rows"
    if outer is None:
        return account
    outside = max(int(outer.drop_nulls().sum()), 1)
    return f"{account}, {_percent(positive, outside)} of those with {outer.name}"


def _percent(part: int, whole: int) -> str:
    share = 100 * part / whole
    return f"{share:.0f}%" if share >= 10 or share == 0 else f"{share:.2g}%"


def _history(
    features: Sequence[Feature], roles: Roles, wanted: bool, once: bool
) -> tuple[History | None, str]:
    """The history, unless no user has two rows, and the table's note on it."""
    if not wanted:
        return None, "none, as history=False says."
    if roles.click is None:
        return None, "none, no task is a click or another binary one."
    if once:
        return None, "none, no user has two rows."
    history = proposed_history(features, roles.time is not None)
    if history is None:
        return None, "none, no item feature has one id per row."
    described = ", ".join(history.elements)
    if roles.time is None:
        return history, (
            f"up to {history.short} other rows of the user with {roles.click} = 1, each as "
            f"{described}; without time= their order is not known."
        )
    return history, (
        f"the user's {history.short} newest rows before this one with {roles.click} = 1, each as "
        f"{described} and its age."
    )
