"""A build: lectures with outputs, pages from them, HTML from these."""

import shutil

from sphinx.application import Sphinx

from docs.site.pages import lay_out
from docs.site.settings import ROOT, Settings


def build(settings: Settings) -> int:
    """Build the site: 0, or 1 after a warning, for instance of a broken link; the site stays as it was then.

    Raises:
        FailedCell: if a cell of a lecture raises.
    """
    lay_out(settings)
    settings.extra.mkdir(parents=True, exist_ok=True)
    made = settings.work / "html" / "site"  # myst-nb writes beside it
    pages = {path.relative_to(settings.source).with_suffix(".html") for path in settings.source.rglob("*.*")}
    for path in made.rglob("*.html"):  # Sphinx writes what has changed, and leaves what is no more
        if path.relative_to(made) not in pages and path.stem not in ("genindex", "search"):
            path.unlink()
    for folder in ("notebooks", "colab", "figures"):
        shutil.rmtree(made / folder, ignore_errors=True)
    application = Sphinx(
        srcdir=settings.source,
        confdir=ROOT / "docs" / "site",
        outdir=made,
        doctreedir=settings.work / "doctrees",
        buildername="html",
        confoverrides={
            "html_extra_path": [str(settings.extra)],
            "html_static_path": ["static", "vendor", str(settings.work / "static")],
        },
        status=None,
        warningiserror=True,
    )
    application.build()
    if application.statuscode == 0:
        shutil.rmtree(settings.output, ignore_errors=True)
        shutil.copytree(made, settings.output, ignore=shutil.ignore_patterns(".buildinfo", "_sources"))
    return application.statuscode
