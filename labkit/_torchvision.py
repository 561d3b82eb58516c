"""Let torchvision be imported where its compiled half can't be loaded.

PyPI's torchvision for Linux is built for CUDA. Under a CPU build of torch its extension ``_C`` does not load,
and ``import torchvision`` stops with "operator torchvision::nms does not exist", because it registers fake
kernels for two operators that ``_C`` would have declared. Declaring the two schemas first is enough:
transforms, models, feature extraction and datasets then work (``torchvision.io`` and ``ops.nms`` do not).

The declaration needs torch, which takes a second to import, so it waits in ``sys.meta_path`` until somebody
imports torchvision.
"""

import importlib.util
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}

_libraries: list[Any] = []  # torch forgets a Library's schemas when the object dies


class _BeforeTorchvision(MetaPathFinder):
    """Declares the missing schemas the moment torchvision is looked up, then steps aside."""

    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname == "torchvision":
            sys.meta_path.remove(self)
            declare_missing_operators()
        return None


def install() -> None:
    """Declare torchvision's operators when, and only when, torchvision is first imported."""
    if "torchvision" not in sys.modules and not any(isinstance(finder, _BeforeTorchvision) for finder in sys.meta_path):
        sys.meta_path.insert(0, _BeforeTorchvision())


def declare_missing_operators() -> None:
    """Declare ``torchvision::nms`` and ``torchvision::qnms`` if torchvision's extension can't do it itself."""
    package = importlib.util.find_spec("torchvision")
    if package is None or not package.submodule_search_locations or extension_loads(package):
        return
    import torch

    for name, schema in SCHEMAS.items():
        if not hasattr(torch.ops.torchvision, name):
            library = torch.library.Library("torchvision", "FRAGMENT")
            library.define(schema)
            _libraries.append(library)


def extension_loads(package: ModuleSpec) -> bool:
    """Whether torchvision's compiled ``_C`` can be loaded into this process."""
    import torch  # its shared libraries must be in the process before the extension is

    finder = importlib.machinery.PathFinder()
    spec = finder.find_spec("torchvision._C", package.submodule_search_locations)
    if spec is None or spec.origin is None:
        return False
    try:
        torch.ops.load_library(spec.origin)
    except (OSError, ImportError, RuntimeError):
        return False
    return True
