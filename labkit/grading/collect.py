"""Submissions from a learning platform's download go to ``submitted/STUDENT/ASSIGNMENT/``; nothing there is lost."""

import hashlib
import os
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from labkit.grading import download, links, recognise, roster, teams
from labkit.grading.course import Course, CourseError, files
from labkit.grading.download import File
from labkit.grading.recognise import Plan, exercises
from labkit.grading.roster import Person

STAMP = "timestamp.txt"
AT_ONCE = 600  # seconds; dates closer together than this are those of the making of the zip
HANDED_IN = 2**28  # bytes of one student


@dataclass
class HandIn:
    """What one student handed in: files by their place in the submission's folder, and what there is to say."""

    student: str
    person: Person
    content: dict[PurePosixPath, bytes] = field(default_factory=dict)
    when: datetime | None = None
    remarks: list[str] = field(default_factory=list)
    refused: str = ""
    timed: bool = True
    """Whether the person's version is a time; else it is the number of an upload."""


@dataclass(frozen=True)
class Outcome:
    """What became of one student's files. ``taken`` says whether ``submitted/`` now has this hand-in."""

    student: str
    files: str
    happened: str
    taken: bool


@dataclass(frozen=True)
class Report:
    """What became of a download: by student, and the files that were nobody's; ``dated`` if its dates were used."""

    lms: str
    outcomes: tuple[Outcome, ...]
    others: tuple[str, ...]
    dated: bool


def collect(
    course: Course, assignment: str, source: Path, *, lms: str = "auto", names: Path | None = None, dry: bool = False
) -> Report:
    """Put the submissions of a download into the course.

    Args:
        course: a course with ``solutions/``.
        assignment: a folder's name in ``solutions/``.
        source: the zip as it was downloaded, or a folder with what it held.
        lms: ``moodle``, ``canvas``, or ``auto``.
        names: a roster (see ``labkit.grading.roster``).
        dry: write nothing.

    Raises:
        CourseError: if there is no such download, or nothing in it is a submission.
    """
    known = roster.read(names) if names else {}
    plan = exercises(course)
    before, people = roster.collected(course, assignment)
    with download.entries(source) as entries:
        platform, found, others = download.recognised(entries, lms)
        if before and before != platform:
            raise CourseError(f"{assignment} was collected from {before} before, and this is from {platform}")
        dated = platform == "moodle" and spread([file.entry.when for file in found]) > AT_ONCE
        outcomes = []
        try:
            made = [
                hand_in(course, assignment, platform, own, entry, dated=dated, listed=bool(names))
                for own, entry in teams.shared(found, known, platform)
            ]
            refuse_others(made, assignment, plan)
            outcomes = [outcome(course, assignment, one, people, dry=dry) for one in made]
        finally:
            if people and not dry:
                roster.remember(course, assignment, platform, people)
    return Report(platform, tuple(sorted(outcomes, key=lambda o: o.student)), tuple(e.path for e in others), dated)


def on_dates(found: Report) -> str:
    """A sentence on where lateness comes from."""
    if found.dated:
        return "timestamp.txt holds each file's date in the zip, for late penalties."
    if found.lms == "canvas":
        return "Canvas's zip has no hand-in times, so there is no timestamp.txt and no late penalty."
    return "All dates are those of the download, so there is no timestamp.txt and no late penalty."


def spread(dates: Sequence[datetime]) -> float:
    """Seconds between the first and the last of some dates that can be true."""
    true = [when for when in dates if plausible(when)]
    return (max(true) - min(true)).total_seconds() if true else 0.0


def plausible(when: datetime) -> bool:
    """Whether somebody may have handed in then: zips say 1980 where they know nothing."""
    return datetime(2001, 1, 1, tzinfo=UTC) < when <= datetime.now(UTC)


def hand_in(
    course: Course,
    assignment: str,
    platform: str,
    own: list[File],
    entry: tuple[str, Person] | None,
    *,
    dated: bool,
    listed: bool = False,
) -> HandIn:
    """One student's files, read, under the names the exercise gives them.

    Args:
        entry: the roster's folder name and person, if it has the student.
        listed: whether there is a roster.
    """
    good = [file for file in own if not (file.entry.refused or file.typed) and file.path.name != STAMP]
    first = (good or own)[0]
    student, person = entry or (roster.folder_name(first.name, first.number), Person(first.number, first.name))
    made = HandIn(student, person, timed=platform == "moodle")
    made.remarks += [f"{file.path.name} left out: {file.entry.refused}" for file in own if file.entry.refused]
    if listed and not entry:
        made.remarks.append("not in the roster")
    if any(file.typed for file in own):
        made.remarks.append("a text typed into Moodle left out")
    if any(file.late for file in own):
        made.remarks.append("late, says Canvas")
    if good:
        moment = max(file.entry.when for file in good)
        version = float(max(file.upload for file in good)) if platform == "canvas" else moment.timestamp()
        made.person, made.when = replace(person, version=version), moment if dated and plausible(moment) else None
    expected = {path.name for path in (course.solutions / assignment).glob("*.ipynb")}
    chosen = named(newest(in_place(good), course.solutions / assignment, platform, made), expected, made)
    try:
        made.content = contents(chosen)
    except CourseError as error:
        made.refused = str(error)
    return made


def in_place(own: list[File]) -> list[File]:
    """The files without the folder that all of them lie in, and notebooks without any, where they are looked for."""
    shared = os.path.commonpath([file.path.parent for file in own]) if own else ""
    moved = [replace(file, path=file.path.relative_to(shared) if shared else file.path) for file in own]
    return [replace(f, path=PurePosixPath(f.path.name)) if f.path.suffix == ".ipynb" else f for f in moved]


def refuse_others(made: Sequence[HandIn], assignment: str, plan: Plan) -> None:
    """Refuse hand-ins that are of another exercise.

    Raises:
        CourseError: if all that can be told are of another.
    """
    strange = {}
    for one in made:
        books = [data for path, data in one.content.items() if path.suffix == ".ipynb"]
        if others := {other for data in books if (other := recognise.other(data, assignment, plan))}:
            strange[one.student] = min(others)
            one.refused = f"its notebook is that of {min(others)}"
    if strange and len(strange) == sum(bool(one.content) for one in made):
        raise CourseError(
            f"these are submissions of {' and '.join(sorted(set(strange.values())))}, not of {assignment}"
        )


def newest(own: list[File], home: Path, platform: str, made: HandIn) -> dict[PurePosixPath, File]:
    """The files by path, the latest upload of each. Canvas adds ``-1`` to the name of an upload it has already."""
    found: dict[PurePosixPath, File] = {}
    for file in sorted(own, key=lambda f: (f.upload, f.entry.when, f.path)):
        path = file.path
        plain = (
            path.with_name(re.sub(r"-\d+$", "", path.stem) + path.suffix) if path.stem.strip("-0123456789") else path
        )
        again = (home / plain).exists() or path.suffix == ".ipynb"
        path = plain if platform == "canvas" and again and not (home / path).exists() else path
        if path in found:
            made.remarks.append(f"{path.name} was there twice: the later one taken")
        found[path] = file
    return found


def named(own: dict[PurePosixPath, File], expected: set[str], made: HandIn) -> dict[PurePosixPath, File]:
    """The files with a renamed notebook under its right name, where there is no doubt which it is."""
    there = {path.name for path in own if path.suffix == ".ipynb"}
    missing, extra = sorted(expected - there), sorted(there - expected)
    left = {path: file for path, file in own.items() if path.name not in extra}
    if len(missing) == len(extra) == 1:
        file = own[PurePosixPath(extra[0])]
        made.remarks.append(f"{extra[0]} taken as {missing[0]}")
        return left | {PurePosixPath(missing[0]): file}
    if not there:
        made.refused = "there is no notebook in it"
    elif missing == sorted(expected):
        made.refused = f"none of its {len(there)} notebooks is called {' or '.join(missing)}: {', '.join(extra)}"
    else:
        made.remarks += [f"there is no {name} in it" for name in missing]
        made.remarks += [f"{name} left out: the exercise has no such notebook" for name in extra]
    return left


def contents(chosen: dict[PurePosixPath, File]) -> dict[PurePosixPath, bytes]:
    """What the files hold.

    Raises:
        CourseError: if one can't be read, or they are too much for one student.
    """
    held: dict[PurePosixPath, bytes] = {}
    for path, file in chosen.items():
        try:
            held[path] = file.entry.read()
        except (CourseError, OSError) as error:
            raise CourseError(f"{path.name}: {getattr(error, 'strerror', None) or error}") from error
        if sum(map(len, held.values())) > HANDED_IN:
            raise CourseError(f"it has more than {HANDED_IN / 2**20:.0f} MB")
    return held


def outcome(course: Course, assignment: str, made: HandIn, people: dict[str, Person], *, dry: bool) -> Outcome:
    """Put one hand-in where it belongs, unless that is there already, or what is there is newer; note the person."""
    shown = ", ".join(sorted(path.name for path in made.content if path.suffix == ".ipynb"))

    def said(what: str, taken: bool) -> Outcome:
        return Outcome(made.student, shown, "; ".join([what, *made.remarks]), taken)

    if made.refused:
        return said(f"not collected: {made.refused}", False)
    target = course.submitted / made.student / assignment
    if links.on_the_way(target, course.submitted) or target.is_file():
        return said(f"not collected: submitted/{made.student}/{assignment} is no folder", False)
    there, same = target.is_dir(), False
    if there:
        same = fingerprint(made.content) == present(target)
        if not same and not newer(target, made, people.get(made.student)):
            return said("kept what was there: this one is not newer, or it can't be told", False)
    if not dry and not same:
        try:
            put(course, target, made)
        except OSError as error:
            return said(f"not collected: {error.strerror}", False)
    people[made.student] = made.person
    what = "replaced; the old one is in .local/replaced/" if there else "new"
    return said("the same as before" if same else what, True)


def newer(target: Path, made: HandIn, known: Person | None) -> bool:
    """Whether a hand-in came after the one that lies in ``target``."""
    if known:
        return made.person.version > known.version
    latest = max((path.lstat().st_mtime for path in target.rglob("*") if not path.is_dir()), default=0.0)
    return made.timed and made.person.version > latest


def fingerprint(content: dict[PurePosixPath, bytes]) -> dict[str, str]:
    """A checksum of each file."""
    return {str(path): hashlib.sha256(data).hexdigest() for path, data in content.items()}


def present(target: Path) -> dict[str, str]:
    """The same of the files that are there."""
    there = {}
    for path in files(target):
        if str(path) != STAMP:
            linked = (target / path).is_symlink()  # which nothing that is collected can be
            there[PurePosixPath(path)] = b"a link" if linked else links.read(target / path, target.parents[1])
    return fingerprint(there)


def put(course: Course, target: Path, made: HandIn) -> None:
    """Write a submission whole or not at all; the one that was there goes to ``.local/replaced/``."""
    fresh = target.with_name(f".{target.name}.new")
    if fresh.is_symlink():
        fresh.unlink()
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        for path, data in made.content.items():
            (fresh / path).parent.mkdir(parents=True, exist_ok=True)
            (fresh / path).write_bytes(data)
        if made.when:
            (fresh / STAMP).write_text(f"{made.when:%Y-%m-%d %H:%M:%S} UTC\n", encoding="utf-8")
        if target.exists():
            aside = course.local / "replaced" / time.strftime("%Y%m%d-%H%M%S") / target.relative_to(course.root)
            while aside.exists():
                aside = aside.with_name(f"{aside.name}+")
            aside.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(target, aside)
        os.replace(fresh, target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
