"""A Jupyter kernel in the sandbox: what plain nbgrader runs in it, and what ``labkit grade --real-kernel`` does."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import tomllib
import uuid
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbgrader.api import Gradebook
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from labkit.grading import cli, grade, kernel, notebooks, release
from labkit.grading.engine import sandbox
from labkit.grading.engine.kernel import provisioner
from labkit.grading.engine.kernel import session as kernel_session
from labkit.grading.engine.kernel.provisioner import Sandboxed
from labkit.grading.engine.kernel.session import KernelSandbox
from labkit.grading.engine.limits import Limits
from labkit.grading.engine.sandbox import cgroup as sandbox_cgroup
from tests import tiny
from tests.engine_double import contained
from tests.test_cli_grade import half, scores, solution

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SPEC = KernelSpec(argv=["python"], language="python")

needs_sandbox = pytest.mark.skipif(not contained(), reason="needs bubblewrap and user namespaces")


class Started:
    """A kernel that the provisioner started, driven as a front end does."""

    def __init__(self, folder, **config):
        self.loop = asyncio.new_event_loop()
        self.manager = AsyncKernelManager(config=Config(config))
        self.manager._kernel_spec = SPEC
        self.provisioner = self.manager.provisioner = Sandboxed(kernel_id="k", kernel_spec=SPEC, parent=self.manager)
        self.do(self.manager.start_kernel(cwd=str(folder), env={**os.environ, "SECRET": "the instructor's"}))
        self.client = self.manager.client()
        self.client.start_channels()
        self.do(self.client.wait_for_ready(timeout=120))

    def do(self, work):
        return self.loop.run_until_complete(work)

    def run(self, code):
        """What a cell prints, and the name of its error."""
        said = []

        def note(message):
            content = message["content"]
            said.append(content.get("text") or content.get("ename") or "")

        self.do(self.client.execute_interactive(code, output_hook=note, timeout=120))
        return "".join(said).strip()

    def close(self):
        self.client.stop_channels()
        self.do(self.manager.shutdown_kernel())
        self.do(self.loop.shutdown_default_executor())
        self.loop.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A course's folder as nbgrader has it while it executes a submission."""
    root = tmp_path_factory.mktemp("course")
    mine = root / "autograded" / "eve" / "ps1"
    for folder in (mine, root / "autograded" / "ada" / "ps1", root / "solutions" / "ps1"):
        folder.mkdir(parents=True)
        (folder / "ps1.ipynb").write_text("{}")
    (root / "gradebook.db").write_text("marks")
    (mine / "data.csv").write_text("1,2")
    (mine / "link").symlink_to(root / "gradebook.db")
    return mine


@pytest.fixture(scope="module")
def started(place):
    if not contained():
        pytest.skip("needs bubblewrap and user namespaces")
    made = Started(place)
    yield made
    made.close()


def running(word):
    """Whether a process of this machine has a word on its command line."""
    return word.encode() in b"".join(
        path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if readable(path)
    )


def readable(path):
    try:
        path.read_bytes()
    except OSError:
        return False
    return True


def test_the_kernel_finds_the_files_and_not_the_notebook(started):
    assert started.run("import os; print(sorted(os.listdir())); print(open('data.csv').read())") == "['data.csv']\n1,2"


def test_a_kernel_reads_neither_gradebook_nor_solutions_nor_others_nor_environment_nor_home(started, place):
    root = place.parents[2]
    for path in (root / "gradebook.db", root / "solutions/ps1/ps1.ipynb", root / "autograded/ada/ps1/ps1.ipynb", place):
        assert started.run(f"import os; print(os.path.exists({str(path)!r}))") == "False"
    assert started.run("import os; print('SECRET' in os.environ, os.path.expanduser('~'))") == "False /home/student"
    assert started.run("print([f for f in os.listdir(os.path.expanduser('~')) if f[0] != '.'])") == "['assignment']"
    assert started.run("print(os.getuid(), os.path.exists('/etc/shadow'), os.path.exists('/root/.ssh'))").endswith(
        "False False"
    )


def test_a_kernel_reaches_no_socket_outside(started):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert (
            started.run(f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)")
            == "ConnectionRefusedError"
        )
    assert started.run("socket.create_connection(('192.0.2.1', 80), 5)") == "OSError"


def test_the_sockets_it_was_given_can_only_be_accepted_from(started):
    """They belong to this machine's network: one that could be connected would lead out of the sandbox."""
    code = """
import os, socket, stat
said = set()
for fd in range(3, 64):
    if os.path.exists(f'/proc/self/fd/{fd}') and stat.S_ISSOCK(os.fstat(fd).st_mode):
        sock = socket.socket(fileno=os.dup(fd))
        if sock.family == socket.AF_UNIX and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            try:
                sock.connect('\\x00NAME')
                said.add('connected')
            except OSError as error:
                said.add(error.strerror)
print(said)
"""
    name = uuid.uuid4().hex
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"\0{name}")
        server.listen()
        assert started.run(code.replace("NAME", name)) == "{'Invalid argument'}"


def test_a_kernel_sees_and_signals_no_process_of_the_machine(started):
    assert started.run(f"print(os.path.exists('/proc/{os.getpid()}/environ') and {os.getpid()} > 99)") == "False"
    assert started.run("import signal; os.kill(os.getpid() + 100000, 9)") == "ProcessLookupError"


def test_a_kernel_writes_nowhere_outside(started, place):
    assert started.run("open('data.csv', 'w').write('9'); open('/usr/x', 'w')") == "OSError"
    assert (place / "data.csv").read_text() == "1,2"


def test_an_interrupt_reaches_the_cell_and_the_kernel_lives_on(started):
    async def interrupted():
        said = []
        work = asyncio.ensure_future(
            started.client.execute_interactive(
                "print('go', flush=True)\nwhile True: pass",
                output_hook=lambda m: said.extend(v for k, v in m["content"].items() if k in ("ename", "text")),
            )
        )
        while not said:
            await asyncio.sleep(0.05)
        await started.manager.interrupt_kernel()
        await work
        return said

    assert started.do(interrupted())[-1] == "KeyboardInterrupt"
    assert started.run("print(1)") == "1"


def test_a_restarted_kernel_remembers_nothing_and_answers_the_same_client(started):
    started.run("x = 1; open('left', 'w')")
    started.do(started.manager.restart_kernel())
    started.do(started.client.wait_for_ready(timeout=120))
    assert started.run(
        "print('x' in globals(), os.listdir() if 'os' in globals() else __import__('os').listdir())"
    ) == ("False ['data.csv']")


@needs_sandbox
def test_nothing_is_left_of_a_kernel(tmp_path):
    made, word = Started(tmp_path), f"labkit-{uuid.uuid4().hex}"
    made.run(f"import subprocess; subprocess.Popen(['sh', '-c', 'sleep 1000; : {word}'], start_new_session=True)")
    folder = made.provisioner.folder
    assert running(word)
    assert Path(folder).is_dir()
    made.close()
    assert not running(word)
    assert not Path(folder).exists()


@needs_sandbox
def test_a_kernel_has_the_limits_of_the_course(tmp_path):
    made = Started(tmp_path, Limits={"notebook_seconds": 2.0, "memory_bytes": 2**29})
    try:
        assert made.run("b = bytearray(2**30)") == "MemoryError"

        async def end():
            while await made.manager.is_alive():
                await asyncio.sleep(0.1)

        made.do(end())
        assert made.provisioner.said == "the notebook ran longer than the 2 s it may take"
    finally:
        made.close()


@needs_sandbox
def test_a_kernel_that_the_machine_killed_for_others_is_no_submissions_fault(monkeypatch):
    def short():
        raise sandbox_cgroup.MachineShort

    with KernelSandbox(Limits(cell_seconds=60)) as box, box.open() as session:
        assert session.run_cell("1").died == ""
        place = session.kernel.place
        monkeypatch.setattr(place, "_group", SimpleNamespace(overspent=short, remove=lambda: None))
        with pytest.raises(sandbox.SandboxError, match="the machine ran out of memory"):
            session.run_cell("import time\ntime.sleep(60)")


def test_what_lies_beside_the_notebook_is_bounded(tmp_path, monkeypatch):
    for name in "abcd":
        (tmp_path / name).write_text("12345")
    (tmp_path / "n.ipynb").write_text("{}")
    assert set(provisioner.beside(tmp_path, ["d"])) == {"a", "b", "c"}
    monkeypatch.setattr(provisioner.intake, "FILE", 12)
    assert set(provisioner.beside(tmp_path, [])) == {"a", "b"}
    monkeypatch.setattr(provisioner.intake, "FILES", 1)
    assert set(provisioner.beside(tmp_path, [])) == {"a"}


def test_no_kernel_starts_without_bubblewrap(tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox.sandbox_bwrap, "program", lambda: None)
    with pytest.raises(sandbox.SandboxError, match="bubblewrap is missing"):
        Sandboxed(kernel_id="k", kernel_spec=SPEC, parent=AsyncKernelManager()).start(tmp_path, {}, [])


# Plain nbgrader


def test_the_courses_own_settings_contain_autograding_and_offer_no_kernel_to_anybody(monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", "/elsewhere")
    settings = PyFileConfigLoader("nbgrader_config.py", path=str(ROOT)).load_config()
    assert kernel.CONTAINED in settings.Autograde.autograde_preprocessors
    assert "nbgrader.preprocessors.Execute" not in settings.Autograde.autograde_preprocessors
    assert os.environ["JUPYTER_PATH"] == "/elsewhere"
    assert "kernel_name" not in settings.Execute


def test_validate_is_contained_by_a_kernel_that_jupyter_finds(monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", "/elsewhere")
    settings = Config()
    kernel.contain(settings, validate=True)
    kernel.contain(settings, validate=True)
    assert os.environ["JUPYTER_PATH"] == f"{kernel.FOLDER}{os.pathsep}/elsewhere"
    assert settings.Execute.kernel_name == kernel.NAME
    spec = json.loads((kernel.FOLDER / "kernels" / kernel.NAME / "kernel.json").read_text())
    declared = PROJECT["entry-points"]["jupyter_client.kernel_provisioners"]
    name = spec["metadata"]["kernel_provisioner"]["provisioner_name"]
    assert EntryPoint(name, declared[name], "").load() is Sandboxed


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """The environment variables of a process in which this labkit is installed, wherever the tests run."""
    folder = tmp_path_factory.mktemp("installed")
    info = folder / "labkit_here-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: labkit-here\nVersion: 0\n")
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in PROJECT["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    home = tmp_path_factory.mktemp("home")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "HOME": str(home), "PATH": path,
                         "INSTRUCTORS": "secret", "IPYTHONDIR": str(home / "ipython")}  # fmt: skip


def course_in(folder, *, contain):
    folder.mkdir()
    made = tiny.build(folder)
    release.release(made, tiny.NAME)
    if not contain:
        path = folder / "nbgrader_config.py"
        path.write_text(path.read_text().replace("kernel.contain(c)", "pass"))
    return made


def nbgrader(course, environment, *arguments):
    command = [sys.executable, "-m", "nbgrader", *arguments]
    return subprocess.run(command, cwd=course.root, env=environment, capture_output=True, text=True)


def marks_of(course, student):
    with Gradebook(f"sqlite:///{course.root / 'gradebook.db'}") as book:
        submission = book.find_submission(tiny.NAME, student)
        return {
            g.name: (g.auto_score, g.manual_score, g.needs_manual_grade) for n in submission.notebooks for g in n.grades
        }


ATTACK = """
import os, socket, subprocess
tries = {}
def attempt(name, do):
    try:
        tries[name] = repr(do())
    except OSError as error:
        tries[name] = type(error).__name__
attempt('gradebook', lambda: open(ROOT + '/gradebook.db', 'rb').read(9))
attempt('solution', lambda: os.listdir(ROOT + '/solutions'))
attempt('neighbour', lambda: os.listdir(ROOT + '/submitted'))
attempt('socket', lambda: socket.create_connection(('127.0.0.1', PORT), 5))
attempt('environment', lambda: os.environ.get('INSTRUCTORS'))
subprocess.Popen(['sh', '-c', 'sleep 1000; : WORD'], start_new_session=True)
print(tries)
"""


@needs_sandbox
@pytest.mark.slow
def test_plain_nbgrader_gives_the_same_marks_and_an_attack_nothing(tmp_path, environment):
    word, contained_, plain = f"labkit-{uuid.uuid4().hex}", None, None
    with socket.create_server(("127.0.0.1", 0)) as server:
        for contain in (False, True):
            course = course_in(tmp_path / f"{contain}", contain=contain)
            tiny.hand_in(course, "ada", solution())
            tiny.hand_in(course, "ben", half(course))
            if contain:
                made = solution()
                text = ATTACK.replace("ROOT", repr(str(course.root))).replace("WORD", word)
                tiny.cell(made, "mean").source += text.replace("PORT", str(server.getsockname()[1]))
                tiny.hand_in(course, "eve", made)
            done = nbgrader(course, environment, "autograde", tiny.NAME)
            assert done.returncode == 0, done.stderr
            plain, contained_ = contained_, course
    assert plain is not None
    for student in ("ada", "ben"):
        assert marks_of(contained_, student) == marks_of(plain, student)
    assert marks_of(contained_, "eve") == marks_of(plain, "ada")
    graded = notebooks.read(contained_.root / "autograded" / "eve" / tiny.NAME / tiny.FILE)
    missing = ("gradebook", "solution", "neighbour")
    expected = dict.fromkeys(missing, "FileNotFoundError") | {"socket": "ConnectionRefusedError", "environment": "None"}
    assert [o.text for o in tiny.cell(graded, "mean").outputs] == [f"{expected}\n"]
    assert not running(word)


@needs_sandbox
@pytest.mark.slow
def test_validate_runs_in_it_too(tmp_path, environment):
    course = course_in(tmp_path / "course", contain=True)
    with (course.root / "nbgrader_config.py").open("a") as file:
        file.write("\nkernel.contain(c, validate=True)\n")
    made = solution()
    made.cells[1].source += "\nimport os\nassert os.getcwd() == '/home/student/assignment'"
    file = tiny.hand_in(course, "ada", made)
    done = nbgrader(course, environment, "validate", str(file))
    assert "Success" in done.stdout, done.stdout + done.stderr


@needs_sandbox
@pytest.mark.slow
def test_where_the_kernel_is_unknown_nothing_runs_unprotected(tmp_path, environment):
    course = course_in(tmp_path / "course", contain=True)
    made = solution()
    made.cells[1].source += "\nopen('/tmp/' + 'WORD', 'w')".replace("WORD", word := uuid.uuid4().hex)
    tiny.hand_in(course, "ada", made)
    without = environment | {"PYTHONPATH": str(ROOT)}
    if "labkit-sandbox" in subprocess.run(
        [sys.executable, "-c", "from importlib.metadata import entry_points as e; print(e(name='labkit-sandbox'))"],
        env=without, capture_output=True, text=True, check=True).stdout:  # fmt: skip
        pytest.skip("this labkit is installed with its provisioner")
    done = nbgrader(course, without, "autograde", tiny.NAME)
    assert done.returncode != 0
    assert "labkit-sandbox" in done.stderr
    assert not Path("/tmp", word).exists()


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
def test_without_a_sandbox_the_formgraders_button_runs_nothing_and_says_why(tmp_path, monkeypatch):
    from nbgrader.apps.api import NbGraderAPI

    course = course_in(tmp_path / "course", contain=True)
    word = uuid.uuid4().hex
    made = solution()
    made.cells[1].source += f"\nopen('/tmp/{word}', 'w')"
    tiny.hand_in(course, "ada", made)
    monkeypatch.setattr(sandbox, "missing", lambda sandboxed: "bubblewrap is missing, which makes the sandbox")
    monkeypatch.chdir(course.root)
    answer = NbGraderAPI(config=course.config()).autograde(tiny.NAME, "ada")
    assert not answer["success"]
    assert "bubblewrap is missing, which makes the sandbox; so nothing of this submission was run" in answer["log"]
    assert "`labkit grade`" in answer["log"]
    assert not Path("/tmp", word).exists()


# labkit grade --real-kernel


@pytest.fixture(scope="module")
def box():
    if not contained():
        pytest.skip("needs bubblewrap and user namespaces")
    with KernelSandbox(Limits(cell_seconds=20, interrupt_seconds=2, output_bytes=20_000)) as made:
        yield made


@pytest.fixture
def session(box):
    with box.open({"data.csv": b"1,2"}, {"NBGRADER_EXECUTION": "autograde"}) as made:
        yield made


def text_of(result):
    return "".join(
        o.get("text") or o.get("data", {}).get("text/plain", "") or o.get("ename", "") for o in result.outputs
    )


def test_a_session_is_a_real_kernel(session):
    assert "ipykernel" in text_of(session.run_cell("get_ipython().kernel"))
    assert text_of(session.run_cell("import asyncio; await asyncio.sleep(0); open('data.csv').read()")) == "'1,2'"
    assert text_of(session.run_cell("import os; os.environ['NBGRADER_EXECUTION']")) == "'autograde'"
    slider = "import ipywidgets; s = ipywidgets.IntSlider(3); display(s); s.comm is not None"
    assert text_of(session.run_cell(slider)).endswith("True")
    failed = session.run_cell("print(1)\n1 / 0")
    assert [o["output_type"] for o in failed.outputs] == ["stream", "error"]
    assert str(ROOT) not in json.dumps(failed.outputs)


def test_output_is_cut_off(session):
    shown = session.run_cell("for i in range(50): print('x' * 1000)\nprint('y' * 10**7)")
    assert len(text_of(shown)) < 21_000
    assert text_of(shown).endswith(kernel_session.CUT)
    assert text_of(session.run_cell("1")) == "1"


@needs_sandbox
def test_a_cell_that_takes_too_long_is_interrupted_and_the_session_lives(tmp_path):
    with KernelSandbox(Limits(cell_seconds=1)) as box, box.open() as session:
        late = session.run_cell("import time\nwhile True: time.sleep(0.1)")
        assert late.timed_out
        assert late.outputs[-1]["ename"] == "CellTimeoutError"
        assert text_of(session.run_cell("2")) == "2"


@needs_sandbox
def test_a_cell_that_swallows_interrupts_is_killed_and_a_message_too_large_is_not_read():
    stubborn = "import time\nwhile True:\n    try:\n        time.sleep(1)\n    except KeyboardInterrupt: pass"
    small = Limits(cell_seconds=1, interrupt_seconds=0.5, output_bytes=2**20, reply_bytes=2**20)
    with KernelSandbox(small) as box:
        with box.open() as session:
            assert session.run_cell(stubborn).died == (
                "a cell ran longer than the 1 s it may take, and did not stop when it was interrupted"
            )
        with box.open() as session:
            flood = session.run_cell("print('x' * 2**26)")
            assert len(json.dumps(flood.outputs)) < 2**21


@pytest.mark.parametrize("end", ["os._exit(3)", "import ctypes; ctypes.string_at(0)"])
def test_a_kernel_that_ends_itself_says_so_and_no_cell_runs_after(session, end):
    first = session.run_cell(f"import os; {end}")
    assert first.died
    assert not first.tampered
    assert session.run_cell("1").died == first.died
    assert session.run_check("images.saturation", "1", 0).died == first.died


FORGERIES = {
    "a stream that is no text": "send('stream', {'name': 'stdout', 'text': 5})",
    "a result of nothing": "send('execute_result', {})",
    "an error without its parts": "send('error', {'ename': 5})",
    "a message without a type": "send('', {})",
    "an update of what was never shown": "send('update_display_data', {'transient': {'display_id': 'x'}})",
    "a comm of nobody": "send('comm_open', {'comm_id': 5})",
    "an end before the end": "send('status', {'execution_state': 'idle'}); print('late')",
    "no status at all": "send('status', {})",
    "no frame": "k.iopub_thread.send_multipart([b'junk'])",
    "an unsigned message": "k.session.key = b'other'; print(1)",
}


def test_whatever_a_kernel_sends_ends_as_a_result(box):
    setup = (
        "k = get_ipython().kernel\n"
        "send = lambda kind, content: k.session.send(k.iopub_socket, kind, content, parent=k.get_parent())"
    )
    session = None
    for name, code in FORGERIES.items():
        if session is None or session.died:
            session = box.open()
            session.reader.timeout = session.reader.iopub_timeout = 2
            session.run_cell(setup)
        result = session.run_cell(code)
        assert isinstance(result.outputs, list), name
        assert result.tampered <= bool(result.died), name
        assert result.died == session.died, name
    session.close()


SATURATION = """
def saturation(x, factor):
    grey = (x * x.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    return (grey + factor.view(-1, 1, 1, 1) * (x - grey)).clamp(0, 1)
"""
FORGED = """
from labkit.grading.engine.inside import kernel as inside_kernel
inside_kernel.check = lambda *a: display({inside_kernel.MIME: REPLY}, raw=True)
"""


@pytest.mark.slow
def test_checks_are_judged_outside(session):
    from labkit import checks
    from labkit.checks import wire

    check = checks.find("images.saturation")
    session.run_cell(SATURATION)
    assert wire.judge(check, session.run_check(check.key, "saturation", 7).data, 7).status == "right"
    assert wire.judge(check, session.run_check(check.key, "lambda x, factor: x", 7).data, 7).status == "wrong"
    assert wire.judge(check, session.run_check(check.key, "nothing", 7).data, 7).status == "error"
    assert "no check" in session.run_check("images.unknown", "saturation", 7).failed
    session.run_cell("wire = __import__('labkit.checks.wire', fromlist=['judge']); wire.judge = lambda *a: 'right'")
    assert wire.judge(check, session.run_check(check.key, "lambda x, factor: 2 * x", 8).data, 8).status == "wrong"
    session.run_cell(FORGED.replace("REPLY", "{'data': '?', 'failed': ''}"))
    assert session.run_check(check.key, "saturation", 7).tampered


@needs_sandbox
def test_a_class_is_graded_in_real_kernels(tmp_path):
    course = course_in(tmp_path / "course", contain=False)
    tiny.hand_in(course, "ada", solution())
    tiny.hand_in(course, "ben", half(course))
    kernels = solution()
    tiny.cell(kernels, "mean").source += "\nget_ipython().kernel.comm_manager"
    tiny.hand_in(course, "kim", kernels)
    rows = {row.student: row for row in grade.grade(course, tiny.NAME, kernel=True, jobs=1)}
    expected = {"test_double": 2.0, "test_double_empty": 1.0, "test_mean": 2.0, "why": None}
    assert scores(rows["ada"]) == scores(rows["kim"]) == expected
    assert scores(rows["ben"]) == expected | {"test_mean": 0.0, "why": 0.0}
    shown = notebooks.read(course.root / "autograded" / "kim" / tiny.NAME / tiny.FILE)
    assert "CommManager" in tiny.cell(shown, "mean").outputs[0].data["text/plain"]


def test_a_real_kernel_is_refused_without_a_sandbox(tmp_path, monkeypatch, capsys):
    course = course_in(tmp_path / "course", contain=False)
    tiny.hand_in(course, "ada", solution())
    monkeypatch.chdir(course.root)
    assert cli.run(["grade", tiny.NAME, "--real-kernel", "--no-sandbox"]) == cli.BAD_INPUT
    assert "a real kernel runs in the sandbox only" in capsys.readouterr().err
    monkeypatch.setattr(sandbox.sandbox_bwrap, "program", lambda: None)
    assert cli.run(["grade", tiny.NAME, "--real-kernel"]) == cli.BAD_INPUT
    assert "bubblewrap is missing" in capsys.readouterr().err
