"""Answers that were written without a look at the checks: the wrong ones are refused, the right ones accepted."""

import importlib
import pkgutil

import pytest

from labkit import checks
from tests import fresh

EVERY = [
    pytest.param(checks.find(key), function, kind, id=f"{key}:{function.__name__}")
    for module in pkgutil.iter_modules(fresh.__path__)
    for key, function, kind in importlib.import_module(f"tests.fresh.{module.name}").FRESH
]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("specification", "function", "kind"), EVERY)
def test_what_is_right_is_accepted_and_what_is_wrong_is_refused(specification, function, kind):
    report = checks.examine(specification, function)
    assert report.right == (kind == "right"), report
    assert report.status != "copied"
