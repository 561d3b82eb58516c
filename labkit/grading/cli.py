"""The ``labkit`` command. What a subcommand needs is imported when it runs, so that ``--help`` is quick."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labkit.grading import course as places
from labkit.grading.course import Course, CourseError

if TYPE_CHECKING:
    from labkit.grading.selfcheck import Verdict

BAD_INPUT, NOT_ALL_RIGHT, INTERRUPTED = 2, 1, 130

app = typer.Typer(
    name="labkit",
    help="Augmentation, self-training, adversarial learning, transfer and privacy: the course and its grading.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

STUDENT, TEACHER = "For students", "For instructors"

Topic = Annotated[str, typer.Argument(help="A topic's key or number, as in `images` or `1`.")]
Topics = Annotated[
    list[str] | None, typer.Argument(help="Topics' keys or numbers; all by default.", metavar="[TOPIC]...")
]
OneTopic = Annotated[str | None, typer.Argument(help="A topic's key or number.")]
Students = Annotated[list[str] | None, typer.Option("--student", "-s", help="Only this student; may be repeated.")]


@app.command(rich_help_panel=STUDENT)
def lab(
    port: Annotated[int | None, typer.Option(help="The port to listen on; the first free one by default.")] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
) -> None:
    """Open JupyterLab at the first lecture."""
    from labkit.grading import lab as jupyter
    from labkit.grading.screen import out

    here = places.find()
    prepared = jupyter.server(here, port=port, browser=browser)
    jupyter.unpack(here)
    out.print("JupyterLab is starting; Ctrl-C here stops it. Its address:\n")
    out.print(f"    {prepared.url}\n", markup=False, soft_wrap=True)
    raise typer.Exit(jupyter.run(prepared, here.place))


@app.command(rich_help_panel=STUDENT)
def doctor() -> None:
    """Say what this machine has, and what to do about what it lacks."""
    from labkit.grading import doctor as machine
    from labkit.grading.screen import OPEN, RIGHT, WRONG, err, out, plain, table

    with err.status("looking around …"):
        found = machine.examine(machine.course_or_none())
    report = table("", "what", "found")
    for finding in found:
        sign = RIGHT if finding.ok else OPEN if finding.optional else WRONG
        text = plain(finding.value)
        if not finding.ok and finding.remedy:
            text.append(f"\n→ {finding.remedy}", style="yellow" if finding.optional else "red")
        report.add_row(sign, finding.name, text)
    out.print(report)
    lacks = [finding.name for finding in found if not finding.ok and not finding.optional]
    out.print(f"\nTo do: {', '.join(lacks)}." if lacks else "\nEverything that is needed is here.")
    raise typer.Exit(NOT_ALL_RIGHT if lacks else 0)


@app.command(rich_help_panel=STUDENT)
def start(
    topic: Topic,
    fresh: Annotated[bool, typer.Option("--fresh", help="Another copy beside the one there is.")] = False,
) -> None:
    """Get your own copy of an exercise, in work/. A copy that is there stays as it is."""
    from labkit.grading import student
    from labkit.grading.screen import out

    here = places.find()
    copy = student.start(here, topic, fresh=fresh)
    path = shown(copy.notebook)
    if copy.made:
        out.print(f"Your copy is {path}. `labkit check {topic}` says how it stands.", markup=False)
        return
    out.print(f"You have a copy already, and it stays as it is: {path}.", markup=False)
    if not copy.current:
        out.print("The exercise has been updated since you took it.")
    out.print(f"`labkit start {topic} --fresh` puts a new one beside it.", markup=False)


@app.command(rich_help_panel=STUDENT)
def check(
    notebook: Annotated[str, typer.Argument(help="A notebook's file, or the topic of an exercise you started.")],
    timeout: Annotated[int, typer.Option(min=1, help="Seconds a cell may take.")] = 120,
) -> None:
    """Restart and run a notebook, and say which checks are right. The file is not touched."""
    from labkit.grading import report
    from labkit.grading.screen import out

    here = places.find()
    verdict = checked(here, notebook, timeout)
    out.print(report.verdict(verdict))
    raise typer.Exit(0 if verdict.done else NOT_ALL_RIGHT)


def checked(here: Course, notebook: str | Path, timeout: int) -> "Verdict":
    """Check one notebook with a line that says how far it is, and keep the result for ``progress``."""
    from labkit.grading import selfcheck, student
    from labkit.grading.screen import err

    path = student.locate(here, str(notebook))
    before = student.digest(path)
    with err.status(f"{path.name}: starting Python …") as status:
        verdict = selfcheck.examine(
            path,
            release=student.released_notebook(here, path),
            timeout=timeout,
            on_cell=lambda number, of: status.update(f"{path.name}: cell {number} of {of}"),
        )
    student.note(here, path, selfcheck.record(verdict) | {"digest": before})
    return verdict


@app.command(rich_help_panel=STUDENT)
def progress(
    run: Annotated[bool, typer.Option("--run", help="Check again what has changed since its last check.")] = False,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds a cell may take.")] = 120,
) -> None:
    """Say what is done and what is next."""
    from labkit.grading import report, student
    from labkit.grading.screen import out

    here = places.find()
    if run:
        for state in student.states(here):
            if state.checked is None or state.changed:
                checked(here, state.notebook, timeout)
    out.print(report.progress(here, student.states(here)))
    out.print(report.next_step(here, student.states(here)))


@app.command(rich_help_panel=TEACHER)
def release(
    topic: Topics = None,
    only_check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if it would change.")] = False,
) -> None:
    """Build exercises/ from solutions/, and refuse to give a solution away."""
    from labkit.grading import release as builder
    from labkit.grading.screen import err, out

    here = teaching()
    stale = [] if topic else builder.stale(here)
    changed = False
    for assignment in assignments(here, topic):
        with err.status(f"building {assignment} …"):
            found = builder.release(here, assignment, check=only_check)
        changed |= bool(found)
        if not found:
            out.print(f"[green]✓[/] {assignment} is up to date")
        for change in found:
            out.print(f"{'[red]✗[/]' if only_check else 'updated'} {change.path}: it {change.how}", soft_wrap=True)
    for assignment in stale:
        err.print(f"exercises/{assignment} has no solutions/{assignment}: delete it, or write its solution")
    raise typer.Exit(NOT_ALL_RIGHT if stale or (only_check and changed) else 0)


@app.command(rich_help_panel=TEACHER)
def grade(
    topic: Topics = None,
    student: Students = None,
    force: Annotated[bool, typer.Option("--force", help="Grade again what was graded as it is now.")] = False,
    sandbox: Annotated[bool, typer.Option("--sandbox/--no-sandbox", help="Contain the students' code.")] = True,
) -> None:
    """Grade what lies in submitted/STUDENT/TOPIC/. Marks given by hand stay."""
    from labkit.grading import grade as grading
    from labkit.grading import grades as tables
    from labkit.grading.screen import err, out

    here = teaching()
    wanted = assignments(here, topic, handed_in=not topic)
    if sandbox:
        err.print("[yellow]note:[/] the code of submissions runs without a sandbox, with your own rights")
    for assignment in wanted:
        with counting(f"grading {assignment}") as on_student:
            rows = grading.grade(here, assignment, student, force=force, on_student=on_student)
        out.print(tables.assignment(rows))


@app.command(rich_help_panel=TEACHER)
def feedback(topic: Topics = None, student: Students = None) -> None:
    """Write feedback/STUDENT/TOPIC/*.html for those who were graded."""
    from labkit.grading import feedback as writing
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
    raise typer.Exit(NOT_ALL_RIGHT if failed else 0)


@app.command(rich_help_panel=TEACHER)
def grades(
    topic: OneTopic = None,
    csv: Annotated[str | None, typer.Option("--csv", help="Write a table to this file; `-` prints it.")] = None,
) -> None:
    """Show the gradebook, or one exercise of it check by check."""
    from labkit.grading import grades as tables
    from labkit.grading import marks, notebooks
    from labkit.grading.screen import out

    here = teaching()
    known = marks.assignments(here) if marks.exists(here) else []
    name = here.assignment(topic, known) if topic else None
    rows = marks.rows(here, name) if known else []
    if not rows:
        raise CourseError("the gradebook holds no submissions yet; `labkit grade` comes first")
    if csv == "-":
        sys.stdout.write(tables.as_csv(rows, checks=name is not None))
    elif csv:
        notebooks.write(Path(csv).expanduser(), tables.as_csv(rows, checks=name is not None))
        out.print(f"{len(rows)} rows in {csv}", markup=False)
    elif name:
        out.print(tables.assignment(rows))
    else:
        out.print(tables.by_assignment(rows))


@app.command(rich_help_panel=TEACHER)
def demo(
    topic: Topic = "images",
    folder: Annotated[Path | None, typer.Option(help="An empty folder for it; a temporary one by default.")] = None,
) -> None:
    """Grade a class of eight before your eyes, in a folder of its own."""
    import tempfile

    from labkit.grading import demo as show
    from labkit.grading import grades as tables
    from labkit.grading.screen import out

    source = teaching()
    assignment = source.assignment(topic, source.sources())
    made = show.course(source, assignment, folder or Path(tempfile.mkdtemp(prefix="labkit-demo-")))
    class_ = show.hand_in(made, source, assignment)
    out.print(f"A class of {len(class_)} hands in {assignment}, in {made.root}:\n", markup=False, soft_wrap=True)
    for who, what in class_.items():
        out.print(f"  {who:<8} {what}", markup=False)
    with counting("grading") as on_student:
        rows = show.run(made, assignment, on_student)
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
        there = {path.name for path in parent.glob("*/*") if path.is_dir()}
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


def main(arguments: list[str] | None = None) -> None:
    """Run the command. Bad input is one sentence on stderr and exit status 2; anything unexpected shows itself."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command; its exit status."""
    # typer has brought its own click since 0.2x: its class of usage errors is the parent of one it exports.
    click_exception: Any = typer.BadParameter.__mro__[2]
    try:
        status = app(args=arguments, prog_name="labkit", standalone_mode=False)
    except click_exception as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            return 0  # the help has been shown
        command = error.ctx.command_path if getattr(error, "ctx", None) else "labkit"
        return complain(f"{error.format_message().rstrip('.')}; see `{command} --help`")
    except CourseError as error:
        return complain(str(error))
    except (KeyboardInterrupt, typer.Abort):
        complain("stopped; what was finished is kept")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has left: nothing more to say, also not when Python closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a read-only folder, a full disk: a person can put that right
        if error.strerror is None:
            raise
        return complain(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
    return status if isinstance(status, int) else 0


def complain(sentence: str) -> int:
    """Say what was wrong with the input, on stderr; the exit status for it."""
    print(f"labkit: {' '.join(sentence.split())}", file=sys.stderr)
    return BAD_INPUT


if __name__ == "__main__":
    main()
