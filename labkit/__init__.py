"""labkit: a graded course on getting more out of data.

Importing this package imports no torch and costs a few milliseconds. It does one thing: it arranges that
a later ``import torchvision`` (or timm, or torchmetrics, which import it) works under a CPU build of torch.
"""

from labkit import _torchvision

__version__ = "0.1.0"

_torchvision.install()
