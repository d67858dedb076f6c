r"""Turns a source into a prepared dataset: shards, manifest, vocabularies, schema.

Examples:
  python -m tfrec_mt.pipelines.prepare_data --infer --files=clicks/*.csv --user=uid --item=iid \
      --time=ts --tasks=clicked --topics=market --schema=schema.json --output=runs/shop/data
  python -m tfrec_mt.pipelines.prepare_data --source=takeout --rows=1000000 \
      --output=runs/takeout/data
  python -m tfrec_mt.pipelines.prepare_data --source=eb_nerd --data_dir=ebnerd_small \
      --output=runs/eb_nerd/data
"""

from pathlib import Path
from typing import Literal, cast

from absl import flags

from tfrec_mt.data.prepare import prepare
from tfrec_mt.data.source import Source
from tfrec_mt.data.sources.crossed_topics import CrossedTopics
from tfrec_mt.data.sources.logs import LogsSource
from tfrec_mt.data.tf_examples import write_examples
from tfrec_mt.pipelines import infer_flags, news_source_flags, source_flags, split_flags
from tfrec_mt.pipelines.flag_types import refuse_flags
from tfrec_mt.pipelines.run_binary import run_binary
from tfrec_mt.schema import SchemaError

flags.adopt_module_key_flags(source_flags)
flags.adopt_module_key_flags(news_source_flags)
flags.adopt_module_key_flags(infer_flags)
flags.adopt_module_key_flags(split_flags)

_OUTPUT = flags.DEFINE_string(
    "output", None, "Folder to make; needed unless --infer only writes a schema."
)
_CROSS_TOPICS = flags.DEFINE_list(
    "cross_topics",
    [],
    "Topics to add whose domains are pairs of others', such as scene+region, which becomes the "
    "topic scene_region.",
)
_UNKNOWN_DOMAINS = flags.DEFINE_enum(
    "unknown_domains",
    "error",
    ["error", "fallback"],
    "A domain that the schema does not list is an error, or scored by the base alone.",
)
_EXAMPLES = flags.DEFINE_string(
    "examples", None, "Folder to make with each part as tf.Example TFRecord files as well."
)


def main() -> None:
    """Prepares the data and says what came of it."""
    if infer_flags.INFER.value:
        if flags.FLAGS["source"].present and source_flags.SOURCE.value != "logs":
            raise SchemaError(f"--infer is for --source=logs, got {source_flags.SOURCE.value}")
        schema = infer_flags.infer_schema(source_flags.FILES.value, source_flags.SCHEMA.value)
        print(f"{source_flags.SCHEMA.value}: the schema as JSON, to be edited")
        if _OUTPUT.value:
            source = LogsSource(source_flags.FILES.value, schema)
            _prepare_click_log(source, _OUTPUT.value)
        return
    infer_flags.refuse_without_infer()
    if not _OUTPUT.value:
        raise SchemaError("prepare_data needs --output, or --infer")
    if news_source_flags.is_news():
        refuse_flags({"cross_topics"}, "news")
        _prepare_news(_OUTPUT.value)
    else:
        _prepare_click_log(source_flags.make_source(), _OUTPUT.value)


def _prepare_news(output: str) -> None:
    dataset = news_source_flags.prepare(output)
    sizes = ", ".join(f"{part} {len(dataset.part(part)):,}" for part in dataset.parts)
    print(f"{dataset.path}: {dataset.articles - 1:,} articles, impressions: {sizes}")
    for what, count in dataset.manifest.counts.items():
        print(f"  {count:,} {what.replace('_', ' ')}")


def _prepare_click_log(rows_of: Source, output: str) -> None:
    crosses = [cross.split("+") for cross in _CROSS_TOPICS.value]
    description = source_flags.source_settings()
    if crosses:
        description["cross_topics"] = _CROSS_TOPICS.value
    source = CrossedTopics(rows_of, crosses)
    dataset = prepare(
        source,
        output,
        split_flags.split_spec(source),
        seed=source_flags.SEED.value,
        unknown_domains=cast(Literal["error", "fallback"], _UNKNOWN_DOMAINS.value),
        description=description,
    )
    if _EXAMPLES.value:
        for part in dataset.parts:
            write_examples(dataset, part, Path(_EXAMPLES.value) / part)
    rows = ", ".join(f"{part} {dataset.rows(part):,}" for part in dataset.parts)
    print(f"{dataset.path}: {rows} rows")


def run() -> None:
    """Console command."""
    run_binary(main)


if __name__ == "__main__":
    run()
