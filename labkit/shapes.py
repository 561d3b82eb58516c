"""Shapes as documentation: the tensor types of labkit's signatures, and the checks that name a bad one.

Letters: ``b`` batch, ``c`` channels, ``h`` height, ``w`` width, ``n`` features, ``k`` classes, ``t`` time.
Types are jaxtyping's; the test run verifies them at every call.
"""

from collections.abc import Callable, Sequence
from typing import Any

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
    "finite",
    "images",
    "labels",
    "per_sample",
    "pixels",
    "readable",
]


def images(x: Tensor, *, channels: int | None = None) -> Tensor:
    """``x``, if it is a batch of images: float, (B, C, H, W), with ``channels`` channels where that is given.

    Raises:
        ValueError: saying what it is instead.
    """
    if not isinstance(x, Tensor):
        raise ValueError(f"images are a torch tensor; this is a {type(x).__name__}")
    if x.ndim != 4:
        hint = ": of one picture (C, H, W) take x[None]" if x.ndim == 3 else ""
        raise ValueError(f"images have shape (B, C, H, W); this has shape {tuple(x.shape)}{hint}")
    if not x.is_floating_point():
        raise ValueError(f"images are float in [0, 1]; this is {x.dtype}: divide by 255 first")
    if 0 in x.shape[1:]:
        raise ValueError(f"images have at least one channel, row and column; these have shape {tuple(x.shape)}")
    if channels is not None and x.shape[1] != channels:
        raise ValueError(f"these images need {channels} channels; they have {x.shape[1]}")
    return x


BRIGHTEST = 4.0
"""No picture in [0, 1] holds this, not even one that is normalised; pictures in 0…255 do."""


def pixels(x: Tensor, *, channels: int | None = None) -> Tensor:
    """``x``, if it is a batch of ``images`` with finite values that can't be those of bytes.

    Raises:
        ValueError: as ``images``; also if a value is nan or infinite, or so large that the pictures go from 0 to 255.
    """
    finite(images(x, channels=channels), name="x")
    if x.numel() and readable(x) and float(x.detach().amax()) > BRIGHTEST and float(x.detach().amin()) >= 0:
        raise ValueError(f"the values of x go up to {float(x.amax()):.4g}; expected pictures in [0, 1]: divide by 255")
    return x


def readable(x: Tensor) -> bool:
    """Whether a function may look at the values of ``x``: on the CPU, and not while ``torch`` traces the code.

    Reading a value back from an accelerator makes the host wait; under ``torch.compile``, ``vmap`` or ``grad`` there is
    no value yet. There the values are trusted.

    >>> readable(torch.zeros(2)), readable(torch.zeros(2, device="meta"))
    (True, False)
    """
    if torch.compiler.is_compiling() or x.device.type != "cpu":
        return False
    return not (torch._C._functorch.is_batchedtensor(x) or torch._C._functorch.is_gradtrackingtensor(x))


def finite(x: Tensor, *, name: str) -> Tensor:
    """``x``, if none of its values is nan or infinite: a result must not come from invalid numbers.

    Raises:
        ValueError: naming ``name``, with how many of the values are not finite.

    >>> finite(torch.tensor([1.0, float("nan")]), name="a score")
    Traceback (most recent call last):
    ValueError: a score is nan or infinite in 1 of 2 places; expected finite numbers
    """
    if not x.is_floating_point() or not readable(x):
        return x
    # A sum is finite only if all of its terms are, and found many times as fast as whether each of them is.
    if not bool(x.detach().sum().isfinite()) and not bool(x.isfinite().all()):
        bad = int((~x.isfinite()).sum())
        raise ValueError(f"{name} is nan or infinite in {bad} of {x.numel()} places; expected finite numbers")
    return x


def labels(y: Any, n: int | None = None, *, classes: int | None = None, name: str = "y", values: bool = True) -> Tensor:
    """Class numbers ``y`` as int64 (B,): whole numbers of any type from 0 on; False and True are 0 and 1.

    Args:
        y: what was given.
        n: how many there must be.
        classes: k, where it is known: the largest class is k − 1.
        name: what the argument is called.
        values: whether to look at the values.

    Raises:
        ValueError: if they are no tensor of whole numbers, have another shape, one of them is negative (−1 or −100 for
            "no label" as well), or one is not below ``classes``.

    >>> labels(torch.tensor([0, 2], dtype=torch.int32), 2, classes=3)
    tensor([0, 2])
    >>> labels(torch.tensor([0, -1]))
    Traceback (most recent call last):
    ValueError: y goes from -1 to 0; expected classes from 0 on: leave out the samples without a label
    """
    if not isinstance(y, Tensor):
        raise ValueError(f"{name} is a {type(y).__name__}; expected a tensor of class numbers, (B,)")
    if y.ndim != 1:
        hint = ""
        if y.ndim == 2:
            hint = f": use {name}[:, 0]" if y.shape[1] == 1 else f": of one-hot rows take {name}.argmax(1)"
        raise ValueError(f"{name} has shape {tuple(y.shape)}; expected one class a sample, (B,){hint}")
    if y.is_floating_point() or y.is_complex():
        raise ValueError(f"{name} is {y.dtype}; expected whole numbers: use {name}.long()")
    if n is not None and len(y) != n:
        raise ValueError(f"{name} holds {len(y)} labels for {n} samples; expected one for each of the {n}")
    y = y.long()
    if values and len(y) and readable(y):
        least, most = (int(v) for v in torch.aminmax(y))
        if least < 0:
            raise ValueError(
                f"{name} goes from {least} to {most}; expected classes from 0 on: leave out the samples without a label"
            )
        if classes is not None and most >= classes:
            raise ValueError(f"{name} goes from {least} to {most}; expected classes from 0 to {classes - 1}")
    return y


def per_sample(value: float | Sequence[float] | Tensor, x: Tensor, *, name: str) -> Tensor:
    """``value`` as a tensor of shape (B,) with ``x``'s dtype and device: a number holds for every sample.

    Where ``x`` holds whole numbers, the values are floats of the default dtype.

    Raises:
        ValueError: if it is neither one number nor one for each of the B samples of ``x``.
    """
    dtype = x.dtype if x.is_floating_point() else torch.get_default_dtype()
    # A python number is filled in directly: from a device's point of view it costs no transfer.
    if isinstance(value, Sequence):
        value = torch.tensor(value, dtype=dtype)
    if not isinstance(value, Tensor):
        return x.new_full((x.shape[0],), float(value), dtype=dtype)
    tensor = value.to(dtype=dtype, device=x.device)
    if tensor.ndim > 1 or (tensor.ndim == 1 and tensor.shape[0] not in (1, x.shape[0])):
        raise ValueError(
            f"{name} is one number or one for each of the {x.shape[0]} samples; it has shape {tuple(tensor.shape)}"
        )
    return tensor.expand(x.shape[0])
