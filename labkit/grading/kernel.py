"""Plain ``nbgrader``, contained. Two lines of ``nbgrader_config.py``, which the course's own has:

from labkit.grading import kernel
kernel.contain(c)
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.grading import pages

if TYPE_CHECKING:
    from traitlets.config import Config

CONTAINED = "labkit.grading.engine.nbgrader.contained.Contained"
NAME = "labkit-sandbox"
FOLDER = Path(__file__).resolve().parent / "jupyter"


def contain(config: "Config", *, validate: bool = False) -> None:
    """Have ``nbgrader autograde`` and the formgrader's button run notebooks in the sandbox, and show nothing that runs.

    Where there is no sandbox nothing is run: what is wrong stands in nbgrader's log.

    Args:
        config: the ``c`` of ``nbgrader_config.py``.
        validate: whether *Validate* is contained as well. It runs a student's own notebook on their own machine, which
            may have no sandbox. All Jupyter programs that read these settings then offer the kernel by its name.
    """
    pages.protect(config)
    passes = config.Autograde.autograde_preprocessors
    config.Autograde.autograde_preprocessors = [CONTAINED if step == pages.EXECUTE else step for step in passes]
    if validate:
        config.Execute.kernel_name = NAME
        known = os.environ.get("JUPYTER_PATH", "").split(os.pathsep)
        if str(FOLDER) not in known:  # where Jupyter looks for kernels
            os.environ["JUPYTER_PATH"] = os.pathsep.join([str(FOLDER), *filter(None, known)])
