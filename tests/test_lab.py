"""``labkit lab`` as a newcomer meets it: the command is found wherever it is typed, from every kind of installation."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import nbformat
import pytest

from labkit.grading import lab, release
from tests import lab as server
from tests import tiny

DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"
# As many an account has them: the login files set PATH anew, and so does what every shell reads.
PROFILE = f"export PATH={DEFAULT_PATH}\n. ~/.bashrc\n"
BASHRC = f"export PATH={DEFAULT_PATH}:/opt/base/bin\n"
NOTEBOOKS = "lectures/[0-9]*_*[a-z].ipynb", "exercises/*/[0-9]*[a-z].ipynb", "solutions/*/[0-9]*[a-z].ipynb"
COURSE = [path for pattern in (*NOTEBOOKS, "benchmarks/results/*.md") for path in tiny.ROOT.glob(pattern)]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="terminals of JupyterLab are tested on Linux and macOS")


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A course as a clone has it, with one lecture."""
    course = tiny.build(tmp_path_factory.mktemp("clone"))
    release.release(course, tiny.NAME)
    course.lectures.mkdir()
    for name in (lab.FIRST, "01_images.ipynb"):
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")]), course.lectures / name)
    return course


def home(folder):
    """A person's home whose settings know nothing of labkit."""
    folder.mkdir()
    (folder / ".profile").write_text(PROFILE)
    (folder / ".bashrc").write_text(BASHRC)
    return folder


def finds_its_command(url, path, expected):
    """Wherever a person types ``labkit``, the one of this installation answers."""
    shown = server.typed(url, "command -v labkit; labkit progress; python -m labkit progress")
    assert expected in shown
    assert shown.count("Next: ") == 2
    with server.kernel(url, path) as kernel:
        for cell in (
            "!labkit progress; python -m labkit progress",
            "%%bash\nlabkit progress; python -m labkit progress",
        ):
            assert server.run(url, kernel, cell).count("Next: ") == 2, cell


@pytest.mark.parametrize(
    ("shell", "terminal"),
    [
        pytest.param("/bin/bash", True, id="bash, started in a terminal", marks=pytest.mark.slow),
        pytest.param("/bin/bash", False, id="bash, started by a program"),
        pytest.param("/bin/sh", False, id="sh, started by a program", marks=pytest.mark.slow),
    ],
)
def test_the_command_is_found_in_a_clone(clone, tmp_path, shell, terminal):
    settings = {"SHELL": shell, "PATH": DEFAULT_PATH}
    with server.started(clone.root, home(tmp_path / "home"), terminal=terminal, **settings) as url:
        finds_its_command(url, "work/lectures/00_start.ipynb", f"{Path(sys.executable).parent}/labkit")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """labkit's wheel, built in a clone that was used: lectures have run, and an exercise was worked on in place."""
    pytest.importorskip("hatchling", reason="building a wheel needs hatchling: `make test` installs it")
    clone = tmp_path_factory.mktemp("clone") / "labkit"
    kept = shutil.ignore_patterns(".*", "__pycache__", "work", "tests", "benchmarks")
    shutil.copytree(tiny.ROOT, clone, ignore=kept)
    shutil.copytree(tiny.ROOT / "benchmarks" / "results", clone / "benchmarks" / "results")
    shutil.copy(tiny.ROOT / ".gitignore", clone)
    for notebook in (clone / "lectures" / "01_images.ipynb", clone / "exercises" / tiny.NAME / tiny.FILE):
        used(notebook)
    shutil.copytree(clone / "exercises" / tiny.NAME, clone / "work" / tiny.NAME)
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*pip, "--wheel-dir", str(folder), str(clone)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("labkit_course-*.whl"))


def used(path):
    """What JupyterLab leaves of a notebook that was opened, run and copied."""
    made = nbformat.read(path, as_version=4)
    for count, cell in enumerate(made.cells):
        cell.metadata["trusted"] = True
        if cell.cell_type == "code":
            cell.metadata["execution"] = {"iopub.status.busy": "2026-01-01T00:00:00Z"}
            cell.outputs, cell.execution_count = [nbformat.v4.new_output("stream", text="of my run")], count
    made.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
    made.metadata["language_info"]["version"] = "3.11.2"
    nbformat.write(made, path)
    checkpoints = path.parent / ".ipynb_checkpoints"
    checkpoints.mkdir()
    for copy in (checkpoints / path.name, path.with_name("Untitled.ipynb"), path.with_name("01_images-Copy1.ipynb")):
        shutil.copy(path, copy)


def test_a_wheel_from_a_used_clone_holds_the_course_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as packed:
        held = {name.partition("_course/")[2]: name for name in packed.namelist() if "_course/" in name}
        course = {path.relative_to(tiny.ROOT).as_posix(): path for path in COURSE}
        course |= {
            name.replace("solutions/", "answers/"): course.pop(name) for name in list(course) if "solutions/" in name
        }
        assert held.keys() == course.keys()
        assert [name for name in held if packed.read(held[name]) != course[name].read_bytes()] == []
        inside = [name for name in packed.namelist() if name.startswith("labkit/")]
    assert not [name for name in inside if ".ipynb_checkpoints" in name or "__pycache__" in name]


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """An environment with that wheel, which nobody activates, as conda's are as well; its folder of programs."""
    place = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(place), "platbase": str(place)}))
    # What labkit needs is borrowed from here; labkit itself is not: its own folder comes first.
    (packages / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    for folder in ("etc", "share"):
        (place / folder).mkdir(exist_ok=True)
        (place / folder / "jupyter").symlink_to(Path(sys.prefix) / folder / "jupyter")
    pip = [sys.executable, "-m", "pip", "--python", str(place / "bin" / "python"), "install", "--quiet"]
    done = subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return place / "bin"


def test_the_command_is_found_with_a_wheel_in_an_empty_folder(installed, tmp_path):
    folder, own = tmp_path / "empty", home(tmp_path / "home")
    folder.mkdir()
    with server.started(folder, own, labkit=[str(installed / "labkit")], SHELL="/bin/bash", PATH=DEFAULT_PATH) as url:
        finds_its_command(url, "work/lectures/00_start.ipynb", str(installed / "labkit"))
        assert "Your copy is" in server.typed(url, "labkit start images")
        assert "then you can see the model answer" in server.typed(url, "labkit solution images 1")
        [lecture] = [e for e in server.get(url, "api/contents/work/lectures")["content"] if e["name"] == lab.FIRST]
        assert lecture["writable"]
    assert (own / "labkit" / "work" / "01_images" / "01_images.ipynb").is_file()
    package = installed.parent.rglob("labkit/_course/*")
    assert sorted(path.name for path in package) == ["answers", "benchmarks", "exercises", "lectures"], (
        "nothing is written into the package"
    )
    for page in ("benchmarks/results/images.md", "lectures/01_images.ipynb", "work/lectures/01_images.ipynb"):
        assert (own / "labkit" / page).is_file(), "what notebooks link to lies where a clone has it"


def test_jupyterlab_asks_a_newcomer_nothing(clone, tmp_path):
    with server.started(clone.root, tmp_path / "home") as url:
        settings = server.get(url, "lab/api/settings/@jupyterlab/apputils-extension:notification")
        assert settings["raw"].strip() in ("", "{}"), "the person has set nothing"
        assert settings["schema"]["properties"]["fetchNews"]["default"] == "false"
        widgets = server.get(url, "lab/api/settings/@jupyter-widgets/jupyterlab-manager:plugin")
        assert widgets["schema"]["properties"]["saveState"]["default"] is True


def test_the_server_keeps_the_settings_of_its_machine(clone, monkeypatch):
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/etc/of/the/lab")
    assert lab.environment(clone)["JUPYTER_CONFIG_PATH"] == f"{lab.SETTINGS}{os.pathsep}/etc/of/the/lab"
    assert json.loads((lab.SETTINGS / "labconfig" / "default_setting_overrides.json").read_text())
