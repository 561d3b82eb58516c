"""nbgrader's ``Autograde`` in three movements: prepare (trusted), run (untrusted, elsewhere), replay (trusted).

nbgrader makes two passes over a notebook: it sanitises, then executes and saves what follows from the outputs.
Here the sanitised notebook is handed out, and in the second pass ``Execute`` is replaced by the outputs that came
back. Everything that touches the gradebook is nbgrader's own and runs in one process.
"""

import logging
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbconvert.writers import FilesWriter
from nbformat import NotebookNode
from nbgrader import utils
from nbgrader.api import Gradebook
from nbgrader.converters.autograde import Autograde
from nbgrader.converters.base import BaseConverter
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import CheckCellMetadata, Execute
from traitlets.config import Config
from traitlets.utils.importstring import import_item

from labkit.grading import links
from labkit.grading.engine.nbgrader import cells, intake
from labkit.grading.engine.nbgrader.cells import Blueprint
from labkit.grading.engine.nbgrader.replay import Replay
from labkit.grading.engine.work import outputs as shape
from labkit.grading.engine.work.job import Job, Outcome, Part, Result
from labkit.grading.pages.exporting import Sanitized
from labkit.grading.trusted import trusted


class Directory(CourseDirectory):
    """nbgrader's course directory, which takes a broken time stamp for none: it is a file of the student's."""

    def get_existing_timestamp(self, dest_path: str) -> datetime | None:
        """When a submission was handed in, or None."""
        path = Path(dest_path) / "timestamp.txt"
        if path.is_symlink() or not path.is_file() or path.stat().st_size > 200:
            return None
        try:
            return super().get_existing_timestamp(dest_path)
        except (ValueError, AttributeError, OverflowError, TypeError):
            return None


@dataclass
class Submission:
    """A student's submission, sanitised. ``broken`` has a sentence for each notebook that can't be graded."""

    student: str
    notebooks: dict[str, NotebookNode] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    job: Job = field(default_factory=lambda: Job("", "", ()))


class Regular(BaseConverter):
    """Copies the regular files of a submission that ``intake.scan`` accepted; nbgrader would follow links."""

    accepted: Mapping[str, Path] = {}
    base: Path

    def init_assignment(self, assignment_id: str, student_id: str) -> None:
        """Copy the files beside the notebooks."""
        target = Path(self._format_dest(assignment_id, student_id))
        for name, path in self.accepted.items():
            copy = target / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(links.read(path, self.base))


class Engine(Autograde, Regular):
    """One assignment of one course. Not safe for threads: one writer."""

    def __init__(self, config: Config, assignment: str, log: logging.Logger) -> None:
        settings = Config(config)
        settings.CourseDirectory.assignment_id = assignment
        settings.Exporter.optimistic_validation = True
        directory = Directory(config=settings, log=log)
        super().__init__(coursedir=directory, config=settings, log=log)
        self.assignment = assignment
        self.writer = FilesWriter(parent=self, config=self.config)
        self.exporter = NotebookExporter(parent=self, config=self.config)
        self.replay = Replay(shape.Redaction(paths(directory)))
        self.made: dict[bool, list[Any]] = {}
        self.base = links.base(self.submitted(links.STUDENT))
        with self.book() as book:
            plans = cells.blueprints(book, assignment)
        marks = cells.marks(self.config)
        # In nbgrader's order, that of the files' names: a notebook may read what the one before it wrote.
        self.blueprints = {
            name: replace(plans[name].inorder(self.source_order(name)), hidden=marks)
            for name in sorted(plans, key="{}.ipynb".format)
        }

    def book(self) -> Gradebook:
        """The gradebook, to be closed."""
        return Gradebook(self.coursedir.db_url, self.coursedir.course_id)

    def source_order(self, name: str) -> list[str]:
        """The ``grade_id``s of a source notebook in order; none where it can't be read."""
        path = Path(self.coursedir.format_path(self.coursedir.source_directory, ".", self.assignment))
        try:
            notebook = intake.read(path / f"{name}.ipynb")
        except (intake.Unreadable, OSError):
            return []
        return [cells.grade_id(cell) for cell in notebook.cells]

    def submitted(self, student: str) -> Path:
        """Where a student's submission lies."""
        return Path(self.coursedir.format_path(self.coursedir.submitted_directory, student, self.assignment))

    def autograded(self, student: str) -> Path:
        """Where it goes."""
        return Path(self.coursedir.format_path(self.coursedir.autograded_directory, student, self.assignment))

    def newer(self, student: str) -> bool:
        """Whether the submission's timestamp is later than that of what was graded, which is nbgrader's rule."""
        if links.on_the_way(self.submitted(student), self.base):
            return False
        ours, theirs = (
            self.coursedir.get_existing_timestamp(str(folder))
            for folder in (self.autograded(student), self.submitted(student))
        )
        return ours is not None and theirs is not None and theirs > ours

    def remove(self, student: str) -> None:
        """Delete a student's ``autograded/`` folder of this assignment."""
        if self.autograded(student).exists():
            utils.rmtree(str(self.autograded(student)))

    def _init_preprocessors(self) -> None:
        # nbgrader makes them anew for each notebook and pass; they keep nothing between calls.
        if self._sanitizing not in self.made:
            self.exporter._preprocessors = []
            chain = self.sanitized() if self._sanitizing else self.replaced(self.autograde_preprocessors)
            for preprocessor in chain:
                self.exporter.register_preprocessor(preprocessor)
            self.made[self._sanitizing] = self.exporter._preprocessors
        self.exporter._preprocessors = self.made[self._sanitizing]

    def sanitized(self) -> list[Any]:
        """nbgrader's first pass without what is done by then: all is clean, and all metadata are the gradebook's.

        To check those cell by cell takes longer than all the rest.
        """
        return [p for p in imported(self.sanitize_preprocessors) if p not in (CheckCellMetadata, Sanitized)]

    def replaced(self, chain: Iterable[Any]) -> list[Any]:
        """nbgrader's second pass with our outputs in place of its execution.

        The metadata it would check again is the gradebook's since the first pass.
        """
        return [
            self.replay if isinstance(p, type) and issubclass(p, Execute) else p
            for p in imported(chain)
            if p not in (CheckCellMetadata, Sanitized)
        ]

    def prepare(self, student: str) -> Submission:
        """Read a submission and sanitise its notebooks, in memory: nothing is written."""
        root = self.submitted(student)
        if link := links.on_the_way(root, self.base):
            shown = intake.shown(link.relative_to(self.base.parent).as_posix())
            why = f"{shown} was not read: {links.WHY}"
            return Submission(student, broken=dict.fromkeys(self.blueprints, why))
        found = intake.scan(root, self.coursedir.ignore)
        found.make_room(self.given())
        made = Submission(student, files=found.files, flags=list(found.refused))
        for name, blueprint in self.blueprints.items():
            if name not in found.notebooks:
                refused = (root / f"{name}.ipynb").is_symlink()
                if refused:
                    made.broken[name] = f"{name}.ipynb is a link, not a file"
                else:
                    made.missing.append(name)
                continue
            try:
                made.notebooks[name] = self.sanitise(found.notebooks[name], made, blueprint)
            except intake.Unreadable as error:
                made.broken[name] = str(error)
        made.job = self.job(made)
        return made

    def sanitise(self, path: Path, made: Submission, blueprint: Blueprint) -> NotebookNode:
        """nbgrader's first pass over one notebook, whose metadata was replaced by the gradebook's.

        Raises:
            Unreadable: if the notebook is broken.
        """
        notebook, remarks = trusted(intake.read(path, self.base), blueprint)
        made.flags += [str(remark) for remark in remarks if remark.flag]
        made.notes += [str(remark) for remark in remarks if not remark.flag] + intake.harmless(notebook)
        self._sanitizing = True
        self._init_preprocessors()
        try:
            text, _ = self.exporter.from_notebook_node(notebook, self.resources(blueprint.name, made.student))
        except (nbformat.ValidationError, RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
            raise intake.Unreadable(f"{intake.shown(path.name)} can't be read by nbgrader: {reason}") from error
        return nbformat.reads(text, as_version=4)

    def job(self, made: Submission) -> Job:
        """What a worker needs of a submission: as nbgrader, the course's own files replace the student's."""
        parts = tuple(
            Part(name, tuple(cells.steps(notebook, self.blueprints[name]))) for name, notebook in made.notebooks.items()
        )
        files = {name: links.read(path, self.base) for name, path in made.files.items()}
        files |= {name: path.read_bytes() for name, path in self.given().items()}
        return Job(made.student, self.assignment, parts, files)

    def given(self) -> dict[str, Path]:
        """The files that the course puts beside a submission's notebooks, by relative path."""
        source = Path(self.coursedir.format_path(self.coursedir.source_directory, ".", self.assignment))
        kept = set(self.exclude_overwriting.get(self.assignment, []))
        found = map(Path, utils.find_all_files(str(source), [*self.coursedir.ignore, "*.ipynb"]))
        return {name: path for path in found if (name := path.relative_to(source).as_posix()) not in kept}

    def resources(self, notebook: str, student: str) -> dict[str, Any]:
        """What nbgrader's preprocessors want to know."""
        return {
            "metadata": {"name": notebook, "path": str(self.submitted(student))},
            "unique_key": notebook,
            "output_files_dir": f"{notebook}_files",
            "nbgrader": {
                "student": student,
                "assignment": self.assignment,
                "notebook": notebook,
                "db_url": self.coursedir.db_url,
            },
        }

    def start_over(self, made: Submission) -> None:
        """Before ``finish``: what an earlier run left behind goes."""
        self.remove(made.student)
        self.notebooks = [str(self.submitted(made.student) / f"{name}.ipynb") for name in made.notebooks]
        self.accepted = made.files
        self.coursedir.student_id = made.student
        self.run_pre_convert_hook()

    def finish(self, made: Submission, result: Result) -> None:
        """nbgrader's second pass: outputs to marks, in the gradebook and in ``autograded/``; may add flags."""
        self._sanitizing = True
        self.init_assignment(self.assignment, made.student)
        self._sanitizing = False
        try:
            for name in made.notebooks:
                self.write(made, name, result.outcomes.get(name, Outcome()))
        finally:
            self._sanitizing = True

    def end(self, made: Submission) -> None:
        """After ``finish``: permissions, and the course's hook."""
        self.set_permissions(self.assignment, made.student)
        self.run_post_convert_hook()

    def write(self, made: Submission, name: str, outcome: Outcome) -> None:
        """Replay one notebook and write it."""
        self._init_preprocessors()
        self.replay.begin(outcome, self.blueprints[name])
        resources = self.resources(name, made.student)
        text, resources = self.exporter.from_notebook_node(made.notebooks[name], resources)
        self.write_single_notebook(text, resources)


def imported(chain: Iterable[Any]) -> list[Any]:
    """The steps of a pass, which a course's settings may give by their names."""
    return [import_item(step) if isinstance(step, str) else step for step in chain]


def paths(directory: CourseDirectory) -> dict[str, str]:
    """The paths of this machine that a student shall not read in an output, and what stands in their place."""
    package = Path(intake.__file__).resolve().parents[4]
    return {
        str(Path.home()): "~",
        str(package): "…",
        sys.base_prefix: "<python>",
        sys.prefix: "<environment>",
        str(directory.root): "<course>",
        str(Path(directory.root).resolve()): "<course>",
    }
