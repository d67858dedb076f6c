r"""Turns a source into a prepared dataset: shards, manifest, vocabularies, schema.

Examples:
  tfrec-mt prepare-data --infer --files=clicks/*.csv --user=uid --item=iid \
      --time=ts --tasks=clicked --topics=market --schema=schema.json --output=runs/shop/data
  tfrec-mt prepare-data --infer --files=clicks/*.csv --user=uid --item=iid \
      --tasks='click,like:binary,order<click,seconds:squared_log' --schema=schema.json
  tfrec-mt prepare-data --source=takeout --rows=1000000 \
      --output=runs/takeout/data
  tfrec-mt prepare-data --source=logs --files=day9/*.parquet \
      --like=runs/shop/data8 --output=runs/shop/data9
  tfrec-mt prepare-data --source=eb_nerd --data_dir=ebnerd_small \
      --output=runs/eb_nerd/data
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfrec_mt.configs.settings import arguments_of, sort_settings
from tfrec_mt.errors import SchemaError
from tfrec_mt.pipelines.config_flags import ConfigFlags
from tfrec_mt.pipelines.run_binary import console_command
from tfrec_mt.pipelines.terminal import beside, suggest

_NO_SETTINGS = ("data", "schema", "output", "output_dir", "source", "description")


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What to prepare.

    Args:
      source: `takeout` or, for news, `newsroom` (generated); `movielens`, `hillstrom`,
        `ali_express`, `ali_ccp`, `census_income`, `kuai_rand`, `eb_nerd` or `mind` (as they are
        distributed); `logs` (your files); or `tfds:NAME`.
      output: Folder to create; required unless --infer only writes a schema.
      infer: Whether to infer a schema from the `files` of `logs`, explain it, and write it to
        `schema`; with `output`, the data are prepared with it at once.
    """

    source: str = "takeout"
    output: Path | None = None
    infer: bool = False


def define(told: ConfigFlags) -> None:
    """Adds the flags."""
    # here, as importing takes long and SIGTERM is handled from here on
    from tfrec_mt.jobs.prepare import prepare
    from tfrec_mt.schema import Schema

    told.add(Preparation)
    told.add(prepare, without=_NO_SETTINGS)
    for of, steps in _preparing().items():
        for step in steps:
            told.add(step, of=of, without=(*arguments_of(prepare), *_NO_SETTINGS), required=())
    define_sources(told)
    infer: Callable[..., Schema] = Schema.infer
    told.add(infer, of="--infer", without=("verbose", "output"), required=())


def define_sources(told: ConfigFlags) -> None:
    """Adds flags of all sources' settings."""
    from tfrec_mt.data.catalog import all_sources

    for name, named in all_sources().items():
        for source in named.described_by:
            told.add(source, of=name, without=named.without, required=())


def main(told: ConfigFlags) -> None:
    """Prepares the data and prints a summary."""
    given = told.given()
    name, output = given.pop("source", None), given.pop("output", None)
    if given.pop("infer", False):
        _infer(name, given, output)
        return
    if output is None:
        raise SchemaError("prepare_data needs --output, or --infer")
    _prepare(name or Preparation.source, given, output)


def _preparing() -> dict[str, tuple[Callable[..., Any], ...]]:
    """The functions that prepare each kind of data."""
    from tfrec_mt.data.news.prepare_news import prepare_news
    from tfrec_mt.data.preparation.prepare import prepare as prepare_log
    from tfrec_mt.jobs.prepare import prepare_clicks, prepare_titles

    return {"click logs": (prepare_clicks, prepare_log), "news": (prepare_titles, prepare_news)}


def _prepare(name: str, given: Mapping[str, Any], output: Path) -> None:
    from tfrec_mt.data.catalog import DIVISION, make_source, named_source
    from tfrec_mt.jobs.prepare import prepare

    takes = named_source(name).settings
    of_both = ("seed", *DIVISION)  # a source may take them as well
    kinds = _preparing()
    preparing = _of_steps(prepare, *kinds["click logs"], *kinds["news"])
    sort_settings(f"--source={name}", given, {"source": takes, "prepare": preparing})
    settings = {n: value for n, value in given.items() if n not in takes or n in of_both}
    source: Any
    if name == "logs" and "like" in given and "schema" not in given:
        source = list(given.get("files", ()))  # read with the schema of the earlier data
    else:
        source = make_source(name, given)
    dataset = prepare(source, output=output, description=_description(name, given), **settings)
    print(f"{dataset.path}: {dataset.summary}")
    suggest("pretrain", data=dataset.path, output=beside(dataset.path, "base"))


def _infer(name: str | None, given: dict[str, Any], output: Path | None) -> None:
    from tfrec_mt.jobs.prepare import prepare
    from tfrec_mt.pipelines.task_flags import tasks_of
    from tfrec_mt.schema import Schema

    infer: Callable[..., Schema] = Schema.infer
    if name not in (None, "logs"):
        raise SchemaError(f"--infer is for --source=logs, got {name}")
    for need in ("files", "schema"):
        if need not in given:
            raise SchemaError(f"--infer needs --{need}")
    files, path = list(given["files"]), given["schema"]
    found = sort_settings(
        "--infer",
        given,
        {
            "own": ("files", "schema"),
            "infer": arguments_of(infer, "log", "output", "verbose"),
            "prepare": _of_steps(prepare, *_preparing()["click logs"]),
        },
    )
    tasks = tasks_of(found["infer"].pop("tasks", None) or [])
    schema = Schema.infer(files, tasks=tasks, output=path, **found["infer"])
    print(f"{path}: the schema as JSON, for you to edit")
    if output is not None:
        description = _description("logs", given)
        dataset = prepare(files, schema, output, description=description, **found["prepare"])
        print(f"{dataset.path}: {dataset.summary}")
        suggest("pretrain", data=dataset.path, output=beside(dataset.path, "base"))


def _of_steps(*steps: Callable[..., Any]) -> set[str]:
    return {name for step in steps for name in arguments_of(step, *_NO_SETTINGS)}


def _description(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest's description of the source."""
    from tfrec_mt.data.catalog import DIVISION, as_json

    left_out = ("unknown_domains", "examples", "like", "grow", "renew_numbers", *DIVISION)
    told = {n: as_json(value) for n, value in given.items() if n not in left_out}
    return {"source": name, **told}


run = console_command(define, main)

if __name__ == "__main__":
    run()
