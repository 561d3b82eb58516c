"""The examples in docstrings run, and say what they promise."""

import doctest
import importlib
import pkgutil

import pytest

import labkit

NOT_IMPORTED = {"labkit.not_there", "labkit.__main__"}  # one raises when it is imported, the other is the command
MODULES = [
    module.name
    for module in pkgutil.walk_packages(labkit.__path__, "labkit.", onerror=lambda name: None)
    if module.name not in NOT_IMPORTED
]


@pytest.fixture(scope="module")
def outcomes():
    return {
        name: doctest.testmod(
            importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
        )
        for name in MODULES
    }


def test_every_example_is_true(outcomes):
    assert [name for name, outcome in outcomes.items() if outcome.failed] == []


def test_there_are_examples_in_every_new_corner_of_the_library(outcomes):
    with_examples = {name for name, outcome in outcomes.items() if outcome.attempted}
    assert len(with_examples) >= 60
    for package in ("augment.text", "augment.audio", "augment.series", "augment.medical", "style", "transfer"):
        assert any(name.startswith(f"labkit.{package}") for name in with_examples), package
