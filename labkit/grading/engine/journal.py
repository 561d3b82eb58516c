"""A run's memory on disk: what was begun, what workers returned, what is done. It survives ``kill -9``.

One file a student, written whole or not at all. Its state goes ``due`` → ``ran`` (the worker's result is stored,
the gradebook may be half written) → ``done``. Only ``done`` is ever skipped, so a submission whose marks were half
written when the power failed is graded again, from the stored result where that still fits.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from labkit.grading import links

DUE, RAN, DONE = "due", "ran", "done"


class Busy(RuntimeError):
    """Another run grades this assignment."""


@dataclass
class Entry:
    """What is known about one student's submission.

    Attributes:
        state: how far it is.
        fingerprint: of the files as they were submitted.
        work: of the job that ``result`` is the result of.
        result: what the worker returned, as text; only between ``ran`` and ``done``.
        flags: sentences for a person, kept when it is done.
        notes: sentences for information.
        sentence: what happened, where that isn't simply that it was graded.
        reports: the verdicts of the checks, by notebook and cell.
        exercise: what identifies the exercise it was graded against.
    """

    student: str
    state: str = DUE
    fingerprint: str = ""
    work: str = ""
    result: str = ""
    flags: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sentence: str = ""
    reports: list[dict[str, Any]] = field(default_factory=list)
    exercise: str = ""


class Journal:
    """The journal of one assignment, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self.folder = folder

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the journal against other runs; the lock ends with the process, however that ends.

        Raises:
            Busy: if another run holds it.
        """
        with open(self.folder / "lock", "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy("another run is grading this assignment; wait until it has ended") from None
            yield

    def path(self, student: str) -> Path:
        """A student's file: readable where the name allows, and unique whatever the name."""
        digest = hashlib.sha256(student.encode(errors="surrogatepass")).hexdigest()[:16]
        return self.folder / f"{re.sub(r'[^A-Za-z0-9_-]', '_', student)[:60]}-{digest}.json"

    def get(self, student: str) -> Entry | None:
        """What is known about a student, or None. A file that can't be read counts for nothing: it is due again."""
        try:
            record = json.loads(self.path(student).read_text(encoding="utf-8"))
            return Entry(**record)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            return Entry(student)

    def put(self, entry: Entry) -> None:
        """Write an entry so that it is on the disk when this returns."""
        path = self.path(entry.student)
        fresh = path.with_suffix(".new")
        with open(fresh, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            json.dump(asdict(entry), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def fingerprint(folder: Path, base: Path) -> str:
    """What identifies a submission's files: names, sizes and contents. Links are taken for what they say.

    Args:
        base: the folder that holds the students; no link below it is followed.
    """
    digest = hashlib.sha256()
    if link := links.on_the_way(folder, base):
        digest.update(b"link " + os.fsencode(f"{link.relative_to(base)}\0{link.readlink()}"))
        return digest.hexdigest()
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted([*names, *(f for f in folders if os.path.islink(os.path.join(parent, f)))]):
            path = os.path.join(parent, name)
            digest.update(os.fsencode(os.path.relpath(path, folder)) + b"\0")
            if os.path.islink(path):
                digest.update(b"link " + os.fsencode(os.readlink(path)))
            elif os.path.isfile(path):
                try:
                    with open(links.descriptor(Path(path), base), "rb") as file:
                        digest.update(hashlib.file_digest(file, "sha256").digest())
                except OSError as error:
                    digest.update(f"unreadable {error.errno}".encode())
    return digest.hexdigest()
