"""Sphinx's settings. ``python -m docs.site`` lays out the source first, and says where it lies."""

import sys
from pathlib import Path

from labkit import __version__

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

project = "labkit"
author = "The labkit authors"
copyright = "the labkit authors; MIT licence"
version = release = __version__
language = "en"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "docs.site.sphinx_extension",
]
root_doc = "index"

myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
myst_heading_anchors = 4
nb_execution_mode = "off"  # the notebooks come with their outputs
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # no page has a widget: nothing is fetched for one
nb_merge_streams = True
nb_mime_priority_overrides = [("html", "text/html", 0)]

autosummary_generate = False
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
# Code with an ellipsis for what is left out is no Python; attributes of two classes may have one name.
suppress_warnings = ["misc.highlighting_failure", "ref.python"]

html_theme = "furo"
html_title = "labkit"
html_favicon = "static/favicon.svg"
html_math_renderer = "katex"
html_copy_source = False
html_show_sourcelink = False
html_css_files = ["labkit.css", "explorers.css"]
html_js_files = [("labkit.js", {"defer": "defer"})]
html_domain_indices = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#00598c",
        "color-brand-content": "#00598c",
        "color-brand-visited": "#6b3f7f",
        "font-stack": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif",
    },
    "dark_css_variables": {
        "color-brand-primary": "#7cc4f0",
        "color-brand-content": "#7cc4f0",
        "color-brand-visited": "#cfa6e6",
    },
}
