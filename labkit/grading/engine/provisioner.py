"""The name under which an installation from before the rooms starts kernels: its metadata names this module."""

from labkit.grading.engine.kernel.provisioner import Sandboxed

__all__ = ["Sandboxed"]
