"""A decoy is answered as an honest process answers it, or it is caught: the cell earns nothing and a person looks."""

import contextlib

import pytest

from labkit import checks
from labkit.checks import wire
from labkit.grading.engine.inside.loop import examine
from labkit.grading.engine.judging import decoys, judge
from labkit.grading.engine.judging.decoys import Decoys
from labkit.grading.engine.nbgrader import cells
from labkit.grading.engine.nbgrader.cells import Call
from labkit.grading.engine.sandbox.results import CheckResult
from labkit.grading.engine.work import job, worker
from tests.test_engine import HONEST, Here

KEY = "images.saturation"
CAUGHT = "test_it: an answer that is always wrong was tried in its process, and "


class Process:
    """A session that answers honestly, but for what ``reply`` says of a decoy: a function of the honest result."""

    tampered = killed = False
    died = ""

    def __init__(self, reply=None):
        self.names: dict = {}
        self.reply, self.asked = reply, []
        exec(HONEST, self.names)

    def run_check(self, key, expression, seed):
        self.asked.append(expression)
        data, failed = examine(self.names, key, expression, seed, wire.LIMIT)
        honest = CheckResult(data or None, failed=failed)
        made = self.reply(honest, expression) if self.reply and "lambda" in expression else honest
        self.died, self.tampered = made.died, made.tampered
        return made

    def run_cell(self, source):
        raise AssertionError("there is no such cell")

    def files(self, given):
        return dict(given)


class Box:
    """A sandbox with one session for the submission; what the decoys are tried in first is honest."""

    def __init__(self, session):
        self.session, self.pristine = session, 0

    def open(self, files, env):
        if not env:
            self.pristine += 1
            return contextlib.nullcontext(Process())
        return contextlib.nullcontext(self.session)

    def close(self):
        pass


def answered(session, expression="saturation", **options):
    """What became of the one check of a submission."""
    step = cells.Step(0, cells.CHECK, name="test_it", calls=(Call(KEY, expression),))
    court = worker.Court(options.pop("judge", Here()), Box(session), **options)
    return worker.work(job.Job("ada", "ps1", (job.Part("n", (step,)),)), court).outcomes["n"]


def right_bytes(seed):
    """What a right answer sends."""
    names: dict = {}
    exec(HONEST, names)
    return wire.execute(checks.find(KEY), names["saturation"], seed)


DISHONEST = {
    "junk": (lambda honest, _: CheckResult(b"{}" * 100), "what came is not what a check sends"),
    "a forged record": (
        lambda honest, _: CheckResult(honest.data.replace(b'"status', b'"states')),
        "what came is not what a check sends",
    ),
    "nothing": (lambda honest, _: CheckResult(None, failed="RuntimeError: no"), "no outputs of it came"),
    "nothing, and no word": (lambda honest, _: CheckResult(None), "no outputs of it came"),
    "an error in place of a reply": (
        lambda honest, _: CheckResult(None, [{"output_type": "error", "ename": "E", "evalue": "", "traceback": []}]),
        "no outputs of it came",
    ),
    "late": (lambda honest, _: CheckResult(honest.data, timed_out=True), "its reply did not come in time"),
    "late, with nothing": (lambda honest, _: CheckResult(None, timed_out=True), "its reply did not come in time"),
    "two replies": (lambda honest, _: CheckResult(honest.data, tampered=True), "more than one reply came"),
    "the end of the process": (
        lambda honest, _: CheckResult(None, died="its process was killed"),
        "the process did not outlive it: its process was killed",
    ),
    "another status": (
        lambda honest, _: CheckResult(honest.data.replace(b'"error', b'"wrong')), "what it did was not told",
    ),
    "another error": (
        lambda honest, _: CheckResult(honest.data.replace(b"KeyError", b"KeyErrer")), "what it did was not told",
    ),
}  # fmt: skip


@pytest.mark.parametrize("trick", DISHONEST)
def test_a_process_that_answers_a_decoy_in_its_own_way_is_caught(trick):
    reply, reason = DISHONEST[trick]
    outcome = answered(Process(reply))
    (flag,) = outcome.cells[0].flags
    assert flag.startswith(CAUGHT + reason)
    assert outcome.cells[0].reports == []
    assert outcome.cells[0].outputs[-1]["ename"] in ("Tampered", "Stopped")
    assert outcome.died == ("its process was killed" if "end of" in trick else "")


def test_a_right_result_of_a_wrong_answer_is_caught():
    class Always(Process):
        def run_check(self, key, expression, seed):
            return CheckResult(right_bytes(seed))

    (flag,) = answered(Always()).cells[0].flags
    assert flag == CAUGHT + "it came out right"


@pytest.mark.parametrize("expression", ["saturation", "lambda x, factor: saturation(x, factor)", "[saturation][0]"])
def test_an_honest_process_is_not(expression, monkeypatch):
    monkeypatch.setattr(worker, "ENOUGH", float("inf"))  # a busy machine asks under one seed alone
    session = Process()
    names = session.names
    outcome = answered(session, expression)
    assert outcome.cells[0].flags == []
    assert [report["status"] for report in outcome.cells[0].reports] == ["right"]
    assert len(session.asked) == worker.SEEDS + len(decoys.KINDS)
    assert "saturation" in names


def test_nobody_looks_for_the_mistake_in_a_decoy(monkeypatch):
    def search(*_):
        raise AssertionError("it was looked for")

    monkeypatch.setattr("labkit.checks.verdict.sentence", search)
    check = checks.find(KEY)
    wrong = wire.execute(check, lambda x, factor: x, 5)
    assert wire.judge(check, wrong, 5, explain=False).status == "wrong"
    assert wire.judge(check, right_bytes(5), 5, explain=False).right
    with pytest.raises(wire.CheckBroken, match="it was looked for"):
        wire.judge(check, wrong, 5)


def test_a_wrong_answer_needs_no_decoy():
    session = Process()
    session.names["saturation"] = lambda x, factor: x
    outcome = answered(session)
    assert [report["status"] for report in outcome.cells[0].reports] == ["wrong"]
    assert session.asked == ["saturation"]


def test_when_a_decoy_comes_is_drawn():
    """A process that counts its questions can't tell which of them is a decoy."""
    orders = set()
    known = Decoys()
    for _ in range(20):
        session = Process()
        answered(session, decoys=known)
        orders.add(tuple("lambda" in asked for asked in session.asked))
    assert len(orders) > 3
    assert all(sum(order) == len(decoys.KINDS) for order in orders)
    assert any(order[1] for order in orders)
    assert any(order[-1] and not order[1] for order in orders)


class Frugal(Here):
    """A judge whose check needs one seed."""

    def seeds(self, key, most):
        return min(1, most)


def test_a_check_runs_under_as_many_seeds_as_it_needs_and_a_decoy_may_come_first():
    orders = set()
    known = Decoys()
    for _ in range(20):
        session = Process()
        outcome = answered(session, decoys=known, judge=Frugal())
        assert [report["status"] for report in outcome.cells[0].reports] == ["right"]
        orders.add(tuple("lambda" in asked for asked in session.asked))
    assert orders == {(True, True, False), (True, False, True), (False, True, True)}


def test_who_knows_that_the_first_question_may_be_a_decoy_is_caught_by_the_others():
    class First(Process):
        """Answers the first question alone as a right answer does."""

        def run_check(self, key, expression, seed):
            honest = super().run_check(key, expression, seed)
            return CheckResult(right_bytes(seed)) if len(self.asked) == 1 else honest

    outcomes = [answered(First(), judge=Frugal(), decoys=known) for known in [Decoys()] for _ in range(20)]
    assert any(CAUGHT + "it came out right" in outcome.cells[0].flags for outcome in outcomes)


def test_a_decoys_error_can_not_be_known_before_and_is_told():
    first, second = decoys.error(), decoys.error()
    assert first.proof != second.proof
    assert first.expression != second.expression
    session = Process()
    with pytest.raises(KeyError) as caught:
        eval(decoys.named(first, "saturation").expression, {})(1)
    assert f"KeyError: {caught.value}" == first.proof
    assert decoys.betrayed(KEY, decoys.named(first, "saturation"), session, Here(), 3) == decoys.Tried("")
    assert decoys.named(first, "saturation").proof == first.proof
    assert eval(decoys.named(first, "saturation").expression, {}).__name__ == "saturation"


def test_a_check_that_takes_a_constant_for_right_has_no_such_decoy():
    class Lenient(Here):
        def judge(self, key, data, seed):
            found = super().judge(key, data, seed)
            return found if "KeyError" in found.sentence else judge.Verdict(key, 2, "right", "right")

    box = Box(Process())
    known = Decoys()
    (left,) = known.of(KEY, box, Lenient(), 1)
    assert left.proof
    known.of(KEY, box, Lenient(), 2)
    assert box.pristine == 1, "what works is found out once"


def test_a_machine_too_busy_for_a_decoy_is_not_held_against_the_process():
    """Like a cell that got no processor, the notebook runs again; if that happens twice, the cell says so."""
    outcome = answered(Process(lambda honest, _: CheckResult(None, timed_out=True, starved=True)))
    assert outcome.cells[0].starved
    assert any("too busy" in flag for flag in outcome.cells[0].flags)
