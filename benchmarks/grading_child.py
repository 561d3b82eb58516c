"""One grading of ``benchmarks.grading_class``, in a process that imports what the grader does and little more.

    python -m benchmarks.grading_child {engine,plain} COURSE EXERCISE JOBS

It prints JSON: of labkit, the processor seconds of each part.
"""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labkit.grading import classic, grade
from labkit.grading.course import Course


def graded(what: str, root: Path, slug: str, jobs: int) -> dict[str, Any]:
    """Grade the class; of labkit, the processor seconds of each part."""
    course = Course(root, root)
    if what == "plain":
        from nbgrader.converters import Autograde

        classic.convert(Autograde, course, slug)
        return {}
    ends = []
    with clocks() as parts:
        rows = grade.grade(course, slug, jobs=jobs, progress=lambda *_: ends.append(time.thread_time()))
    if len({row.points for row in rows}) != 1 or not rows[0].points:
        raise RuntimeError("a submission was not graded as it should be")
    if len(ends) > 1:
        parts["trusted"] = (ends[-1] - ends[0]) * len(ends) / (len(ends) - 1)
    return {"parts": dict(parts)}


@contextmanager
def clocks() -> Iterator[dict[str, float]]:
    """Time on a processor of the submissions' first processes and of the judges, by what they do."""
    from labkit.grading.engine.judging import judge
    from labkit.grading.engine.sandbox import session

    parts: dict[str, float] = defaultdict(float)
    pids: dict[int, int] = {}
    real_sender, real_init = session.sender, session.Session.__init__
    real_ask, real_verdict = session.Session._ask, judge.Process.ask

    def sender(sock: Any, seconds: float) -> int:
        pids[sock.fileno()] = real_sender(sock, seconds)
        return pids[sock.fileno()]

    def init(self: Any, *args: Any, **options: Any) -> None:
        real_init(self, *args, **options)
        self.pid = pids[self._reports.sock.fileno()]
        parts["fork"] += on_processor(self.pid)

    def ask(self: Any, request: dict[str, Any], data: bytes = b"") -> Any:
        decoy = request["do"] == "check" and "lambda" in request["expression"]
        return timed("decoy" if decoy else request["do"], self.pid, lambda: real_ask(self, request, data))

    def verdict(self: Any, head: dict[str, Any], data: bytes, seconds: float) -> Any:
        return timed("verdict", self.popen.pid, lambda: real_verdict(self, head, data, seconds))

    def timed(part: str, pid: int, what: Callable[[], Any]) -> Any:
        before = on_processor(pid)
        try:
            return what()
        finally:
            parts[part] += on_processor(pid) - before

    session.sender = sender
    session.Session.__init__ = init  # type: ignore[method-assign]
    session.Session._ask = ask  # type: ignore[method-assign]
    judge.Process.ask = verdict  # type: ignore[method-assign]
    yield parts


def on_processor(pid: int) -> float:
    """Seconds that a process has spent on a processor; 0 once it is gone."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except OSError:
        return 0.0


if __name__ == "__main__":
    wanted, folder, exercise, workers = sys.argv[1:]
    print(json.dumps(graded(wanted, Path(folder), exercise, int(workers))))
