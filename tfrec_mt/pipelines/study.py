"""Makes a table or figure of a paper.

A study that was stopped goes on where it was: what is done is not run again, nor what another
study has done with the same settings in the same folder.

Examples:
  python -m tfrec_mt.pipelines.study --study=mtrec_table1
  python -m tfrec_mt.pipelines.study --study=mtrec_table1 --set=epochs=1 --seeds=0
  python -m tfrec_mt.pipelines.study --study=mtrec_table1 --variants="MTRec (ours)" --seeds=3,4
"""

import json
from pathlib import Path
from typing import Any

from absl import flags

from tfrec_mt.pipelines.run_binary import run_binary
from tfrec_mt.schema import SchemaError
from tfrec_mt.studies.catalog import STUDIES
from tfrec_mt.studies.run_study import run_study
from tfrec_mt.studies.study import settings_key
from tfrec_mt.studies.study_report import REPORT, format_study, write_study_report
from tfrec_mt.studies.study_table import study_table

_STUDY = flags.DEFINE_enum("study", None, sorted(STUDIES), "Which.", required=True)
_OUTPUT = flags.DEFINE_string(
    "output", "runs/studies", "Folder of studies; takes their cells, and a report for each."
)
_SEEDS = flags.DEFINE_list("seeds", None, "Seeds; default the study's own.")
_VARIANTS = flags.DEFINE_list(
    "variants", None, "Rows, beside the one that all are compared with; default all."
)
_SET = flags.DEFINE_multi_string(
    "set", [], "name=value of a setting of the study, in JSON or as plain text; repeatable."
)


def main() -> None:
    """Runs the study and shows its tables."""
    study = STUDIES[_STUDY.value]
    if _VARIANTS.value is not None:
        study = study.only(_VARIANTS.value)
    output = Path(_OUTPUT.value)
    settings = dict(_setting(text) for text in _SET.value)
    seeds = study.seeds if _SEEDS.value is None else tuple(_seed(text) for text in _SEEDS.value)
    outcomes = run_study(study, output, seeds, settings)
    lines = study_table(study, outcomes)
    told = {**study.settings, **settings, "seeds": seeds}
    # what makes another table must not replace the study's own
    asked = {"variants": _VARIANTS.value, "settings": settings}
    whole = _VARIANTS.value is None and not settings
    name = study.name if whole else f"{study.name}-{settings_key(asked)}"
    (output / name).mkdir(exist_ok=True)
    write_study_report(study, outcomes, lines, told, output / name)
    print(f"\n{format_study(study, lines)}\n\n{output / name / REPORT}")


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise SchemaError(f"--set={text}: expected name=value")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _seed(text: str) -> int:
    if not text.isdigit():
        raise SchemaError(f"--seeds: expected whole numbers, got {text!r}")
    return int(text)


def run() -> None:
    """Console command."""
    run_binary(main)


if __name__ == "__main__":
    run()
