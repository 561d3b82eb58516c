"""nbgrader's step that runs a notebook, in the sandbox: ``nbgrader autograde`` and the formgrader's button use it.

Nothing is run where there is no sandbox: the sentence that says why stands in nbgrader's log, and the formgrader shows
that.
"""

from typing import Any

from labkit.grading.engine.nbgrader import lean  # noqa: F401  before nbgrader

# isort: split
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbformat import NotebookNode
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import Execute

from labkit.grading.engine import sandbox

INSTEAD = (
    "so nothing of this submission was run. `labkit grade` says what it needs, and grades without a sandbox only if you"
    " say so: --no-sandbox"
)


class Manager(AsyncKernelManager):
    """Starts the kernel that runs in the sandbox, whatever the notebook asks for. Jupyter offers it nowhere else."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """The one kernel there is here."""
        return KernelSpec(
            argv=["python"], language="python", display_name="Python in labkit's sandbox",
            metadata={"kernel_provisioner": {"provisioner_name": "labkit-sandbox"}},
        )  # fmt: skip


class Contained(Execute):
    """nbgrader's ``Execute`` whose kernel is contained."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs | {"kernel_manager_class": Manager})

    def preprocess(self, nb: NotebookNode, resources: Any, **kwargs: Any) -> tuple[NotebookNode, Any]:
        """Run a notebook.

        Raises:
            NbGraderException: if this machine allows no sandbox.
        """
        if reason := sandbox.missing(sandboxed=True):
            self.log.error("%s; %s", reason, INSTEAD)
            raise NbGraderException(f"{reason}; {INSTEAD}")
        made: tuple[NotebookNode, Any] = super().preprocess(nb, resources, **kwargs)
        return made
