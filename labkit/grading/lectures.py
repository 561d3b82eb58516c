"""A person's own copies of the lectures, in ``work/lectures/``: what they run and note there meets no update.

A copy whose sources are as they were taken is replaced when its lecture changes. One with changed sources stays.
"""

import json
import re
from pathlib import Path
from typing import Any

from labkit.grading import notebooks, student
from labkit.grading.course import Course

RECORD = "lectures"
TRACKED = ("lectures", "exercises", "solutions")


def refresh(course: Course) -> list[str]:
    """Copy each lecture that has no copy, or an untouched one of an older lecture.

    An installed package lies where nobody looks. So what notebooks link to is copied as well, to where a clone has it.

    Returns:
        the names of those whose copy was changed and whose lecture has been updated since: they stay as they are.

    Raises:
        CourseError: if a copy can't be written.
    """
    taken = student.recall(course).get(RECORD, {})
    kept = []
    for name, copy, text in [*copies(course), *linked(course)]:
        new, last = student.digest_sources(text.encode()), taken.get(name)
        own = student.digest_sources(copy.read_bytes()) if copy.is_file() else last
        if own not in (last, new):
            kept += [name] * (new != last)
            continue
        if own != new or not copy.is_file():
            notebooks.write(copy, text)
        if last != new:
            taken[name] = new
            student.remember(course, RECORD, taken)
    return [name for name in kept if (course.reading / name).is_file()]


def copies(course: Course) -> list[tuple[str, Path, str]]:
    """Of each lecture its name, where a person's copy of it lies, and the copy's text."""
    packed = course.place != course.root
    return [
        (source.name, course.reading / source.name, moved(source.read_text(encoding="utf-8"), packed=packed))
        for source in sorted(course.lectures.glob("*.ipynb"))
    ]


def linked(course: Course) -> list[tuple[str, Path, str]]:
    """Of an installed package what its notebooks link to: its name, where it belongs, and its text."""
    if course.place == course.root:
        return []
    sources = [*course.lectures.glob("*.ipynb"), *course.root.glob("benchmarks/results/*.md")]
    names = [source.relative_to(course.root).as_posix() for source in sorted(sources)]
    return [(name, course.place / name, (course.root / name).read_text(encoding="utf-8")) for name in names]


def moved(text: str, *, packed: bool = False) -> str:
    """A lecture's text for its copy, which lies one folder deeper: links to the rest of the course lead there.

    Args:
        packed: whether the course belongs to an installed package. A person has no exercises then but the own copies.
    """
    if packed:
        text = text.replace("](../exercises/", "](../")
        return re.sub(r"\]\(\.\./(?!\d\d_)", "](../../", text)
    return text.replace("](../", "](../../")


def before_saving(model: dict[str, Any], path: str, *, contents_manager: Any) -> None:
    """Jupyter's hook before a file is saved: the course's own notebooks are kept in normal form.

    So running one changes no file that git tracks, and no update finds a changed one. An answer that was written into
    a released exercise would be found by no command and be in the way of the next update: it is refused.

    Raises:
        HTTPError: if a released exercise would be changed; JupyterLab shows its sentence.
    """
    folder, _, rest = path.strip("/").partition("/")
    if model["type"] != "notebook" or folder not in TRACKED:
        return
    text = json.dumps(model["content"])
    own = Path(contents_manager.root_dir) / folder / rest
    if folder == "exercises" and own.is_file():
        refuse_answers(text, own)
    model["content"] = json.loads(notebooks.normal(notebooks.parse(text, own.name)))


def refuse_answers(text: str, released: Path) -> None:
    """Raise if ``text`` is not what was released, but for outputs."""
    from tornado.web import HTTPError

    if student.digest_sources(text.encode()) != student.digest_sources(released.read_bytes()):
        key = student.key_of(released.parent.name)
        raise HTTPError(
            403,
            "This is the released exercise, and it stays as it is. In a terminal,"
            f" `labkit start {key}` gives you your own copy: write your answers into"
            f" work/{released.parent.name}/{released.name}.",
        )
