"""The documentation site: `make docs` (scripts/make_docs.py) makes the pages in docs/made and builds it with warnings as errors."""

from __future__ import annotations

import importlib.metadata
import re
import sys
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

sys.path.insert(0, str(Path(__file__).parents[1]))

project = "testis_abm"
author = copyright = "testis_abm contributors"
version = release = importlib.metadata.version("testis_abm")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
default_role = "code"  # docstrings write code in single backticks
language = "en"

myst_heading_anchors = 4
myst_enable_extensions = ["attrs_block", "colon_fence"]

# Words of docstrings that several classes have a field for: which of them is linked is no fault.
suppress_warnings = ["ref.python"]
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "testis_abm"
html_copy_source = False
html_show_sourcelink = False
html_static_path = ["static"]
html_css_files = ["wide.css"]
html_theme_options = {"navigation_with_keys": True}

_PAGE = re.compile(r"(?:docs/)?([a-z_]+)\.md")


def link_pages(app: Sphinx, doctree: nodes.document) -> None:
    """Make links of the pages that are named as code: `docs/model.md` in a text that reads well without a site, too."""
    for literal in list(doctree.findall(nodes.literal)):
        found = _PAGE.fullmatch(literal.astext())
        if not found or isinstance(literal.parent, nodes.reference):
            continue
        if found[1] not in app.env.found_docs:
            logging.getLogger(__name__).warning("no page %s", literal.astext(), location=literal, type="testis_abm")
            continue
        if isinstance(literal.parent, nodes.title):  # a heading goes into tables of contents, where it is a link itself
            continue
        here = app.env.docname
        uri = app.builder.get_relative_uri(here, found[1])
        literal.replace_self(nodes.reference("", "", literal.deepcopy(), internal=True, refuri=uri))


def setup(app: Sphinx) -> dict[str, bool]:
    """Join in."""
    app.connect("doctree-read", link_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
