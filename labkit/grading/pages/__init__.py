"""Pages that show what students handed in, and run nothing of it: the formgrader, feedback, ``autograded/``.

    from labkit.grading import pages

    pages.protect(c)

in ``nbgrader_config.py`` (the course's own does it already) holds for all of nbgrader's programs.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from traitlets.config import Config

TEMPLATES = Path(__file__).resolve().parent / "templates"
EXPORTING = "labkit.grading.pages.exporting"
EXECUTE = "nbgrader.preprocessors.Execute"
SANITIZED = f"{EXPORTING}.Sanitized"
# nbgrader's own two passes, with one more step in each.
FIRST = ("ClearOutput", "DeduplicateIds", "OverwriteKernelspec", "OverwriteCells", SANITIZED, "CheckCellMetadata")
SECOND = ("Execute", SANITIZED, "IgnorePattern", "nbconvert.preprocessors.ClearMetadataPreprocessor", "LimitOutput",
          "SaveAutoGrades", "AssignLatePenalties", "CheckCellMetadata")  # fmt: skip
FOLDERS = ("submitted_directory", "autograded_directory", "feedback_directory")


def protect(config: "Config") -> None:
    """Have nbgrader's programs show submissions so that nothing in them runs, whoever autograded them.

    Args:
        config: the ``c`` of ``nbgrader_config.py``; what it says of other things stays.
    """
    from labkit.grading.pages import server

    course = config.CourseDirectory
    server.guard({str(course.get(name, name.removesuffix("_directory"))) for name in FOLDERS} | {".local"})
    exporter = config.HTMLExporter
    exporter.filters = {**exporter.get("filters", {}), "markdown2html": f"{EXPORTING}.markdown2html",
                        "clean_html": f"{EXPORTING}.clean_html", "ansi2html": f"{EXPORTING}.ansi2html"}  # fmt: skip
    before = [step for step in exporter.get("preprocessors", []) if step != f"{EXPORTING}.Harmless"]
    exporter.preprocessors = [*before, f"{EXPORTING}.Harmless"]
    exporter.sanitize_html = True
    exporter.exclude_anchor_links = True
    exporter.extra_template_basedirs = [str(TEMPLATES), str(nbgrader_templates())]
    config.Autograde.sanitize_preprocessors = steps(config.Autograde.get("sanitize_preprocessors", FIRST))
    config.Autograde.autograde_preprocessors = steps(config.Autograde.get("autograde_preprocessors", SECOND))


def steps(names: Iterable[Any]) -> list[Any]:
    """The steps of a pass as nbgrader imports them, with the cleaning among them.

    Args:
        names: those of this module, or what a course has set.
    """
    made = [f"nbgrader.preprocessors.{name}" if isinstance(name, str) and "." not in name else name for name in names]
    return made if SANITIZED in made else [*made, SANITIZED]


def nbgrader_templates() -> Path:
    """Where nbgrader keeps its templates."""
    from importlib.util import find_spec

    spec = find_spec("nbgrader")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "server_extensions" / "formgrader" / "templates"
