"""What the wheel takes of the course: its notebooks, not the traces of their use, and the pages of results.

Solutions become ``answers/``, which ``labkit solution`` reads: a course with ``solutions/`` is one to teach from.
"""

import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LECTURE = re.compile(r"\d\d_[a-z]+\.ipynb")
# As the normal form in labkit/grading/notebooks.py has it, which can't be imported before labkit is built.
CELL_METADATA = ("deletable", "editable", "jupyter", "nbgrader", "slideshow", "tags")
METADATA = ("kernelspec", "labkit", "language_info")


class CourseHook(BuildHookInterface):
    """Lays out the course in a folder of its own, which goes into the wheel as ``labkit/_course``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before the wheel is built; an editable one finds the course in the clone."""
        if version == "editable":
            return
        self.folder = Path(tempfile.mkdtemp(prefix="labkit-course-"))
        for path in course(Path(self.root)):
            target = self.folder / laid(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path(self.root, path), target)
            if target.suffix == ".ipynb":
                target.write_text(stripped(target.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
        build_data["force_include"][str(self.folder)] = "labkit/_course"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """After the wheel is built."""
        if version != "editable":
            shutil.rmtree(self.folder)


def course(root: Path) -> list[Path]:
    """The files of the course.

    These are lectures by their names, of each exercise what its solution has too, and that one, and results' pages.
    """
    lectures = [path for path in sorted((root / "lectures").iterdir()) if LECTURE.fullmatch(path.name)]
    exercises = [
        path
        for path in sorted((root / "exercises").rglob("*"))
        if path.is_file() and (root / "solutions" / path.relative_to(root / "exercises")).is_file()
    ]
    solved = [
        root / "solutions" / path.relative_to(root / "exercises") for path in exercises if path.suffix == ".ipynb"
    ]
    hidden = re.compile(r"(^|/)(\.|__pycache__)|\.pyc$")
    results = sorted((root / "benchmarks" / "results").glob("*.md"))
    files = [path.relative_to(root) for path in lectures + exercises + solved + results]
    return [path for path in files if not hidden.search(path.as_posix())]


def laid(path: Path) -> Path:
    """Where a file of the clone lies in the package's course."""
    return Path("answers", *path.parts[1:]) if path.parts[0] == "solutions" else path


def stripped(text: str) -> str:
    """A notebook without outputs, counts and a tool's metadata."""
    notebook = json.loads(text)
    notebook["metadata"] = {key: value for key, value in notebook["metadata"].items() if key in METADATA}
    notebook["metadata"]["language_info"] = {"name": "python"}
    for cell in notebook["cells"]:
        cell["metadata"] = {key: value for key, value in cell["metadata"].items() if key in CELL_METADATA}
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True, separators=(",", ": ")) + "\n"
