r"""Exports a base and its kernels as the next version of one SavedModel.

Or makes the next version from the newest one, with kernels added or removed, without the base or
its data. Or publishes an older version again, as the newest.

Examples:
  tfrec-mt export --base=runs/takeout/base --kernels=runs/takeout/kernels \
      --data=runs/takeout/data --output=runs/takeout/export
  tfrec-mt export --output=runs/takeout/export --add_kernel=runs/tonight/kernels --replace
  tfrec-mt export --output=runs/takeout/export \
      --add_kernel=runs/late/kernels/kernels/region/south.safetensors --remove_kernel=region/north
  tfrec-mt export --output=runs/takeout/export --roll_back
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tfrec_mt.configs import ExportConfig
from tfrec_mt.configs.bounds import REPEATED, Count
from tfrec_mt.configs.settings import fields_of, sort_settings
from tfrec_mt.pipelines.config_flags import ConfigFlags
from tfrec_mt.pipelines.run_binary import console_command
from tfrec_mt.pipelines.terminal import suggest
from tfrec_mt.schema import SchemaError


@dataclass(frozen=True, kw_only=True)
class Versions:
    """Changes to existing versions.

    Args:
      metrics: `metrics.json` of an evaluation, for the model card.
      add_kernel: File `.../TOPIC/DOMAIN.safetensors` of a kernel to add to the newest version, or
        folder of a run, for all of its kernels; repeatable.
      replace: Whether added kernels take the place of those that their domains have.
      remove_kernel: `TOPIC/DOMAIN` of a kernel to remove from the newest version; repeatable.
      roll_back: Whether to publish an older version again.
      version: The version to roll back to; by default the newest but one.
    """

    metrics: Path | None = None
    add_kernel: Annotated[tuple[Path, ...], REPEATED] = ()
    replace: bool = False
    remove_kernel: Annotated[tuple[str, ...], REPEATED] = ()
    roll_back: bool = False
    version: Count | None = None


def define(told: ConfigFlags) -> None:
    """Adds the flags."""
    told.add(Versions)
    told.add(ExportConfig, required=("output",))


def main(told: ConfigFlags) -> None:
    """Exports and prints the version's folder."""
    given = told.given()
    if given.get("roll_back"):
        from tfrec_mt.jobs.exchange import roll_back

        _only("--roll_back", given, "roll_back", "version")
        version = roll_back(given["output"], given.get("version"))
    elif "add_kernel" in given or "remove_kernel" in given:
        version = _exchange(given)
    else:
        version = _export(given)
    print(f"export: {version}")
    suggest("score", export=version, **{n: given.get(n) for n in ("data", "base", "kernels")})


def _only(what: str, given: dict[str, Any], *names: str) -> None:
    sort_settings(what, given, {"own": (*names, "output")})


def _exchange(given: dict[str, Any]) -> Path:
    from tfrec_mt.adapters.kernel_store import kernel_paths
    from tfrec_mt.jobs.exchange import split_name
    from tfrec_mt.serving.exchange_kernels import ExchangeConfig, exchange_kernels
    from tfrec_mt.training.run_folder import kernel_folder

    _only("an exchange of kernels", given, "add_kernel", "replace", "remove_kernel")
    added: list[Path] = []
    for path in given.get("add_kernel", ()):
        added += kernel_paths(kernel_folder(path)) if path.is_dir() else [path]
    removed = [split_name(domain) for domain in given.get("remove_kernel", ())]
    return exchange_kernels(
        ExchangeConfig(
            output=given["output"], add=added, remove=removed, replace=given.get("replace", False)
        )
    )


def _export(given: dict[str, Any]) -> Path:
    from tfrec_mt.evaluation.metric_row import read_rows
    from tfrec_mt.jobs.export import run_export

    _only("an export", given, *fields_of(ExportConfig), "roll_back")
    if not {"base", "data"} <= set(given):
        raise SchemaError(
            "expected --base and --data, or one of --add_kernel, --remove_kernel and --roll_back"
        )
    given.pop("roll_back", None)
    if "metrics" in given:
        given["metrics"] = read_rows(given["metrics"])
    return run_export(ExportConfig(**given))


run = console_command(define, main)

if __name__ == "__main__":
    run()
