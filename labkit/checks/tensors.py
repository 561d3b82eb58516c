"""Functions that checks of torch answers share: random numbers, outputs as tensors, gradients."""

from typing import Any

import torch
from torch import Generator, Tensor, nn

from labkit.checks import traces
from labkit.checks.protocol import Wrong, one
from labkit.checks.values import is_array, is_number


def generator(seed: int) -> Generator:
    """A source of random numbers of its own, for the inputs of a check."""
    return torch.Generator().manual_seed(seed)


def tensor(value: Any, *, name: str = "your function") -> Tensor:
    """``value`` as a plain tensor, if it is a tensor, a number or a NumPy array.

    Raises:
        Wrong: if it is something else, most often None because a ``return`` is missing; the sentence says what.
    """
    if isinstance(value, Tensor):
        return value.detach().as_subclass(torch.Tensor)
    if is_number(value) or (is_array(value) and value.dtype.kind in "biuf"):
        return torch.as_tensor(value)
    if value is None:
        raise Wrong(f"{name} returned nothing: is a `return` missing?")
    raise Wrong(f"{name} returned {one(value)}; expected a tensor")


def gradient(value: Any, net: nn.Module) -> Tensor:
    """The gradient of an answer's output for a net's parameters, as one vector; zeros where there is none."""
    parameters = list(net.parameters())
    nothing = torch.cat([torch.zeros_like(p).flatten() for p in parameters])
    if not isinstance(value, Tensor) or not value.requires_grad:
        return nothing
    slope = traces.slope(value.sum(), parameters)
    return nothing if slope is None else slope.flatten()


def drawn(module: nn.Module, g: Generator, *, dtype: torch.dtype = torch.float32) -> nn.Module:
    """The module in evaluation mode, with its parameters drawn from ``g``."""
    module = module.to(dtype)
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.randn(p.shape, generator=g, dtype=dtype) / max(1, p.shape[-1]) ** 0.5)
    return module.eval()


def left_on(*modules: nn.Module) -> Tensor:
    """The gradients stored on the weights of some modules, as one vector; zeros where there are none."""
    parts = [torch.zeros_like(p) if p.grad is None else p.grad for m in modules for p in m.parameters()]
    return torch.cat([part.flatten() for part in parts])
