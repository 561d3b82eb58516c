"""Tracebacks of what went wrong. A person reads one sentence; whoever mends it needs the place in the code.

They are kept in the course's ``.local/grading.log``, and ``labkit --debug`` shows them on stderr as well.
"""

import contextlib
import logging
import sys
from collections.abc import Iterator
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

LOG = logging.getLogger("labkit.grading")
LOG.addHandler(logging.NullHandler())  # nothing on the screen that nobody asked for
LARGEST = 2**20  # bytes of the file; the one before is kept beside it


def file(root: Path) -> Path:
    """Where a course's tracebacks are kept."""
    return root / ".local" / "grading.log"


def written(root: Path) -> tuple[int, int]:
    """What changes when a traceback is added to a course's file."""
    try:
        found = file(root).stat()
    except OSError:
        return 0, 0
    return found.st_ino, found.st_size


class Plain(logging.Formatter):
    """Shows text of unknown origin as it is: what a student's code raised may hold a terminal's commands."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


class Late(RotatingFileHandler):
    """A file that is made, with its folder, when there is something to write.

    A disk that is full or read-only stops the run, which says so in a sentence. The file must not stop it earlier.
    """

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()

    def handleError(self, record: logging.LogRecord) -> None:
        """Leave out what the disk does not take; anything else is shown as ever."""
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)

    def close(self) -> None:
        """Close it, with or without its last lines."""
        with contextlib.suppress(OSError):
            super().close()


@contextlib.contextmanager
def kept(root: Path, sentence: type[Exception]) -> Iterator[None]:
    """While it lasts, what is logged goes to the course's file, and so does the exception that ends it.

    Args:
        sentence: exceptions that are one for a person; they are logged only where they stand for another.
    """
    with handled(Late(file(root), maxBytes=LARGEST, backupCount=1, encoding="utf-8", delay=True)):
        try:
            yield
        except Exception as error:
            if error.__cause__ is not None or not isinstance(error, sentence):
                LOG.error("the run ended: %s", error, exc_info=error)
            raise


@contextlib.contextmanager
def shown() -> Iterator[None]:
    """While it lasts, what is logged goes to stderr, and with it where each sentence for a person comes from."""
    before = LOG.level
    LOG.setLevel(logging.DEBUG)
    try:
        with handled(logging.StreamHandler(sys.stderr)):
            yield
    finally:
        LOG.setLevel(before)


@contextlib.contextmanager
def handled(handler: logging.Handler) -> Iterator[None]:
    """While it lasts, the log has one more handler."""
    handler.setFormatter(Plain("%(asctime)s %(levelname)s %(message)s"))
    LOG.addHandler(handler)
    try:
        yield
    finally:
        LOG.removeHandler(handler)
        handler.close()
