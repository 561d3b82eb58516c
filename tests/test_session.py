"""A check in a notebook: an answer without an end is ended, and an old one is said to be old."""

import os
import signal
import time

import nbformat
import pytest
from nbclient import NotebookClient

from labkit.checks import session
from labkit.checks.protocol import Report
from labkit.checks.show import text_of
from labkit.grading import outcome

SETUP = "from labkit.checks import check"
STUB = "def saturation(x, factor):\n    raise NotImplementedError"
RIGHT = """def saturation(x, factor):
    grey = (x * x.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    return (grey + factor.view(-1, 1, 1, 1) * (x - grey)).clamp(0, 1)"""
CHECK = 'check("images.saturation", saturation)'


def notebook(*sources, **environment):
    """The cells after a run in a real kernel; an error stops none."""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in (SETUP, *sources)])
    NotebookClient(made, timeout=100, kernel_name="python3", allow_errors=True).execute(env=os.environ | environment)
    return made.cells


def text(cell):
    """What a cell shows, without colours and line breaks."""
    shown = []
    for output in cell.outputs:
        lines = output.get("traceback") or [output.get("data", {}).get("text/plain", ""), output.get("text", "")]
        shown += lines
    return " ".join(outcome.ANSI.sub("", "\n".join(shown)).split())


def test_after_a_syntax_error_the_old_function_is_named():
    cells = notebook(STUB, RIGHT + "\n    return (", CHECK, RIGHT, CHECK, "def saturation(x, factor):\nreturn x", CHECK)
    stub, right, stale = (text(cells[number]) for number in (3, 5, 7))
    assert "Not written yet" in stub
    assert (
        "What was checked is `saturation` as In [2] defined it. In [3] was to define it again, but it has a syntax"
        in stub
    )
    assert right == "✓ images.saturation: right, 2 points"
    assert "✓ images.saturation" in stale
    assert "as In [5] defined it. In [7] was to define it again, but it has a syntax error in line 2." in stale


def test_a_cell_that_stops_before_its_function_is_named():
    cells = notebook(STUB, f"1 / 0\n\n{RIGHT}", CHECK)
    assert "In [3] was to define it again, but it stopped with an error before that." in text(cells[3])


def test_a_misspelt_name_is_named():
    cells = notebook(STUB, RIGHT.replace("def saturation", "def saturaton"), CHECK, "saturation = saturaton", CHECK)
    assert "What was checked is `saturation` as In [2] defined it." in text(cells[3])
    assert "In [3] defines `saturaton`: is that name misspelt?" in text(cells[3])
    assert text(cells[5]) == "✓ images.saturation: right, 2 points"


def test_nothing_is_remarked_of_an_answer_that_is_as_the_notebook_shows_it():
    wrong = "def saturation(x, factor):\n    return x"
    cells = notebook(STUB, CHECK, wrong, CHECK, RIGHT + "\n\n1 / 0", CHECK, "saturation = lambda x, factor: x", CHECK)
    assert ["In [" in text(cell) for cell in (cells[2], cells[4], cells[8])] == [False] * 3
    assert text(cells[6]) == "✓ images.saturation: right, 2 points"


ENDLESS = """def saturation(x, factor):
    while True:
        try:
            x = x + 1
        except EXCEPTION:
            pass"""


def test_an_endless_loop_ends_with_a_sentence():
    cells = notebook(ENDLESS.replace("EXCEPTION", "Exception"), CHECK, "'alive'", LABKIT_CHECK_SECONDS="1")
    shown = text(cells[2])
    assert "✗ images.saturation 0 of 2 points It did not end within 1 seconds: is there an endless loop?" in shown
    assert "It was in In [2], line " in shown
    assert "labkit/checks" not in shown
    assert [output.ename for output in cells[2].outputs] == ["Rejected"]
    assert outcome.explain(cells[2].outputs[0], cells[2]).startswith("it did not end within 1 seconds")
    assert text(cells[3]) == "'alive'"


def test_a_bare_except_does_not_outlive_the_limit():
    cells = notebook(ENDLESS.replace(" EXCEPTION", ""), CHECK, LABKIT_CHECK_SECONDS="1")
    assert "did not end within" in text(cells[2])


def test_an_interrupt_ends_with_a_sentence():
    interrupted = "import os, signal\ndef saturation(x, factor):\n    os.kill(os.getpid(), signal.SIGINT)\n    return x"
    cells = notebook(interrupted, CHECK, "'alive'")
    shown = text(cells[2])
    assert "✗ images.saturation 0 of 2 points You stopped it before it ended. It was in In [2], line 3:" in shown
    assert "labkit/checks" not in shown
    assert text(cells[3]) == "'alive'"


@pytest.mark.parametrize("seconds", ["soon", "-1", "0", "nan"])
def test_a_limit_that_is_none_is_one_sentence(monkeypatch, seconds):
    monkeypatch.setenv("LABKIT_CHECK_SECONDS", seconds)
    with pytest.raises(ValueError, match="expected a positive number of seconds"):
        session.allowed()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no alarm")
def test_another_alarm_goes_on_after_a_check():
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(True))
    left, interval = signal.setitimer(signal.ITIMER_REAL, 1000)
    try:
        with pytest.raises(session.TimeUp), session.alarm(0.01):
            time.sleep(100)
        after, _ = signal.setitimer(signal.ITIMER_REAL, 0.01)
        assert 900 < after <= 1000
        signal.pause()
        assert rung == [True]
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, left, interval)


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("input_gradient returned nothing: is a `return` missing?", "input_gradient returned nothing"),
        ("fgsm returned a str; expected a tensor", "fgsm returned"),
        ("fgsm takes the sign", "fgsm takes"),
        ("the result has the wrong shape", "The result"),
        ("it's the negative", "It's the negative"),
        ("`x` is changed", "`x` is"),
    ],
)
def test_a_name_keeps_its_case_at_the_head_of_a_sentence(sentence, shown):
    assert text_of(Report("attacks.fgsm", 1, "wrong", sentence)).startswith(shown)
