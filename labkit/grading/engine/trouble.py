"""What can go wrong with a run as a whole, and how it is said."""

from sqlalchemy.exc import OperationalError

SLIPS = (LookupError, AttributeError, TypeError, NameError, AssertionError)
"""What Python raises of itself where a program is wrong: its text is no sentence without its name."""


class GradingError(RuntimeError):
    """The run can't begin or can't go on; the message is a sentence. What was graded stays graded."""


class NotRun(RuntimeError):
    """A job could not be run, by a failure of the machine; the message is the end of a sentence."""


def operational(error: BaseException | None) -> OperationalError | None:
    """The trouble with the database behind an exception, if that is what it is; nbgrader wraps some of it."""
    while error is not None and not isinstance(error, OperationalError):
        error = error.__cause__ or error.__context__
    return error


def describe(error: BaseException) -> str:
    """An exception in a few words, on one line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}{f' ({error.filename})' if error.filename else ''}"
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    if not lines or isinstance(error, SLIPS):
        return ": ".join([type(error).__name__, *lines[:1]])[:300]
    return lines[0][:300]
