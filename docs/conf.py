"""The documentation site: `make docs`."""

import re
import subprocess
from pathlib import Path

from sphinx.application import Sphinx

import tfrec_mt

ROOT = Path(__file__).parents[1]
# What figures depend on.
CODE = ("tfrec_mt", "studies", "benchmarks")

project = "tfrec_mt"
author = "the tfrec_mt authors"
release = version = tfrec_mt.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"tfrec_mt {release}"

# Notebooks are run by `make notebooks`; the site shows what they printed.
nb_execution_mode = "off"
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_default_options = {"exclude-members": "from_config, get_config"}  # as of any Keras class
autodoc_typehints = "none"  # docstrings say what arguments are
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = ["Reference", ("Call arguments", "params_style")]


def _commits_since(commit: str) -> int:
    """How many commits have changed what figures depend on; 0 where git does not know it."""
    command = ["git", "rev-list", "--count", f"{commit}..HEAD", "--", *CODE]
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    return int(found.stdout) if found.returncode == 0 else 0


def _note_age(app: Sphinx, page: str, source: list[str]) -> None:
    """Says below a result how much of the code has changed since it was measured."""

    def noted(line: re.Match[str]) -> str:
        commits = re.findall(r"[0-9a-f]{7,}", line[1])
        count = max(map(_commits_since, commits), default=0)
        if not count:
            return line[0]
        since = "one commit has" if count == 1 else f"{count} commits have"
        return f"{line[0]}\n\n```{{note}}\nSince this was measured, {since} changed the code.\n```"

    if page.startswith("results/"):
        source[0] = re.sub(r"^`.*, commit ([^`\n]*)$", noted, source[0], flags=re.MULTILINE)


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _note_age)
