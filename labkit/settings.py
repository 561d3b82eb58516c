"""``labkit.toml``: which exercises a course takes, and what its checks are worth. Both are optional.

exercises = ["sorting", "attacks"]   # of the folders in solutions/; all of them without this line

[points]
"sorting.merge" = 3                  # in place of what the check says
"""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = "labkit.toml"
NBGRADER = "nbgrader_config.py"


@dataclass(frozen=True)
class Settings:
    """What ``labkit.toml`` says.

    Attributes:
        exercises: the exercises that the course takes, as folders, keys or numbers; None for all.
        points: what checks are worth, by their keys.
    """

    exercises: tuple[str, ...] | None = None
    points: dict[str, int] = field(default_factory=dict)


def read(folder: Path) -> Settings:
    """The settings of the course in a folder; those of a course without ``labkit.toml`` say nothing.

    Raises:
        ValueError: if the file can't be used, in a sentence.
    """
    try:
        raw = tomllib.loads((folder / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError) as error:
        raise ValueError(f"{FILE} can't be read: {error}") from error
    if unknown := sorted(raw.keys() - {"exercises", "points"}):
        raise ValueError(f"{FILE} has no setting {unknown[0]!r}; it has `exercises` and the table [points]")
    return Settings(exercises(raw.get("exercises")), points(raw.get("points", {})))


def exercises(value: Any) -> tuple[str, ...] | None:
    """The names in the list ``exercises``."""
    if value is None:
        return None
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise ValueError(f'`exercises` in {FILE} is {value!r}; expected a list of names, as in ["sorting", "attacks"]')
    return tuple(value)


def points(value: Any) -> dict[str, int]:
    """The table of points."""
    if not isinstance(value, dict):
        raise ValueError(f'`points` in {FILE} is {value!r}; expected a table with lines as in "sorting.merge" = 3')
    for key, worth in value.items():
        if type(worth) is not int or worth < 1 or key.count(".") != 1:
            raise ValueError(
                f"[points] in {FILE} has {key!r} = {worth!r}; expected a check's key in quotes and a whole number "
                'above 0, as in "sorting.merge" = 3'
            )
    return dict(value)
