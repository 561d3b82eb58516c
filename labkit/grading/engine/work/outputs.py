"""Outputs as a notebook holds them: made by the engine, or taken over from an untrusted process after a cleaning."""

import html
import re
from collections.abc import Iterable, Mapping
from typing import Any

from labkit.grading.engine.work.job import Output

TEXT = 2 * 2**20  # characters of one text in an output
OUTPUTS = 2000  # outputs of one cell
MIME = re.compile(r"^[a-z]+/[A-Za-z0-9.+-]{1,60}$")


def stopped(name: str, text: str) -> Output:
    """An error output: nbgrader gives a cell that shows one no points."""
    return {"output_type": "error", "ename": name, "evalue": text, "traceback": [f"\x1b[31m{name}\x1b[0m: {text}"]}


def failed(outputs: Iterable[Output]) -> bool:
    """Whether an error is among the outputs of a cell."""
    return any(output.get("output_type") == "error" for output in outputs)


def clean(outputs: object) -> list[Output]:
    """Those outputs that nbformat allows, with nothing in them but what it allows."""
    made = [cleaned(output) for output in outputs[:OUTPUTS]] if isinstance(outputs, list) else []
    return [output for output in made if output]


def cleaned(output: object) -> Output | None:
    """One output, or None where it is none."""
    if not isinstance(output, Mapping):
        return None
    match output.get("output_type"):
        case "stream":
            name = "stderr" if output.get("name") == "stderr" else "stdout"
            return {"output_type": "stream", "name": name, "text": text(output.get("text"))}
        case "error":
            frames = output.get("traceback")
            traceback = [text(line) for line in frames[:500]] if isinstance(frames, list) else []
            ename, evalue = text(output.get("ename"))[:200], text(output.get("evalue"))
            return {"output_type": "error", "ename": ename, "evalue": evalue, "traceback": traceback}
        case "display_data" | "execute_result" as kind:
            made = {"output_type": kind, "data": bundle(output.get("data")), "metadata": {}}
            return made | ({"execution_count": None} if kind == "execute_result" else {})
    return None


def bundle(data: object) -> dict[str, Any]:
    """A MIME bundle: JSON stays JSON, all else is text."""
    if not isinstance(data, Mapping):
        return {}
    return {
        str(mime): value if str(mime).endswith("json") and isinstance(value, dict | list) else text(value)
        for mime, value in data.items()
        if MIME.match(str(mime))
    }


def text(value: object) -> str:
    """Text that can be stored in UTF-8, of a bounded length."""
    if isinstance(value, list):
        value = "".join(part for part in value if isinstance(part, str))
    if not isinstance(value, str):
        value = "" if value is None else str(value)
    if len(value) > TEXT:
        value = value[:TEXT] + "\n… cut off here\n"
    return value.encode(errors="replace").decode()


class Redaction:
    """Replaces paths of the instructor's machine by names of what they are."""

    def __init__(self, paths: Mapping[str, str]) -> None:
        known = {path.rstrip("/"): name for path, name in paths.items() if len(path.rstrip("/")) > 1}
        known |= {html.escape(path): name for path, name in known.items()}
        longest = sorted(known, key=len, reverse=True)
        self.names = known
        self.pattern = re.compile("|".join(map(re.escape, longest))) if longest else None

    def __call__(self, value: Any) -> Any:
        """The same text, list or dict, with every known path replaced."""
        if self.pattern is None:
            return value
        if isinstance(value, str):
            return self.pattern.sub(lambda found: self.names[found.group()], value)
        if isinstance(value, list):
            return [self(part) for part in value]
        if isinstance(value, dict):
            return {key: self(part) for key, part in value.items()}
        return value
