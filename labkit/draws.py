"""Random numbers, one for each item of a batch, from a generator.

They are drawn on the generator's device: with a generator on the CPU they are the same whatever the data's device.
"""

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor


def uniform(
    shape: Sequence[int],
    low: float | Tensor = 0.0,
    high: float | Tensor = 1.0,
    *,
    like: Tensor | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Uniform numbers in [low, high).

    Args:
        shape: of the result; its first number is usually that of the items.
        low, high: the bounds.
        like: the data, whose dtype (at least float32) and device the result has; float32 on the CPU without it.
        generator: where they are drawn from; torch's own by default.

    >>> uniform((3,), 5, 6, generator=torch.Generator().manual_seed(0))
    tensor([5.4963, 5.7682, 5.0885])
    """
    dtype, home = (torch.float32, torch.device("cpu")) if like is None else (wide(like.dtype), like.device)
    device = home if generator is None else generator.device
    u = torch.rand(tuple(shape), dtype=dtype, device=device, generator=generator).to(home, non_blocking=True)
    return u if isinstance(low, int | float) and (low, high) == (0, 1) else u * (high - low) + low


def normal(shape: Sequence[int], *, like: Tensor | None = None, generator: Generator | None = None) -> Tensor:
    """Standard normal numbers; the arguments are those of ``uniform``."""
    dtype, home = (torch.float32, torch.device("cpu")) if like is None else (wide(like.dtype), like.device)
    device = home if generator is None else generator.device
    return torch.randn(tuple(shape), dtype=dtype, device=device, generator=generator).to(home, non_blocking=True)


def chance(p: float, x: Tensor, *, generator: Generator | None = None) -> Tensor:
    """True with probability p for each item of ``x``: bool (B,)."""
    return uniform((x.shape[0],), like=x, generator=generator) < p


def wide(dtype: torch.dtype) -> torch.dtype:
    """The dtype to keep parameters in: ``dtype``, but no narrower than float32 and never an integer."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def beta(n: int, *, alpha: float, like: Tensor, generator: Generator | None = None) -> Tensor:
    """n numbers from Beta(α, α), with ``like``'s dtype (at least float32) and device; all 1 if α is 0.

    With G ~ Gamma(α + 1) and U uniform, G U^(1/α) ~ Gamma(α), and of two such numbers A/(A + B) ~ Beta(α, α). It is
    computed through logarithms: for a small α both A and B may be too small for any float.

    Raises:
        ValueError: if α is negative or not finite.
    """
    if not 0 <= alpha < math.inf:
        raise ValueError(f"alpha is {alpha:g}; expected a finite number, 0 (no mixing) or above")
    dtype = wide(like.dtype)
    if alpha == 0:
        return torch.ones(n, dtype=dtype, device=like.device)
    device = generator.device if generator is not None else like.device
    shape = torch.full((2, n), alpha + 1, dtype=torch.float64, device=device)
    # torch.distributions draws from this too, but takes no generator.
    gamma = torch._standard_gamma(shape, generator=generator)
    u = torch.rand((2, n), dtype=torch.float64, device=device, generator=generator)
    log_a, log_b = gamma.log() + u.clamp_min(torch.finfo(torch.float64).tiny).log() / alpha
    return torch.sigmoid(log_a - log_b).to(like.device, dtype, non_blocking=True)
