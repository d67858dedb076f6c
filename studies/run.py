"""Reproduces tables and figures of the papers.

An interrupted study resumes where it stopped; cells that this or another study has finished with
the same settings in the same folder are not run again.

Examples:
  python -m studies.run --study=mtrec_table1
  python -m studies.run --study=mtrec_table1 --set=epochs=1 --seeds=0
  python -m studies.run --study=mtrec_table1 --variants="MTRec (ours)" --seeds=3,4
  python -m studies.run --study=all
"""

import json
from pathlib import Path
from typing import Any

from absl import flags

from results.result import published_result
from studies.catalog import STUDIES
from studies.framework.baseline import worse_than_published
from studies.framework.pace import Pace
from studies.framework.run_study import missing_runs, run_study
from studies.framework.study import Study, settings_key
from studies.framework.study_report import (
    REPORT,
    StudyView,
    format_study,
    study_drawings,
    study_result,
    study_view,
    write_joint_report,
    write_study_report,
)
from studies.framework.study_table import Line, study_table
from studies.framework.where_kernels_help import kernel_cases
from tfrec_mt.errors import nearest
from tfrec_mt.extras import require
from tfrec_mt.pipelines.run_binary import run_binary
from tfrec_mt.schema import SchemaError

_STUDY = flags.DEFINE_list("study", None, "Which, one or several; all for all.", required=True)
_OUTPUT = flags.DEFINE_string(
    "output", "runs/studies", "Folder of studies; takes their cells, and a report for each."
)
_SEEDS = flags.DEFINE_list("seeds", None, "Seeds; default the study's own.")
_VARIANTS = flags.DEFINE_list(
    "variants", None, "Rows, in addition to the reference; default all. For one study only."
)
_SET = flags.DEFINE_multi_string(
    "set", [], "name=value of a setting of the studies, in JSON or as plain text; repeatable."
)
_PUBLISH = flags.DEFINE_bool(
    "publish", False, "Writes the figures of whole studies into docs/results, too."
)
_CHECK_BASELINE = flags.DEFINE_bool(
    "check_baseline",
    False,
    "Fails where a figure is worse than the interval of the published one allows.",
)
_DEBUG = flags.DEFINE_bool("debug", False, "Shows where an error came from, a traceback.")

_ALL = "all"
JOINT = "studies"


def main() -> None:
    """Runs the studies and shows their tables."""
    require("matplotlib", extra="reports")  # for the reports at the end
    output = Path(_OUTPUT.value)
    if _PUBLISH.value and (_VARIANTS.value is not None or _SET.value):
        raise SchemaError("--publish does not go with --variants or --set: it is of whole studies")
    studies = _studies()
    if len(studies) == 1:
        study = studies[0] if _VARIANTS.value is None else studies[0].only(_VARIANTS.value)
        _run(study, output, None)
        print(output / _name(study.name) / REPORT)
        return
    if flags.FLAGS["variants"].present:
        raise SchemaError("--variants does not go with several studies")
    missing = {
        study.name: missing_runs(study, output, _seeds(study), _settings()) for study in studies
    }
    pace = Pace(len(set().union(*missing.values())))
    report = output / f"{_name(JOINT)}.html"
    views: dict[str, StudyView] = {}
    found: list[tuple[Study, list[Line]]] = []
    skipped: dict[str, str] = {}
    for study in studies:
        try:
            views[study.name], lines = _run(study, output, pace)
            found.append((study, lines))
        except SchemaError as error:
            # such as missing files: the other studies run regardless
            skipped[study.name] = str(error)
            pace.step(len(missing[study.name]))
            print(f"{study.name}: not run: {error}", flush=True)
        # finished studies can be read while the others run
        write_joint_report(views, kernel_cases(found), skipped, report)
    print(report)


def _studies() -> list[Study]:
    names = list(STUDIES) if _STUDY.value == [_ALL] else list(dict.fromkeys(_STUDY.value))
    for name in names:
        if name not in STUDIES:
            raise SchemaError(f"--study={name}: unknown study; {nearest(name, [*STUDIES, _ALL])}")
    return [STUDIES[name] for name in names]


def _run(study: Study, output: Path, pace: Pace | None) -> tuple[StudyView, list[Line]]:
    settings, seeds = _settings(), _seeds(study)
    outcomes = run_study(study, output, seeds, settings, pace)
    lines = study_table(study, outcomes)
    view = study_view(study, outcomes, lines, {**study.settings, **settings, "seeds": seeds})
    folder = output / _name(study.name)
    folder.mkdir(exist_ok=True)
    write_study_report(view, lines, folder)
    if _CHECK_BASELINE.value:
        _check_baseline(study, lines)
    if _PUBLISH.value:
        drawings = study_drawings(study, outcomes)
        study_result(study, outcomes, view, lines, _command(study), [*drawings]).publish(drawings)
    print(f"\n{format_study(study, lines)}\n", flush=True)
    return view, lines


def _check_baseline(study: Study, lines: list[Line]) -> None:
    published = published_result(study.name)
    if published is None:
        raise SchemaError(f"--check_baseline: study {study.name} has no published figures")
    worse = [*worse_than_published(lines, published.figures)]
    for sentence in worse:
        print(f"worse: {sentence}", flush=True)
    if worse:
        raise SchemaError(f"study {study.name}: {len(worse)} figures are worse than published")
    print(f"{study.name}: no figure is worse than published beyond its interval", flush=True)


def _command(study: Study) -> str:
    seeds = "" if _SEEDS.value is None else f" --seeds={','.join(_SEEDS.value)}"
    return f"python -m studies.run --study={study.name}{seeds}"


def _name(report: str) -> str:
    """A report's file name; settings that change the table must not replace the studies' own."""
    if _VARIANTS.value is None and not _SET.value:
        return report
    return f"{report}-{settings_key({'variants': _VARIANTS.value, 'settings': _settings()})}"


def _seeds(study: Study) -> tuple[int, ...]:
    return study.seeds if _SEEDS.value is None else tuple(_seed(text) for text in _SEEDS.value)


def _settings() -> dict[str, Any]:
    return dict(_setting(text) for text in _SET.value)


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


if __name__ == "__main__":
    run_binary(main, lambda: _DEBUG.value)
