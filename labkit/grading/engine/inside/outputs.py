"""What a cell prints and shows, collected in order as nbformat's outputs and cut off at a budget."""

import base64
import io
import json
import os
import sys
import threading
from typing import Any

from labkit.grading.engine.limits import size

STREAMS = {"stdout": 1, "stderr": 2}
MOST_OUTPUTS = 1000
SMALL = 10_000  # bytes of a result that always finds a place: it may be a partial mark

Output = dict[str, Any]


class Outputs:
    """The outputs of one cell.

    Args:
        budget: bytes they may take, encoded.
        files: the files behind descriptors 1 and 2, where subprocesses and libraries in C write.
    """

    def __init__(self, budget: int, files: dict[str, int]) -> None:
        self.budget, self.files = budget, files
        self.read = dict.fromkeys(files, 0)
        self.lock = threading.RLock()
        self.start()

    def move(self, files: dict[str, int]) -> None:
        """Go on in a fork, with files of its own behind the descriptors."""
        self.files, self.read = files, dict.fromkeys(files, 0)
        self.start()

    def start(self) -> None:
        """Begin a new cell."""
        self.items: list[Output] = []
        self.shown: dict[str, list[Output]] = {}
        self.left = self.budget
        self.full = self.clearing = False

    def finish(self) -> list[Output]:
        """The cell's outputs, with what arrived at the descriptors meanwhile."""
        with self.lock:
            for stream in (sys.__stdout__, sys.__stderr__):
                if stream is not None and not stream.closed:
                    stream.flush()
            self.drain()
            for name, descriptor in self.files.items():
                os.ftruncate(descriptor, 0)
                self.read[name] = 0
            return self.items

    def drain(self) -> None:
        """Take what was written to the descriptors, so that it stands before what comes next."""
        for name, descriptor in self.files.items():
            waiting = os.fstat(descriptor).st_size - self.read[name]
            if waiting > 0:
                data = os.pread(descriptor, max(self.left, 0) + 1, self.read[name])
                self.read[name] += waiting
                self.text(name, data.decode("utf-8", "replace"))

    def write(self, name: str, text: str) -> None:
        """Text that Python code printed."""
        with self.lock:
            self.drain()
            self.text(name, text)

    def text(self, name: str, text: str) -> None:
        """Append to a stream what the budget allows."""
        self.clear_if_due()
        if self.full or not text:
            return
        taken = text[: max(self.left, 0)]
        while taken and cost(taken) > self.left:
            taken = taken[: len(taken) * max(self.left, 0) // cost(taken)]
        if len(taken) < len(text):
            self.full = True
            taken += f"\n[The rest is left out: a cell may print and show {size(self.budget)}.]\n"
        self.left -= cost(taken)
        if self.items and self.items[-1]["output_type"] == "stream" and self.items[-1]["name"] == name:
            self.items[-1]["parts"].append(taken)
        else:
            self.append({"output_type": "stream", "name": name, "parts": [taken]})

    def show(self, output: Output, *, display_id: str | None = None, update: bool = False) -> None:
        """A display or a result: appended, or put in place of those shown under the same id."""
        with self.lock:
            self.drain()
            self.clear_if_due()
            price = cost(output)
            needed = output["output_type"] == "execute_result" and price <= SMALL
            if (self.full or len(self.items) >= MOST_OUTPUTS) and not needed:
                return
            if price > self.left and not needed:
                self.text("stdout", f"[An output of {size(price)} is left out: {size(max(self.left, 0))} remain.]\n")
                return
            self.left -= price
            for earlier in self.shown.get(display_id, []) if display_id else []:
                earlier["data"], earlier["metadata"] = output["data"], output["metadata"]
            if not update:
                self.items.append(output)
                if display_id:
                    self.shown.setdefault(display_id, []).append(output)

    def error(self, name: str, value: str, traceback: list[str]) -> None:
        """What an exception shows. It finds a place even where the budget is spent: without it a cell looks right."""
        with self.lock:
            self.drain()
            self.clear_if_due()
            lines = [line[:100_000] for line in traceback[:200]]
            self.items.append(
                {"output_type": "error", "ename": name[:1000], "evalue": value[:10_000], "traceback": lines}
            )

    def append(self, output: Output) -> None:
        """One more output, as long as they are not too many."""
        if len(self.items) < MOST_OUTPUTS:
            self.items.append(output)

    def clear(self, wait: bool) -> None:
        """``clear_output``: now, or when the next output comes."""
        with self.lock:
            self.drain()
            self.clearing = True
            if not wait:
                self.clear_if_due()

    def clear_if_due(self) -> None:
        """Carry out a ``clear_output``. What it cleared stays paid for."""
        if self.clearing:
            self.items.clear()
            self.shown.clear()
            self.clearing = False


def cost(value: Any) -> int:
    """Bytes of a value as the reply carries it."""
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def finished(output: Output) -> Output:
    """A collected output in nbformat's shape: a stream's parts joined."""
    if "parts" in output:
        return {"output_type": "stream", "name": output["name"], "text": "".join(output["parts"])}
    return output


def bundle(data: dict[str, Any]) -> dict[str, Any]:
    """A mime bundle as JSON carries it: bytes in base64, what is no text or JSON left out."""
    clean = {}
    for kind, value in data.items():
        if isinstance(value, bytes):
            value = base64.b64encode(value).decode()
        if isinstance(value, str) or (str(kind).endswith("json") and isinstance(value, dict | list)):
            clean[str(kind)] = value
    return clean


class Stream(io.TextIOBase):
    """``sys.stdout`` and ``sys.stderr`` of a cell, as an ipykernel's: text goes straight to the outputs."""

    encoding = "UTF-8"
    errors = "replace"

    def __init__(self, name: str, outputs: Outputs) -> None:
        self.name, self.outputs = name, outputs
        self.owner = os.getpid()

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text)}")
        if os.getpid() == self.owner:
            self.outputs.write(self.name, text)
        else:  # a process that the student's code forked: its memory is not ours, its descriptors are
            os.write(STREAMS[self.name], text.encode("utf-8", "replace"))
        return len(text)

    def fileno(self) -> int:
        return STREAMS[self.name]

    def writable(self) -> bool:
        return True
