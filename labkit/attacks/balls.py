"""The budget of an attack: all inputs within ``eps`` of x that are still inputs.

=========  ==============================  ================================  ===========================
norm       the ball                        steepest direction d(g)           projection Π
=========  ==============================  ================================  ===========================
``linf``   every ``|x'ᵢ − xᵢ| ≤ ε``        ``sign g``                        clamp to ``x ± ε``
``l2``     ``‖x' − x‖₂ ≤ ε``               ``g / ‖g‖₂``                      shrink ``x' − x`` to length ε
=========  ==============================  ================================  ===========================

d(g) is the change of size 1 along which the loss, taken as linear, grows fastest (Goodfellow and others 2015,
section 3). Clamping to the range of pixels afterwards never leaves the ball: x lies in that range, and a projection
onto a convex set brings no point further away from a point of the set.
"""

import math
from abc import ABC, abstractmethod
from functools import cached_property

import torch
from torch import Generator, Tensor

from labkit.shapes import Float, per_sample

Inputs = Float[Tensor, " b *rest"]
Bounds = tuple[float, float]
Size = float | Tensor
"""One size for all samples, or one a sample in a shape that multiplies x."""


class Ball(ABC):
    """The inputs within ``eps`` of ``x``, a radius for each sample, cut to ``bounds``.

    Args:
        x: the centres (B, ...).
        eps: the radius, one number or one a sample (B,), in the units of x.
        bounds: the smallest and the largest value an input may have.

    Raises:
        ValueError: if x is no batch of floats within ``bounds`` or an eps is negative or not finite. Values on an
            accelerator are trusted: reading them back would make the host wait.
    """

    def __init__(self, x: Inputs, eps: float | Tensor, bounds: Bounds = (0.0, 1.0)) -> None:
        self.x, self.bounds = checked(x, bounds), bounds
        self.eps = size(eps, x, name="eps")

    def step(self, z: Inputs, d: Inputs, alpha: Size) -> Inputs:
        """From ``z`` by ``alpha`` along the direction ``d``, and back into the ball."""
        moved = stepped(z, d, alpha)
        # From the centre no step of up to eps leaves the ball: FGSM need not work out where it ends.
        if z is self.x and isinstance(alpha, float) and isinstance(self.eps, float) and abs(alpha) <= self.eps:
            return moved.clamp_(*self.bounds)
        return self.project(moved)

    @abstractmethod
    def direction(self, g: Inputs) -> Inputs:
        """The steepest direction of size 1 for the gradient ``g``; no direction where the gradient is 0."""

    @abstractmethod
    def project(self, z: Inputs) -> Inputs:
        """The point of the ball, and of the range of pixels, that stands for ``z``."""

    @abstractmethod
    def start(self, generator: Generator | None) -> Inputs:
        """A point drawn uniformly from the ball, then clamped to the range of pixels."""

    def noise(self, kind: str, generator: Generator | None) -> Tensor:
        """Uniform (``"rand"``) or normal (``"randn"``) numbers of x's shape, drawn on the generator's device."""
        device = generator.device if generator is not None else self.x.device
        numbers = getattr(torch, kind)(self.x.shape, dtype=self.x.dtype, device=device, generator=generator)
        return numbers.to(self.x.device)


class Linf(Ball):
    """The cube of side 2ε: no pixel changes by more than ε."""

    @cached_property
    def limits(self) -> tuple[Inputs, Inputs]:
        """Where the ball and the range of pixels end, so that a step needs a single clamp."""
        low, high = self.bounds
        return (self.x - self.eps).clamp_(min=low), (self.x + self.eps).clamp_(max=high)

    def direction(self, g: Inputs) -> Inputs:
        return g.sign()

    def project(self, z: Inputs) -> Inputs:
        return z.clamp(*self.limits)

    def start(self, generator: Generator | None) -> Inputs:
        return self.project(stepped(self.x, self.noise("rand", generator).mul_(2).sub_(1), self.eps))


class L2(Ball):
    """The ball of radius ε: the whole change has length at most ε."""

    def direction(self, g: Inputs) -> Inputs:
        # Divided by its largest entry first: the squares of a tiny gradient would vanish.
        largest = g.flatten(1).abs().amax(1).clamp_min(torch.finfo(g.dtype).tiny)
        g = g / shaped(largest, g)
        return g / lengths(g).clamp_min(torch.finfo(g.dtype).tiny)

    def project(self, z: Inputs) -> Inputs:
        change = z - self.x
        shrink = (self.eps / lengths(change).clamp_min(torch.finfo(change.dtype).tiny)).clamp_max(1)
        return torch.addcmul(self.x, change, shrink).clamp_(*self.bounds)

    def start(self, generator: Generator | None) -> Inputs:
        n = self.x[0].numel() if len(self.x) else 1
        direction = self.direction(self.noise("randn", generator))
        # The volume within radius r grows as r^n.
        radius = self.noise("rand", generator).flatten(1)[:, 0] ** (1 / n)
        return torch.addcmul(self.x, direction, self.eps * shaped(radius, self.x)).clamp_(*self.bounds)


BALLS: dict[str, type[Ball]] = {"linf": Linf, "l2": L2}


def ball(x: Inputs, *, eps: float | Tensor, norm: str = "linf", bounds: Bounds = (0.0, 1.0)) -> Ball:
    """The ball of that norm.

    Raises:
        ValueError: if there is no such norm; and as ``Ball``.
    """
    if norm not in BALLS:
        raise ValueError(f"norm is {norm!r}; expected one of {', '.join(BALLS)}")
    return BALLS[norm](x, eps, bounds)


def project(z: Inputs, x: Inputs, *, eps: float | Tensor, norm: str = "linf", bounds: Bounds = (0.0, 1.0)) -> Inputs:
    """``z`` brought back into the ball of radius ``eps`` about ``x``, and into ``bounds``.

    Raises:
        ValueError: if z and x differ in shape; and as ``ball``.
    """
    if z.shape != x.shape:
        raise ValueError(f"z has the shape of x, here {tuple(x.shape)}; this has {tuple(z.shape)}")
    return ball(x, eps=eps, norm=norm, bounds=bounds).project(z)


def random_sign(
    x: Inputs,
    *,
    eps: float | Tensor,
    norm: str = "linf",
    bounds: Bounds = (0.0, 1.0),
    generator: Generator | None = None,
) -> Inputs:
    """The control of every attack: a change as large as the attack's whose signs are random instead of computed.

    Every entry changes by ±ε (``linf``), or by ±ε/√n (``l2``), so that the whole change has size ε; then it is clamped.

    Raises:
        ValueError: as ``ball``.
    """
    eps_ball = ball(x, eps=eps, norm=norm, bounds=bounds)
    signs = eps_ball.noise("rand", generator).sub_(0.5).sign_()
    signs[signs == 0] = 1
    change = eps_ball.eps if norm == "linf" else eps_ball.eps / math.sqrt(max(1, x[0].numel() if len(x) else 1))
    return stepped(x, signs, change).clamp_(*bounds)


def lengths(v: Inputs) -> Tensor:
    """‖v‖₂ of each sample, shaped to multiply v."""
    return shaped(v.flatten(1).norm(dim=1), v)


def shaped(values: Float[Tensor, " b"], like: Tensor) -> Tensor:
    """(B,) as (B, 1, 1, ...)."""
    return values.view(-1, *[1] * (like.ndim - 1))


def stepped(z: Inputs, d: Inputs, alpha: Size) -> Inputs:
    """``z + alpha d``."""
    return torch.add(z, d, alpha=alpha) if isinstance(alpha, float) else torch.addcmul(z, d, alpha)


def size(value: float | Tensor, x: Tensor, *, name: str) -> Size:
    """A size that is not negative: a number stays one, sizes of samples (B,) are shaped to multiply x.

    Raises:
        ValueError: if it is negative or not finite, or not one for each sample.
    """
    if not isinstance(value, Tensor):
        bad = [] if 0 <= value < math.inf else [float(value)]
    elif value.device.type == "cpu":
        bad = value[~(value.isfinite() & (value >= 0))].flatten().tolist()
    else:
        bad = []
    if bad:
        raise ValueError(f"{name} is a size in pixel units, 0 or more; this is {bad[0]:g}")
    return shaped(per_sample(value, x, name=name), x) if isinstance(value, Tensor) else float(value)


def checked(x: Tensor, bounds: Bounds) -> Tensor:
    """``x``, if it is a batch of floats within ``bounds``.

    Raises:
        ValueError: saying what it is instead.
    """
    if not isinstance(x, Tensor) or x.ndim < 2 or not x.is_floating_point():
        kind = f"{x.dtype} of shape {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"an attack takes a float batch (B, ...); this is {kind}")
    if 0 in x.shape[1:]:
        raise ValueError(f"x has shape {tuple(x.shape)}; expected samples with at least one value")
    low, high = bounds
    if not low < high:
        raise ValueError(f"bounds are {bounds}; expected the lower one first")
    if x.device.type == "cpu" and x.numel():
        least, most = (float(v) for v in torch.aminmax(x.detach()))
        slack = 1e-3  # less than a grey level: resampling a picture may overshoot by rounding
        if not (low - slack <= least and most <= high + slack):
            raise ValueError(
                f"the values of x go from {least:.3g} to {most:.3g}; expected {low:g} to {high:g}: "
                f"let the model's first layer normalise, or say other bounds"
            )
    return x
