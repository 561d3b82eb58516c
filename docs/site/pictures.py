"""Pictures of outputs as files of their own, so that a page is light and a browser fetches them as it scrolls."""

import base64
import hashlib
import io
import re
from pathlib import Path

from PIL import Image

EMBEDDED = re.compile(r'src="data:image/png;base64,([A-Za-z0-9+/=\s]+)"')
LARGE = 150_000  # bytes: above, a photograph is compressed with a loss that nobody sees
FOLDER = "figures"


def moved_out(html: str, folder: Path, *, up: str) -> str:
    """HTML whose embedded PNG files lie in ``folder/figures``; ``up`` leads from the page to ``folder``."""

    def file(match: re.Match[str]) -> str:
        name = stored(base64.b64decode(match[1]), folder / FOLDER)
        return f'loading="lazy" src="{up}{FOLDER}/{name}"'

    return EMBEDDED.sub(file, html)


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
