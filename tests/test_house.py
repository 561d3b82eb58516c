"""The house is in order: every room under one key, arrows down, linters clean, environments in step."""

import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import labkit
from labkit.grading import notebooks
from labkit.grading.engine.sandbox import peers
from labkit.topics import SYLLABUS, find

ROOT = Path(__file__).resolve().parents[1]
CONDA_NAMES = {"pytorch": "torch", "matplotlib-base": "matplotlib"}
TOPICS = [topic for topic in SYLLABUS if topic.key != "start"]


def rooms(topic):
    """Where each part of a topic stands."""
    module = ROOT / "labkit" / topic.module.replace(".", "/")
    return {
        "module": module.with_suffix(".py") if module.with_suffix(".py").exists() else module / "__init__.py",
        "checks": ROOT / f"labkit/checks/{topic.key}.py",
        "answers": ROOT / f"labkit/checks/answers/{topic.key}.py",
        "right answers": ROOT / f"tests/rights/{topic.key}.py",
        "fresh answers": ROOT / f"tests/fresh/{topic.key}.py",
        "lecture": ROOT / f"lectures/{topic.slug}.ipynb",
        "solution": ROOT / f"solutions/{topic.slug}/{topic.slug}.ipynb",
        "exercise": ROOT / f"exercises/{topic.slug}/{topic.slug}.ipynb",
        "explorer": ROOT / f"labkit/explore/_{topic.key}.py",
        "tests": ROOT / f"tests/test_{topic.key}.py",
        "benchmark": ROOT / f"benchmarks/{topic.key}.py",
    }


def begun(topic):
    return [name for name, path in rooms(topic).items() if path.exists()]


@pytest.mark.parametrize("topic", [t for t in TOPICS if begun(t)], ids=lambda t: t.key)
def test_a_topic_has_every_room(topic):
    missing = [name for name, path in rooms(topic).items() if not path.exists()]
    assert not missing, f"{topic.key} lacks {', '.join(missing)}"


def test_the_first_topic_stands():
    assert begun(find("images"))


def row_of_readme(topic):
    """The row of README's table for a topic, or None."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    return next((line for line in lines if line.startswith(f"| {topic.nr:02d} |")), None)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda t: t.key)
def test_readme_lists_the_topics_that_stand_and_no_others(topic):
    row = row_of_readme(topic)
    if not begun(topic):
        assert row is None, f"README promises {topic.key}, of which nothing stands"
        return
    assert row is not None, f"README's table lacks {topic.key}"
    for part in (topic.title, f"(lectures/{topic.slug}.ipynb)", f"`labkit start {topic.key}`",
                 f"(benchmarks/results/{topic.key}.md)"):  # fmt: skip
        assert part in row, f"README's row of {topic.key} lacks {part}"
    assert (ROOT / f"benchmarks/results/{topic.key}.md").exists()


def test_no_notebook_stands_outside_the_syllabus():
    slugs = {topic.slug for topic in SYLLABUS}
    found = {p.stem for folder in ("lectures", "exercises", "solutions") for p in (ROOT / folder).rglob("*.ipynb")}
    found = {name for name in found if not name.endswith("-checkpoint")}
    assert found, "there are no notebooks"
    assert found <= slugs, found - slugs


def test_the_syllabus_is_numbered_and_found_by_any_of_its_names():
    numbers = [topic.nr for topic in SYLLABUS]
    assert numbers == list(range(len(SYLLABUS))), "topics are numbered from 0, in order"
    assert find("4") == find("04") == find("attacks") == find("04_attacks")
    with pytest.raises(ValueError, match="the topics are"):
        find("nothing")


NOTEBOOKS = sorted(p for f in ("lectures", "solutions", "exercises") for p in (ROOT / f).glob("**/[0-9]*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_notebooks_are_tidy(path):
    """No outputs, no execution counts, ids from grade_id or position: `labkit tidy` makes them so."""
    text = path.read_text(encoding="utf-8")
    for cell in json.loads(text)["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
    assert text == notebooks.normal(notebooks.read(path))


def run(*command, **knobs):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, **knobs)


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["lint-imports", "--no-cache"],
    ],
    ids=" ".join,
)
def test_linters_are_clean(command):
    result = run(str(Path(sys.executable).with_name(command[0])), *command[1:])
    assert result.returncode == 0, result.stdout + result.stderr


def requirements(lines):
    return {canonicalize_name(r.name): r for r in map(Requirement, lines)}


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line.strip() and not line.startswith("#")]
    return {canonicalize_name(name): Version(version.split(";")[0].strip()) for name, version in pairs}


def test_conda_environment_has_the_direct_dependencies_and_no_others(project):
    wanted = requirements(project["dependencies"])
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = requirements(line for line in listed if isinstance(line, str))
    conda = {CONDA_NAMES.get(name, name): r.specifier for name, r in conda.items()}
    assert str(conda.pop("python")) == project["requires-python"]
    conda.pop("pip")
    assert conda == {name: r.specifier for name, r in wanted.items()}


def test_constraints_pin_every_direct_dependency_within_its_range(project):
    pinned = pins()
    extras = [
        line for extra in ("test", "bench", "sandbox", "docs") for line in project["optional-dependencies"][extra]
    ]
    for name, requirement in requirements([*project["dependencies"], *extras]).items():
        assert name in pinned, f"constraints.txt does not pin {name}"
        assert requirement.specifier.contains(pinned[name]), f"{name} {pinned[name]} is outside {requirement.specifier}"


def test_constraints_fit_the_oldest_python(project):
    oldest = project["requires-python"].removeprefix(">=") + ".0"
    distributions = {canonicalize_name(d.metadata["Name"]): d for d in metadata.distributions()}
    for name, version in pins().items():
        found = distributions.get(name)
        if found is not None and Version(found.version) == version:
            wanted = found.metadata.get("Requires-Python") or ""
            assert SpecifierSet(wanted).contains(oldest), f"{name} {version} needs Python {wanted}"


def test_pyproject_gives_ranges_that_force_no_new_torch_or_numpy(project):
    for name, requirement in requirements(project["dependencies"]).items():
        operators = {s.operator for s in requirement.specifier}
        assert operators, f"{name} has no range"
        assert "==" not in operators, f"{name} is pinned: {requirement}"
    wanted = requirements(project["dependencies"])
    for name, present in (("torch", "2.6.0"), ("torchvision", "0.21.0"), ("numpy", "2.0.2")):
        assert wanted[name].specifier.contains(present)
        assert all(s.operator == ">=" for s in wanted[name].specifier), "an upper bound would force a downgrade"


def test_the_extras_are_those_the_readme_names(project):
    extras = {"test", "bench", "cluster", "docs", "postgres", "sandbox", "video", "zoo"}
    assert set(project["optional-dependencies"]) == extras


def test_nothing_speaks_of_the_machine_it_was_written_on():
    tracked = run("git", "ls-files", "-z").stdout.split("\0")
    telling = re.compile(r"/(?:work|root|home/\w+)/(?:main|shared|\.library)|/tmp/bash")
    for name in filter(None, tracked):
        path = ROOT / name
        if (
            path.suffix in {".png", ".gz", ".safetensors", ".woff2"}
            or path == Path(__file__).resolve()
            or not path.exists()
        ):
            continue
        assert not telling.search(path.read_text(encoding="utf-8")), name


def test_the_version_is_the_same_everywhere(project):
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert project["version"] == labkit.__version__ == citation["version"]


def test_what_is_to_be_installed_has_the_name_of_the_distribution(project):
    assert project["name"] == peers.DISTRIBUTION
    places = (("labkit", "**/*.py"), ("docs", "*.md"), (".", "README.md"), ("lectures", "*.ipynb"))
    told = set()
    for folder, pattern in places:
        for path in (ROOT / folder).glob(pattern):
            text = path.read_text(encoding="utf-8")
            told |= {(path.name, word) for word in re.findall(r"pip install ['\"]?(labkit[\w-]*)", text)}
    assert len(told) >= 6
    assert {word for _, word in told if not word.startswith("labkit_course-")} == {project["name"]}, told
