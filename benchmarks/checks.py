"""The checks: what they refuse, name and accept, how long they are, and how long one takes.

    python -m benchmarks.checks [banks] [fresh] [lines] [seconds]

``first`` and ``third`` measure the answers of the second and of the third round as they were judged before anything was
mended for them; to run one again gives what is mended.
"""

import contextlib
import importlib
import io
import pkgutil
import statistics
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jaxtyping

from benchmarks import kit
from benchmarks.kit import Row
from labkit import checks
from labkit.checks import bank
from tests import fresh, rights

ROOT = Path(__file__).resolve().parents[1]
SECOND = ("attacks", "more")  # the modules of tests/fresh that were written when all checks were done
THIRD = ("third",)
MISLED = frozenset({"accuracy_named_by_first_appearance"})
"""Answers of the third round that got another mistake's sentence in its first run; read by hand."""
BEFORE = {
    "attacks": (599, 474), "domain": (383, 329), "dti": (511, 358), "fair": (456, 338), "finetune": (536, 488),
    "gan": (466, 362), "images": (591, 482), "linkage": (488, 354), "membership": (517, 400), "mixing": (542, 410),
    "refine": (550, 371), "selftrain": (495, 328),
}  # fmt: skip
"""Lines of labkit/checks/TOPIC.py and tests/mistakes/TOPIC.py when each mistake was written twice (d0f4509)."""
FOLDERS = {"cases": "labkit/checks", "answers": "labkit/checks/answers", "rights": "tests/rights"}
COUNTS = ("wrong", "refused", "named", "right", "accepted")
ROUNDS = 5


@contextlib.contextmanager
def as_in_the_course() -> Any:
    """No verification of labkit's shapes, and nothing printed."""
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


def judged(answers: Iterable[tuple[str, Any, str]]) -> Row:
    """How many answers are wrong, refused and named, and how many right and accepted, under the first public seed."""
    figures = dict.fromkeys(COUNTS, 0)
    with as_in_the_course():
        for key, answer, kind in answers:
            report = checks.examine(checks.find(key), answer, seeds=[1], watch=False)
            figures[kind] += 1
            if kind == "right":
                figures["accepted"] += report.right
            else:
                figures["refused"] += not report.right
                figures["named"] += not report.right and report.named
    return figures


def banks(topic: str) -> Row:
    """The mistakes of the bank, and the right answers written differently."""
    wrong = [(c.key, mistake.function, "wrong") for c in checks.of(topic) for mistake in bank.answer_key(c).mistakes]
    return judged([*wrong, *((answer.key, answer.function, "right") for answer in rights.rights(topic))])


def written(topic: str, modules: Iterable[str]) -> list[tuple[str, Any, str]]:
    """The fresh answers to a topic's checks in some modules."""
    every = [entry for name in modules for entry in importlib.import_module(f"tests.fresh.{name}").FRESH]
    return [entry for entry in every if entry[0].startswith(f"{topic}.")]


def unforeseen(topic: str) -> Row:
    """All answers that were written without a look at the bank."""
    return judged(written(topic, sorted(module.name for module in pkgutil.iter_modules(fresh.__path__))))


def second_round(topic: str) -> Row:
    """Those of the second round."""
    return judged(written(topic, SECOND))


def third_round(topic: str) -> Row:
    """Those of the third round; a sentence that misled counts as no name."""
    answers = written(topic, THIRD)
    told = [entry for entry in answers if entry[1].__name__ not in MISLED]
    misled = judged([entry for entry in answers if entry[1].__name__ in MISLED]) | {"named": 0}
    return {name: count + misled[name] for name, count in judged(told).items()}


def length(topic: str) -> Row:
    """Lines of the files of a topic's checks."""
    return {name: len((ROOT / folder / f"{topic}.py").read_text().splitlines()) for name, folder in FOLDERS.items()}


def one_check(check: str) -> Row:
    """The seconds of one examination of the reference under one seed, the median of some."""
    specification, seconds = checks.find(check), []
    reference = bank.answer_key(specification).reference
    with as_in_the_course():
        for _ in range(ROUNDS):
            begin = time.process_time()
            checks.examine(specification, reference, seeds=[1], watch=False)
            seconds.append(time.process_time() - begin)
    return {"seconds": statistics.median(seconds)}


def of_topics(measure: Any) -> Any:
    """A part that measures something of each topic."""

    def part(runs: kit.Runs) -> None:
        for topic in checks.topics():
            runs.once(measure, topic=topic)

    return part


def measure_seconds(runs: kit.Runs) -> None:
    """Every check."""
    for topic in checks.topics():
        for check in checks.of(topic):
            runs.once(one_check, check=check.key)


def show_counts(rows: list[Row]) -> str:
    """A line a topic, and one for all."""
    total = {name: sum(row[name] for row in rows) for name in COUNTS}
    lines = [[row["topic"], *(share(row, *pair) for pair in PAIRS)] for row in [*rows, {"topic": "all", **total}]]
    return kit.table(["", "refused", "named", "accepted"], lines)


PAIRS = (("refused", "wrong"), ("named", "wrong"), ("accepted", "right"))


def share(row: Row, part: str, whole: str) -> str:
    """How many of how many; in per cent where it is not all of them."""
    text = f"{row[part]} of {row[whole]}"
    return text if row[part] == row[whole] else f"{text} ({row[part] / row[whole]:.0%})"


def show_lines(rows: list[Row]) -> str:
    """A line a topic that was there before, and one for all of them."""
    rows = [row for row in rows if row["topic"] in BEFORE]
    table = [[row["topic"], *BEFORE[row["topic"]], row["cases"], row["answers"], row["rights"]] for row in rows]
    table.append(["all", *(sum(int(line[i]) for line in table) for i in range(1, 6))])
    head = ["", "checks, before", "mistakes, before", "cases", "answers", "right answers"]
    after = sum(table[-1][3:])
    text = f"{sum(table[-1][1:3]):,} lines before, {after:,} after. {LONGER}"
    return f"{kit.flow(text)}\n\n{kit.table(head, table)}"


def show_seconds(rows: list[Row]) -> str:
    """The slowest check of each topic."""
    lines = []
    for topic in checks.topics():
        own = [row for row in rows if row["check"].startswith(f"{topic}.")]
        if not own:
            continue
        slowest = max(own, key=lambda row: row["seconds"])
        median = statistics.median(row["seconds"] for row in own)
        lines.append([topic, len(own), f"{median:.3f}", slowest["check"], f"{slowest['seconds']:.3f}"])
    head = ["", "checks", "median", "the slowest", "seconds"]
    return f"{kit.flow(TIME)}\n\n{kit.table(head, lines)}"


def text(before: str, show: Any) -> Any:
    """A section that begins with a paragraph."""
    return lambda rows: f"{kit.flow(before)}\n\n{show(rows)}"


BANKS = """The project's own: the mistakes that stand beside each check, and right answers written differently
(`tests/rights`). Refused: it earns nothing. Named: the sentence says what is wrong, and not only that values are."""
FRESH = """Answers that were written without a look at the bank (`tests/fresh`), by several authors. What the first ones
showed has been mended, so these figures flatter."""
FIRST = """Of these, the second round (`tests/fresh/attacks.py` and `more.py`) was written when all checks were done.
These are the figures of the first run, before anything was mended. Two answers that their author had meant to be wrong
were accepted, rightly: what they do is right, and they count as that."""

THIRD_FIRST = """The third round (`tests/fresh/third.py`) was written from the exercises' text alone, six wrong
and two right answers a topic, when all twenty topics were done and had learned from the rounds before. These are the
figures of its first run, before anything was mended. Every sentence was read: one that names another mistake counts
as no name."""

LONGER = """A third less was hoped for. A topic's own files are longer by a sixth, because the banks have grown: before,
there were 457 mistakes as functions, and 569 entries that repeated most of them beside the sentences; how many there
are now stands in the first table."""
TIME = """CPU seconds of one check of the reference, one seed, one core; the median of five. What the reference gives is
remembered, as in a notebook where somebody tries again."""

BENCHMARK = kit.Benchmark("checks", "Checks: what they refuse, name and accept", "All under the first public seed.", [
    kit.Part("banks", of_topics(banks), text(BANKS, show_counts), title="On the repository's banks"),
    kit.Part("fresh", of_topics(unforeseen), text(FRESH, show_counts), title="On answers written afresh"),
    kit.Part("first", of_topics(second_round), text(FIRST, show_counts), title="The first run of the second round",
             by_default=False),
    kit.Part("third", of_topics(third_round), text(THIRD_FIRST, show_counts), title="The first run of the third round",
             by_default=False),
    kit.Part("lines", of_topics(length), show_lines, title="Lines"),
    kit.Part("seconds", measure_seconds, show_seconds, title="Time"),
])  # fmt: skip

if __name__ == "__main__":
    BENCHMARK.main()
