"""Grading a class in the course's own exercises: ``nbgrader autograde`` beside ``labkit grade``, in one run.

    python -m benchmarks.grading_class [--exercises 04_attacks 01_images] [--sizes 1 8 32] [--plain-up-to 8]
                                       [--jobs 2] [--out docs/grading.md]

Every submission is the same right one; the gradebooks are compared row for row. The two run in processes of their own,
one after the other, and so on for each class. "Processor" is the processor time of all processes of a grader together,
which a busy machine changes less than the time on the clock. The second table says where it goes: the time on a
processor of each submission's process, of the judges and of the process that writes marks.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.grading import write
from labkit.grading import release
from labkit.grading.course import Course
from labkit.grading.engine import run
from tests import engine_class

ROOT = Path(__file__).resolve().parents[1]
MARKS = ("<!-- begin: benchmarks/grading_class.py -->", "<!-- end: benchmarks/grading_class.py -->")
CONTAINED = "kernel.contain(c)\n"
PARTS = {
    "fork": "its process: fork, namespaces, files",
    "cell": "its cells",
    "check": "its answers to checks",
    "decoy": "decoys in it",
    "verdict": "verdicts, by the judge (its start included)",
    "trusted": "reading, sanitising, writing marks",
}


def make_class(root: Path, slug: str, count: int) -> None:
    """A course with one exercise, solved by a class."""
    root.mkdir()
    settings = (ROOT / "nbgrader_config.py").read_text(encoding="utf-8")
    (root / "nbgrader_config.py").write_text(settings.replace(CONTAINED, ""), encoding="utf-8")  # plain is plain
    shutil.copytree(ROOT / "solutions" / slug, root / "solutions" / slug)
    course = Course(root, root)
    release.release(course, slug)
    for number in range(count):
        shutil.copytree(course.solutions / slug, course.submitted / f"s{number:03d}" / slug)


def child(what: str, root: Path, slug: str, jobs: int) -> dict[str, Any]:
    """Grade in a process of its own: its seconds on the clock and on processors, and what it prints."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.grading_child", what, str(root), slug]
    before, start = spent(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [*command, str(jobs)], capture_output=True, check=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    seconds = {"wall": time.monotonic() - start, "processor": spent(resource.RUSAGE_CHILDREN) - before}
    return {**seconds, **json.loads(done.stdout.splitlines()[-1])}


def spent(who: int) -> float:
    """Processor seconds so far."""
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def compare(slug: str, count: int, jobs: int, plain: bool) -> dict[str, Any]:
    """One class: both graders, where ``plain`` is asked for."""
    with tempfile.TemporaryDirectory() as folder:
        root, twin = Path(folder) / "engine", Path(folder) / "plain"
        make_class(root, slug, count)
        shutil.copytree(root, twin)
        found: dict[str, Any] = {"exercise": slug, "students": count, "labkit": child("engine", root, slug, jobs)}
        if plain:
            found["plain"] = child("plain", twin, slug, jobs)
            if engine_class.gradebook_rows(root, slug) != engine_class.gradebook_rows(twin, slug):
                raise RuntimeError("the gradebooks differ")
    print(json.dumps(found), file=sys.stderr)
    return found


def table(results: list[dict[str, Any]], jobs: int) -> str:
    """The figures, in Markdown."""
    load = os.getloadavg()[1]
    lines = [
        f"{jobs} workers on {run.processors()} processors ({platform.machine()}), Python "
        f"{platform.python_version()}; the machine's load was {load:.0f}. Where that is more than the workers, "
        "other work took its share of the time on the clock.",
        "",
        "| exercise | class | nbgrader autograde | processor | labkit | processor | ratio | ratio of processor time |",
        "| --- | --: | --: | --: | --: | --: | --: | --: |",
    ]
    for found in results:
        ours, plain = found["labkit"], found.get("plain")
        theirs = [f"{plain['wall']:.0f} s", f"{plain['processor']:.0f} s"] if plain else ["not run", "–"]
        ratios = [f"{plain[of] / ours[of]:.1f}×" for of in ("wall", "processor")] if plain else ["–", "–"]
        cells = [found["exercise"], str(found["students"]), *theirs, f"{ours['wall']:.1f} s",
                 f"{ours['processor']:.0f} s", *ratios]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "Milliseconds of processor time a submission, in the largest class of each exercise:", ""]
    largest = {found["exercise"]: found for found in results}
    lines += [f"| part | {' | '.join(largest)} |", f"| --- | {' | '.join('--:' for _ in largest)} |"]
    for part, words in PARTS.items():
        values = (1000 * f["labkit"]["parts"].get(part, 0.0) / f["students"] for f in largest.values())
        lines.append(f"| {words} | {' | '.join(f'{value:.0f}' for value in values)} |")
    return "\n".join([*lines, *more(results)])


def more(results: list[dict[str, Any]]) -> Iterator[str]:
    """What one more submission costs each grader, by the classes that both graded."""
    for slug in dict.fromkeys(found["exercise"] for found in results):
        both = [found for found in results if found["exercise"] == slug and "plain" in found]
        if len(both) < 2:
            continue
        first, last = both[0], both[-1]
        plain = (last["plain"]["processor"] - first["plain"]["processor"]) / (last["students"] - first["students"])
        ours = sum(last["labkit"]["parts"].values()) / last["students"]
        yield ""
        yield (
            f"One more submission of {slug} costs nbgrader {plain:.1f} s of processor time (the class of "
            f"{last['students']} less that of {first['students']}), and labkit {ours:.1f} s (the column's sum)."
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exercises", nargs="+", default=["04_attacks", "01_images"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--plain-up-to", type=int, default=32, help="the largest class that plain nbgrader grades")
    parser.add_argument("--jobs", type=int, default=run.usual_jobs())
    parser.add_argument("--out", type=Path, help="a page with a place for the figures")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    results = [
        compare(slug, count, options.jobs, count <= options.plain_up_to)
        for slug in options.exercises
        for count in options.sizes
    ]
    text = table(results, options.jobs)
    print(text)
    if options.out:
        write(options.out, text, MARKS)


if __name__ == "__main__":
    main()
