"""What a learning platform's download holds: its files, told apart by student, and nothing that could do harm.

Moodle (mod/assign, locallib.php before 4.1, downloader.php since)
    Full Name_123456_assignsubmission_file_/file.ipynb    with "download submissions in folders"; since 4.1 _file/
    Full Name_123456_assignsubmission_file_file.ipynb     without
    Full Name_123456_assignsubmission_onlinetext/…        what was typed into the platform; _onlinetext_… without
    Group Name_7_assignsubmission_file/file.ipynb         a team's, since 4.1: once, with the group's number
    Default group_assignsubmission_file/file.ipynb        of those who are in no group: without any number
    Group Name-Full Name_123456_assignsubmission_…        a team's, before 4.1: once for each member
Canvas (canvas-lms, content_zipper.rb)
    lastnamefirst_12345_67890_file.ipynb                  user, then attachment
    lastnamefirst_LATE_12345_67890_file-1.ipynb           late; -1 where an earlier upload had the same name
    anon_a1B2c_67890_file.ipynb                           anonymous grading
"""

import os
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath

from labkit.grading import links
from labkit.grading.course import CourseError
from labkit.grading.notebooks import LARGEST

MEMBERS, ALL, RATIO = 50_000, 8 * 2**30, 200  # files; bytes; bytes out of one byte, in files of over a megabyte
MOODLE = re.compile(
    r"(?P<name>.+?)(?:_(?P<number>\d+))?_assignsubmission_(?P<kind>file|onlinetext)(?:_(?P<rest>.*))?", re.DOTALL
)
CANVAS = re.compile(
    r"(?:(?P<name>.+?)_)??(?P<late>LATE_)?(?P<number>\d+|anon_[A-Za-z0-9]+)_(?P<file>\d+)_(?P<rest>.+)", re.DOTALL
)
JUNK = re.compile(r"(^|/)(\.(?!\.?/)|__MACOSX(/|$)|__pycache__(/|$)|Thumbs\.db$|desktop\.ini$)|\.pyc$")
LMS = ("moodle", "canvas")


@dataclass(frozen=True)
class Entry:
    """A file of a download: its path there, its date, and how to read it. ``refused`` says why it is not to be."""

    path: str
    when: datetime
    read: Callable[[], bytes]
    refused: str = ""


@dataclass(frozen=True)
class File:
    """A student's file: the platform's name and number of its owner, its path in what was handed in, which upload."""

    name: str
    number: str
    path: PurePosixPath
    entry: Entry
    late: bool = False
    upload: int = 0
    typed: bool = False
    """Whether it is no file but what was typed into the platform."""


@contextmanager
def entries(source: Path) -> Iterator[list[Entry]]:
    """The files of a zip or a folder, which can be read as long as this lasts.

    Raises:
        CourseError: if it is neither, is damaged, or holds more than a class can have handed in.
    """
    if source.is_dir():
        yield within(of_folder(source), source.name)
        return
    if not source.is_file():
        raise CourseError(f"there is no file or folder {source}")
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, struct.error) as error:
        raise CourseError(f"{source.name} is no zip file, or a damaged one: {error}") from error
    with archive:
        total = sum(info.file_size for info in archive.infolist())
        if total > ALL:
            raise CourseError(
                f"{source.name} would unpack to {total / 2**30:.0f} GB; at most {ALL / 2**30:.0f} are read"
            )
        yield within([of_zip(archive, info) for info in archive.infolist() if not info.is_dir()], source.name)


def within(found: list[Entry], name: str) -> list[Entry]:
    """The entries, if they are not too many.

    Raises:
        CourseError: if they are.
    """
    if len(found) > MEMBERS:
        raise CourseError(f"{name} holds {len(found)} files; at most {MEMBERS} are read")
    return found


def of_folder(folder: Path) -> list[Entry]:
    """The files under a folder. No link is followed."""
    found = []
    for here, inner, names in os.walk(folder):
        inner.sort()
        for name in sorted([*names, *(n for n in inner if Path(here, n).is_symlink())]):
            path = Path(here, name)
            state = path.lstat()
            inside = path.relative_to(folder).as_posix()
            refused = danger(inside, state.st_mode) or too_large(state.st_size)
            found.append(
                Entry(inside, datetime.fromtimestamp(state.st_mtime, UTC), partial(links.read, path, folder), refused)
            )
    return found


def of_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    """A member of a zip."""

    def read() -> bytes:
        try:
            with archive.open(info) as file:
                return file.read(LARGEST + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, struct.error) as error:
            raise CourseError(f"it can't be unpacked: {error}") from error

    name = decoded(info)
    refused = danger(name, info.external_attr >> 16) or too_large(info.file_size)
    if info.flag_bits & 1:
        refused = "it is encrypted"
    elif info.file_size > 2**20 and info.file_size > RATIO * max(info.compress_size, 1):
        refused = f"it would unpack to {info.file_size // max(info.compress_size, 1)} times its size"
    return Entry(name, date(info), read, refused)


def decoded(info: zipfile.ZipInfo) -> str:
    """A member's name. Without the flag that says UTF-8 it may be that all the same, or cp437, or Latin-1."""
    name = info.orig_filename
    if not info.flag_bits & 0x800:
        raw = name.encode("cp437")
        try:
            name = raw.decode("utf-8")
        except UnicodeDecodeError:
            # Latin-1 has its letters from 0xC0, where cp437 has lines and boxes; cp437 has them from 0x80 to 0xA5.
            name = raw.decode("latin-1" if all(byte < 0x80 or byte >= 0xC0 for byte in raw) else "cp437")
    return unicodedata.normalize("NFC", name).removeprefix("./")


def danger(path: str, mode: int) -> str:
    """Why a path or a kind of file is not to be trusted; nothing if it is."""
    kind = stat.S_IFMT(mode)
    if kind == stat.S_IFLNK:
        return "it is a link, not a file"
    if kind not in (0, stat.S_IFREG):
        return "it is no ordinary file"
    if path.startswith("/") or "\\" in path or re.match(r"[A-Za-z]:", path) or ".." in path.split("/"):
        return "its path leads out of the folder"
    if not path.isprintable():
        return "its name holds control characters"
    return ""


def too_large(size: int) -> str:
    """A sentence on a file that is too large; nothing if it is not."""
    return f"it has {size / 2**20:.0f} MB; at most {LARGEST / 2**20:.0f} are taken" if size > LARGEST else ""


def date(info: zipfile.ZipInfo) -> datetime:
    """When a member was last changed: in UTC if the zip says so (extra field 0x5455), else by this machine's zone."""
    extra = info.extra
    while len(extra) >= 4:
        key, size = struct.unpack_from("<HH", extra)
        if key == 0x5455 and size >= 5 and len(extra) >= 9 and extra[4] & 1:
            return datetime.fromtimestamp(struct.unpack_from("<i", extra, 5)[0], UTC)
        extra = extra[4 + size :]
    try:
        return datetime(*info.date_time).astimezone(UTC)
    except (ValueError, OverflowError):
        return datetime(1980, 1, 1, tzinfo=UTC)


def recognised(found: Sequence[Entry], lms: str = "auto") -> tuple[str, list[File], list[Entry]]:
    """Which platform a download is from, its students' files, and what is none of them.

    Raises:
        CourseError: if no file has a name as that platform (or any, for ``auto``) gives it.
    """
    useful = [entry for entry in found if not JUNK.search(entry.path)]
    asked = LMS if lms == "auto" else (lms,)
    told = {name: [PATTERNS[name](entry) for entry in useful] for name in asked}
    # A student can give a file any name, so the platform is the one that explains most of them.
    best = max(asked, key=lambda name: sum(file is not None for file in told[name]))
    if any(told[best]):
        pairs = list(zip(useful, told[best]))
        return best, [file for _, file in pairs if file], [entry for entry, file in pairs if not file]
    wanted = "Moodle or Canvas" if lms == "auto" else lms.capitalize()
    raise CourseError(
        f"no submissions recognised among {len(found)} files: none has a name as {wanted} gives it when all"
        " submissions are downloaded"
    )


def moodle(entry: Entry) -> File | None:
    """An entry as a student's file, if its path is as Moodle makes it."""
    parts = entry.path.split("/")
    for i, part in enumerate(parts):
        if match := MOODLE.fullmatch(part):
            rest = [match["rest"], *parts[i + 1 :]] if match["rest"] else parts[i + 1 :]
            if not rest:
                return None
            typed = match["kind"] == "onlinetext"
            return File(match["name"], match["number"] or "", PurePosixPath(*rest), entry, typed=typed)
    return None


def canvas(entry: Entry) -> File | None:
    """An entry as a student's file, if its name is as Canvas makes it."""
    match = CANVAS.fullmatch(entry.path.rsplit("/", 1)[-1])
    if not match:
        return None
    rest, upload = PurePosixPath(match["rest"]), int(match["file"][:18])
    return File(match["name"] or "", match["number"], rest, entry, bool(match["late"]), upload)


PATTERNS: dict[str, Callable[[Entry], File | None]] = {"moodle": moodle, "canvas": canvas}
