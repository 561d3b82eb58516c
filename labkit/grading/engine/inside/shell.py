"""The shell that runs the cells: IPython's, with its displays collected instead of printed.

It answers as a Jupyter kernel does in what a grader looks at: errors, streams, results, displays, figures.
"""

import builtins
import getpass
import importlib
import sys
import traceback
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.error import StdinNotImplementedError
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Any as AnyTrait
from traitlets.config import Config

from labkit.grading.engine.inside.outputs import Outputs, Stream, bundle, finished


class Results(DisplayHook):
    """Makes an ``execute_result`` of a cell's last value."""

    def write_output_prompt(self) -> None:
        """There is no prompt."""

    def write_format_data(self, format_dict: dict[str, Any], md_dict: dict[str, Any] | None = None) -> None:
        data = {"data": bundle(format_dict), "metadata": bundle_metadata(md_dict)}
        shell_of(self).outputs.show({"output_type": "execute_result", "execution_count": self.prompt_count, **data})

    @property
    def prompt_count(self) -> int:
        return shell_of(self).number


class Displays(DisplayPublisher):
    """Makes a ``display_data`` of what is displayed."""

    def publish(
        self,
        data: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        *_: object,
        transient: dict[str, Any] | None = None,
        update: bool = False,
        **__: object,
    ) -> None:
        self._validate_data(data, metadata)
        output = {"output_type": "display_data", "data": bundle(data), "metadata": bundle_metadata(metadata)}
        shell_of(self).outputs.show(output, display_id=(transient or {}).get("display_id"), update=update)

    def clear_output(self, wait: bool = False) -> None:
        shell_of(self).outputs.clear(wait)


def shell_of(part: Any) -> "Shell":
    """The shell that a displayhook or publisher belongs to."""
    shell: Shell = part.shell
    return shell


def bundle_metadata(metadata: dict[str, Any] | None) -> dict[str, Any]:
    """The metadata that says how a picture is shown."""
    kept = {}
    for kind, values in (metadata or {}).items():
        if isinstance(values, dict):
            kept[str(kind)] = {k: v for k, v in values.items() if k in ("width", "height") and type(v) in (int, float)}
    return kept


class Shell(InteractiveShell):
    """IPython without a terminal and without a kernel."""

    displayhook_class = Results
    display_pub_class = Displays
    outputs = AnyTrait()
    number = 0  # of the cell that runs

    def enable_gui(self, gui: str | None = None) -> None:
        """There is no event loop to join; ``%matplotlib inline`` needs none."""

    def ask_exit(self) -> None:
        """``exit`` ends a kernel and with it everything that comes after; here it is an error of its cell."""
        raise SystemExit("exit")

    def set_next_input(self, s: str, replace: bool = False) -> None:
        """``%load`` offers text to a front end; there is none."""

    def _showtraceback(self, etype: type[BaseException], evalue: BaseException | None, stb: list[str]) -> None:
        self.outputs.error(etype.__name__, said(evalue), [str(line) for line in stb])

    def execute(self, source: str) -> list[dict[str, Any]]:
        """Run a cell; its outputs. An exception that shows nothing is shown all the same."""
        self.outputs.start()
        self.number = self.execution_count
        sys.stdout, sys.stderr = Stream("stdout", self.outputs), Stream("stderr", self.outputs)
        try:
            result = self.run_cell(source, store_history=True)
            error = result.error_before_exec or result.error_in_exec
        except BaseException as caught:  # noqa: BLE001  an interrupt may arrive in the shell's own code
            error = caught
        return self.outputs_with(error)

    def outputs_with(self, error: BaseException | None) -> list[dict[str, Any]]:
        """What was collected, and the error where nothing shows it yet, as nbgrader would add it."""
        items = self.outputs.finish()
        if error is not None:
            name = type(error).__name__
            if not any(item["output_type"] == "error" and item["ename"] == name for item in items):
                self.outputs.error(name, said(error), [f"{name}: {said(error)}"])
        return [finished(item) for item in items]


def said(error: BaseException | None) -> str:
    """An exception's text, even where its ``__str__`` fails."""
    try:
        return str(error)
    except Exception as failure:  # noqa: BLE001  the student's __str__ may do anything
        return f"(its text can't be shown: {type(failure).__name__})"


def no_input(prompt: str = "", *_: object, **__: object) -> str:
    """``input()``: nobody is there to answer."""
    __tracebackhide__ = True
    raise StdinNotImplementedError("input() was called, but nobody is there to answer while a notebook is graded")


def make() -> Shell:
    """The shell, made once in the server before any fork.

    Without a history file: its database would be shared, and the thread that writes it would forbid forking.
    """
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "linux"
    shell = Shell.instance(config=config)
    for module, name in ((builtins, "input"), (getpass, "getpass")):
        setattr(module, name, no_input)
    return shell


def preload(names: list[str]) -> None:
    """Import what most notebooks need, where it is installed, so that each fork has it already."""
    for name in names:
        if importlib.util.find_spec(name.partition(".")[0]) is not None:
            try:
                importlib.import_module(name)
            except (Exception, SystemExit):
                if not name.startswith("labkit."):
                    raise
                traceback.print_exc()
    if "PIL.Image" in sys.modules:
        sys.modules["PIL.Image"].preinit()  # its common formats, which the first figure would look for
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(1)
        if "torch.optim" in names:
            torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)  # imports torch._dynamo, a second
    if "labkit.checks" in names:
        from labkit import checks

        for topic in checks.topics():
            try:
                checks.of(topic)
            except (Exception, SystemExit):  # noqa: BLE001  a check of it will say so, and is left to a person
                traceback.print_exc()


def adopt(shell: Shell, outputs: Outputs) -> None:
    """Tie the shell of a fresh fork to its own outputs and its own chance."""
    shell.outputs = outputs
    if "" not in sys.path:
        sys.path.insert(0, "")  # helper files beside the notebook, as in a kernel
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()  # each fork would draw the same "random" numbers
