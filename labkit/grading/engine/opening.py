"""The beginning of a run: is there such an assignment, who handed in, can it be graded here?"""

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

from nbgrader.api import MissingEntry
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SAWarning, SQLAlchemyError
from traitlets.config import Config

from labkit.grading import links
from labkit.grading.engine.judging.judge import Broken
from labkit.grading.engine.nbgrader.autograde import Engine
from labkit.grading.engine.options import Options
from labkit.grading.engine.trouble import GradingError, describe
from labkit.grading.engine.work.exercise import Uses, uses
from labkit.grading.engine.work.worker import ENV, Judge, Sandbox
from labkit.own_checks import Unusable, read


def private(engine: Engine) -> list[Path]:
    """The course's folders that no submission may see, wherever the course lies."""
    where = engine.coursedir
    root = Path(where.root).resolve()
    names = (where.source_directory, where.submitted_directory, where.autograded_directory, where.feedback_directory)
    return [path for name in (*names, ".local", "checks", "tests") if (path := root / name).is_dir()]


def own_checks(engine: Engine) -> str:
    """The course's own checks, as the judge and a cluster's workers get them; "" if it has none.

    Raises:
        GradingError: if they can't be used.
    """
    try:
        own = read(Path(engine.coursedir.root).resolve())
    except Unusable as error:
        raise GradingError(f"the course's own checks can't be used: {error}") from error
    return own.to_json() if own else ""


def sandboxes(engine: Engine, used: Uses, copy: Future[Path], options: Options) -> Callable[[], Sandbox]:
    """What makes a sandbox for an exercise.

    Args:
        used: what the exercise uses.
        copy: the copy of labkit that goes into it: a sandbox begins before that is there.

    Raises:
        GradingError: if this machine allows none.
    """
    from labkit.grading.engine import sandbox
    from labkit.grading.engine.limits import Limits

    sandboxed, limits = options.sandboxed, options.limits or Limits()
    if problem := sandbox.missing(sandboxed):
        raise GradingError(f"no sandbox can be made here: {problem}")
    more: Any = {"archive": copy.result, "hide": private(engine), "keep": kept(engine)}

    def make() -> Sandbox:
        try:
            if options.kernel:
                from labkit.grading.engine.kernel.session import KernelSandbox

                return KernelSandbox(limits, **more)
            return sandbox.Sandbox(
                limits, sandboxed=sandboxed, preload=used.preload, preludes=used.preludes, env=ENV, **more
            )
        except sandbox.SandboxError as error:
            raise sandbox.SandboxError((sandbox.probe() if sandboxed else "") or str(error)) from error

    return make


def make_copy(copy: Future[Path], used: Uses, judge: Judge) -> None:
    """Make the copy of labkit for the sandboxes, in this thread: Python 3.11 may parse in one thread at a time.

    Args:
        judge: who knows what no answer may call.

    Raises:
        GradingError: if it can't be made.
    """
    try:
        copy.set_result(used.archive(judge))
    except (OSError, Broken) as error:
        raise GradingError(f"the sandbox's copy of labkit can't be made: {describe(error)}") from error
    finally:
        copy.cancel()  # where there is none, nobody shall wait for it


def used_by(engine: Engine) -> Uses:
    """What an exercise uses. Where files lie beside its notebooks, each submission runs all its cells itself."""
    used = uses(engine.blueprints, own_checks(engine))
    return replace(used, preludes=()) if engine.given() else used


def kept(engine: Engine) -> list[str]:
    """The packages that the course's settings keep in sight, which only labkit's tests need: ``c.Sandbox.keep``."""
    return [str(name) for name in engine.config.get("Sandbox", {}).get("keep", [])]


def open_engine(config: Config, assignment: str, log: logging.Logger) -> Engine:
    """The engine of an assignment, after a look at whether it can work.

    Raises:
        GradingError: if it can't.
    """
    missing_gradebook(config)
    try:
        engine = Engine(config, assignment, log)
    except MissingEntry:
        raise GradingError(f"the gradebook knows no assignment {assignment!r}: generate it first") from None
    except SQLAlchemyError as error:
        raise GradingError(f"the gradebook can't be used: {describe(error)}") from error
    if not engine.blueprints:
        raise GradingError(f"the gradebook knows no notebooks of {assignment!r}: generate the assignment first")
    for blueprint in engine.blueprints.values():
        if "python" not in blueprint.language.lower():
            raise GradingError(f"{blueprint.name} is written in {blueprint.language}; only Python runs in the sandbox")
    return engine


def missing_gradebook(config: Config) -> None:
    """Raise ``GradingError`` if the gradebook is a file that isn't there: nbgrader would make an empty one."""
    where = config.CourseDirectory
    url = make_url(str(where.get("db_url") or f"sqlite:///{Path(where.get('root') or '.') / 'gradebook.db'}"))
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).is_file():
        raise GradingError(f"there is no gradebook {url.database}: generate the assignment first")


def find(engine: Engine, students: Sequence[str] | None) -> list[str]:
    """Who handed in, or those of ``students``.

    Raises:
        GradingError: if nobody did, or one of ``students`` did not.
    """
    excluded = {name.strip() for name in engine.coursedir.student_id_exclude.split(",")}
    there = sorted(set(everyone(engine)) - excluded)
    for student in students or ():
        if student not in there:
            raise GradingError(f"{student!r} handed in nothing for {engine.assignment!r}")
    if not there:
        raise GradingError(f"nobody handed in anything for {engine.assignment!r}")
    return sorted(set(students or there))


def everyone(engine: Engine) -> Iterable[str]:
    """The students with a folder for the assignment, or with a link in its place."""
    return (name for name, _ in links.handed_in(engine.submitted(links.STUDENT)))


def quiet() -> logging.Logger:
    """A logger that keeps nbgrader's messages to itself."""
    log = logging.Logger("labkit.grading", logging.CRITICAL)
    log.addHandler(logging.NullHandler())
    return log


@contextlib.contextmanager
def nbgrader_warnings() -> Iterator[None]:
    """nbgrader's queries make SQLAlchemy warn of what does no harm."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)
        yield
