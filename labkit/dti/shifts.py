"""Frey and Jojic's transformation-invariant clustering: EM over a discrete set of transformations.

    p(x) = Σ_j Σ_T π_{jT} N(x; T c_j, σ² I)            T: shifts by whole pixels, zeros move in from outside

The E-step weighs every pair of a centre and a shift,  r_{ijT} ∝ π_{jT} N(x_i; T c_j, σ² I);  the M-step is

    π_{jT} = mean_i r_{ijT},    c_j = Σ_{iT} r_{ijT} Tᵀ x_i / Σ_{iT} r_{ijT} Tᵀ 1,
    σ² = mean over i and pixels of Σ_{jT} r_{ijT} (x_i − T c_j)²

pixel by pixel. (The paper's mixture also has a covariance before the shift; here all variance is sensor noise.)
Source: B. Frey and N. Jojic, "Transformation-Invariant Clustering Using the EM Algorithm" (2003).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

from labkit.dti.kmeans import kmeans_plus_plus
from labkit.shapes import Float, Images, Int, Labels

Shift = tuple[int, int]


def shifts_within(radius: int) -> tuple[Shift, ...]:
    """All (2 radius + 1)² shifts (dy, dx) of at most ``radius`` pixels; the first is no shift, (0, 0).

    Raises:
        ValueError: if ``radius`` is negative.
    """
    if radius < 0:
        raise ValueError(f"radius is {radius}; expected 0 pixels or more")
    span = range(-radius, radius + 1)
    return tuple(sorted(((dy, dx) for dy in span for dx in span), key=lambda s: (s[0] ** 2 + s[1] ** 2, s)))


def shifted(x: Float[Tensor, "b c h w"], shifts: Sequence[Shift]) -> Float[Tensor, "b s c h w"]:
    """Every image moved by every shift: dy pixels down, dx to the right; zeros come in."""
    h, w = x.shape[2:]
    index = _table(tuple(shifts), h, w).to(x.device)
    empty = x.new_zeros(*x.shape[:2], 1)
    moved = torch.cat([x.flatten(2), empty], 2)[:, :, index.flatten()]
    return moved.unflatten(2, (len(index), h, w)).transpose(1, 2)


@lru_cache(maxsize=64)
def _table(shifts: tuple[Shift, ...], h: int, w: int) -> Int[Tensor, "s p"]:
    """For each shift and pixel: the index of the pixel that it comes from; h·w stands for outside."""
    dy, dx = torch.tensor(shifts).reshape(-1, 2).T
    row = torch.arange(h)[None, :, None] - dy[:, None, None]
    column = torch.arange(w)[None, None] - dx[:, None, None]
    inside = (row >= 0) & (row < h) & (column >= 0) & (column < w)
    return torch.where(inside, row * w + column, h * w).flatten(1)


@dataclass(frozen=True, eq=False)
class ShiftMixture:
    """The mixture: centres (k, C, H, W), log π (k, S), the variance σ², and the shifts (dy, dx)."""

    centres: Images
    log_pi: Float[Tensor, "k s"]
    variance: Float[Tensor, ""]
    shifts: tuple[Shift, ...]

    def log_joint(self, x: Images) -> Float[Tensor, "b k s"]:
        """log π_{jT} + log N(x_i; T c_j, σ² I), in nats."""
        flat, moved = x.flatten(1), shifted(self.centres, self.shifts).flatten(2)
        norms = flat.square().sum(1)[:, None, None] + moved.square().sum(2)
        squares = (norms - 2 * torch.einsum("bp,ksp->bks", flat, moved)).clamp_min(0)
        constant = flat.shape[1] / 2 * (math.log(2 * math.pi) + self.variance.log())
        return self.log_pi - squares / (2 * self.variance) - constant

    def log_likelihood(self, x: Images) -> Float[Tensor, ""]:
        """The mean over samples of log p(x), in nats."""
        return self.log_joint(x).flatten(1).logsumexp(1).mean()

    def assign(self, x: Images) -> Labels:
        """The likeliest cluster of each image, whatever its shift."""
        return self.log_joint(x).logsumexp(2).argmax(1)

    def aligned(self, x: Images) -> Images:
        """Each image moved back by its likeliest shift."""
        best = self.log_joint(x).flatten(1).argmax(1) % len(self.shifts)
        back = shifted(x, [(-dy, -dx) for dy, dx in self.shifts])
        return back[torch.arange(len(x), device=x.device), best]


def start(x: Images, k: int, *, radius: int, generator: torch.Generator | None = None) -> ShiftMixture:
    """The first mixture: centres from k-means++, all shifts equally likely, and the variance of the pixels.

    Raises:
        ValueError: if ``k`` is not from 1 to the number of images, or ``radius`` is negative or too large to leave
            anything of an image.
    """
    shifts = shifts_within(radius)
    if radius >= min(x.shape[2:]):
        raise ValueError(f"radius is {radius} for images of {tuple(x.shape[2:])} pixels; expected less than a side")
    centres = kmeans_plus_plus(x, k, generator=generator)
    log_pi = x.new_full((k, len(shifts)), -math.log(k * len(shifts)))
    return ShiftMixture(centres, log_pi, x.var(correction=0).clamp_min(1e-6), shifts)


def em_step(mixture: ShiftMixture, x: Images, *, least: float = 1e-4) -> tuple[ShiftMixture, Float[Tensor, ""]]:
    """One step of EM: the new mixture, and the log-likelihood of the old one (mean over images, nats).

    Args:
        mixture: the mixture before the step.
        x: the images.
        least: the smallest variance that is allowed.
    """
    joint = mixture.log_joint(x)
    evidence = joint.flatten(1).logsumexp(1)
    r = (joint - evidence[:, None, None]).exp()
    weight = r.sum(0)
    back = [(-dy, -dx) for dy, dx in mixture.shifts]
    total = _summed_back(torch.einsum("bks,bp->ksp", r, x.flatten(1)).unflatten(2, x.shape[1:]), back)
    ones = weight[:, :, None, None, None] * torch.ones_like(x[0])
    seen = _summed_back(ones, back)
    centres = torch.where(seen > 1e-8, total / seen.clamp_min(1e-8), mixture.centres)
    new = replace(mixture, centres=centres, log_pi=(weight / len(x)).clamp_min(1e-12).log())
    return replace(new, variance=_variance(new, x, r).clamp_min(least)), evidence.mean()


def _summed_back(sums: Float[Tensor, "k s c h w"], back: Sequence[Shift]) -> Images:
    """Σ_T Tᵀ sums_T: each sum is moved back by its own shift, then all are added."""
    k, s = sums.shape[:2]
    index = _table(tuple(back), *sums.shape[3:]).to(sums.device)
    flat = torch.cat([sums.flatten(3), sums.new_zeros(k, s, sums.shape[2], 1)], 3)
    moved = flat.gather(3, index[None, :, None].expand(k, -1, sums.shape[2], -1))
    return moved.sum(1).view(k, *sums.shape[2:])


def _variance(mixture: ShiftMixture, x: Images, r: Tensor) -> Float[Tensor, ""]:
    """The mean squared difference between a pixel and its value in the new centres."""
    flat, moved = x.flatten(1), shifted(mixture.centres, mixture.shifts).flatten(2)
    cross = torch.einsum("bks,bp->ksp", r, flat)
    squares = flat.square().sum() - 2 * (cross * moved).sum() + (r.sum(0) * moved.square().sum(2)).sum()
    return squares / flat.numel()


def shift_mixture(
    x: Images, k: int, *, radius: int, iterations: int = 60, generator: torch.Generator | None = None
) -> tuple[ShiftMixture, list[float]]:
    """Frey and Jojic's EM: the mixture, and the log-likelihood before each step and at the end (mean, nats).

    Args:
        x: the images, (B, C, H, W).
        k: the number of clusters.
        radius: the largest shift in pixels, in every direction.
        iterations: the number of steps of EM.
        generator: draws the first centres.

    Raises:
        ValueError: as ``start``, or if ``iterations`` is negative.
    """
    if iterations < 0:
        raise ValueError(f"iterations is {iterations}; expected 0 or more")
    mixture = start(x, k, radius=radius, generator=generator)
    course = []
    for _ in range(iterations):
        mixture, before = em_step(mixture, x)
        course.append(before)
    course.append(mixture.log_likelihood(x))
    return mixture, torch.stack(course).tolist()
