"""Exports a base and its kernels as the next version of one SavedModel.

Example:
  python -m tfrec_mt.pipelines.export --base=runs/takeout/base --kernels=runs/takeout/kernels \
      --data=runs/takeout/data --output=runs/takeout/export
"""

from pathlib import Path

from absl import flags

from tfrec_mt.data.news.news_manifest import is_news_dataset
from tfrec_mt.pipelines.run_binary import run_binary
from tfrec_mt.serving.export import ExportConfig, export
from tfrec_mt.serving.export_news import export_news
from tfrec_mt.training.fine_tune import KERNELS
from tfrec_mt.training.pretrain import MODEL

_BASE = flags.DEFINE_string("base", None, "Run folder of the base model.", required=True)
_KERNELS = flags.DEFINE_string("kernels", None, "Run folder of the kernels; none: base alone.")
_DATA = flags.DEFINE_string(
    "data", None, "Prepared dataset whose sampled requests warm up.", required=True
)
_OUTPUT = flags.DEFINE_string("output", None, "Folder of the versions.", required=True)
_NAME = flags.DEFINE_string(
    "name", None, "Name of the model in warm-up requests; default: ranking or news."
)


def main() -> None:
    """Exports and says where the version is."""
    config = ExportConfig(
        base=Path(_BASE.value) / MODEL,
        kernels=Path(_KERNELS.value) / KERNELS if _KERNELS.value else None,
        data=Path(_DATA.value),
        output=Path(_OUTPUT.value),
        name=_NAME.value,
    )
    version = export_news(config) if is_news_dataset(_DATA.value) else export(config)
    print(f"export: {version}")


def run() -> None:
    """Console command."""
    run_binary(main)


if __name__ == "__main__":
    run()
