"""What all HTML pages share: layout, sections, settings and versions."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
from markupsafe import Markup

import tfrec_mt
from tfrec_mt.evaluation.page_table import plain_table
from tfrec_mt.extras import installed_version

_LIBRARIES = ("tensorflow", "keras", "numpy", "polars", "pyarrow")


@dataclass(frozen=True)
class Section:
    """A section of text on a page.

    Args:
      heading: Its heading.
      text: Plain text; blank lines separate paragraphs.
    """

    heading: str
    text: str


@dataclass(frozen=True)
class Picture:
    """Pictures side by side under a heading.

    Args:
      heading: The heading.
      sentence: How to read them.
      svgs: By what each shows, in a sentence that may be empty, the picture.
    """

    heading: str
    sentence: str
    svgs: Sequence[tuple[str, Markup]]


def render_page(
    template: str,
    *,
    title: str,
    sections: Sequence[Section],
    settings: Mapping[str, object],
    **content: Any,
) -> str:
    """Renders one self-contained HTML page.

    Args:
      template: File in `templates` that extends `page.html.jinja`.
      title: Title of the page.
      sections: Text shown after the content.
      settings: What the run was told, shown as a table of names and values.
      content: What the template asks for.
    """
    return render_fragment(
        template,
        title=title,
        sections=[(part.heading, part.text.split("\n\n")) for part in sections],
        settings=[
            plain_table(caption, ["name", "value"], [*map(_pair, found.items())], prose=True)
            for caption, found in {"Settings": settings, "Versions": _versions()}.items()
            if found
        ],
        **content,
    )


def render_fragment(template: str, **content: Any) -> str:
    """Renders a template of this package; all of its content is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tfrec_mt.evaluation"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**content)


def _pair(item: tuple[str, object]) -> tuple[str, str]:
    return item[0], str(item[1])


def _versions() -> dict[str, str]:
    found = {"tfrec_mt": tfrec_mt.__version__, "Python": platform.python_version()}
    for name in _LIBRARIES:
        found[name] = installed_version(name) or "not installed"
    return found
