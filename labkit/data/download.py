"""Files from the internet, verified by checksum, put in place whole or not at all.

A download goes into a temporary folder inside the folder it is meant for, so on the same disk. When its checksum
is right it is moved into place by one atomic rename; whatever happens before (no network, a wrong checksum, a full
disk, Ctrl-C) removes the temporary folder. Two processes that fetch the same file both succeed.

Where files lie: in ``root`` if that is given; else in ``$LABKIT_DATA``, which may be read-only; else in the user's
cache folder (``~/.cache/labkit`` on Linux).
"""

import errno
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlparse

from labkit.data.dataset import DataError

STAGING = ".labkit-partial-"
DAY = 24 * 60 * 60
TIMEOUT = 30
SHORTEST = 8
"""Digits of a checksum: torch's publishers write so many into the names of their files."""


def folders(root: str | Path | None = None) -> list[Path]:
    """The folders to look in, the first one first: ``root`` alone, or ``$LABKIT_DATA`` and the user's cache."""
    if root is not None:
        return [Path(root).expanduser()]
    import pooch

    named = os.environ.get("LABKIT_DATA")
    return [*([Path(named).expanduser()] if named else []), Path(pooch.os_cache("labkit"))]


def writable(folder: Path) -> bool:
    """Whether files may be added to ``folder``, or to its nearest parent where it does not exist yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    # The mode is asked too: to the superuser, for whom os.access is always true, a folder without it is read-only.
    return folder.is_dir() and os.access(folder, os.W_OK) and bool(folder.stat().st_mode & 0o222)


def fetch(
    url: str,
    sha256: str,
    *,
    name: str | None = None,
    root: str | Path | None = None,
    download: bool = True,
    progress: bool = True,
) -> Path:
    """The path of a file published at ``url``, downloaded the first time and verified every time.

    Args:
        url: where the file is published.
        sha256: the checksum that it must have, or its first digits (eight or more) where no more are published.
        name: where it lies in the folder, such as ``"words/glove.txt"``; the last part of the address if None.
        root: the folder; see the module's first lines if None.
        download: False never touches the network.
        progress: show a bar on stderr while something is downloaded.

    Raises:
        DataError: with one sentence on what went wrong and what to do; then nothing is left behind.
    """
    relative = name or Path(urlparse(url).path).name
    places, checksum = folders(root), f"sha256:{sha256}"
    for folder in places:
        if intact(folder / relative, checksum):
            return folder / relative
    target = place_for(places, relative, download=download)
    with staging(target) as temporary:
        get([url], checksum, temporary / relative, progress=progress, keep_in=target)
        move_in(temporary, target)
    return target / relative


def intact(path: Path, checksum: str) -> bool:
    """Whether there is a file with that checksum, written ``"md5:…"`` or ``"sha256:…"``, in full or its first digits.

    Raises:
        ValueError: if there are fewer than eight digits.
    """
    algorithm, _, digest = checksum.partition(":")
    if len(digest) < SHORTEST:
        raise ValueError(f"the checksum is {checksum!r}; expected {SHORTEST} digits or more")
    if not path.is_file():
        return False
    sum_ = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            sum_.update(chunk)
    return sum_.hexdigest().startswith(digest.lower())


def place_for(places: Sequence[Path], what: str, *, download: bool) -> Path:
    """The first of the folders that can take a download.

    Raises:
        DataError: if none can, or if no download is wanted.
    """
    where = " or ".join(str(place) for place in places)
    if not download:
        raise DataError(f"{what} is not in {where}: allow the download with download=True, or copy it there")
    target = next((place for place in places if writable(place)), None)
    if target is None:
        raise DataError(f"{what} is not in {where}, which is read-only: name a folder for it with root=…")
    return target


def get(urls: Sequence[str], checksum: str, target: Path, *, progress: bool, keep_in: Path) -> None:
    """Download the first of the mirrors ``urls`` that answers with the right file into ``target``.

    Raises:
        DataError: if none does; it tells to try again or to copy the file into ``keep_in``.
    """
    import pooch

    target.parent.mkdir(parents=True, exist_ok=True)
    reasons = []
    for url in urls:
        try:
            pooch.HTTPDownloader(progressbar=progress, chunk_size=1 << 16, timeout=TIMEOUT)(url, str(target), None)
        except OSError as error:
            reasons.append(reason(error, url))
            continue
        if intact(target, checksum):
            return
        reasons.append(f"what {urlparse(url).netloc} sent is damaged (its checksum is wrong)")
    raise DataError(
        f"{target.name} could not be downloaded: {'; '.join(reasons)}. Nothing was kept: try again later, or copy "
        f"the file from another machine into {keep_in}"
    )


def reason(error: OSError, url: str) -> str:
    """Why a download failed, in a few words."""
    import requests

    host = urlparse(url).netloc
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"{host} answered {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return f"{host} did not answer within {TIMEOUT} seconds"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return f"the connection to {host} broke off"
    if isinstance(error, requests.RequestException):
        return f"there is no connection to {host}"
    if error.errno == errno.ENOSPC:
        return "the disk is full"
    return error.strerror or str(error)


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A temporary folder inside ``folder``, removed at the end whatever happens.

    Raises:
        DataError: if nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        temporary = Path(tempfile.mkdtemp(prefix=STAGING, dir=folder))
    except OSError as error:
        raise DataError(f"{folder} can't be written ({error.strerror}): name another folder with root=…") from error
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove temporary folders that a killed process left behind more than a day ago."""
    for left in folder.glob(f"{STAGING}*"):
        with suppress(FileNotFoundError):  # another process has just removed its own
            if time.time() - left.stat().st_mtime > DAY:
                shutil.rmtree(left, ignore_errors=True)


def move_in(staged: Path, folder: Path) -> None:
    """Move every file below ``staged`` to the same place below ``folder``, each by one atomic rename."""
    for path in sorted(staged.rglob("*")):
        if path.is_file():
            target = folder / path.relative_to(staged)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)
