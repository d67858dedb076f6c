"""The documentation site: `make docs`."""

import tfrec_mt

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
