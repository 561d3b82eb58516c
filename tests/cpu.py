"""CPU seconds a test file: ``python -m pytest --cpu``.

What a busy machine does besides is not in them, so that they can be compared from one day to another. Processes that
a test starts and waits for count; what xdist's workers spend on starting and importing is a line of its own.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

KEY = "CPU seconds"


def spent() -> float:
    """CPU seconds of this process and of those that it has waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class Clock:
    """The plugin that takes the time of each phase of a test, in the process that runs it, and of the whole process."""

    def __init__(self) -> None:
        self.last = 0.0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: Any) -> Iterator[None]:
        """What was spent since the last phase ended belongs to this one: a fixture's to the test that first asked."""
        report = yield
        now = spent()
        report.user_properties.append((KEY, now - self.last))
        self.last = now
        return report

    def pytest_runtest_logstart(self) -> None:
        """Before the first phase of a test; what lies between two tests is nobody's."""
        self.last = spent()

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """In a worker of xdist: what the process has spent in all."""
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput[KEY] = spent()


class Table:
    """The plugin that adds up, in the process that sees all tests, and shows the table."""

    def __init__(self, config: pytest.Config) -> None:
        self.files: Counter[str] = Counter()
        self.tests: Counter[str] = Counter()
        self.workers = 0.0
        if config.pluginmanager.has_plugin("xdist"):
            config.pluginmanager.register(Workers(self), "labkit cpu of workers")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in one phase of one test."""
        seconds = sum(value for name, value in report.user_properties if name == KEY)
        self.files[report.nodeid.partition("::")[0]] += seconds
        self.tests[report.nodeid] += seconds

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Files, the ten slowest tests, and the sum."""
        terminalreporter.section("CPU seconds")
        for name, seconds in self.files.most_common():
            terminalreporter.line(f"{seconds:8.1f}  {name}")
        # With xdist the tests run in the workers; without it, here and in processes that they start.
        whole = self.workers + time.process_time() if self.workers else spent()
        files = sum(self.files.values())
        terminalreporter.line(f"{whole - files:8.1f}  start, imports and collection")
        terminalreporter.line(f"{whole:8.1f}  in all")
        terminalreporter.section("the slowest tests")
        for name, seconds in self.tests.most_common(15):
            terminalreporter.line(f"{seconds:8.1f}  {name}")


class Workers:
    """Takes in what each worker of xdist has spent."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def pytest_testnodedown(self, node: Any) -> None:
        """A worker has ended."""
        self.table.workers += getattr(node, "workeroutput", {}).get(KEY, 0.0)
