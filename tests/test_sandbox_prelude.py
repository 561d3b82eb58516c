"""The released cells at a notebook's beginning run once for a class; behind them all is as in a run of one's own."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import pytest

from labkit.grading.engine.limits import MIB, Limits
from labkit.grading.engine.nbgrader.cells import RUN, Blueprint, Step, Trusted
from labkit.grading.engine.sandbox import CellResult, Sandbox, Session, probe
from labkit.grading.engine.sandbox.prelude import Prelude, Unfit
from labkit.grading.engine.work import exercise, worker
from labkit.grading.engine.work.job import Job, Part

REASON = probe()
pytestmark = pytest.mark.skipif(bool(REASON), reason=f"no sandbox here: {REASON}")

LIMITS = Limits(cell_seconds=20, interrupt_seconds=2, memory_bytes=512 * MIB, output_bytes=1 * MIB)
ENV = worker.ENV
SEEDED = (
    "import os, random, sys, threading, time\nimport numpy as np\nrandom.seed(3); np.random.seed(4)\nprint('begun')",
    "x = [random.random(), float(np.random.rand())]\nprint('to stderr', file=sys.stderr)\nlen(x)",
    "import logging\nlogging.basicConfig(stream=sys.stdout)\nos.environ['MARK'] = 'set'\nsys.path.append('/nowhere')",
)
LONELY = ("import random\nimport numpy as np\ny = 1",)
PROBE = """import json, resource, signal, warnings
clock = time.pthread_getcpuclockid(threading.get_ident())  # tells which thread the C library takes this for
print(json.dumps({
    "names": sorted(name for name in globals() if not name.startswith("_")), "x": x,
    "history": [In, Out, get_ipython().execution_count, _i, __],
    "random": [random.random(), float(np.random.rand())],
    "who": [os.getpid(), threading.get_native_id(), clock, os.getsid(0), os.getuid()],
    "threads": os.listdir("/proc/self/task"), "descriptors": sorted(os.listdir("/proc/self/fd")),
    "place": [os.getcwd(), os.listdir("."), os.listdir("/tmp"), os.environ, sys.path],
    "signals": [str(signal.getsignal(s)) for s in signal.valid_signals()],
    "limits": [resource.getrlimit(getattr(resource, n)) for n in dir(resource)
               if n.startswith("RLIMIT") and n != "RLIMIT_DATA"],
    "filters": str(warnings.filters), "streams": [sys.stdin.fileno(), sys.stdout.fileno()],
}, default=dict, sort_keys=True))
logging.warning("by the handler")"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(LIMITS, preload=("numpy",), preludes=[SEEDED, LONELY], env=ENV) as made:
        assert made.unfit == {}
        yield made


def texts(result: CellResult) -> str:
    """All that a cell printed."""
    assert result.died == ""
    assert not [output for output in result.outputs if output["output_type"] == "error"], result.outputs
    return "".join(output["text"] for output in result.outputs if output["output_type"] == "stream")


def test_behind_the_cells_all_is_as_in_a_run_of_ones_own(sandbox: Sandbox) -> None:
    with sandbox.open({}, ENV) as session:
        fresh = [session.run_cell(cell) for cell in (*SEEDED, PROBE)]
        assert session.ran == []
    begun = sandbox.behind((*SEEDED, PROBE), ENV)
    assert begun is not None
    with begun:
        assert [result.outputs for result in begun.ran] == [result.outputs for result in fresh[:-1]]
        assert texts(begun.run_cell(PROBE)) == texts(fresh[-1])


def test_no_submission_finds_what_another_did(sandbox: Sandbox) -> None:
    cells = (*SEEDED, "x.append('mine'); os.environ['MARK'] = 'mine'; open('left', 'w').close(); import this")
    for _ in range(2):
        session = sandbox.behind(cells, ENV)
        assert session is not None
        with session:
            assert texts(
                session.run_cell("print(len(x), os.environ['MARK'], os.listdir('.'), 'this' in sys.modules)")
            ) == ("2 set [] False\n")
            session.run_cell(cells[-1])


def test_who_seeds_nothing_draws_other_numbers_in_each_submission(sandbox: Sandbox) -> None:
    drawn = []
    for _ in range(2):
        session = sandbox.behind(LONELY, ENV)
        assert session is not None
        with session:
            drawn.append(texts(session.run_cell("print(random.random()); print(np.random.rand())")).split())
    assert not {*drawn[0]} & {*drawn[1]}


UNFIT = {
    "threads": "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
    "processes": "import subprocess\nkept = subprocess.Popen(['sleep', '60'])",
    "open files": "import os\nkept = open(os.__file__)",
    "shared memory": "import mmap\nkept = mmap.mmap(-1, 4096)",
    "timers": "import signal\nsignal.setitimer(signal.ITIMER_VIRTUAL, 600)",
    "limits": "import resource\nresource.setrlimit(resource.RLIMIT_CORE, (0, 0))",
    "files": "open('table.csv', 'w').close()",
    "folder": "import os\nos.chdir('/tmp')",
    "ZeroDivisionError": "1 / 0",
    "SystemExit": "raise SystemExit",
    "not come to an end": "import os\nos._exit(0)",
}


@pytest.mark.parametrize("why", UNFIT)
def test_what_a_fork_would_not_inherit_whole_is_left_to_each_submission(sandbox: Sandbox, why: str) -> None:
    with pytest.raises(Unfit, match=why):
        Prelude(sandbox._server, LIMITS, ["print('before')", UNFIT[why]], ENV)
    with sandbox.open({}, ENV) as session:
        assert texts(session.run_cell("print(6 * 7)")) == "42\n"


def test_cells_without_end_are_given_up(sandbox: Sandbox) -> None:
    with pytest.raises(Unfit, match="Stalled"):
        Prelude(sandbox._server, replace(LIMITS, cell_seconds=0.5), ["while True: pass"], ENV)


def test_only_who_begins_alike_begins_behind_the_cells(sandbox: Sandbox) -> None:
    changed = (SEEDED[0], SEEDED[1] + "  # mine", SEEDED[2])
    for cells in (("import os", *SEEDED), changed, SEEDED[:2], ()):
        assert sandbox.behind(cells, ENV) is None
    assert sandbox.behind(SEEDED, {**ENV, "MORE": "1"}) is None


def job(*sources: str, files: dict[str, bytes] | None = None) -> Job:
    """A submission with cells that are just run."""
    steps = tuple(Step(2 * i, RUN, source) for i, source in enumerate(sources))
    return Job("ada", "ps1", (Part("n", steps),), files or {})


def test_a_result_is_that_of_cells_which_ran_one_by_one(sandbox: Sandbox) -> None:
    court = worker.Court(judge=None, sandbox=sandbox)  # type: ignore[arg-type]  nothing is judged
    more = ("x.append(1)\nx", "1 / 0", "import os\nos._exit(3)", "x")
    expected = worker.work(job(*SEEDED, *more), replace(court, sandbox=SimpleNamespace(open=sandbox.open))).outcomes[
        "n"
    ]
    found = worker.work(job(*SEEDED, *more), court).outcomes["n"]
    assert found.cells == expected.cells
    assert found.died == expected.died == "it ended its own process (exit status 3) instead of its cell"


def test_with_a_file_beside_it_a_notebook_runs_all_its_cells(sandbox: Sandbox) -> None:
    court = worker.Court(judge=None, sandbox=sandbox)  # type: ignore[arg-type]  nothing is judged
    files = {"random.py": b"print('a file of the student')"}
    shown = worker.work(job(*LONELY, "import os\nprint(os.listdir())", files=files), court).outcomes["n"].cells[2]
    assert shown.outputs[0]["text"] == "['random.py']\n"


@pytest.mark.slow
def test_cells_that_train_and_draw_leave_what_a_fork_can_go_on_from() -> None:
    first = (
        "import torch\nfrom matplotlib.figure import Figure\ntorch.manual_seed(0)\nnet = torch.nn.Linear(3, 1)\n"
        "optimizer = torch.optim.Adam(net.parameters())\nnet(torch.rand(5, 3)).sum().backward()\noptimizer.step()\n"
        "def drawn():\n    figure = Figure()\n    figure.subplots().plot([1, 2], label='a title')\n    return figure\n"
        "drawn()"
    )
    then = (
        "net(torch.rand(5, 3)).sum().backward(); optimizer.step()\nprint([p.tolist() for p in net.parameters()])",
        "drawn()",
    )
    with Sandbox(LIMITS, preludes=[(first,)], env=ENV) as warm:
        begun = warm.behind((first, *then), ENV)
        assert begun is not None, warm.unfit
        with begun, warm.open({}, ENV) as session:
            fresh = [session.run_cell(cell).outputs for cell in (first, *then)]
            assert [
                *(result.outputs for result in begun.ran),
                *(begun.run_cell(cell).outputs for cell in then),
            ] == fresh
            assert "image/png" in fresh[-1][0]["data"]


def test_a_copy_that_was_killed_is_done_without() -> None:
    with Sandbox(LIMITS, preload=("numpy",), preludes=[LONELY], env=ENV) as fragile:
        session = fragile.behind(LONELY, ENV)
        assert session is not None
        session.close()
        (prelude,) = fragile._preludes.values()
        children = f"/proc/{fragile._server.pid}/task/{fragile._server.pid}/children"
        with open(children) as file:
            (copy,) = map(int, file.read().split())
        os.kill(copy, signal.SIGKILL)
        while prelude.alive():
            time.sleep(0.01)
        assert fragile.behind(LONELY, ENV) is None
        with fragile.open({}, ENV) as again:
            assert texts(again.run_cell("print(6 * 7)")) == "42\n"
        os.kill(fragile._server.pid, signal.SIGKILL)
        while fragile._server.alive():
            time.sleep(0.01)
        session = fragile.behind(LONELY, ENV)  # with the server its copies start again
        assert session is not None
        with session:
            assert texts(session.run_cell("print(y)")) == "1\n"


def test_a_cell_without_end_is_interrupted_behind_them_too(sandbox: Sandbox) -> None:
    prelude = Prelude(sandbox._server, LIMITS, LONELY, ENV)
    with Session(prelude, replace(LIMITS, cell_seconds=1), {}, dict(ENV)) as session:
        assert session.run_cell("y = 2\nwhile True: pass").timed_out
        assert texts(session.run_cell("print(y)")) == "2\n"
    prelude.close()


def trusted(name: str, source: str, *, kind: str = "code", locked: bool = True, points: float | None = None) -> Trusted:
    """A cell of a release; what is not locked is an answer."""
    return Trusted(name, kind, source, None, locked, not locked, False, points)


def test_a_prelude_ends_before_the_first_cell_that_is_not_the_releases_alone() -> None:
    text, setup, blank = trusted("t", "Text", kind="markdown"), trusted("s", "import torch"), trusted("b", " ")
    essay, more = trusted("e", "Why?", kind="markdown", locked=False), trusted("m", "x = 1")
    answer, test = trusted("a", "y = 2", locked=False), trusted("c", "assert y", points=1.0)
    for last in (answer, test):
        cells = {cell.name: cell for cell in (text, setup, blank, essay, more, last, trusted("l", "late"))}
        assert exercise.prelude(Blueprint("n", cells, ordered=True)) == ("import torch", "x = 1")
        assert exercise.prelude(Blueprint("n", cells)) == ()
    assert exercise.prelude(Blueprint("n", {"a": answer, "s": setup}, ordered=True)) == ()
