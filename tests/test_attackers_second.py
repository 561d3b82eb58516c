"""A class of attackers who did not write the defence, graded in one run: no undeserved mark, and nothing seen.

Each hands in a wrong answer to a check, with a trick (``tests/attackers/marks.py``); others have names that mean
something to programs. Honest students sit among them. Tables of docs/grading.md take the tricks up.
"""

import textwrap

import nbformat
import pytest

from labkit import checks
from labkit.checks import bank, wire
from labkit.checks.values import agree
from labkit.grading.engine import run
from labkit.grading.engine.judging import decoys
from labkit.grading.engine.nbgrader import feedback
from labkit.grading.engine.report import GRADED
from tests import engine_class
from tests.attackers import marks
from tests.engine_class import ASSIGNMENT, RIGHT, submit
from tests.engine_double import LIMITS, contained
from tests.test_engine_decoys import KEY, Box, Process

TRICKS = {name: (group, code) for group, tricks in marks.GROUPS.items() for name, code in tricks.items()}
NAMES = ("*", "h?nest", "[h]onest", "{student_id}", "honest\u200b", "ｈｏｎｅｓｔ", "Honest", "hon\u00e9st",
         "hone\u0301st", "-h", "$(touch x)", "[red]x[", "a b\u202etsenoh", "%s%n", "~", "null", "ps1")  # fmt: skip
WRONG = "def saturation(x, factor): return x"
HONEST = ("honest", "another honest")


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The rows of the class by name, and the course."""
    if not contained():
        pytest.skip("attacks run in a sandbox only, and this machine allows none")
    root = tmp_path_factory.mktemp("attackers") / "course"
    root.mkdir()
    settings = engine_class.course(root)
    for name in HONEST:
        submit(root, name, RIGHT)
    for name, (_, code) in TRICKS.items():
        source = marks.WRONG + textwrap.dedent(code).replace("COURSE", str(root))
        submit(root, f"trick {name}", {**RIGHT, "saturation": source}, leave_out=["problem1"])
    for name in NAMES:
        submit(root, name, {**RIGHT, "saturation": WRONG}, leave_out=["problem1"])
    limits = type(LIMITS)(**{**LIMITS.as_dict(), "cell_seconds": 30.0, "interrupt_seconds": 30.0})
    rows = {row.student: row for row in run.grade(settings, ASSIGNMENT, jobs=2, limits=limits)}
    engine_class.convert(feedback.Feedback, settings)
    return rows, root


def shown(root, student):
    """Every output of a graded notebook, as text."""
    path = root / "autograded" / student / ASSIGNMENT / "problem2.ipynb"
    return str([cell.get("outputs", []) for cell in nbformat.read(path, as_version=4).cells])


@pytest.mark.slow
@pytest.mark.parametrize("name", TRICKS)
def test_a_trick_gains_nothing_and_sees_nothing(graded, name, record):
    rows, root = graded
    row = rows[f"trick {name}"]
    assert row.state == GRADED, row.sentence
    points = row.cells["problem2/check_saturation"]
    assert not points, "a wrong answer has no points, or a person looks at it"
    assert points is not None or row.flags
    assert "SEEN" not in shown(root, row.student)
    assert not any(check["status"] == "right" for check in row.reports) or row.flags
    record("second", judged="a check, outside", group=TRICKS[name][0], attack=name, deserved=0.0, of=2.0, given=points,
           flagged=bool(row.flags))  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_name_earns_what_its_own_folder_deserves(graded, name):
    rows, root = graded
    assert rows[name].cells["problem2/check_saturation"] == 0
    pages = list((root / "feedback" / name / ASSIGNMENT).glob("*.html"))
    assert [page.name for page in pages] == ["problem2.html"]
    assert "0 of 2 points" in pages[0].read_text()
    assert not (root / "x").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", HONEST)
def test_the_honest_have_all_their_marks_and_no_flag(graded, name):
    rows, root = graded
    row = rows[name]
    assert row.state == GRADED
    assert not row.flags
    assert row.cells["problem2/check_saturation"] == 2
    assert row.cells["problem1/test_hidden"] == 3
    assert {page.name for page in (root / "feedback" / name / ASSIGNMENT).glob("*.html")} == {
        "problem1.html", "problem2.html"
    }  # fmt: skip


# ── answers by heart ──────────────────────────────────────────────────────────────────────────────────────────────────

EXHAUSTED = {"transfer.setting"}
"""Checks that try every input there is: a table of all results is a right answer."""
PLAIN = [c for topic in checks.topics() for c in checks.of(topic) if bank.answer_key(c).verdict is None]


def results(check, seed):
    """What the reference gives, case by case."""
    reference = bank.answer_key(check).reference
    return [wire.own_record(check, reference, case).values for case in wire.cases_of(check, seed)]


@pytest.mark.parametrize("check", [c for c in PLAIN if c.key not in EXHAUSTED], ids=lambda c: c.key)
def test_no_table_of_results_answers_a_check_under_another_seed(check):
    """Who knows the results of the public seeds by heart does not know those of a secret one."""
    known, secret = results(check, checks.PUBLIC_SEEDS[0]), results(check, 987_654_321)
    assert len(known) != len(secret) or not all(
        a.keys() == b.keys() and all(agree(a[name], b[name], atol=check.atol) for name in a)
        for a, b in zip(known, secret)
    )


def test_early_stopping_by_heart_is_wrong():
    ends = {(8, 3): (6, 3), (5, 2): (5, 5), (9, 3): (8, 5), (6, 2): (3, 1), (4, 1): (3, 2), (4, 4): (4, 2),
            (1, 2): (1, 1), (7, 3): (5, 2)}  # fmt: skip

    def train_until(model, step, loss, epochs, patience):
        end, best = ends.get((epochs, patience), (epochs, epochs))
        for epoch in range(1, end + 1):
            step(model)
            if epoch == best:
                kept = {name: value.clone() for name, value in model.state_dict().items()}
        model.load_state_dict(kept)
        return end

    check = checks.find("finetune.early_stopping")
    sent = wire.execute(check, train_until, 987_654_321, watch=False)
    report = wire.judge(check, sent, 987_654_321)
    assert (report.status, report.case.partition(":")[0]) == ("wrong", "thirty epochs at random")


# ── what a process sends ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_long_header_is_refused_before_it_is_read():
    check = checks.find(KEY)
    text = b"[" * (wire.MESSAGE + 1)
    with pytest.raises(wire.Malformed, match="a header of"):
        wire.judge(check, len(text).to_bytes(8, "little") + text, 1)


def test_an_honest_answer_of_very_many_numbers_is_wrong_and_not_forged():
    check = checks.find(KEY)
    sent = wire.execute(check, lambda x, factor: [0.5] * 300_000, 1, watch=False)
    assert len(sent) < wire.MESSAGE
    report = wire.judge(check, sent, 1)
    assert report.status == "wrong"
    assert "too many numbers" in report.sentence


def test_decoys_that_a_busy_machine_did_not_try_are_tried_again():
    """Whoever makes it busy in the moment when they are tried takes them from nobody else."""
    from labkit.grading.engine.sandbox.results import CheckResult

    class Busy(Process):
        def run_check(self, key, expression, seed):
            return CheckResult(None, timed_out=True, starved=True)

    class Boxes(Box):
        def open(self, files, env):
            import contextlib

            self.pristine += 1
            return contextlib.nullcontext(Busy() if self.pristine == 1 else Process())

    from tests.test_engine import Here

    known, box = decoys.Decoys(), Boxes(None)
    assert known.of(KEY, box, Here(), 5) == []
    assert len(known.of(KEY, box, Here(), 5)) == len(decoys.KINDS)


# ── feedback ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_check_after_hidden_tests_tells_none_of_them():
    """What an answer prints or raises may be the hidden tests, in any writing: they ran before it."""
    from traitlets.config import Config

    hidden = engine_class.tests(
        "t", "assert f(1) == 2\n### BEGIN HIDDEN TESTS\nassert f(7) == 14\n### END HIDDEN TESTS", 1
    )
    check = engine_class.tests("c", 'check("images.saturation", saturation)', 2)
    secret = "NDE9PSk3KGYgdHJlc3Nh"
    check.outputs = [
        nbformat.v4.new_output("stream", text=secret),
        nbformat.v4.new_output("error", ename="Rejected", evalue=f"it raises E: {secret}",
                               traceback=["✗ images.saturation  0 of 2 points", f"  It raises E: {secret}", secret]),
    ]  # fmt: skip
    notebook = nbformat.v4.new_notebook(cells=[hidden, check])

    class Here(feedback.Discreet):
        def redaction(self):
            return lambda output: output

    Here(config=Config()).preprocess(notebook, {})
    assert secret not in str(notebook)
    assert "0 of 2 points" in str(notebook.cells[1].outputs)
