"""What a build is asked for, from the environment."""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from labkit.topics import SYLLABUS, Topic, find

ROOT = Path(__file__).resolve().parents[2]
GITHUB = re.compile(r"github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?$")


@dataclass(frozen=True)
class Settings:
    """What to build, and where.

    Attributes:
        topics: whose lectures, exercises and modules become pages; a few of them for a quick look.
        execute: whether lectures run. Without, they show what an earlier build kept, or no outputs.
        solutions: whether exercises show the model answers, folded.
        repository: ``owner/name`` on GitHub, for the badges; empty where there is none.
        output: the folder of the pages.
        work: the folder of what a later build need not make again.
    """

    topics: tuple[Topic, ...] = SYLLABUS
    execute: bool = True
    solutions: bool = False
    repository: str = ""
    output: Path = ROOT / "site"
    work: Path = ROOT / "build" / "site"

    @property
    def whole(self) -> bool:
        """Whether the site has every topic."""
        return self.topics == SYLLABUS

    @property
    def source(self) -> Path:
        """What Sphinx reads: laid out as the clone is, so that links lead where they led."""
        return self.work / "source"

    @property
    def extra(self) -> Path:
        """What goes into the site as it is: pictures and notebooks."""
        return self.work / "extra"


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings that the variables ``SITE_…`` ask for; CONTRIBUTING.md lists them.

    Raises:
        ValueError: if a topic of ``SITE_ONLY`` does not exist.
    """
    names = environment.get("SITE_ONLY", "").replace(",", " ").split()
    chosen = {find(name) for name in names}
    return Settings(
        topics=tuple(topic for topic in SYLLABUS if topic in chosen or not names),
        execute=environment.get("SITE_EXECUTE", "1") != "0",
        solutions=environment.get("SITE_SOLUTIONS", "0") == "1",
        repository=environment.get("SITE_REPOSITORY") or origin(),
        output=Path(environment.get("SITE_OUTPUT") or ROOT / "site").resolve(),
        work=Path(environment.get("SITE_WORK") or ROOT / "build" / "site").resolve(),
    )


def origin() -> str:
    """``owner/name`` of the clone's origin on GitHub, or nothing."""
    try:
        command = ["git", "config", "--get", "remote.origin.url"]
        shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:  # no git on this machine: the clone came as an archive
        return ""
    match = GITHUB.search(shown.stdout.strip())
    return match[1] if match else ""
