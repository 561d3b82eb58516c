"""The ``labkit`` command, and its subcommands for students.

What a subcommand needs is imported when it runs, so that ``--help`` is quick.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labkit.grading import cli_similar, cli_teaching, tracebacks
from labkit.grading import course as places
from labkit.grading.cli_teaching import NOT_ALL_RIGHT, Topic, shown
from labkit.grading.course import Course, CourseError

if TYPE_CHECKING:
    from labkit.grading.selfcheck import Verdict

BAD_INPUT, INTERRUPTED = 2, 130

app = typer.Typer(
    name="labkit",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

STUDENT, TEACHER = "For students", "For instructors"
DEBUG = "--debug"


@app.callback()
def common(debug: Annotated[bool, typer.Option(DEBUG, help="Show tracebacks of what goes wrong.")] = False) -> None:
    """Augmentation, self-training, adversarial learning, transfer and privacy: the course and its grading."""


@app.command(rich_help_panel=STUDENT)
def lab(
    port: Annotated[int | None, typer.Option(help="The port to listen on; the first free one by default.")] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
) -> None:
    """Open JupyterLab at the first lecture."""
    from labkit.grading import lab as jupyter
    from labkit.grading import lectures
    from labkit.grading.screen import err, out

    here = places.find()
    try:
        for name in lectures.refresh(here):
            own = shown(here.reading / name)
            err.print(f"{own} has your changes and stays. Its lecture has a new version: rename yours, and it comes.")
    except CourseError as error:  # a course that belongs to somebody else can still be read
        err.print(f"no copies of the lectures: {error}", markup=False)
    prepared = jupyter.server(here, port=port, browser=browser)
    out.print("JupyterLab is starting; Ctrl-C here stops it. In a few seconds it answers at this address:\n")
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
    from labkit.grading import report, selfcheck, student
    from labkit.grading.screen import out

    here = places.find()
    path = student.locate(here, notebook)
    if not selfcheck.has_checks(path) and student.released_notebook(here, path) is None:
        out.print(report.nothing(here, path))
        return
    verdict = checked(here, path, timeout)
    out.print(report.verdict(verdict))
    raise typer.Exit(0 if verdict.done else NOT_ALL_RIGHT)


def checked(here: Course, path: Path, timeout: int) -> "Verdict":
    """Check one notebook with a line that says how far it is, and keep the result for ``progress``."""
    from labkit.grading import selfcheck, student
    from labkit.grading.screen import err

    before = student.digest_sources(path.read_bytes())
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
def solution(
    topic: Topic,
    task: Annotated[str | None, typer.Argument(help="A task's number or its function's name; all by default.")] = None,
) -> None:
    """Show the model answer of each task that you have tried, with its reasons."""
    from labkit.grading import model_answers, report
    from labkit.grading.screen import out

    here = places.find()
    answers, waiting = model_answers.shown(here, topic, task)
    for answer in answers:
        for part, code in report.answer(answer):
            out.print(part, soft_wrap=code)  # a line of code stays one line
    if waiting:
        out.print(
            f"Not tried yet: {', '.join(f'{answer.number} ({answer.name})' for answer in waiting)}.", markup=False
        )


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


for command in (*cli_teaching.COMMANDS, cli_similar.similar):
    app.command(rich_help_panel=TEACHER)(command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command. Bad input is one sentence on stderr and exit status 2; anything unexpected shows itself."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command; its exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    if DEBUG not in words:
        return answered(words)
    with tracebacks.shown():  # wherever it stands: it is no command's own
        return answered([DEBUG, *(word for word in words if word != DEBUG)])


def answered(arguments: list[str]) -> int:
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
        tracebacks.LOG.debug("where that was found", exc_info=error)
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
