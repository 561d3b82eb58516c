"""In the grader's sandbox, what an exercise asks to write can't be had: not on disk, not in memory, by no name.

For each exercise a cell looks for every absent definition in every way that it knows. A second test looks through all
files that a submission can see.
"""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import nbformat
import pytest

from labkit import checks
from labkit.grading.engine.copy import reduced, reduction
from labkit.grading.engine.judging import judge
from labkit.grading.engine.limits import Limits
from labkit.grading.engine.nbgrader.cells import Blueprint, Trusted
from labkit.grading.engine.sandbox import Sandbox, SandboxError, peers, probe
from labkit.grading.engine.sandbox import covers as sandbox_covers
from labkit.grading.engine.sandbox.covers import PACKAGE
from labkit.grading.engine.work.exercise import Uses, imports, parsed, there
from tests.test_reduction import EXERCISES, distinctive
from tests.tiers import few

REASON = probe()
pytestmark = pytest.mark.skipif(bool(REASON), reason=f"no sandbox here: {REASON}")

ROOT = Path(__file__).resolve().parents[1]
LIMITS = Limits(cell_seconds=300, interrupt_seconds=30, output_bytes=1 << 20)


@cache
def taken(topic):
    """What goes with an exercise's functions: as the archive takes it, and as the analysis has it."""
    forbidden = judge.forbidden([check.key for check in checks.of(topic)])
    return forbidden, reduction.reduce(PACKAGE, [tuple(name.split(":")) for name in forbidden])


def printed(result) -> str:
    """What a cell printed."""
    assert result.died == ""
    assert not [output for output in result.outputs if output["output_type"] == "error"], result.outputs
    return "".join(output.get("text", "") for output in result.outputs)


# Prints what it finds. GONE: [module, name]; LINES: lines of source that stood nowhere else.
SEARCH = r"""
import ast, gc, importlib, inspect, linecache, marshal, os, pkgutil, sys, types, warnings
warnings.simplefilter("ignore")
import labkit
from labkit import absent

gone = {tuple(pair) for pair in GONE}
lines = set(LINES)
had = []

def note(how, what):
    had.append((how, str(what)[:150]))

# By name: what may be imported says that it isn't there.
for module, name in sorted(gone):
    if " " in name:
        continue
    found = getattr(importlib.import_module(module), name)
    if type(found) is not absent.Stub:
        note("import", f"{module}.{name}")
    try:
        found()
        note("call", f"{module}.{name}")
    except absent.Absent:
        pass

# A walk through all modules, and all that they hold.
def code_of(function):
    code = getattr(function, "__code__", None)
    todo = [code] if isinstance(code, types.CodeType) else []
    while todo:
        code = todo.pop()
        yield code
        todo += [c for c in code.co_consts if isinstance(c, types.CodeType)]

def is_gone(thing):
    where = getattr(thing, "__module__", None), getattr(thing, "__qualname__", "").partition(".")[0]
    return where in gone

seen = set()
for info in pkgutil.walk_packages(labkit.__path__, "labkit."):
    if info.name in ("labkit.not_there",) or info.name.startswith("labkit.grading"):
        continue
    module = importlib.import_module(info.name)
    for name, thing in vars(module).items():
        for part in (thing, *(vars(thing).values() if isinstance(thing, type) else ())):
            part = inspect.unwrap(part) if callable(part) and type(part) is not absent.Stub else part
            if type(part) is not absent.Stub and (is_gone(part) or is_gone(getattr(part, "func", None))):
                note("walk", f"{info.name}.{name}")
    seen.add(info.name)
    try:
        text = inspect.getsource(module)
    except OSError:  # an empty file
        text = ""
    for line in text.splitlines() + linecache.getlines(module.__file__):
        if line.strip() in lines:
            note("source", f"{info.name}: {line.strip()}")

# Memory.
for thing in gc.get_objects():
    if isinstance(thing, (types.FunctionType, type)) and is_gone(thing):
        note("gc", thing)
for thing in gc.get_objects():
    if isinstance(thing, types.FunctionType) and "labkit" in thing.__code__.co_filename:
        for code in code_of(thing):
            where = code.co_filename.rpartition("/labkit/")[2].removesuffix(".py").removesuffix("/__init__")
            if ("labkit." + where.replace("/", "."), code.co_qualname) in gone:
                note("code", code)
for name, (_, _, text, _) in [(n, e) for n, e in linecache.cache.items() if len(e) == 4]:
    for line in text:
        if line.strip() in lines:
            note("linecache", name)
for name, module in list(sys.modules.items()):
    if "labkit" in str(getattr(module, "__file__", "")) and not module.__file__.startswith("/opt/labkit/"):
        note("module", module.__file__)

# Compiled files, and whatever else lies where labkit lies.
def codes(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes(constant)

for folder, _, names in os.walk("/opt/labkit"):
    for name in names:
        path = os.path.join(folder, name)
        data = open(path, "rb").read()
        for line in lines:
            if line.encode() in data:
                note("file", f"{path}: {line}")
        if name.endswith(".pyc"):
            module = path.removeprefix("/opt/labkit/").replace("/__pycache__", "").partition(".")[0].replace("/", ".")
            module = module.removesuffix(".__init__")
            for code in marshal.loads(data[16:]).co_consts:
                if isinstance(code, types.CodeType) and (module, code.co_qualname) in gone:
                    note("pyc", f"{path}: {code.co_name}")
for folder, folders, names in os.walk("/"):
    folders[:] = [f for f in folders if os.path.join(folder, f) not in ("/proc", "/sys", "/opt/labkit")]
    for name in (*names, *folders):
        if "labkit" in name.lower() and os.path.join(folder, name) != "/opt/labkit":
            path = os.path.join(folder, name)
            if os.path.isdir(path) and not os.listdir(path):
                continue
            if not os.path.isdir(path) and (not os.access(path, os.R_OK) or not os.path.getsize(path)):
                continue
            note("path", path)
print(len(seen), "modules")
for how, what in had:
    print("HAD", how, what)
"""


@pytest.mark.parametrize("topic", few([topic.key for topic in EXERCISES], "images", "attacks", "text"))
def test_nothing_that_an_exercise_asks_to_write_can_be_had(topic):
    forbidden, made = taken(topic)
    keys = tuple(check.key for check in checks.of(topic))
    source = f"GONE = {sorted(map(list, made.gone))!r}\nLINES = {sorted(distinctive(made))!r}\n{SEARCH}"
    preload = Uses(keys).preload
    with Sandbox(LIMITS, preload=preload, archive=reduced.archive(forbidden)) as box, box.open() as session:
        text = printed(session.run_cell(source))
    assert "HAD" not in text, text
    assert int(text.split(" modules")[0].split()[-1]) > 100


@pytest.mark.slow
def test_no_file_in_sight_holds_a_line_of_what_goes():
    """Every file that a submission can read, whatever its name, against the lines of all exercises."""
    lines, forbidden = set(), set()
    for topic in EXERCISES:
        names, made = taken(topic.key)
        forbidden |= set(names)
        lines |= distinctive(made)
    made = reduction.reduce(PACKAGE, [tuple(name.split(":")) for name in sorted(forbidden)])
    # A line that other people's code has as well says nothing.
    rare = sorted(distinctive(made) & lines, key=len)[-400:]
    source = f"""
import os
lines = [line.encode() for line in {rare!r}]
count = 0
for folder, folders, names in os.walk("/"):
    folders[:] = [f for f in folders if os.path.join(folder, f) not in ("/proc", "/sys")]
    for name in names:
        path = os.path.join(folder, name)
        if os.path.islink(path) or not os.path.isfile(path) or os.path.getsize(path) > 20 << 20:
            continue
        try:
            data = open(path, "rb").read()
        except OSError:
            continue
        count += 1
        if b"labkit" in data or path.endswith((".py", ".pyc", ".ipynb", ".txt", ".md", ".rst")):
            for line in lines:
                if line in data:
                    print("HAD", path, line)
print(count, "files")
"""
    patient = Limits(cell_seconds=1800, notebook_seconds=1800, cpu_seconds=1800)
    archive = reduced.archive(sorted(forbidden))
    with Sandbox(patient, preload=(), archive=archive) as box, box.open() as session:
        text = printed(session.run_cell(source))
    assert "HAD" not in text, text
    assert int(text.split(" files")[0].split()[-1]) > 10_000


# ── what an answer is told ────────────────────────────────────────────────────────────────────────────────────────────

FGSM = "labkit's own `fgsm` isn't there while an answer is graded: the exercise asks you to write it"
CALLS = {
    "once": "def fgsm(*a, **k):\n    return attacks.fgsm(*a, **k)",
    "at once": "fgsm = attacks.fgsm",
    "again where it failed": """
def fgsm(*a, **k):
    try:
        return attacks.fgsm(*a, **k)
    except BaseException:
        pass
    try:
        return attacks.fgsm(*a, **k)
    except BaseException:
        return a[1]
""",
    "in a thread": """
import threading
def fgsm(model, x, *a, **k):
    thread = threading.Thread(target=lambda: attacks.fgsm(model, x, *a, **k))
    threading.excepthook = lambda *a: None
    thread.start(); thread.join()
    return x
""",
    "before it gives a right answer": """
def fgsm(model, x, y, eps, targeted=False):
    try: attacks.fgsm
    except Exception: pass
    try: attacks.fgsm.__name__
    except Exception: pass
    z = x.detach().clone().requires_grad_()
    g = torch.autograd.grad(torch.nn.functional.cross_entropy(model(z), y, reduction="sum"), z)[0]
    return (x + (-1 if targeted else 1) * eps * g.sign()).clamp(0, 1)
""",
}


@pytest.fixture(scope="module")
def attacks():
    """A sandbox for exercise 04."""
    keys = tuple(check.key for check in checks.of("attacks"))
    with Sandbox(LIMITS, preload=Uses(keys).preload, archive=reduced.archive(taken("attacks")[0])) as box:
        yield box


def verdict(session, key="attacks.fgsm", answer="fgsm"):
    """What the judge says to an answer."""
    ran = session.run_check(key, answer, 5)
    assert ran.data is not None, ran
    return judge.unpack(judge.answer({"key": key, "seed": 5}, ran.data))


@pytest.mark.parametrize("how", CALLS)
def test_an_answer_that_calls_what_is_absent_is_told_so(attacks, how):
    with attacks.open() as session:
        assert session.run_cell(f"import torch\nfrom labkit import attacks\n{CALLS[how]}").outputs == []
        found = verdict(session)
    assert (found.status, found.sentence) == ("copied", FGSM)


def test_an_import_alone_costs_nothing(attacks):
    source = "import torch\nfrom labkit.attacks import fgsm as labkits, pgd, bim\nfrom labkit.attacks import *\n"
    right = CALLS["before it gives a right answer"].partition("    try")
    answer = right[0] + "    z = x" + right[2].partition("    z = x")[2]
    with attacks.open() as session:
        assert session.run_cell(source + answer).outputs == []
        assert session.run_cell("labkits; {'names': [labkits, pgd]}; None").outputs == []
        assert verdict(session).status == "right"


def test_what_uses_it_is_told_to_belong_to_it(attacks):
    with attacks.open() as session:
        session.run_cell("from labkit import attacks\nfgsm = attacks.bim")
        bim = verdict(session)
        session.run_cell("from labkit.attacks.gradient import jacobian_augment as fgsm")
        other = verdict(session)
    assert (bim.status, other.status) == ("copied", "copied")
    assert "`bim` isn't there" in bim.sentence
    assert "`jacobian_augment` isn't there" in other.sentence
    assert "it belongs to `input_gradient`, which the exercise asks you to write" in other.sentence


def test_labkit_lies_elsewhere_and_can_not_be_written(attacks):
    source = """
import labkit, os, sys
print(labkit.__file__, [entry for entry in sys.path if "labkit" in entry])
for place in ("/opt/labkit", "/opt/labkit/labkit", "/opt/labkit/labkit/__pycache__"):
    try:
        open(place + "/x", "w"); print("written")
    except OSError as error:
        print(error.strerror)
"""
    with attacks.open() as session:
        lines = printed(session.run_cell(source)).splitlines()
    assert lines == ["labkit/__init__.py ['/opt/labkit']", *["Read-only file system"] * 3]


def test_no_path_of_the_course_is_told(attacks):
    """Where it is looked at in the process itself, before anything is redacted."""
    source = f"""
import os, sys, traceback
words = {[str(ROOT), str(PACKAGE.parent), sys.prefix]!r}
texts = {{name: open("/proc/self/" + name, errors="replace").read()
         for name in ("mountinfo", "mounts", "mountstats", "maps", "environ", "cmdline", "cgroup")}}
texts["sys.path"] = str(sys.path) + str(sys.path_importer_cache.keys())
texts["environment"] = str(dict(os.environ))
texts["files of modules"] = str([getattr(m, "__file__", "") for m in list(sys.modules.values())])
texts["sys"] = str([getattr(sys, name) for name in dir(sys) if "argv" in name or "prefix" in name or "exec" in name])
try:
    import torch
    torch.zeros(1) @ torch.zeros(2, 3)
except RuntimeError:
    texts["a traceback"] = traceback.format_exc()
import inspect, labkit.attacks.measure
texts["a file name in code"] = labkit.attacks.measure.robust_accuracy.__code__.co_filename
for name, text in texts.items():
    for word in words:
        if word in text:
            print(name, "tells")
for folder in ("/", "/opt", "/root", "/home", "/work"):
    if os.path.isdir(folder):
        print(folder, sorted(os.listdir(folder)))
"""
    with attacks.open() as session:
        text = printed(session.run_cell(source))
    assert "tells" not in text, text
    assert ROOT.parts[1] in ("root", "home", "opt", "usr", "tmp") or f"'{ROOT.parts[1]}'" not in text


# ── packages that compute the same ────────────────────────────────────────────────────────────────────────────────────

OTHERS = ("art", "fairlearn", "foolbox", "imblearn", "kornia", "opacus", "torchmetrics")


def test_the_copy_is_made_while_the_server_begins(attacks):
    asked = []

    def made():
        asked.append(1)
        return reduced.archive(taken("attacks")[0])

    with Sandbox(LIMITS, preload=(), archive=made) as box, box.open() as session:
        result = session.run_cell("import labkit.attacks; print('here')")
    assert asked == [1]
    assert result.outputs[0]["text"] == "here\n"


def test_a_copy_that_can_not_be_made_is_said_and_leaves_no_server(tmp_path):
    before = children()
    with pytest.raises(SandboxError, match=r"the sandbox's copy of labkit can't be made: .*No such file"):
        Sandbox(LIMITS, preload=(), archive=lambda: tmp_path / "none.zip")
    assert children() == before


def children():
    """The processes that this one has started and that still run."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def test_archives_that_another_process_removes_meanwhile_stop_no_clearing_up(tmp_path):
    (tmp_path / "gone.zip").symlink_to(tmp_path / "nowhere")
    for number in range(reduced.KEPT):
        (tmp_path / f"{number}.zip").write_bytes(b"")
    reduced.prune(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{n}.zip" for n in range(reduced.KEPT))


def test_the_peers_are_those_that_only_tests_need():
    found = peers.peers()
    assert {"adversarial-robustness-toolbox", "foolbox", "kornia", "opacus"} <= found.keys()
    assert found["adversarial-robustness-toolbox"] == ("art",)
    needed = peers.needed(["numpy", "torch", "scikit-learn", "scikit-image", "nbgrader", "jupyterlab", "torchvision"])
    assert not needed & found.keys()
    assert {"numpy", "torch", "scipy", "scikit-learn", "ipython"} <= needed


def test_peers_can_not_be_imported_unless_the_course_keeps_them(attacks):
    source = f"""
for name in {OTHERS!r}:
    try:
        __import__(name); print(name)
    except ImportError as error:
        print(type(error).__name__, str(error).partition(":")[0])
import sklearn, skimage, scipy, torchvision, safetensors, matplotlib
"""
    with attacks.open() as session:
        lines = printed(session.run_cell(source)).splitlines()
    assert lines == [f"ModuleNotFoundError {name} isn't there while an answer is graded" for name in OTHERS]
    with Sandbox(LIMITS, preload=(), keep=["kornia"]) as keeping, keeping.open() as session:
        lines = printed(session.run_cell(source)).splitlines()
    assert "kornia" in lines
    assert sum("isn't there" in line for line in lines) == len(OTHERS) - 1


def test_what_is_needed_is_told_from_the_project_where_labkit_is_not_installed(monkeypatch):
    def missing(name):
        raise peers.metadata.PackageNotFoundError(name)

    installed = {(r.name, str(r.marker)) for r in peers.requirements(peers.own())}
    monkeypatch.setattr(peers.metadata, "distribution", missing)
    assert {(r.name, str(r.marker)) for r in peers.requirements(peers.own())} == installed


# ── where labkit is installed otherwise ───────────────────────────────────────────────────────────────────────────────


def test_without_a_sandbox_the_same_copy_is_imported():
    """Nothing is hidden on disk then; see docs/grading.md."""
    forbidden = taken("attacks")[0]
    with Sandbox(LIMITS, sandboxed=False, preload=(), archive=reduced.archive(forbidden)) as box:
        with box.open() as session:
            text = printed(session.run_cell("import labkit, labkit.attacks as a; print(labkit.__file__, a.fgsm)"))
            place = box._server.place
            assert Path(place).is_dir()
        assert text.startswith("labkit/__init__.py ")
        assert FGSM in text
    assert not Path(place).exists()


def test_an_installed_package_is_covered_wherever_it_lies(tmp_path, monkeypatch):
    """A wheel in this Python's packages, a second copy, its traces, and a course that lies within."""
    python = tmp_path / "python"
    place = python / "lib/python3.99/site-packages"
    for name in ("labkit", "labkit-0.1.0.dist-info", "foolbox", "numpy"):
        (place / name).mkdir(parents=True)
    (place / "__editable__.labkit-0.1.0.pth").write_text(str(PACKAGE.parent))
    (place / "other.pth").write_text("/somewhere/else")
    (place / "labkit.egg-link").write_text(str(PACKAGE.parent))
    course = python / "course"
    course.mkdir()
    monkeypatch.setattr(peers, "hidden", lambda keep=(): ["foolbox", "kornia"])
    found = sandbox_covers.covers([python], [course])
    assert {path.relative_to(python).name: kind for path, kind in found.items() if path.is_relative_to(python)} == {
        "labkit": "folder",
        "labkit-0.1.0.dist-info": "folder",
        "foolbox": "package",
        "__editable__.labkit-0.1.0.pth": "file",
        "labkit.egg-link": "file",
        "course": "folder",
    }
    monkeypatch.setattr(sandbox_covers, "PACKAGE", place / "labkit")
    assert sandbox_covers.clone() == []
    assert sandbox_covers.covers([python], [])[place / "labkit"] == "folder"


@pytest.mark.slow
def test_a_wheel_in_an_environment_of_its_own_is_not_seen(tmp_path):
    """labkit as a student installs it: the installed package is covered, and the copy is used."""
    environment = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--system-site-packages", environment], check=True)
    wheels = tmp_path / "wheels"
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", wheels, ROOT], check=True)
    (wheel,) = wheels.glob("*.whl")
    python = environment / "bin/python"
    site = next((environment / "lib").glob("python*/site-packages"))
    subprocess.run([*pip, "install", "--no-deps", "--target", site, wheel], check=True)
    # What labkit needs lies in this environment, which the other one is told of by a path.
    others = [path for path in map(Path, sys.path) if path.name == "site-packages"]
    (site / "others.pth").write_text("".join(f"{path}\n" for path in others))
    program = f"""
import json, labkit
from pathlib import Path
from labkit.grading.engine.copy import reduced
from labkit.grading.engine.sandbox import covers as sandbox_covers, launch as sandbox_launch
from labkit.grading.engine.limits import Limits
from labkit.grading.engine.sandbox import Sandbox
real = sandbox_launch.python_folders
sandbox_launch.python_folders = lambda: [*real(), *map(Path, {[str(path) for path in others]!r})]
archive = reduced.archive(["labkit.attacks.gradient:fgsm"])
with Sandbox(Limits(cell_seconds=120), preload=(), archive=archive) as box, box.open() as session:
    result = session.run_cell('''
import os, sys, labkit, labkit.attacks
print(labkit.__file__, "isn't there" in str(labkit.attacks.fgsm))
folders = [os.path.join(p, n) for p in sys.path if os.path.isdir(p) and p != "/opt/labkit" for n in os.listdir(p)]
print([f for f in folders if "labkit" in f and os.path.isdir(f) and os.listdir(f)])
''')
print(json.dumps([labkit.__file__, result.died, result.outputs]))
"""
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    real, died, outputs = json.loads(done.stdout.splitlines()[-1])
    assert real.startswith(str(site))
    assert died == ""
    assert "".join(output.get("text", str(output)) for output in outputs) == "labkit/__init__.py True\n[]\n"


# ── what an exercise uses ─────────────────────────────────────────────────────────────────────────────────────────────


def blueprint(*sources):
    """A notebook with some released code cells."""
    cells = {
        str(i): Trusted(str(i), "code", source, None, True, False, False, None) for i, source in enumerate(sources)
    }
    return Blueprint("n", cells)


def test_checks_and_modules_are_read_from_the_released_cells():
    from labkit.grading.engine.work.exercise import uses

    found = uses({
        "n": blueprint(
            "%matplotlib inline\nimport labkit.plot\nfrom labkit import attacks, data as d, nothing\nimport torch",
            'from labkit.checks import check\ncheck("attacks.fgsm", fgsm)',
            'for f in (a, b):\n    check("images.warp", f)',
            "this is no Python",
            "from labkit.attacks import fgsm\n!ls",
        )
    })  # fmt: skip
    assert found.keys == ("attacks.fgsm", "images.warp")
    assert found.modules == ("labkit", "labkit.attacks", "labkit.checks", "labkit.data", "labkit.plot")
    assert {"labkit.checks.attacks", "labkit.checks.images"} <= set(found.preload)
    assert "labkit.checks.gan" not in found.preload


def test_what_a_released_cell_imports_late_is_there_before_the_first_fork():
    from labkit.grading.engine.work.exercise import uses

    first = "from labkit import data, metrics\nimport scipy.stats, os"
    assert uses({"n": blueprint(first, "metrics.nmi(a, y)")}).libraries == ("scipy.stats", "sklearn.metrics")
    assert uses({"n": blueprint("from labkit import data", "x = data.Dataset(x, y)")}).libraries == ()


def test_optimizers_are_there_before_the_first_fork_where_a_cell_trains():
    from labkit.grading.engine.work.exercise import uses

    assert "torch.optim" in uses({"n": blueprint("import torch", "torch.optim.Adam(w)")}).preload
    assert "torch.optim" in uses({"n": blueprint("from labkit import train", "train.fit(step, batches)")}).preload
    assert "torch.optim" not in uses({"n": blueprint("from labkit import data", "data.digits()")}).preload


def test_the_exercises_name_what_they_use():
    for topic in EXERCISES:
        notebook = nbformat.read(ROOT / "exercises" / topic.slug / f"{topic.slug}.ipynb", as_version=4)
        made = blueprint(*(cell.source for cell in notebook.cells if cell.cell_type == "code"))
        trees = list(parsed([made]))
        assert {
            key.partition(".")[0]
            for tree in trees
            for key in __import__("labkit").grading.engine.work.exercise.checks(tree)
        } == {topic.key}
        assert any(there(name) for tree in trees for name in imports(tree))
