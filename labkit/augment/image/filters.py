"""Kernels: each pixel becomes a weighted sum of its neighbours.

``y(i, j) = Σ_uv K(u, v) x(i + u, j + v)`` with (u, v) counted from the kernel's middle: a correlation, as in a
convolutional layer; the kernel is not flipped. The border is filled first (``pad``), by reflection unless told
otherwise. Blurs, edges and reliefs are kernels; a kernel may differ from sample to sample. The median is none.

Results of ``filter2d``, ``sobel`` and ``laplacian`` are not pictures and are not clamped; those of the others are in
[0, 1].
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.augment.arguments import Value, member, per_item, values
from labkit.augment.image._args import FILLS, constant, odd
from labkit.augment.image._blocks import BLOCK, in_blocks
from labkit.augment.image.resizing import pad
from labkit.shapes import Float, Images, images

SOBEL = ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1))
LAPLACE = ((0, 1, 0), (1, -4, 1), (0, 1, 0))
EMBOSS = ((-2, -1, 0), (-1, 0, 1), (0, 1, 2))
SOFT = ((1, 1, 1), (1, 5, 1), (1, 1, 1))


def filter2d(x: Images, kernel: Tensor, *, fill: str = "reflect", value: float = 0.0) -> Images:
    """The images under a kernel (k, l), or under one kernel for each sample (B, k, l); every channel alike.

    Raises:
        ValueError: if x isn't a batch of float images, the kernel has another shape or an even side.
    """
    if kernel.ndim not in (2, 3) or (kernel.ndim == 3 and kernel.shape[0] not in (1, images(x).shape[0])):
        raise ValueError(
            f"a kernel has shape (k, l), or ({x.shape[0]}, k, l) with one for each sample; "
            f"this has shape {tuple(kernel.shape)}"
        )
    for name, side in (("the kernel's height", kernel.shape[-2]), ("the kernel's width", kernel.shape[-1])):
        odd(side, name=name)
    member(fill, FILLS, name="fill")

    def filtered(x: Tensor, weight: Tensor) -> Tensor:
        return _correlate(x, weight, fill, value)

    return in_blocks(filtered, images(x), kernel.to(x) if kernel.ndim == 3 else kernel.to(x)[None])


def _correlate(x: Tensor, kernel: Tensor, fill: str, value: float) -> Tensor:
    """``filter2d`` without its questions, for kernels (B, k, l) or (1, k, l).

    Each channel of each sample is a group of its own, even under one kernel: a single channel convolved many times
    over is ten times slower on a CPU.
    """
    b, c, h, w = x.shape
    if b == 0:
        return x.clone()
    up, along = kernel.shape[1] // 2, kernel.shape[2] // 2
    padded = pad(x, padding=(along, up, along, up), fill=fill, value=value)
    weight = kernel[:, None].expand(b, c, *kernel.shape[1:]).reshape(b * c, 1, *kernel.shape[1:])
    return F.conv2d(padded.reshape(1, b * c, *padded.shape[2:]), weight, groups=b * c).view(b, c, h, w)


def _fixed(x: Tensor, kernel: tuple[tuple[int, ...], ...], divisor: float = 1.0) -> Tensor:
    return constant(kernel, x) / divisor


def gaussian_kernel(sigma: Float[Tensor, " b"], *, kernel_size: int) -> Float[Tensor, "b k"]:
    """Samples of a Gaussian bell for each sigma, in pixels, that sum to 1; a sigma of 0 gives (0 … 0 1 0 … 0).

    Raises:
        ValueError: if the kernel size isn't odd.
    """
    odd(kernel_size, name="kernel_size")
    u = torch.arange(kernel_size, dtype=sigma.dtype, device=sigma.device) - kernel_size // 2
    bell = torch.exp(-0.5 * (u / sigma.clamp_min(1e-3)[:, None]) ** 2)
    return bell / bell.sum(1, keepdim=True)


def gaussian_blur(
    x: Images, *, sigma: Value, kernel_size: int | None = None, fill: str = "reflect", value: float = 0.0
) -> Images:
    """The images under a Gaussian bell of ``sigma`` pixels; 0 changes nothing.

    The kernel reaches ``kernel_size // 2`` pixels to each side: three times the largest sigma where it isn't given
    (for which the host waits if sigma lies on an accelerator). The Gaussian is separable: a column of weights, then a
    row.

    Raises:
        ValueError: if x isn't a batch of float images, a sigma is negative, or the kernel size isn't odd.
    """
    s = values(sigma, images(x), name="sigma", low=0)
    if kernel_size is None:
        largest = float(s.detach().amax()) if isinstance(sigma, Tensor) and s.numel() else float(sigma)
        kernel_size = 2 * math.ceil(3 * largest) + 1
    member(fill, FILLS, name="fill")

    def blurred(x: Tensor, bell: Tensor) -> Tensor:
        return _correlate(_correlate(x, bell[:, :, None], fill, value), bell[:, None], fill, value)

    return in_blocks(blurred, x, gaussian_kernel(s, kernel_size=kernel_size).to(x.dtype))


def box_blur(x: Images, *, kernel_size: int, fill: str = "reflect", value: float = 0.0) -> Images:
    """The mean of the ``kernel_size`` × ``kernel_size`` pixels around each.

    Raises:
        ValueError: if x isn't a batch of float images, or the kernel size isn't odd.
    """
    odd(kernel_size, name="kernel_size")
    padded = pad(images(x), padding=kernel_size // 2, fill=fill, value=value)
    return F.avg_pool2d(F.avg_pool2d(padded, (kernel_size, 1), stride=1), (1, kernel_size), stride=1)


def median_filter(x: Images, *, kernel_size: int, fill: str = "reflect", value: float = 0.0) -> Images:
    """The median of the ``kernel_size`` × ``kernel_size`` pixels around each, every channel alike.

    No kernel can do this: the median is not linear. It throws away single wild pixels (salt and pepper) and keeps
    edges, where every blur spreads both. J. Tukey, "Exploratory Data Analysis" (1977).

    Raises:
        ValueError: if x isn't a batch of float images, or the kernel size isn't odd.

    >>> x = torch.tensor([0.5, 0.5, 1.0, 0.5, 0.0, 0.0]).view(1, 1, 1, 6)
    >>> median_filter(x, kernel_size=3).flatten()
    tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.0000, 0.0000])
    """
    odd(kernel_size, name="kernel_size")
    member(fill, FILLS, name="fill")

    def filtered(x: Tensor) -> Tensor:
        padded = pad(x, padding=kernel_size // 2, fill=fill, value=value)
        windows = padded.unfold(2, kernel_size, 1).unfold(3, kernel_size, 1)
        return windows.flatten(-2).median(-1).values

    return in_blocks(filtered, images(x), block=BLOCK // kernel_size**2)


def motion_kernel(
    length: Float[Tensor, " b"], degrees: Float[Tensor, " b"], *, kernel_size: int
) -> Float[Tensor, "b k k"]:
    """Kernels of a straight stroke of ``length`` pixels at an angle, anticlockwise from the horizontal; each sums to 1.

    Places one pixel apart along the stroke are shared out bilinearly among the four pixels around each; the two at
    its ends count with the part of their pixel that the stroke covers.

    Raises:
        ValueError: if the kernel size isn't odd.
    """
    odd(kernel_size, name="kernel_size")
    t = torch.arange(kernel_size, dtype=length.dtype, device=length.device) - kernel_size // 2
    share = ((length[:, None] + 1) / 2 - t.abs()).clamp(0, 1)
    angle = torch.deg2rad(degrees)[:, None]
    across = (1 - (t - (t * angle.cos())[:, :, None]).abs()).clamp_min(0)
    down = (1 - (t + (t * angle.sin())[:, :, None]).abs()).clamp_min(0)
    kernel = torch.einsum("bt,bty,btx->byx", share, down, across)
    return kernel / kernel.sum((1, 2), keepdim=True)


def motion_blur(
    x: Images,
    *,
    length: Value,
    degrees: Value = 0.0,
    kernel_size: int | None = None,
    fill: str = "reflect",
    value: float = 0.0,
) -> Images:
    """The images as a camera sees them that moves ``length`` pixels while the shutter is open; 1 changes nothing.

    ``degrees`` is the direction, anticlockwise from the horizontal. ``kernel_size`` is by default the least that
    holds the longest stroke (for which the host waits if the lengths lie on an accelerator).

    Raises:
        ValueError: if x isn't a batch of float images, a length is below 1, or the kernel size isn't odd.
    """
    stroke = values(length, images(x), name="length", low=1)
    if kernel_size is None:
        longest = float(stroke.detach().amax()) if isinstance(length, Tensor) and stroke.numel() else float(length)
        kernel_size = 2 * math.ceil((longest - 1) / 2) + 1
    kernel = motion_kernel(stroke, values(degrees, x, name="degrees"), kernel_size=kernel_size)
    return filter2d(x, kernel, fill=fill, value=value)


def sharpen(x: Images, *, factor: Value) -> Images:
    """A blend ``factor · x + (1 − factor) · soft``, clamped: 0 is softened, 1 the image, 2 sharpened.

    As torchvision's ``adjust_sharpness``: the soft image is a 3×3 mean that counts the middle five times, and the
    outermost pixels stay as they are.

    Raises:
        ValueError: if x isn't a batch of float images, or a factor is negative.
    """
    f = per_item(values(factor, images(x), name="factor", low=0), x)
    if min(x.shape[2:]) < 3:
        return x.clone()
    soft = filter2d(x, _fixed(x, SOFT, 13), fill="edge")
    inner = torch.zeros(x.shape[2:], dtype=torch.bool, device=x.device)
    inner[1:-1, 1:-1] = True
    return torch.lerp(torch.where(inner, soft, x), x, f).clamp_(0, 1)


def unsharp(x: Images, *, sigma: Value, amount: Value = 1.0, kernel_size: int | None = None) -> Images:
    """``x + amount · (x − gaussian_blur(x))``, clamped: what a blur takes away, added once more.

    Raises:
        ValueError: if x isn't a batch of float images, a sigma or an amount is negative, or the kernel size isn't
            odd.
    """
    a = per_item(values(amount, images(x), name="amount", low=0), x)
    return torch.lerp(gaussian_blur(x, sigma=sigma, kernel_size=kernel_size), x, 1 + a).clamp_(0, 1)


def emboss(x: Images, *, strength: Value = 1.0) -> Images:
    """``x + strength · relief``, clamped: the relief is the slope towards the lower right, lit from the upper left.

    Raises:
        ValueError: if x isn't a batch of float images, or a strength is negative.
    """
    s = per_item(values(strength, images(x), name="strength", low=0), x)
    return torch.addcmul(x, filter2d(x, _fixed(x, EMBOSS), fill="edge"), s).clamp_(0, 1)


def sobel_gradients(x: Images, *, fill: str = "edge") -> tuple[Images, Images]:
    """The slopes (∂x/∂right, ∂x/∂down) in brightness per pixel, by Sobel's kernels over 8.

    Raises:
        ValueError: if x isn't a batch of float images, or ``fill`` is unknown.
    """
    kernel = _fixed(images(x), SOBEL, 8)
    return filter2d(x, kernel, fill=fill), filter2d(x, kernel.T, fill=fill)


def sobel(x: Images, *, fill: str = "edge") -> Images:
    """The steepness of the images, √(slope to the right² + slope down²), in brightness per pixel.

    Raises:
        ValueError: if x isn't a batch of float images, or ``fill`` is unknown.
    """
    return torch.linalg.vector_norm(torch.stack(sobel_gradients(x, fill=fill)), dim=0)


def laplacian(x: Images, *, fill: str = "reflect") -> Images:
    """The sum of the four neighbours less four times the pixel: the second derivatives, summed.

    Raises:
        ValueError: if x isn't a batch of float images, or ``fill`` is unknown.
    """
    return filter2d(x, _fixed(images(x), LAPLACE), fill=fill)
