"""Taking in what a student handed in: whatever it is, it ends as a notebook nbgrader can grade or as a sentence.

Two things are put right before nbgrader sees a notebook. Its nbgrader metadata is the student's to edit, so that
of the gradebook replaces it; and test cells that were deleted come back. An honest submission passes unchanged.
"""

import fnmatch
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import nbformat
from nbformat import NotebookNode

from labkit.grading import links
from labkit.grading.engine.nbgrader.cells import grade_id
from labkit.grading.pages import clean, exporting

READ = 100 * 2**20  # bytes of a notebook file that are read at all: pictures in its outputs make it large
KEPT = 8 * 2**20  # bytes of a notebook without its outputs
FILE = 64 * 2**20  # bytes of a data file, and of all of them
FILES = 2000
CELLS = 5000
NAME = 1000  # bytes of a path in the submission: in autograded/ it is longer than in submitted/, and must be possible


SETTINGS = re.compile(r"(nbgrader|jupyter\w*|ipython|ipython_kernel\w*)_config\.(py|json)", re.IGNORECASE)
LAUNCHER = "ipykernel_launcher"  # a kernel that is started beside it takes it for the program


class Unreadable(ValueError):
    """A notebook that can't be graded; the message is a sentence for the instructor's table."""


@dataclass
class Folder:
    """What lies in a student's folder: notebooks by name, other files by relative path, and what was left out."""

    notebooks: dict[str, Path] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    def make_room(self, given: Iterable[str]) -> None:
        """Leave out, in place, what can't lie beside the course's own files: a folder where one of them is, or a file
        where a folder is that holds one."""
        own = set(given)
        above = {str(folder) for name in own for folder in PurePosixPath(name).parents}
        for name in list(self.files):
            if name in above or own & {str(folder) for folder in PurePosixPath(name).parents}:
                del self.files[name]
                self.refused.append(f"{shown(name)} was left out: it is in the place of a file of the exercise")


def scan(folder: Path, ignored: Sequence[str] = ()) -> Folder:
    """The regular files of a submission. Links, pipes, and names that are no text are refused: each with a sentence."""
    found, total = Folder(), 0
    for path in walk(folder, ignored):
        name = path.relative_to(folder).as_posix()
        if why := refusal(path, name):
            found.refused.append(f"{shown(name)} was left out: {why}")
        elif path.suffix == ".ipynb":
            if path.parent == folder:
                found.notebooks[path.stem] = path
        else:
            total += path.lstat().st_size
            if len(found.files) >= FILES or total > FILE:
                found.refused.append(f"{shown(name)} was left out: the files of the submission are too many or large")
                continue
            found.files[name] = path
    return found


def walk(folder: Path, ignored: Sequence[str]) -> Iterator[Path]:
    """Everything in a folder that is no folder itself, in order; links to folders are not followed.

    Args:
        ignored: patterns of names that are passed over, as nbgrader's ``CourseDirectory.ignore``.
    """

    def kept(names: list[str]) -> list[str]:
        return sorted(name for name in names if not any(fnmatch.fnmatch(name, pattern) for pattern in ignored))

    for parent, folders, names in os.walk(folder):
        folders[:] = kept(folders)
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        yield from (Path(parent, name) for name in sorted(kept(names) + links))


def refusal(path: Path, name: str) -> str:
    """Why a file is not taken, or nothing."""
    if len(os.fsencode(name)) > NAME:
        return "its path is too long"
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return links.WHY
    if not stat.S_ISREG(mode):
        return "it is no file"
    try:
        name.encode()
    except UnicodeEncodeError:
        return "its name is no text in UTF-8"
    if SETTINGS.fullmatch(path.name):
        return "a program that is started beside it would take its settings from there"
    if any(part.partition(".")[0] == LAUNCHER for part in name.split("/")):
        return "a Jupyter kernel that is started beside it would run it"
    return ""


def shown(name: str) -> str:
    """A file's name, for a sentence."""
    return os.fsencode(name).decode(errors="backslashreplace")[:120]


def read(path: Path, base: Path | None = None) -> NotebookNode:
    """The notebook in a file, in nbformat 4, without outputs and with the parts that matter of the right type.

    Args:
        base: the folder that holds the students, where one handed it in: no link below it is followed.

    Raises:
        Unreadable: if it is none, saying what is wrong with it.
    """
    name = shown(path.name)
    if (size := path.stat(follow_symlinks=base is None).st_size) > READ:
        raise Unreadable(f"{name} has {size / 2**20:.0f} MB; at most {READ / 2**20:.0f} MB are read")
    try:
        data = links.read(path, base) if base else path.read_bytes()
        raw = json.loads(data.decode("utf-8-sig"), parse_constant=lambda text: None)
    except UnicodeDecodeError:
        raise Unreadable(f"{name} is not a notebook: it is no text in UTF-8") from None
    except (ValueError, RecursionError):
        raise Unreadable(f"{name} is damaged: it is not valid JSON, so it was perhaps not saved completely") from None
    if not isinstance(raw, dict) or not isinstance(raw.get("nbformat"), int):
        raise Unreadable(f"{name} is not a notebook: it has no nbformat")
    return parse(raw, name)


def parse(raw: dict[str, Any], name: str) -> NotebookNode:
    """The notebook that a JSON object holds; see ``read``."""
    if raw["nbformat"] not in (3, 4):
        raise Unreadable(f"{name} is of nbformat {str(raw['nbformat'])[:20]}; expected 4")
    try:
        if raw["nbformat"] == 3:
            raw = nbformat.convert(nbformat.from_dict(raw), 4)
        light = lighten(raw)
        text = json.dumps(light, ensure_ascii=False).encode(errors="replace").decode()
        if len(text) > KEPT:
            raise Unreadable(
                f"{name} holds {len(text) / 2**20:.0f} MB of text; at most {KEPT / 2**20:.0f} MB are graded"
            )
        made = nbformat.reads(text, as_version=4)
        _, made = nbformat.validator.normalize(made, strip_invalid_metadata=True)
        nbformat.validate(made)
    except Unreadable:
        raise
    except Exception as error:  # noqa: BLE001  nbformat fails on junk in many ways; each means the same
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
        raise Unreadable(f"{name} is damaged: {reason}") from None
    return made


def lighten(raw: dict[str, Any]) -> dict[str, Any]:
    """A notebook's JSON with nothing but what grading needs, each part of the type that it should have."""
    cells = raw.get("cells")
    if not isinstance(cells, list):
        raise ValueError("it has no list of cells")
    if len(cells) > CELLS:
        raise ValueError(f"it has {len(cells)} cells; at most {CELLS} are graded")
    return {
        "cells": [lighter(cell) for cell in cells if isinstance(cell, dict)],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": raw["nbformat_minor"] if raw.get("nbformat_minor") in range(6) else 5,
    }


def lighter(cell: dict[str, Any]) -> dict[str, Any]:
    """A cell with its outputs cleared (nbgrader's ``ClearOutput`` would), its source one text, its metadata a dict."""
    source = cell.get("source", "")
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    metadata = cell.get("metadata")
    made: dict[str, Any] = {
        "cell_type": cell.get("cell_type") if cell.get("cell_type") in ("code", "markdown", "raw") else "raw",
        "metadata": {key: metadata[key] for key in ("nbgrader",) if key in metadata}
        if isinstance(metadata, dict)
        else {},
        "source": source if isinstance(source, str) else "",
    }
    if isinstance(cell.get("id"), str) and re.fullmatch(r"[A-Za-z0-9_-]{1,64}", cell["id"]):
        made["id"] = cell["id"]
    if made["cell_type"] == "code":
        made |= {"outputs": [], "execution_count": None}
    elif attachments := clean.attachments(cell.get("attachments")):
        made["attachments"] = attachments
    return made


def harmless(notebook: NotebookNode) -> list[str]:
    """Have every text hold nothing that could run in its reader's browser, in place; which did, in a sentence."""
    names = [grade_id(cell) for cell in exporting.texts(notebook)]
    if not names:
        return []
    named = [name for name in names if name]
    others = len(names) - len(named)
    named += (
        [f"{others} text{'s' if others > 1 else ''} that {'were' if others > 1 else 'was'} added"] if others else []
    )
    return [f"{', '.join(named)}: {clean.AS_TYPED}"]
