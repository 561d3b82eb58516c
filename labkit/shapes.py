"""Shapes as documentation: the tensor types of labkit's signatures, and the checks that name a bad one.

Letters: ``b`` batch, ``c`` channels, ``h`` height, ``w`` width, ``n`` features, ``k`` classes, ``t`` time.
Types are jaxtyping's; the test run verifies them at every call.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Images = Float[Tensor, "b c h w"]
Labels = Int[Tensor, " b"]
Logits = Float[Tensor, "b k"]
Masks = Bool[Tensor, "b h w"]
PerSample = Float[Tensor, " b"]
Scalar = Float[Tensor, ""]

Features = Callable[[Tensor], Tensor]
"""From a batch of samples to what is compared of them, differentiable."""

__all__ = [
    "Bool",
    "Features",
    "Float",
    "Images",
    "Int",
    "Labels",
    "Logits",
    "Masks",
    "PerSample",
    "Scalar",
    "Tensor",
    "images",
    "per_sample",
]


def images(x: Tensor, *, channels: int | None = None) -> Tensor:
    """``x``, if it is a batch of images: float, (B, C, H, W), with ``channels`` channels where that is given.

    Raises:
        ValueError: saying what it is instead.
    """
    if not isinstance(x, Tensor):
        raise ValueError(f"images are a torch tensor; this is a {type(x).__name__}")
    if x.ndim != 4:
        raise ValueError(f"images have shape (B, C, H, W); this has shape {tuple(x.shape)}")
    if not x.is_floating_point():
        raise ValueError(f"images are float in [0, 1]; this is {x.dtype}: divide by 255 first")
    if channels is not None and x.shape[1] != channels:
        raise ValueError(f"these images need {channels} channels; they have {x.shape[1]}")
    return x


def per_sample(value: float | Tensor, x: Tensor, *, name: str) -> Tensor:
    """``value`` as a tensor of shape (B,) with ``x``'s dtype and device: a number holds for every sample.

    Where ``x`` holds whole numbers, the values are floats of the default dtype.

    Raises:
        ValueError: if it is neither one number nor one for each of the B samples of ``x``.
    """
    dtype = x.dtype if x.is_floating_point() else torch.get_default_dtype()
    # A python number is filled in directly: from a device's point of view it costs no transfer.
    if not isinstance(value, Tensor):
        return x.new_full((x.shape[0],), float(value), dtype=dtype)
    tensor = value.to(dtype=dtype, device=x.device)
    if tensor.ndim > 1 or (tensor.ndim == 1 and tensor.shape[0] not in (1, x.shape[0])):
        raise ValueError(
            f"{name} is one number or one for each of the {x.shape[0]} samples; it has shape {tuple(tensor.shape)}"
        )
    return tensor.expand(x.shape[0])
