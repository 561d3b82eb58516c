"""What a notebook adds to a check: it stops an answer that never ends, and says which cell defined the answer.

A notebook keeps what its cells defined before. After a syntax error, or with a misspelt name, a check gets the old
function, and students don't understand its verdict. IPython's history shows which cell defined that function, and which
later cell should have defined it again. Without IPython (in pytest, in the grader) this module does nothing.
"""

import ast
import difflib
import functools
import inspect
import os
import re
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

from labkit.checks.protocol import Check, Report

SECONDS = 60.0
"""How long a check may take in a notebook; ``LABKIT_CHECK_SECONDS`` in the environment sets another limit."""

AGAIN = 0.05  # seconds
ALIKE = 0.75  # a name is thought to be a slip for another from this similarity on


class TimeUp(BaseException):
    """Raised inside an answer that takes too long. An ``except Exception`` in the answer does not catch it."""


# ── an end ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def limited(check: Check, judge: Callable[[], Report]) -> Report:
    """The report of ``judge``, or a report that the time limit or the user stopped it.

    Raises:
        ValueError: if ``LABKIT_CHECK_SECONDS`` is no positive number.
    """
    if shell() is None:
        return judge()
    seconds = allowed()
    try:
        with alarm(seconds):
            return judge()
    except TimeUp as end:
        sentence = f"it did not end within {seconds:g} seconds: is there an endless loop?{place(end)}"
    except KeyboardInterrupt as end:
        sentence = f"you stopped it before it ended.{place(end)}"
    return Report(check.key, check.points, "error", sentence)


def allowed() -> float:
    """The seconds that a check may take.

    Raises:
        ValueError: if ``LABKIT_CHECK_SECONDS`` is no positive number.
    """
    text = os.environ.get("LABKIT_CHECK_SECONDS") or str(SECONDS)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e7:
        raise ValueError(f"LABKIT_CHECK_SECONDS is {text!r}; expected a positive number of seconds")
    return seconds


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """Raise ``TimeUp`` in the block after this many seconds. Windows and threads beside the main one have no alarm."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    running = True

    def ring(number: int, frame: FrameType | None) -> None:
        if running:
            raise TimeUp

    before = signal.signal(signal.SIGALRM, ring)
    # And again: a bare `except:` in a loop takes what it gets, as long as it gets it inside its `try`.
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        running = False
        signal.setitimer(signal.ITIMER_REAL, left, interval)
        signal.signal(signal.SIGALRM, before)


def place(error: BaseException) -> str:
    """The line of the answer at which it was stopped, as a sentence; empty if it was outside the answer."""
    cells = numbers()
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in cells]
    if not frames:
        return ""
    return f" It was in In [{cells[frames[-1].filename]}], line {frames[-1].lineno}: `{frames[-1].line}`."


# ── where the answer comes from ───────────────────────────────────────────────────────────────────────────────────────


def remarks(report: Report, answer: Any) -> tuple[str, ...]:
    """Remarks for a verdict if the function that was judged is not the one that the notebook shows."""
    cells, first = history(), cell_of(answer)
    if first is None or not cells:
        return ()
    name = variable(cells[-1], report.key) or str(getattr(answer, "__name__", ""))
    judged = f"What was checked is `{name}` as In [{first}] defined it."
    for number in range(len(cells) - 1, first, -1):
        if name in defined(cells[number]):
            return (f"{judged} In [{number}] was to define it again, but {failure(cells[number])}.",)
    if report.right:
        return ()
    for number in range(len(cells) - 1, first, -1):
        others = [other for other in defined(cells[number]) if other not in answers(report.key)]
        if slip := difflib.get_close_matches(name, others, n=1, cutoff=ALIKE):
            return (f"{judged} In [{number}] defines `{slip[0]}`: is that name misspelt?",)
    return ()


def shell() -> Any:
    """The running IPython; None without one."""
    try:
        from IPython import get_ipython
    except ImportError:
        return None
    return get_ipython()


def history() -> list[str]:
    """The source of each cell that was run, at its number; the last cell is still running."""
    running = shell()
    return [str(source) for source in running.user_ns.get("In", ())] if running else []


def numbers() -> dict[str, int]:
    """The number of each cell by the file name of its code, as IPython keeps it for its own tracebacks."""
    return dict(getattr(getattr(shell(), "compile", None), "_filename_map", {}))


def cell_of(answer: Any) -> int | None:
    """The number of the cell that defined a function or a class; None if none did."""
    cells = numbers()
    return next((cells[code.co_filename] for code in codes(answer) if code.co_filename in cells), None)


def codes(answer: Any) -> list[CodeType]:
    """The code of a function, of the function in a partial one, or of a class's methods."""
    while isinstance(answer, functools.partial):
        answer = answer.func
    functions = vars(answer).values() if isinstance(answer, type) else [inspect.unwrap(answer)]
    return [function.__code__ for function in functions if inspect.isfunction(function)]


def variable(source: str, key: str) -> str:
    """The name of the answer in a check cell; empty if it is not clear."""
    found = re.search(rf"""check\(\s*["']{re.escape(key)}["']\s*,\s*(\w+)""", source)
    return found.group(1) if found else ""


def answers(key: str) -> set[str]:
    """The names of the answers of a check's exercise."""
    from labkit.checks import of

    return {check.key.partition(".")[2] for check in of(key.partition(".")[0])}


def defined(source: str) -> list[str]:
    """The functions and classes that a cell defines at its top level. A cell that does not parse is read by lines."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return re.findall(r"^(?:async +)?(?:def|class) +(\w+)", source, re.MULTILINE)
    return [node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]


def failure(source: str) -> str:
    """Why a cell did not define what it should have defined."""
    try:
        ast.parse(source)
    except SyntaxError as error:
        return f"it has a syntax error in line {error.lineno}"
    except ValueError:
        return "it can't be read"
    return "it stopped with an error before that"
