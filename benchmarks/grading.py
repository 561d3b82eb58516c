"""Grading a class: ``nbgrader autograde`` beside labkit's engine, on the same submissions in the same run.

    python -m benchmarks.grading [--sizes 8 32 128] [--jobs 2] [--plain-up-to 128] [--out docs/grading.md]
    python -m benchmarks.grading --writer 1000    # whether the gradebook's size tells on the process that writes it
    python -m benchmarks.grading --beside ../older [--exercise 04_attacks] [--students 16]    # another labkit's clone

The exercise trains a small network and holds a check, asserts, hidden tests, partial credit and a written answer.
Every submission is the same right one, so that the two do equal work; the gradebooks are compared row for row. Plain
nbgrader and the engine each run in a process of their own and take turns. "Overhead" is what a submission costs
beyond its own cells: processor time of the trusted process by what it does, and the cost of a session and a verdict.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbformat.v4 import new_notebook
from nbgrader.converters import GenerateAssignment

from labkit.grading import classic
from tests import engine_class
from tests.engine_class import ASSIGNMENT, KERNEL, cell, solution, tests

BEGIN, END = "<!-- begin: benchmarks/grading.py -->", "<!-- end: benchmarks/grading.py -->"

TRAIN = """torch.manual_seed(0)
x, y = torch.randn(512, 64), torch.randint(0, 10, (512,))
net = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
for _ in range(150):
    optimiser.zero_grad()
    loss = torch.nn.functional.cross_entropy(net(x), y)
    loss.backward()
    optimiser.step()
loss.item()"""

ANSWERS = {
    "saturation": engine_class.RIGHT["saturation"],
    "train": TRAIN,
    "essay": "Because.",
}


def exercise() -> nbformat.NotebookNode:
    """A notebook as the course has them."""
    return new_notebook(
        metadata=KERNEL,
        cells=[
            cell(
                "code", "header", "import torch\nfrom labkit.checks import check\ntorch.set_num_threads(1)", locked=True
            ),
            solution("saturation", ANSWERS["saturation"]),
            tests("check_saturation", 'check("images.saturation", saturation)', 2),
            solution("train", TRAIN),
            tests(
                "test_train",
                "assert loss.item() < 2\n### BEGIN HIDDEN TESTS\nassert len(net) == 3\n### END HIDDEN TESTS",
                2,
            ),
            tests("test_part", "points = 0.5\nif loss.item() < 2:\n    points += 1\npoints", 2),
            cell("markdown", "essay", "YOUR ANSWER HERE", solution=True, grade=True, points=3),
        ],
    )


def make_class(root: Path, count: int) -> None:
    """A course and its class."""
    source = root / "source" / ASSIGNMENT
    source.mkdir(parents=True)
    nbformat.write(exercise(), source / "exercise.ipynb")
    with classic.in_process():
        engine_class.convert(GenerateAssignment, engine_class.config(root), student=".")
    for i in range(count):
        engine_class.submit(root, f"student{i:04d}", ANSWERS)


def child(what: str, root: Path, jobs: int) -> dict:
    """Run one of ``measured`` in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.grading", "--child", what, str(root), str(jobs)]
    start = time.monotonic()
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    return {"seconds": time.monotonic() - start, **json.loads(done.stdout.splitlines()[-1])}


def measured(what: str, root: Path, jobs: int) -> dict:
    """In the child: grade the class, or write its feedback."""
    settings = engine_class.config(root)
    if what == "plain":
        engine_class.autograde(settings)
        return {}
    if what == "feedback":
        from labkit.grading.engine.nbgrader.feedback import Feedback

        engine_class.convert(Feedback, settings)
        return {}
    with clocks() as spent:
        from labkit.grading.engine.run import grade

        rows = grade(settings, ASSIGNMENT, jobs=jobs)
    if any(row.state != "graded" or row.flags for row in rows):
        raise RuntimeError("a submission was not graded as it should be")
    return {"cells": sum(row.seconds for row in rows) / len(rows), "own": time.process_time(), "parts": spent}


@contextmanager
def clocks() -> Iterator[dict[str, float]]:
    """Processor seconds of the trusted process by what it does."""
    from labkit.grading.engine import journal
    from labkit.grading.engine.nbgrader import autograde, ledger

    spent: dict[str, float] = {}

    def timed(holder: object, name: str, label: str) -> None:
        real = getattr(holder, name)

        def run(*args: object, **options: object) -> object:
            start = time.thread_time()
            try:
                return real(*args, **options)
            finally:
                spent[label] = spent.get(label, 0.0) + time.thread_time() - start

        setattr(holder, name, run)

    timed(autograde.Engine, "prepare", "read and sanitise")
    timed(autograde.Engine, "finish", "replay and write marks")
    timed(ledger, "annotate", "flags")
    timed(ledger, "fill", "the row")
    timed(journal.Journal, "put", "journal")
    timed(journal, "fingerprint", "fingerprint")
    yield spent


def small_costs(rounds: int = 20) -> dict[str, float]:
    """Milliseconds of wall time of what a submission pays besides: an empty session, an idle cell, a verdict."""
    from labkit import checks
    from labkit.checks import wire
    from labkit.grading.engine.judging.judge import Judges
    from labkit.grading.engine.sandbox import Sandbox, probe

    def clocked(what: Callable[[], object]) -> float:
        what()
        start = time.monotonic()
        for _ in range(rounds):
            what()
        return 1000 * (time.monotonic() - start) / rounds

    names: dict[str, object] = {}
    exec(ANSWERS["saturation"], names)
    data = wire.execute(checks.find("images.saturation"), names["saturation"], 1)
    with Sandbox(sandboxed=not probe()) as box, box.open({}, {}) as session, Judges(1) as judges:
        return {
            "a session opened and closed": clocked(lambda: box.open({}, {}).close()),
            "a cell that does nothing": clocked(lambda: session.run_cell("pass")),
            "a verdict": clocked(lambda: judges.judge("images.saturation", data, 1)),
        }


class Silent:
    """A sandbox in which every cell is silent and every check fails, at no cost."""

    died, tampered, data, timed_out = "", False, None, False

    def __init__(self, outputs: tuple[dict, ...] = ()) -> None:
        self.outputs = list(outputs)

    def open(self, files: dict, env: dict | None = None) -> "Silent":
        return self

    def __enter__(self) -> "Silent":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run_cell(self, source: str) -> "Silent":
        return Silent(outputs=(FAILED,) if source.startswith("assert") else ())

    def run_check(self, key: str, expression: str, seed: int) -> "Silent":
        return Silent(outputs=(FAILED,))

    def files(self, given: dict) -> dict:
        return given

    def judge(self, key: str, data: bytes, seed: int) -> None:
        raise AssertionError("there is nothing to judge")

    def close(self) -> None:
        pass


FAILED = {"output_type": "error", "ename": "AssertionError", "evalue": "", "traceback": []}


def writing(count: int) -> str:
    """Processor milliseconds a submission of the process that writes, at the beginning and the end of a large class."""
    from labkit.grading.engine.run import grade

    moments = [0.0]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "course"
        root.mkdir()
        make_class(root, count)
        moments[0] = time.process_time()
        grade(
            engine_class.config(root), ASSIGNMENT, jobs=1, make=Silent, judge=Silent(),
            progress=lambda *_: moments.append(time.process_time()),
        )  # fmt: skip
        size = (root / "gradebook.db").stat().st_size
    tenth = max(1, count // 10)
    early, late = (1000 * (moments[end] - moments[end - tenth]) / tenth for end in (2 * tenth, count))
    return (f"{count} submissions: {early:.1f} ms of processor time each in the second tenth, {late:.1f} ms in the "
            f"last; the gradebook has {size / 2**20:.1f} MB in the end")  # fmt: skip


# Run by the labkit that PYTHONPATH names: the exercise of its clone, solved by a class.
VERSION = """
import json, os, resource, shutil, sys, tempfile, time
from pathlib import Path
import labkit
from labkit.grading import grade, release
from labkit.grading.course import Course

clone, slug, jobs, *counts = sys.argv[1:]
assert Path(labkit.__file__).is_relative_to(clone), labkit.__file__

def spent():
    own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in own)

found = []
for count in map(int, counts):
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(f"{clone}/nbgrader_config.py", folder)
        shutil.copytree(f"{clone}/solutions/{slug}", f"{folder}/solutions/{slug}")
        course = Course(Path(folder), Path(folder))
        release.release(course, slug)
        for number in range(count):
            shutil.copytree(course.solutions / slug, course.submitted / f"s{number}" / slug)
        before, start = spent(), time.perf_counter()
        rows = grade.grade(course, slug, jobs=int(jobs))
        found.append({"processor": spent() - before, "wall": time.perf_counter() - start})
        assert len({row.points for row in rows}) == 1 and rows[0].points > 0, rows
print(json.dumps(found))
"""
ORDER = ("older", "newer", "newer", "older")


def versions(older: Path, slug: str, count: int, jobs: int) -> str:
    """Two versions of labkit grade the same class, in turns; of each the first student alone, untimed."""
    clones = {"older": older.resolve(), "newer": Path(__file__).resolve().parents[1]}
    spent: dict[str, list[float]] = {name: [] for name in clones}
    for name in ORDER:
        clone = clones[name]
        command = [sys.executable, "-W", "ignore", "-c", VERSION, str(clone), slug, str(jobs), "1", str(count)]
        env = {**os.environ, "PYTHONPATH": str(clone), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, env=env, cwd="/", stdout=subprocess.PIPE, check=True, text=True)
        first, found = json.loads(done.stdout.splitlines()[-1])
        spent[name].append(found["processor"])
        print(name, json.dumps({"first": first, "class": found}), file=sys.stderr)
    older_, newer = (sum(spent[name]) / len(spent[name]) for name in ("older", "newer"))
    return (f"{slug}, {count} students, processor time: {older_:.1f} s before ({spans(spent['older'])}), "
            f"{newer:.1f} s now ({spans(spent['newer'])}): {newer / older_:.2f} times as long")  # fmt: skip


def spans(values: list[float]) -> str:
    """Each of some values."""
    return " and ".join(f"{value:.1f}" for value in values)


def compare(count: int, jobs: int, plain: bool) -> dict:
    """One class size: both graders on the same class."""
    with tempfile.TemporaryDirectory() as folder:
        root, twin = Path(folder) / "engine", Path(folder) / "plain"
        root.mkdir()
        make_class(root, count)
        shutil.copytree(root, twin)
        found = {"students": count, "engine": child("engine", root, jobs)}
        if plain:
            found["plain"] = child("plain", twin, jobs)
            if engine_class.gradebook_rows(root) != engine_class.gradebook_rows(twin):
                raise RuntimeError("the gradebooks differ")
        found["feedback"] = child("feedback", root, jobs)
    return found


def table(results: list[dict], jobs: int, small: dict[str, float]) -> str:
    """The figures, in Markdown."""
    lines = [
        f"{jobs} workers on {os.cpu_count()} processors ({platform.machine()}), Python {platform.python_version()}; "
        "wall time, start to end.",
        "",
        "| class | nbgrader autograde | labkit | ratio | labkit, a submission | its own cells | feedback |",
        "|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for found in results:
        n, ours = found["students"], found["engine"]
        plain = found.get("plain", {}).get("seconds")
        shown = (f"{plain:.0f} s", f"{plain / ours['seconds']:.1f}×") if plain else ("not run", "–")
        lines.append(
            f"| {n} | {shown[0]} | {ours['seconds']:.1f} s | {shown[1]} | {ours['seconds'] / n:.2f} s "
            f"| {ours['cells']:.2f} s | {found['feedback']['seconds']:.1f} s |"
        )
    first, last = results[0], results[-1]
    extra = last["students"] - first["students"]
    own = (
        (last["engine"]["own"] - first["engine"]["own"]) / extra if extra else last["engine"]["own"] / last["students"]
    )
    parts = sorted(last["engine"]["parts"].items(), key=lambda part: -part[1])
    lines += [
        "",
        f"One more submission costs {1000 * own:.0f} ms of processor time in the trusted process (the class of "
        f"{last['students']} less that of {first['students']}):",
        "",
        *(f"- {1000 * seconds / last['students']:.1f} ms: {label}" for label, seconds in parts),
        "",
        "Besides, in wall time, each:",
        "",
        *(f"- {milliseconds:.1f} ms: {label}" for label, milliseconds in small.items()),
    ]
    return "\n".join(lines)


def write(path: Path, text: str, marks: tuple[str, str] = (BEGIN, END)) -> None:
    """Put the figures between the marks of a page."""
    begin, end = marks
    page = path.read_text(encoding="utf-8") if path.exists() else f"{begin}\n{end}\n"
    if begin not in page:
        raise ValueError(f"{path} has no place for the figures; expected the line {begin}")
    pattern = re.compile(f"{re.escape(begin)}.*{re.escape(end)}", re.S)
    path.write_text(pattern.sub(lambda _: f"{begin}\n{text}\n{end}", page), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[8, 32, 128])
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--plain-up-to", type=int, default=128, help="the largest class that plain nbgrader grades")
    parser.add_argument("--out", type=Path, help="a page with a place for the figures")
    parser.add_argument("--writer", type=int, metavar="COUNT", help="measure the process that writes, and nothing else")
    parser.add_argument("--beside", type=Path, metavar="CLONE", help="another labkit's clone to compare with")
    parser.add_argument("--exercise", default="04_attacks")
    parser.add_argument("--students", type=int, default=16)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.child:
        what, root, jobs = options.child
        print(json.dumps(measured(what, Path(root), int(jobs))))
        return
    if options.beside:
        print(versions(options.beside, options.exercise, options.students, options.jobs))
        return
    if options.writer:
        print(writing(options.writer))
        return
    results = []
    for count in options.sizes:
        results.append(compare(count, options.jobs, count <= options.plain_up_to))
        print(json.dumps(results[-1]), file=sys.stderr)
    text = table(results, options.jobs, small_costs())
    print(text)
    if options.out:
        write(options.out, text)


if __name__ == "__main__":
    main()
