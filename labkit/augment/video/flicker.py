"""Flicker: what changes from frame to frame in places where nothing moved.

A network that is applied to one frame after the other may give other colours to the same wall in each of them. With a
camera that stands still, no optical flow is needed to see it: the mask

    m_t = |x_t − x_{t−1}| < ε (in all channels),        flicker² = Σ m (y_t − y_{t−1})² / Σ m

holds the pixels of the clip x that stayed, and the result y should stay there, too. As a loss it is the temporal term
of M. Ruder, A. Dosovitskiy, T. Brox, Artistic Style Transfer for Videos (arXiv 1604.08610), without the warp by flow.
"""

import torch
from torch import Tensor

from labkit.augment.arguments import describe, within
from labkit.augment.video._args import Clips, clips
from labkit.shapes import Bool, Float


def static_mask(x: Clips, *, threshold: float) -> Bool[Tensor, "b s 1 h w"]:
    """Where nothing changes from one frame to the next, in any channel: bool (B, T − 1, 1, H, W).

    Raises:
        ValueError: if there are fewer than two frames, or the threshold isn't above 0.

    >>> static_mask(torch.tensor([0.0, 0.02, 0.5]).view(1, 3, 1, 1, 1), threshold=0.1).flatten()
    tensor([ True, False])
    """
    within(threshold, name="threshold", low=0, above=True)
    return (clips(x, frames=2).diff(dim=1).abs() < threshold).all(2, keepdim=True)


def temporal_loss(y: Clips, *, mask: Bool[Tensor, "b s 1 h w"]) -> Float[Tensor, ""]:
    """The mean squared change of the results ``y`` (B, T, C, H, W) where ``mask`` says that nothing moved.

    Raises:
        ValueError: if the mask isn't bool (B, T − 1, 1, H, W), or nothing stayed.

    >>> y = torch.tensor([0.0, 0.5, 0.5]).view(1, 3, 1, 1, 1)
    >>> temporal_loss(y, mask=torch.ones(1, 2, 1, 1, 1, dtype=torch.bool))
    tensor(0.1250)
    """
    b, t, c, h, w = clips(y, frames=2).shape
    if mask.dtype != torch.bool or mask.shape != (b, t - 1, 1, h, w):
        raise ValueError(f"mask is bool ({b}, {t - 1}, 1, {h}, {w}); this is {describe(mask)}")
    pixels = mask.sum() * c
    if mask.device.type == "cpu" and not bool(pixels):
        raise ValueError("no pixel stayed as it was: flicker is measured where nothing moved")
    return (y.diff(dim=1).square() * mask).sum() / pixels


def flicker(y: Clips, x: Clips, *, threshold: float = 0.05) -> Float[Tensor, ""]:
    """How much the results ``y`` change where the clips ``x`` don't: a root mean square, in units of pixels.

    >>> x, y = torch.zeros(1, 3, 1, 2, 2), torch.tensor([0.0, 0.1, 0.0]).view(1, 3, 1, 1, 1).expand(1, 3, 1, 2, 2)
    >>> flicker(y, x)
    tensor(0.1000)
    """
    return temporal_loss(y, mask=static_mask(x, threshold=threshold)).sqrt()
