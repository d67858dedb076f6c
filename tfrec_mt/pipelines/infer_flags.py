"""Flags that say what a schema is to be inferred from."""

from absl import flags

from tfrec_mt.pipelines.flag_types import names_of, pairs_of, refuse_flags
from tfrec_mt.schema import Schema, SchemaError, Task

INFER = flags.DEFINE_bool(
    "infer",
    False,
    "logs: proposes a schema for --files, says why, and writes it to --schema; with --output the "
    "data is prepared with it at once.",
)
_USER = flags.DEFINE_string("user", None, "--infer: column of who saw a row's item.")
_ITEM = flags.DEFINE_string("item", None, "--infer: column of what was shown.")
_TIME = flags.DEFINE_string("time", None, "--infer: column of when.")
_REQUEST = flags.DEFINE_string("request", None, "--infer: column of rows that were shown together.")
_TASKS = flags.DEFINE_list(
    "tasks", [], "--infer: label columns, such as clicked or clicked,bought, one within the other."
)
_TOPICS = flags.DEFINE_list("topics", [], "--infer: columns whose values are domains.")
_KINDS = flags.DEFINE_list(
    "kinds",
    [],
    "--infer: column=kind pairs that correct a guess; categorical, numeric, bag, or none to leave "
    "the column out.",
)
_SIDES = flags.DEFINE_list(
    "sides",
    [],
    "--infer: column=side pairs that correct a guess; user, item, context or exposure.",
)
_CLICK_HISTORY = flags.DEFINE_bool(
    "click_history", True, "--infer: whether rows see what their user clicked before."
)


def infer_schema(files: list[str], schema: str | None) -> Schema:
    """Infers a schema, prints the decisions and writes it.

    Args:
      files: See `Schema.infer`.
      schema: File to write.

    Raises:
      SchemaError: A flag is missing or contradicts the log.
    """
    if not files:
        raise SchemaError("--infer needs --files")
    if not schema:
        raise SchemaError("--infer needs --schema, the file to write")
    first, *others = _TASKS.value or [""]
    return Schema.infer(
        files,
        user=_USER.value,
        item=_ITEM.value,
        time=_TIME.value,
        request=_REQUEST.value,
        tasks=[first, *(Task(name, within=first) for name in others)] if first else [],
        topics=_TOPICS.value,
        kinds=pairs_of(_KINDS, "value"),
        sides=pairs_of(_SIDES, "value"),
        history=_CLICK_HISTORY.value,
        output=schema,
    )


def refuse_without_infer() -> None:
    """Checks that no flag of an inferred schema is given without --infer.

    Raises:
      SchemaError: Names one that is.
    """
    refuse_flags(names_of(__name__) - {"infer"}, "a schema that is given; --infer proposes one")
