"""A build: lectures with outputs, pages from them, HTML from these."""

import shutil

from sphinx.application import Sphinx

from docs.site.pages import lay_out
from docs.site.settings import ROOT, Settings


def build(settings: Settings, *, jobs: int = 1) -> int:
    """Build the site; the number of pages.

    Raises:
        FailedCell: if a cell of a lecture raises.
        SphinxError: at the first warning; no page with a broken link is published.
    """
    lay_out(settings)
    # What an earlier build left and this one does not have must not be published; Sphinx writes only what has changed.
    pages = {path.relative_to(settings.source).with_suffix(".html") for path in settings.source.rglob("*.*")}
    for path in settings.output.rglob("*.html"):
        name = path.relative_to(settings.output)
        if name not in pages and name.name not in ("genindex.html", "search.html", "py-modindex.html"):
            path.unlink()
    for folder in ("notebooks", "colab", "figures"):
        shutil.rmtree(settings.output / folder, ignore_errors=True)
    settings.extra.mkdir(parents=True, exist_ok=True)
    application = Sphinx(
        srcdir=settings.source,
        confdir=ROOT / "docs" / "site",
        outdir=settings.output,
        doctreedir=settings.work / "doctrees",
        buildername="html",
        confoverrides={
            "html_extra_path": [str(settings.extra)],
            "html_static_path": ["static", "vendor", str(settings.work / "static")],
        },
        status=None,
        warningiserror=True,
        exception_on_warning=False,
        parallel=jobs,
    )
    application.build()
    return application.statuscode or 0
