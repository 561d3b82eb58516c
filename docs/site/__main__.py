"""``python -m docs.site``: build the site. CONTRIBUTING.md names the variables that a build listens to."""

import os
import sys

from docs.site.execute import FailedCell
from docs.site.settings import from_environment


def main() -> int:
    """Build; 0 if all went well, 1 if a cell or a page failed, 2 if what was asked for makes no sense."""
    # JupyterLab's progress bars and matplotlib's windows have no place in a build.
    os.environ.setdefault("MPLBACKEND", "Agg")
    try:
        settings = from_environment()
    except ValueError as error:
        print(f"SITE_ONLY: {error}", file=sys.stderr)
        return 2
    try:
        from docs.site.build import build
    except ModuleNotFoundError as error:
        print(f"{error.name} is not installed; `make site` installs what the site needs", file=sys.stderr)
        return 2
    try:
        status = build(settings)
    except FailedCell as error:
        print(error, file=sys.stderr)
        return 1
    if status == 0:
        print(f"{settings.output / 'index.html'} is the first page.")
    return status


if __name__ == "__main__":
    sys.exit(main())
