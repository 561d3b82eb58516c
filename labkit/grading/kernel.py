"""A Jupyter kernel that runs in the grading sandbox, for plain ``nbgrader``. Two lines of ``nbgrader_config.py``:

from labkit.grading import kernel
kernel.contain(c)
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from traitlets.config import Config

NAME = "labkit-sandbox"
FOLDER = Path(__file__).resolve().parent / "jupyter"


def contain(config: "Config") -> None:
    """Have nbgrader run notebooks in the sandbox: ``nbgrader autograde``, the formgrader's button, and Validate.

    Where the kernel can't be started, nothing is run: what was wrong stands in nbgrader's log.

    Args:
        config: the ``c`` of ``nbgrader_config.py``.
    """
    config.Execute.kernel_name = NAME
    known = os.environ.get("JUPYTER_PATH", "").split(os.pathsep)
    if str(FOLDER) not in known:  # where Jupyter looks for kernels; no other program is offered this one
        os.environ["JUPYTER_PATH"] = os.pathsep.join([str(FOLDER), *filter(None, known)])
