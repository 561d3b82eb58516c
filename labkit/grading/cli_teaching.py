"""The subcommands for instructors. What each needs is imported when it runs, so that ``--help`` is quick."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labkit.grading import course as places
from labkit.grading import links, tracebacks
from labkit.grading.course import Course, CourseError

if TYPE_CHECKING:
    from labkit.grading.marks import Row
    from labkit.grading.release import Change

NOT_ALL_RIGHT, NOT_DONE = 1, 2

Topic = Annotated[str, typer.Argument(help="A topic's key or number, as in `images` or `1`.")]
Topics = Annotated[
    list[str] | None, typer.Argument(help="Topics' keys or numbers; all by default.", metavar="[TOPIC]...")
]
OneTopic = Annotated[str | None, typer.Argument(help="A topic's key or number.")]
Students = Annotated[list[str] | None, typer.Option("--student", "-s", help="Only this student; may be repeated.")]


class Failures:
    """Of several exercises, those that can't be done: each is said, and the others go on. One alone raises."""

    def __init__(self, count: int) -> None:
        self.alone, self.status, self.last = count == 1, 0, False

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Around what is done for one exercise; afterwards ``last`` says whether it failed."""
        self.last = False
        try:
            yield
        except CourseError as error:
            if self.alone:
                raise
            print(f"labkit: {' '.join(str(error).split())}", file=sys.stderr)
            self.last, self.status = True, NOT_DONE


def new(
    folder: Annotated[Path, typer.Argument(help="A folder that isn't there yet, or is empty.")],
    take: Annotated[
        list[str] | None,
        typer.Option("--take", help="Copy this exercise of the course you stand in; may be repeated."),
    ] = None,
) -> None:
    """Make a course of your own: settings, one small exercise with its check, and a page that says what to type."""
    from labkit.grading import new as making
    from labkit.grading.screen import out

    source = teaching() if take else None
    wanted = [source.assignment(name, source.sources()) for name in take or ()] if source else []
    made = making.new(folder.expanduser())
    for assignment in wanted:
        assert source is not None
        making.take(made, source, assignment)
    out.print(f"A course with {', '.join(made.sources())} is in {shown(made.root)}/. Its README.md says what to type; "
              f"begin with:\n\n    cd {shown(made.root)}\n    labkit test", markup=False, soft_wrap=True)  # fmt: skip


def test(topic: OneTopic = None) -> None:  # noqa: PT028  a command
    """Try the checks of your own course, or of a topic, or one: the reference is right, mistakes get their sentence."""
    from labkit.grading import own
    from labkit.grading.screen import count, err, out

    here = places.find()
    checks = own.all_checks(here, topic)
    wrong = 0
    for check in checks:
        with err.status(f"trying {check.key} …"):
            problem = own.problem(check)
        wrong += bool(problem)
        out.print(f"✗ {problem}" if problem else f"✓ {check.key}: {own.summary(check)}", markup=False, soft_wrap=True)
    out.print(f"\n{count(len(checks), 'check')}, {wrong or 'none'} of them with a problem")
    raise typer.Exit(NOT_ALL_RIGHT if wrong else 0)


def release(
    topic: Topics = None,
    only_check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if it would change.")] = False,
) -> None:
    """Build exercises/ from solutions/, and refuse to give a solution away."""
    from labkit.grading import release as builder
    from labkit.grading.screen import err, out

    here = teaching()
    stale = [] if topic else builder.stale(here)
    changed, wanted = False, assignments(here, topic)
    failed = Failures(len(wanted))
    for assignment in wanted:
        found: list[Change] = []
        with failed.one(), err.status(f"building {assignment} …"):
            found = builder.release(here, assignment, check=only_check)
        if failed.last:
            continue
        changed |= bool(found)
        if not found:
            out.print(f"[green]✓[/] {assignment} is up to date")
        for change in found:
            out.print(f"{'[red]✗[/]' if only_check else 'updated'} {change.path}: it {change.how}", soft_wrap=True)
    for assignment in stale:
        err.print(f"exercises/{assignment} has no solutions/{assignment}: delete it, or write its solution")
    raise typer.Exit(failed.status or (NOT_ALL_RIGHT if stale or (only_check and changed) else 0))


def tidy(notebooks: Annotated[list[str], typer.Argument(help="Notebooks' files.")]) -> None:
    """Bring notebooks into normal form: without outputs, counts and a tool's metadata, as they are committed."""
    from labkit.grading import notebooks as form
    from labkit.grading.screen import out

    read = {Path(name): form.read(Path(name)) for name in notebooks}
    for path, notebook in read.items():
        text = form.normal(notebook)
        if text == path.read_text(encoding="utf-8"):
            out.print(f"[green]✓[/] {path.name} is tidy")
        else:
            form.write(path, text)
            out.print(f"tidied {path.name}", markup=False)


def grade(
    topic: Topics = None,
    student: Students = None,
    force: Annotated[bool, typer.Option("--force", help="Grade again what was graded as it is now.")] = False,
    sandbox: Annotated[bool, typer.Option("--sandbox/--no-sandbox", help="Contain the students' code.")] = True,
    kernel: Annotated[
        bool, typer.Option("--real-kernel", help="Run each notebook in a Jupyter kernel, sandboxed: slower.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", help="How many at a time; by default a few more than processors.")
    ] = None,
    limit: Annotated[
        list[str] | None, typer.Option("--limit", help="As in cell_seconds=60; may be repeated.", metavar="NAME=VALUE")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(help="Run on a Dask cluster, as in tcp://scheduler:8786.", metavar="ADDRESS")
    ] = None,
) -> None:
    """Grade what lies in submitted/STUDENT/TOPIC/. Marks given by hand stay."""
    from labkit.grading import grade as grading
    from labkit.grading import grades as tables
    from labkit.grading.engine.options import Options
    from labkit.grading.engine.report import Bar
    from labkit.grading.screen import err, out

    here = teaching()
    wanted = assignments(here, topic, handed_in=not topic)
    options = Options(force=force, jobs=jobs, limits=grading.limits_of(here, numbers(limit or [])), sandboxed=sandbox,
                      kernel=kernel, cluster=cluster)  # fmt: skip
    if cluster is not None and jobs is not None:
        raise CourseError("--jobs is for this machine; with --cluster, its workers' threads decide")
    if not sandbox:
        err.print("[yellow]note:[/] without a sandbox, the code of submissions can do whatever you can on "
                  f"{'the workers' if cluster else 'this machine'}")  # fmt: skip
    left, failed, before = False, Failures(len(wanted)), tracebacks.written(here.root)
    for assignment in wanted:
        rows: list[Row] = []
        with failed.one(), Bar() as bar:
            rows = grading.grade(here, assignment, student, options, progress=bar)
        if rows:
            out.print(tables.assignment(rows))
        left |= any(row.left for row in rows)
    if tracebacks.written(here.root) != before:
        err.print(f"where this machine failed is in {shown(tracebacks.file(here.root))}", soft_wrap=True)
    raise typer.Exit(failed.status or (NOT_ALL_RIGHT if left else 0))


def collect(
    topic: Topic,
    source: Annotated[Path, typer.Argument(help="The zip of all submissions, or a folder with what it held.")],
    lms: Annotated[str, typer.Option(help="moodle, canvas or auto.")] = "auto",
    roster: Annotated[Path | None, typer.Option(help="A csv that says who is who.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing.")] = False,
) -> None:
    """Put a download of Moodle or Canvas into submitted/. Nothing there is lost."""
    from labkit.grading import collect as collecting
    from labkit.grading.screen import count, err, out, plain, table

    here = teaching()
    name = here.assignment(topic, here.sources())
    if lms not in ("auto", "moodle", "canvas"):
        raise CourseError(f"--lms is {lms!r}; expected moodle, canvas or auto")
    with err.status(f"collecting {name} …"):
        found = collecting.collect(here, name, source.expanduser(), lms=lms, names=roster, dry=dry_run)
    made = table("student", "file", "what happened" if not dry_run else "what would happen")
    for one in found.outcomes:
        made.add_row(plain(one.student), plain(one.files), plain(one.happened))
    out.print(made)
    taken = sum(one.taken for one in found.outcomes)
    out.print(f"\n{count(taken, 'submission')} of {len(found.outcomes)} from {found.lms.capitalize()}"
              f"{'; nothing was written' if dry_run else ''}. {collecting.on_dates(found)}")  # fmt: skip
    if found.others:
        err.print(f"{count(len(found.others), 'file')} left out that no student's name is on", markup=False)
    raise typer.Exit(NOT_ALL_RIGHT if taken < len(found.outcomes) else 0)


def numbers(settings: list[str]) -> dict[str, float]:
    """``NAME=VALUE`` for each, as numbers by name.

    Raises:
        CourseError: if one is not of that form.
    """
    found = {}
    for text in settings:
        name, _, value = text.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise CourseError(f"--limit is {text!r}; expected a name and a number, as in cell_seconds=60") from None
    return found


def feedback(topic: Topics = None, student: Students = None) -> None:
    """Write feedback/STUDENT/TOPIC/*.html for those who were graded."""
    from labkit.grading import feedback as writing
    from labkit.grading import marks
    from labkit.grading.screen import count, err, out

    here = teaching()
    failed = False
    for assignment in assignments(here, topic, graded=not topic):
        with counting(f"feedback on {assignment}") as on_student:
            found = writing.feedback(here, assignment, student, on_student=on_student)
        for name, result in found.items():
            if isinstance(result, str):
                failed = True
                err.print(f"{name}: {result}", markup=False)
        written = sum(len(result) for result in found.values() if not isinstance(result, str))
        out.print(f"{assignment}: {count(written, 'file')} in {shown(here.root / 'feedback')}/STUDENT/{assignment}/")
        waiting = [row.student for row in marks.rows(here, assignment) if row.pending and row.student in found]
        if waiting:
            err.print(f"{count(len(waiting), 'student')} with answers still to mark by hand: their pages say which")
    raise typer.Exit(NOT_ALL_RIGHT if failed else 0)


def grades(
    topic: OneTopic = None,
    csv: Annotated[str | None, typer.Option("--csv", help="Write a table to this file; `-` prints it.")] = None,
    layout: Annotated[str | None, typer.Option("--format", help="For upload: moodle or canvas.")] = None,
    column: Annotated[str | None, typer.Option(help="The exercise's heading in Canvas, as in `Images (4757)`.")] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Upload the points so far where marks are missing.")
    ] = False,
) -> None:
    """Show the gradebook, or one exercise of it check by check."""
    from labkit.grading import alike, marks, notebooks, own
    from labkit.grading import grades as tables
    from labkit.grading.engine.journal import Journal
    from labkit.grading.overview import overview
    from labkit.grading.screen import err, out

    here = teaching()
    own.use(here)
    known = marks.assignments(here) if marks.exists(here) else []
    name = here.assignment(topic, sorted({*known, *here.sources()})) if topic else None
    if layout and not (name and csv):
        raise CourseError(
            "--format goes with a topic and --csv, as in `labkit grades images --csv a.csv --format moodle`"
        )
    rows = marks.rows(here, name) if known else []
    if not rows:
        raise CourseError(
            f"the gradebook holds no submissions{f' of {name}' if name else ''}; `labkit grade` makes them"
        )
    text = (
        for_upload(here, name, rows, layout, column, partial)
        if layout and name
        else tables.as_csv(rows, checks=bool(name))
    )
    if csv == "-":
        sys.stdout.write(text)
    elif csv:
        notebooks.write(Path(csv).expanduser(), text)
        out.print(f"{len(rows)} rows in {csv}" if not layout else f"{csv} is for {layout.capitalize()}", markup=False)
    elif name:
        out.print(tables.assignment(rows))
        with err.status("reading what the checks said …"):
            told = [with_sentences(here, row) for row in rows]
        out.print(overview(told))
        out.print(alike.shown(alike.groups(Journal.of(here.root, name))))
    else:
        out.print(tables.by_assignment(rows))


def for_upload(here: Course, name: str, rows: list["Row"], layout: str, column: str | None, partial: bool) -> str:
    """One exercise's points as csv for a learning platform; who is not in it, or without a mark, is said."""
    from labkit.grading import roster, upload
    from labkit.grading.screen import count, err

    lms, people = roster.collected(here, name)
    text = upload.made(rows, layout, lms, people, column or name, partial=partial)
    if missing := [row.student for row in rows if row.student not in people]:
        err.print(f"left out, as {layout.capitalize()} does not know them: {', '.join(missing)}", markup=False)
    if pending := sum(bool(row.pending) for row in rows if row.student in people):
        said = "have the points so far" if partial else "are left empty; `--partial` gives the points so far"
        err.print(f"{count(pending, 'student')} with answers still to mark by hand: their marks {said}", soft_wrap=True)
    return text


def with_sentences(here: Course, row: "Row") -> "Row":
    """A row with the sentence of each failed check; without, and told, if its graded notebook is broken."""
    from labkit.grading import grade as grading
    from labkit.grading.screen import err

    try:
        return grading.explained(here, row, grading.stored(here, row))
    except CourseError as error:
        err.print(f"{row.student}: {error}", markup=False)
        return row


def demo(
    topic: Annotated[
        str | None, typer.Argument(help="A topic's key or number; `images`, or the first there is.")
    ] = None,
    folder: Annotated[Path | None, typer.Option(help="An empty folder for it; a temporary one by default.")] = None,
    sandbox: Annotated[
        bool | None,
        typer.Option("--sandbox/--no-sandbox", help="Contain the students' code; where possible by default."),
    ] = None,
) -> None:
    """Grade a class of eight before your eyes, in a folder of its own: in `images`, or the first exercise there is."""
    import shutil
    import tempfile

    from labkit.grading import demo as show
    from labkit.grading import grades as tables
    from labkit.grading.engine.report import Bar
    from labkit.grading.engine.sandbox import probe
    from labkit.grading.screen import err, out

    source = teaching()
    first = next((name for name in source.sources() if name == "01_images"), source.sources()[0])
    assignment = source.assignment(topic or first, source.sources())
    place = folder or Path(tempfile.mkdtemp(prefix="labkit-demo-"))
    try:
        made = show.course(source, assignment, place)
        class_ = show.hand_in(made, source, assignment)
    except CourseError:
        if folder is None:
            shutil.rmtree(place)
        raise
    out.print(f"A class of {len(class_)} hands in {assignment}, in {made.root}:\n", markup=False, soft_wrap=True)
    for who, what in class_.items():
        out.print(f"  {who:<8} {what}", markup=False)
    lack = probe() if sandbox is None else ""
    if lack:
        err.print(
            f"\nnote: {lack}.\nThe demo goes on without a sandbox: all its code is the course's own.", markup=False
        )
    with Bar() as bar:
        rows = show.run(made, assignment, bar, sandboxed=not lack if sandbox is None else sandbox)
    out.print("", tables.assignment(rows), sep="\n")
    out.print("What the checks said:\n", tables.sentences(rows), "", sep="\n")
    out.print(f"Feedback: {made.root / 'feedback'}/STUDENT/{assignment}/", markup=False, soft_wrap=True)


def teaching() -> Course:
    """The course here, if it is one that can be taught from.

    Raises:
        CourseError: if it has no solutions.
    """
    here = places.find()
    if not here.sources():
        raise CourseError(f"{here.root} has no solutions/: this needs a clone of the course, not the package alone")
    return here


def assignments(here: Course, names: list[str] | None, *, handed_in: bool = False, graded: bool = False) -> list[str]:
    """The assignments that ``names`` mean; else all, or those that were handed in, or graded.

    Raises:
        CourseError: if one is unknown, or nothing was handed in or graded.
    """
    known = here.sources()
    if names:
        return list(dict.fromkeys(here.assignment(name, known) for name in names))
    if handed_in or graded:
        parent = here.submitted if handed_in else here.root / "autograded"
        there = {name for name in known if links.some(parent / links.STUDENT / name)}
        known = [name for name in known if name in there]
    if not known and handed_in:
        raise CourseError(
            f"nothing was handed in: put notebooks into {here.submitted}/STUDENT/TOPIC/, as in ann/01_images/"
        )
    if not known:
        raise CourseError("nothing was graded yet; `labkit grade` comes first")
    return known


@contextlib.contextmanager
def counting(what: str) -> Iterator[Callable[[str, int, int], None]]:
    """A line on stderr that says who is next."""
    from labkit.grading.screen import err

    with err.status(f"{what} …") as status:
        yield lambda name, number, of: status.update(f"{what}: {name} ({number} of {of})")


def shown(path: Path) -> str:
    """A path as short as it can be written here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


COMMANDS = (new, test, release, tidy, collect, grade, feedback, grades, demo)
