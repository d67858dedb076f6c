"""Turns a source into a prepared dataset: shards, manifest, vocabularies, schema.

Examples:
  python -m tfrec_mt.pipelines.prepare_data --source=takeout --rows=1000000 \
      --output=runs/takeout/data
  python -m tfrec_mt.pipelines.prepare_data --source=eb_nerd --data_dir=ebnerd_small \
      --output=runs/eb_nerd/data
"""

from pathlib import Path
from typing import Literal, cast

from absl import flags

from tfrec_mt.data.prepare import prepare
from tfrec_mt.data.sources.crossed_topics import CrossedTopics
from tfrec_mt.data.tf_examples import write_examples
from tfrec_mt.pipelines import news_source_flags, source_flags, split_flags
from tfrec_mt.pipelines.flag_types import refuse_flags
from tfrec_mt.pipelines.run_binary import run_binary

flags.adopt_module_key_flags(source_flags)
flags.adopt_module_key_flags(news_source_flags)
flags.adopt_module_key_flags(split_flags)

_OUTPUT = flags.DEFINE_string("output", None, "Folder to make.", required=True)
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
    if news_source_flags.is_news():
        refuse_flags({"cross_topics"}, "news")
        _prepare_news()
    else:
        _prepare_click_log()


def _prepare_news() -> None:
    dataset = news_source_flags.prepare(_OUTPUT.value)
    sizes = ", ".join(f"{part} {len(dataset.part(part)):,}" for part in dataset.parts)
    print(f"{dataset.path}: {dataset.articles - 1:,} articles, impressions: {sizes}")
    for what, count in dataset.manifest.counts.items():
        print(f"  {count:,} {what.replace('_', ' ')}")


def _prepare_click_log() -> None:
    crosses = [cross.split("+") for cross in _CROSS_TOPICS.value]
    description = source_flags.source_settings()
    if crosses:
        description["cross_topics"] = _CROSS_TOPICS.value
    source = CrossedTopics(source_flags.make_source(), crosses)
    dataset = prepare(
        source,
        _OUTPUT.value,
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
