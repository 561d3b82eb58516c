"""Which of many like tests `make test` runs; the others run with `make test-all` and in CI."""

import pytest


def few(values, *quick):
    """Parameters, of which those named run with `make test`: a path is named by its stem."""
    names = [getattr(value, "stem", value) for value in values]
    return [pytest.param(value, id=name, marks=() if name in quick else pytest.mark.slow)
            for value, name in zip(values, names)]  # fmt: skip
