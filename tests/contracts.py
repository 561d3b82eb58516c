"""import-linter's contracts with the word TOPICS, which stands for the packages of the topics that exist.

``pyproject.toml`` names these types, so that a new topic edits no list there: ``labkit/topics.py`` alone counts.
"""

from pathlib import Path
from typing import Any

from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.layers import LayersContract

from labkit.topics import SYLLABUS

LABKIT = Path(__file__).resolve().parents[1] / "labkit"


def packages() -> list[str]:
    """The packages of the topics that exist, as in ``labkit.attacks``."""
    names = sorted({topic.module.partition(".")[0] for topic in SYLLABUS if topic.module})
    return [f"labkit.{name}" for name in names if (LABKIT / name).is_dir()]


def expanded(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a contract with TOPICS replaced: in a layer by independent packages, in a list by its entries."""
    result = dict(options)
    if "layers" in result:
        result["layers"] = [layer.replace("TOPICS", " | ".join(packages())) for layer in result["layers"]]
    for name in ("source_modules", "forbidden_modules"):
        if name in result:
            entries = (packages() if entry == "TOPICS" else [entry] for entry in result[name])
            result[name] = [entry for group in entries for entry in group]
    return result


class Layers(LayersContract):
    """Layers, one of which may be TOPICS."""

    def __init__(self, name: str, session_options: dict[str, Any], contract_options: dict[str, Any]) -> None:
        super().__init__(name, session_options, expanded(contract_options))


class Forbidden(ForbiddenContract):
    """Forbidden imports, from or to TOPICS."""

    def __init__(self, name: str, session_options: dict[str, Any], contract_options: dict[str, Any]) -> None:
        super().__init__(name, session_options, expanded(contract_options))
