"""Pictures of outputs as files of their own, so that a page is light and a browser fetches them as it scrolls."""

import base64
import hashlib
import io
import re
from pathlib import Path

from PIL import Image

EMBEDDED = re.compile(r'<img (?P<before>[^>]*)src="data:image/png;base64,(?P<data>[A-Za-z0-9+/=\s]+)"')
WIDTH = re.compile(r'width="(\d+)"')
LARGE = 150_000  # bytes: above, a photograph is compressed with a loss that nobody sees
FOLDER = "figures"


def moved_out(html: str, folder: Path, *, up: str) -> str:
    """HTML whose embedded PNG files lie in ``folder/figures``; ``up`` leads from the page to ``folder``."""

    def file(match: re.Match[str]) -> str:
        png = base64.b64decode(match["data"])
        path = f"{up}{FOLDER}/{stored(png, folder / FOLDER)}"
        return f'<img {match["before"]}{room(png, match["before"])}loading="lazy" src="{path}"'

    return EMBEDDED.sub(file, html)


def room(png: bytes, attributes: str) -> str:
    """The room that a picture needs, so that nothing moves when it comes: a link to a cell stays where it led."""
    width, height = Image.open(io.BytesIO(png)).size
    shown = WIDTH.search(attributes)
    if shown:
        return f'height="{round(int(shown[1]) * height / width)}" '
    return f'width="{width}" height="{height}" '


def stored(png: bytes, folder: Path) -> str:
    """Write a picture as a WebP file, named for what it holds; its name."""
    path = folder / f"{hashlib.sha256(png).hexdigest()[:20]}.webp"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(compressed(png))
    return path.name


def compressed(png: bytes) -> bytes:
    """A WebP file of the same pixels, or nearly the same where that would be large."""
    picture = Image.open(io.BytesIO(png))
    buffer = io.BytesIO()
    picture.save(buffer, format="webp", lossless=True)
    if buffer.tell() > LARGE:
        buffer = io.BytesIO()
        picture.convert("RGB").save(buffer, format="webp", quality=88)
    return buffer.getvalue()
