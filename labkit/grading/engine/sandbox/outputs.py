"""What came back from a student's process, read with suspicion: nbformat's outputs, or ``Tampered``.

The code that collects outputs inside is honest, but it shares its process with code that may not be. Shapes that
it never sends are tampering; contents that a student may show by ordinary means (an odd mime type, a picture that
is none) are dropped or repaired.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Any

from labkit.grading.engine.frames import Tampered

TEXT = {"text/plain", "text/html", "text/markdown", "text/latex", "image/svg+xml"}
PICTURES = {"image/png", "image/jpeg", "image/gif"}
MOST = 1200
SURROGATES = re.compile("[\ud800-\udfff]")

Replace = Iterable[tuple[str, str]]


def outputs(value: object, private: Replace = ()) -> list[dict[str, Any]]:
    """The outputs of a cell, rebuilt field by field.

    Args:
        private: texts that an output must not hold, and what stands in their place.

    Raises:
        Tampered: if they have not the shapes that the sandbox sends.
    """
    if not isinstance(value, list) or len(value) > MOST:
        raise Tampered("outputs that are no list of outputs")
    return [one(item, list(private)) for item in value]


def one(item: object, private: Replace) -> dict[str, Any]:
    """One output."""
    if not isinstance(item, dict):
        raise Tampered("an output that is no object")
    kind = item.get("output_type")
    if kind == "stream" and item.get("name") in ("stdout", "stderr"):
        return {"output_type": "stream", "name": item["name"], "text": text(item.get("text"), private)}
    if kind == "error":
        lines = item.get("traceback")
        if not isinstance(lines, list):
            raise Tampered("an error without a traceback")
        return {
            "output_type": "error",
            "ename": text(item.get("ename"), private),
            "evalue": text(item.get("evalue"), private),
            "traceback": [text(line, private) for line in lines],
        }
    if kind == "display_data":
        return {"output_type": "display_data", **shown(item, private)}
    if kind == "execute_result":
        count = number(item.get("execution_count"))
        return {"output_type": "execute_result", "execution_count": count, **shown(item, private)}
    raise Tampered("an output of an unknown kind")


def text(value: object, private: Replace) -> str:
    """A text, fit to be written to a file."""
    if not isinstance(value, str):
        raise Tampered("a text that is none")
    for path, name in private:
        value = value.replace(path, name)
    return SURROGATES.sub("\ufffd", value)


def number(value: object) -> int | None:
    """An execution count."""
    if value is None or (type(value) is int and 0 <= value < 10**9):
        return value
    raise Tampered("a count that is none")


def shown(item: dict[str, Any], private: Replace) -> dict[str, Any]:
    """The data of a display: mime types a gradebook can show without running code."""
    data, metadata = item.get("data"), item.get("metadata")
    if not isinstance(data, dict) or not isinstance(metadata, dict):
        raise Tampered("a display without data")
    kept: dict[str, Any] = {kind: text(value, private) for kind, value in data.items() if kind in TEXT}
    kept |= {kind: value for kind, value in data.items() if kind in PICTURES and picture(value)}
    return {"data": kept, "metadata": {kind: sizes(metadata.get(kind)) for kind in kept if sizes(metadata.get(kind))}}


def picture(value: object) -> bool:
    """Whether this is base64."""
    try:
        return isinstance(value, str) and bool(base64.b64decode("".join(value.split()), validate=True))
    except (binascii.Error, ValueError):
        return False


def sizes(value: object) -> dict[str, float]:
    """The width and height of a picture's metadata."""
    if not isinstance(value, dict):
        return {}
    return {k: v for k, v in value.items() if k in ("width", "height") and type(v) in (int, float) and 0 < v < 1e5}
