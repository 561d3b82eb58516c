"""import-linter's contracts with words that stand for many modules, so that a new one edits no list there.

TOPICS stands for the packages of the topics that exist; ``labkit/topics.py`` alone counts. TRUSTED stands for the
grading's modules on the safe side of the wall, BOTH for the few that are on both: ``reduced.BOTH`` alone counts.
"""

from pathlib import Path
from typing import Any

from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.layers import LayersContract

from labkit.grading.engine.copy import reduced
from labkit.topics import SYLLABUS

LABKIT = Path(__file__).resolve().parents[1] / "labkit"
INSIDE = "inside"  # the room that shares its processes with students' code


def packages() -> list[str]:
    """The packages of the topics that exist, as in ``labkit.attacks``."""
    names = sorted({topic.module.partition(".")[0] for topic in SYLLABUS if topic.module})
    return [f"labkit.{name}" for name in names if (LABKIT / name).is_dir()]


def trusted() -> list[str]:
    """The modules and packages of the grading that are on the safe side of the wall only."""
    names = []
    for folder, left_out in (("grading", ["engine"]), ("grading/engine", [INSIDE, *reduced.BOTH])):
        for path in sorted((LABKIT / folder).iterdir()):
            module = path.suffix == ".py" or (path / "__init__.py").is_file()
            if module and path.stem not in ("__init__", *left_out):
                names.append(f"labkit.{folder.replace('/', '.')}.{path.stem}")
    return names


def both() -> list[str]:
    """The modules of the engine that both halves of the sandbox import."""
    return [f"labkit.grading.engine.{name}" for name in reduced.BOTH if name != "__init__"]


def expanded(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a contract with the words replaced: in a layer by independent packages, in a list by entries."""
    words = {"TOPICS": packages, "TRUSTED": trusted, "BOTH": both}
    result = dict(options)
    if "layers" in result:
        result["layers"] = [layer.replace("TOPICS", " | ".join(packages())) for layer in result["layers"]]
    for name in ("source_modules", "forbidden_modules"):
        if name in result:
            entries = (words[entry]() if entry in words else [entry] for entry in result[name])
            result[name] = [entry for group in entries for entry in group]
    return result


class Layers(LayersContract):
    """Layers, one of which may be TOPICS."""

    def __init__(self, name: str, session_options: dict[str, Any], contract_options: dict[str, Any]) -> None:
        super().__init__(name, session_options, expanded(contract_options))


class Forbidden(ForbiddenContract):
    """Forbidden imports, from or to what one of the words stands for."""

    def __init__(self, name: str, session_options: dict[str, Any], contract_options: dict[str, Any]) -> None:
        super().__init__(name, session_options, expanded(contract_options))
