"""What the documentation shows works as it is written."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import tfrec_mt as mt
from tests.doc_blocks import DOCS, ROOT, blocks, run
from tests.shop import shop_rows


@pytest.mark.slow
@pytest.mark.parametrize("language", ["python", "sh"])
def test_the_quickstart_runs(tmp_path: Path, language: str) -> None:
    shop_rows(6_000).drop("bought").write_csv(tmp_path / "clicks.csv")
    shown = [
        block for block in blocks(DOCS / "quickstart.md", language) if "pip install" not in block
    ]
    if language == "python":
        out = run([sys.executable, "-c", "\n".join(shown)], tmp_path)
        assert "over control" in out and "Series: 'ctr' [f32]" in out
    else:
        run(["bash", "-ec", "\n".join(shown)], tmp_path)
        assert (tmp_path / "scores.parquet").is_file()
    shop = tmp_path / "runs" / "shop"
    assert (shop / "export" / "1" / "saved_model.pb").is_file()
    assert (shop / "evaluation" / "metrics.json").is_file()


def test_the_whole_schema_is_one() -> None:
    whole, *_ = blocks(DOCS / "schema.md", "json")
    schema = mt.Schema.from_json(whole)
    assert schema.task_names == ("ctr",)
    assert len(whole.splitlines()) <= 10
    assert (schema.keys.user, schema.topics[0].name) == ("uid", "market")


def _shown_flags() -> dict[str, set[str]]:
    """Flags of the commands in the documentation, by binary."""
    found: dict[str, set[str]] = {}
    for page in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]:
        text = re.sub(r"\\\n\s*", " ", page.read_text(encoding="utf-8"))
        for binary, flags in re.findall(r"^tfrec-mt ([a-z-]+)\s+(--.*)$", text, re.MULTILINE):
            found.setdefault(binary, set()).update(re.findall(r"--([a-z_]+)", flags))
    return found


@pytest.mark.slow  # a start of each binary
@pytest.mark.parametrize(("binary", "flags"), sorted(_shown_flags().items()))
def test_shown_commands_have_the_flags_that_they_show(
    binary: str, flags: set[str], tmp_path: Path
) -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "tfrec-mt", binary, "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    known = {name for _, name in re.findall(r"^ +--(\[no\])?([a-z_]+):", done.stdout, re.MULTILINE)}
    assert known
    assert flags - {"flagfile"} <= known, flags - known


def test_version_changelog_and_citation_agree() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    version, day = re.search(r"^## \[(\d.*?)\] - (\S+)$", changelog, re.MULTILINE).groups()  # type: ignore[union-attr]
    assert version == mt.__version__
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {version}\ndate-released: {day}\n" in citation
