"""The judge: processes that turn the bytes of an answer into a verdict, outside every sandbox.

The bytes come from untrusted code, so the verdict falls in a process of its own under a time limit: one that hangs
or dies costs its own verdict and nothing else. Questions and answers are ``frames``. Only the judge imports torch and
the checks; the process that grades does without.
"""

import base64
import contextlib
import importlib
import importlib.util
import os
import queue
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from labkit.grading.engine.frames import Channel, Closed, Stalled, Tampered
from labkit.grading.tracebacks import LOG

READY = 5.0  # seconds after which a judge that makes ready begins with no further check
SECONDS = 120.0  # a verdict may take this long: it may train a small model
LARGEST, BODY = 1 << 28, (1 << 32) - 1  # bytes of a frame's header, and of the outputs of an answer
MOMENT = 1e-3  # seconds
TRACE = 20_000  # characters of a traceback: its end
TRIES = 4  # judges that an answer may cost: one may be killed by chance, not each


class Forged(ValueError):
    """The bytes are not those that an honest run of the check sends."""


class Broken(RuntimeError):
    """There is no verdict, and that is not known to be the student's fault."""


@dataclass(frozen=True)
class Verdict:
    """A ``labkit.checks.protocol.Report``, and the output that a notebook shows for it."""

    key: str
    points: int
    status: str
    sentence: str
    case: str = ""
    expected: str | None = None
    given: str | None = None
    named: bool = True
    output: dict[str, Any] = field(default_factory=dict)

    @property
    def right(self) -> bool:
        """Whether the answer earns its points."""
        return self.status == "right"

    def report(self) -> dict[str, Any]:
        """The verdict without its output, by name."""
        return {name: value for name, value in asdict(self).items() if name != "output"}


class Judges:
    """Some judge processes, shared by all workers. Safe to call from many threads.

    Args:
        count: how many verdicts can fall at once.
        seconds: how long one may take.
        command: what starts a judge; the tests give another.
        own: the course's own checks, as ``Own.to_json`` writes them.
        keys: the checks that will be asked about: each process makes ready for them while the sandboxes start.
    """

    def __init__(
        self,
        count: int = 1,
        *,
        seconds: float = SECONDS,
        command: list[str] | None = None,
        own: str = "",
        keys: Sequence[str] = (),
    ) -> None:
        self.seconds, self.own = seconds, own
        self.command = command or [sys.executable, "-P", "-m", "labkit.grading.engine.judging.judge", *keys]
        self.idle: queue.LifoQueue[Process | None] = queue.LifoQueue()
        for _ in range(count):
            self.idle.put(Process(self.command, own))  # it imports torch while the first cells run
        self.count = count
        self.plain: set[str] = set()  # checks whose cases every process can make
        self.needs: dict[str, int] = {}

    def judge(self, key: str, data: bytes, seed: int) -> Verdict:
        """The verdict on what ``wire.execute`` sent for the check ``key`` under ``seed``.

        Raises:
            Forged: if the bytes are malformed.
            Broken: if the check fails by itself, or the judge dies or hangs over it.
        """
        return unpack(self.ask({"key": key, "seed": seed}, data))

    def glance(self, key: str, data: bytes, seed: int) -> Verdict:
        """``judge`` without a search for the mistake, which takes longer than all else: for decoys."""
        return unpack(self.ask({"key": key, "seed": seed, "explain": False}, data))

    def ask(self, head: dict[str, Any], data: bytes = b"") -> dict[str, Any]:
        """What a judge answers to a question; see ``judge`` for what is raised."""
        process = self.idle.get()
        try:
            for left in reversed(range(TRIES)):
                if process and not process.alive():
                    process.end()
                    process = None
                process = process or Process(self.command, self.own)
                try:
                    return process.ask(head, data, self.seconds)
                except TimeoutError:
                    process.end()
                    raise Broken(f"the verdict took longer than {self.seconds:g} seconds") from None
                except (OSError, EOFError) as error:
                    process.end()
                    if not left:
                        raise Broken("the judge ended while it judged this answer") from error
        finally:
            self.idle.put(process)
        raise AssertionError("unreachable")

    def prepare(self, key: str, seed: int) -> bytes:
        """The cases of a check under ``seed`` as bytes, where only a judge can make them; nothing for all others.

        Raises:
            Broken: if that fails.
        """
        if key in self.plain:
            return b""
        match self.ask({"do": "prepare", "key": key, "seed": seed}):
            case {"prepared": str(text)}:
                return base64.b64decode(text)
            case {"broken": _} as reply:
                unpack(reply)
        self.plain.add(key)
        return b""

    def seeds(self, key: str, most: int) -> int:
        """How many seeds a verdict on this check needs, at most ``most``: a check that fails will say so when it runs.

        Raises:
            Broken: if the judge dies or hangs over it.
        """
        if key not in self.needs:
            self.needs[key] = self.ask({"do": "seeds", "key": key}).get("seeds", most)
        return min(self.needs[key], most)

    def forbidden(self, keys: Sequence[str]) -> list[str]:
        """The functions that no answer to these checks may call, as ``module:name``.

        Raises:
            Broken: if that can't be told.
        """
        match self.ask({"do": "forbidden", "keys": list(keys)}):
            case {"forbidden": list(names)}:
                return names
        raise Broken("the judge does not say what no answer may call")

    def close(self) -> None:
        """End the processes."""
        for _ in range(self.count):
            process = self.idle.get()
            if process:
                process.end()

    def __enter__(self) -> "Judges":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Process:
    """One judge process.

    Args:
        own: the course's own checks, which it hears of before the first question.
    """

    def __init__(self, command: list[str], own: str = "") -> None:
        self.untold = own.encode()
        root = str(Path(__file__).resolve().parents[4])
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
        env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
        ours, theirs = socket.socketpair()
        with theirs:
            self.popen = subprocess.Popen(
                command,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.DEVNULL,
                env=env,
                start_new_session=True,
            )
        self.channel = Channel(ours, max_header=LARGEST)

    def alive(self) -> bool:
        """Whether it still runs."""
        return self.popen.poll() is None

    def ask(self, head: dict[str, Any], data: bytes, seconds: float) -> dict[str, Any]:
        """Send a question and wait for its answer.

        Raises:
            TimeoutError: if none comes in time.
            EOFError: if the process ends.
        """
        deadline = time.monotonic() + seconds
        try:
            if self.untold:
                self.exchange({"do": "own"}, self.untold, deadline)
                self.untold = b""
            return self.exchange(head, data, deadline)
        except Stalled:
            raise TimeoutError from None
        except (Closed, Tampered) as error:
            raise EOFError("the judge ended") from error

    def exchange(self, head: dict[str, Any], data: bytes, deadline: float) -> dict[str, Any]:
        """One frame there, one back."""
        self.channel.send(head, data, seconds=max(deadline - time.monotonic(), MOMENT))
        return self.channel.receive(seconds=max(deadline - time.monotonic(), MOMENT))[0]

    def end(self) -> None:
        """Kill it and wait until it is gone."""
        self.popen.kill()
        self.channel.close()
        self.popen.wait()


def unpack(answer: dict[str, Any]) -> Verdict:
    """The verdict in a judge's answer; see ``Judges.judge`` for what is raised."""
    match answer:
        case {"verdict": verdict}:
            return Verdict(**verdict)
        case {"forged": text}:
            raise Forged(text)
        case {"broken": text}:
            LOG.error("a check is broken: %s", answer.get("trace") or text)
            raise Broken(text)
    raise Broken("the judge gave no verdict")


def answer(head: dict[str, Any], data: bytes) -> dict[str, Any]:
    """What a judge process replies to one question."""
    from labkit import checks
    from labkit.checks import wire

    try:
        if head.get("do") == "own":
            from labkit.checks import own

            own.use(own.Own.from_json(data.decode()))
            return {}
        if head.get("do") == "forbidden":
            return {"forbidden": forbidden(head["keys"])}
        if head.get("do") == "seeds":
            return {"seeds": checks.find(head["key"]).seeds}
        if head.get("do") == "prepare":
            prepare = getattr(wire, "prepare", None)
            made = prepare(checks.find(head["key"]), head["seed"]) if prepare else b""
            return {"prepared": base64.b64encode(made).decode()} if made else {}
        report = wire.judge(checks.find(head["key"]), data, head["seed"], explain=head.get("explain", True))
        return {"verdict": {**asdict(report), "output": shown(report)}}
    except wire.Malformed as error:
        return {"forged": str(error)[:300]}
    except Exception as error:  # noqa: BLE001  whatever fails here is the check's fault or the machine's
        return {"broken": f"{type(error).__name__}: {error}"[:300], "trace": traceback.format_exc()[-TRACE:]}


def forbidden(keys: Sequence[str]) -> list[str]:
    """What no answer to these checks may call, as ``module:name``: labkit's own functions, and its references.

    A check that can't be had is passed over; whoever runs it will hear why.
    """
    from labkit import checks

    found = set()
    for key in keys:
        try:
            functions = of_check(checks.find(key))
        except Exception:  # noqa: BLE001  whatever fails here is the check's fault, and is said when it is judged
            continue
        for function in functions:
            plain = getattr(function, "func", function)  # of a partial
            module, name = getattr(plain, "__module__", ""), getattr(plain, "__qualname__", type(plain).__qualname__)
            found.add(f"{module}:{name.partition('.')[0]}")
    return sorted(found)


def of_check(check: Any) -> Sequence[Any]:
    """The functions that no answer to a check may call, wherever its second half stands."""
    if importlib.util.find_spec("labkit.checks.bank") is None:
        return (check.reference, *check.forbidden)
    return tuple(importlib.import_module("labkit.checks.bank").answer_key(check).forbidden)


def shown(report: Any) -> dict[str, Any]:
    """What ``check`` shows for a report: ✓ and the points, or an error output with the sentence."""
    from labkit.checks.show import Accepted, lines, sentence

    if report.right:
        made = Accepted(report)
        data = {"text/html": made._repr_html_(), "text/plain": repr(made)}
        return {"output_type": "display_data", "data": data, "metadata": {}}
    return {"output_type": "error", "ename": "Rejected", "evalue": sentence(report), "traceback": lines(report)}


def make_ready(keys: Sequence[str]) -> Iterator[None]:
    """Give a verdict on the reference of some checks, one after the other: the first takes longer than all others.

    A question that comes meanwhile is answered between two steps.
    """
    from labkit import checks
    from labkit.checks import bank, wire

    yield
    start = time.monotonic()
    for key in keys:
        if time.monotonic() - start > READY:
            break
        try:
            check = checks.find(key)
            wire.judge(check, wire.execute(check, bank.answer_key(check).reference, 0, watch=False), 0)
        except Exception:  # noqa: BLE001  whatever fails here fails again, and is said, when it is judged
            traceback.print_exc()
        yield


def main() -> None:
    """The judge process: answers questions until there are no more. What a check prints must not get among them."""
    channel = Channel(socket.socket(fileno=os.dup(0)), max_header=LARGEST, max_body=BODY)
    for standard in (0, 1):
        os.dup2(2, standard)
    steps = make_ready(sys.argv[1:])
    with contextlib.suppress(Closed):
        while True:
            while not channel.pending() and next(steps, steps) is None:
                pass
            channel.send(answer(*channel.receive()))


if __name__ == "__main__":
    main()
