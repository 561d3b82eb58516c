"""What `docs/authoring.md` has its reader do, step by step: files to write, cells to make, commands to type."""

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat

from labkit.grading import new, notebooks

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "authoring.md"
BLOCK = re.compile(r"(?P<before>[^\n]*)\n\n?```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
ROLES = {
    "*Read-only*": {"locked": True},
    "*Autograded answer*": {"solution": True},
    "*Autograder tests*": {"grade": True, "locked": True},
}


@dataclass(frozen=True)
class Step:
    """One block: a ``file`` with its name, a ``cell`` with its name and role, or a ``command`` with what it prints."""

    kind: str
    name: str
    text: str
    role: str = ""


def steps() -> list[Step]:
    """The page's blocks in order.

    Raises:
        ValueError: if a block is none of them: nobody would run it.
    """
    found = []
    for match in BLOCK.finditer(PAGE.read_text(encoding="utf-8")):
        before, text = match["before"], match["text"]
        file, cell = re.search(r"`([\w/]+\.(?:py|toml))`:$", before), re.match(r"Cell `(\w+)`, (.*):$", before)
        if match["kind"] == "console":
            found += [Step("command", *command) for command in commands(text)]
        elif file:
            found.append(Step("file", file[1], text))
        elif cell:
            found.append(Step("cell", cell[1], text, cell[2]))
        else:
            raise ValueError(f"a block that nothing runs: {before!r}")
    return found


def commands(text: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with what it is said to print."""
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
    return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts]


def cell(step: Step) -> nbformat.NotebookNode:
    """A cell of the notebook, with nbgrader's metadata."""
    role = next(given for text, given in ROLES.items() if text in step.role)
    points = re.search(r"(\d+) points?", step.role)
    given = role | ({"points": int(points[1])} if points else {})
    kind = "markdown" if "a text" in step.role else "code"
    return new.cell(kind, step.text.rstrip("\n"), step.name, **given)


def write_notebook(course: Path, name: str) -> None:
    """Make the page's notebook."""
    made = nbformat.v4.new_notebook()
    made.cells = [cell(step) for step in steps() if step.kind == "cell"]
    notebooks.write(course / "solutions" / name / f"{name}.ipynb", notebooks.normal(made))


def course(folder: Path) -> Path:
    """The course that a reader has made in the end, without its release."""
    new.new(folder)
    for step in steps():
        if step.kind == "file" and step.name.endswith(".py"):
            notebooks.write(folder / step.name, step.text)
    write_notebook(folder, "02_sorting")
    made = nbformat.v4.new_notebook()
    made.cells = [
        new.cell("code", "import pandas as pd\n\nfrom labkit.checks import check", "setup", locked=True),
        new.cell("code", FRAME, "mean_by_team", solution=True),
        new.cell("code", 'check("teams.mean_by_team", mean_by_team)', "check_mean", grade=True, locked=True, points=2),
    ]
    notebooks.write(folder / "solutions" / "03_teams" / "03_teams.ipynb", notebooks.normal(made))
    return folder


FRAME = '''def mean_by_team(sales):
    """The mean amount of each team."""
    ### BEGIN SOLUTION
    means = sales.groupby("team")["amount"].mean()
    return means.reset_index()
    ### END SOLUTION'''
