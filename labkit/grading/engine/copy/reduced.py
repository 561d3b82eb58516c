"""The copy of labkit that goes into a sandbox, as an archive: without what the exercise asks to write.

It is made once for each set of absent functions and kept under a name that its contents determine, in the user's cache,
which no submission sees. Python's compiled files are among it, so that none is written later and none tells where it
was made. ``archive(None)`` has everything, for a Jupyter kernel in which the checks judge themselves.
"""

import hashlib
import importlib.util
import io
import json
import marshal
import os
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import labkit
from labkit.grading.engine.copy import reduction
from labkit.grading.engine.places import PLACE

PACKAGE = Path(labkit.__file__).resolve().parent
BOTH = ("__init__", "frames", "limits", "places")  # modules of the engine that both halves of the sandbox import
ENGINE = ("grading/__init__.py", *(f"grading/engine/{name}.py" for name in BOTH))
INSIDE = "grading/engine/inside/"
NEVER = ("_course/",)
LEFT_OUT = ("__main__.py", *(f"{name.replace('.', '/')}/" for name in reduction.LEFT_OUT))
SWITCHES = {
    "absent.py": (b"REDUCED = False", b"REDUCED = True"),  # not where all of labkit is there
    "checks/own/loading.py": (b"LOOK = True", b"LOOK = False"),
}
KEPT = 60  # archives in the cache; the oldest go
UNCHECKED = 1  # a compiled file that is taken as it is


def archive(forbidden: Iterable[str] | None, root: Path = PACKAGE, *, more: Mapping[str, str] | None = None) -> Path:
    """The zip file with labkit.

    Args:
        forbidden: functions that aren't in it, as ``module:name``, nor what would compute them; None for all.
        root: labkit's folder.
        more: a course's own files by their path in labkit, in place of labkit's where there are such.

    Raises:
        OSError: if it can't be written.
    """
    names = None if forbidden is None else tuple(sorted(set(forbidden)))
    path = folder() / f"{key(names, root, more or {})}.zip"
    if not path.is_file():
        write(path, contents(names, root, more or {}))
        prune(path.parent)
    return path


def forbidden(
    keys: Sequence[str], ask: Callable[[Sequence[str]], list[str]], root: Path = PACKAGE, *, own: str = ""
) -> list[str]:
    """The functions that no answer to some checks may call, as ``archive`` takes them.

    Args:
        keys: of the checks.
        ask: who knows; asked once for each state of labkit.
        own: the course's own checks.
    """
    text = "\n".join(["forbidden", state(root), own, *keys])
    path = folder() / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"
    try:
        return [str(name) for name in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError):
        reduction.read(root)  # meanwhile whoever is asked next may begin
        names = ask(keys)
    replace(path, json.dumps(names).encode())
    return names


def key(names: tuple[str, ...] | None, root: Path, more: Mapping[str, str] | None = None) -> str:
    """What identifies an archive: what labkit consists of, what is absent and added, and which Python reads it."""
    text = "\n".join([state(root), sys.implementation.cache_tag, str(names), *map(str, sorted((more or {}).items()))])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@cache
def state(root: Path) -> str:
    """The digest of all of labkit's files, those that make the archive included."""
    digest = hashlib.sha256()
    for name, path in files(root):
        data = path.read_bytes()
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()


def files(root: Path) -> Iterator[tuple[str, Path]]:
    """The files of a package by their path in it, in order, without caches and what an editor leaves."""
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        passed_over = name.startswith(NEVER) or name.endswith(".pyc") or "/." in f"/{name}" or "__pycache__" in name
        if path.is_file() and not passed_over:
            yield name, path


def contents(
    names: tuple[str, ...] | None, root: Path, more: Mapping[str, str] | None = None
) -> Iterator[tuple[str, bytes]]:
    """The files of an archive."""
    added = more or {}
    made = None
    if names is not None:
        pairs = (name.partition(":") for name in names)
        made = reduction.reduce(root, [(module, name) for module, _, name in pairs])
    for name, text in added.items():
        yield from entry(f"{root.name}/{name}", text.encode())
    for name, path in files(root):
        if name in added:
            continue
        data = path.read_bytes()
        if made is not None:
            if name.startswith(LEFT_OUT) and not (name in ENGINE or name.startswith(INSIDE)):
                continue
            module = ".".join((root.name, *Path(name).with_suffix("").parts)).removesuffix(".__init__")
            if known := made.package.modules.get(module):
                data = reduction.source(made, known).encode()
        if name in SWITCHES and not (made is None and name == "absent.py"):
            data = data.replace(*SWITCHES[name])
        yield from entry(f"{root.name}/{name}", data)


def entry(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """A file of an archive, and what Python compiles it to."""
    yield name, data
    if name.endswith(".py"):
        try:
            yield compiled(name, data)
        except (SyntaxError, ValueError):  # of a course's own: whoever imports it will hear
            return


def compiled(name: str, source: bytes) -> tuple[str, bytes]:
    """The compiled file of a module, which is used without a look at its source."""
    code = compile(source, f"{PLACE}/{name}", "exec", dont_inherit=True)
    head = importlib.util.MAGIC_NUMBER + UNCHECKED.to_bytes(4, "little") + importlib.util.source_hash(source)
    path = Path(importlib.util.cache_from_source(name))
    return path.as_posix(), head + marshal.dumps(code)


def write(path: Path, entries: Iterable[tuple[str, bytes]]) -> None:
    """Write an archive, whole or not at all."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as made:
        for name, data in entries:
            made.writestr(zipfile.ZipInfo(name), data)
    replace(path, buffer.getvalue())


def replace(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all."""
    descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with open(descriptor, "wb") as file:
        file.write(data)
    os.replace(fresh, path)


def prune(where: Path) -> None:
    """Remove the oldest archives."""
    for suffix in ("zip", "json"):
        for path in sorted(where.glob(f"*.{suffix}"), key=last_change, reverse=True)[KEPT:]:
            path.unlink(missing_ok=True)


def last_change(path: Path) -> float:
    """When a file was written last: 0 if another process has just removed it."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def folder() -> Path:
    """The folder of archives: in the user's cache, or, where that can't be written, in one for this user alone.

    Raises:
        OSError: if there is none.
    """
    cached = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "labkit" / "sandbox"
    try:
        cached.mkdir(parents=True, exist_ok=True)
        if os.access(cached, os.W_OK):
            return cached
    except (OSError, RuntimeError):
        pass
    return Path(tempfile.mkdtemp(prefix="labkit-sandbox-"))
