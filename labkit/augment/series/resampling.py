"""Resampling: another number of steps for the same time, without false frequencies.

From rate 1 to rate ``up/down``: between the steps ``up − 1`` zeros are put, a low-pass filter h takes away all above
the lower of the two Nyquist frequencies, and every ``down``-th value is kept:

    y[n] = Σ_k h[k] u[n · down − k],    u[m · up] = x[m], and 0 elsewhere.

h is a sinc cut at ``1/max(up, down)``, under a Kaiser window with β = 5 that reaches ``10 · max(up, down)`` to each
side: the filter of ``scipy.signal.resample_poly``. Without it, whatever is faster than half the new rate comes back as
something slower that was never there (*aliasing*). A. V. Oppenheim and R. W. Schafer, *Discrete-Time Signal
Processing*, chapter 4.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from labkit.augment.arguments import member
from labkit.augment.series._args import Series, series
from labkit.augment.series.timing import interpolate
from labkit.shapes import Float

PADDINGS = ("edge", "zero")


def resample(
    x: Series, *, size: int | None = None, up: int | None = None, down: int | None = None, antialias: bool = True,
    padding: str = "edge",
) -> Float[Tensor, "b c s"]:  # fmt: skip
    """The same time in another number of steps: step n of the result is at ``n · T / size`` steps of the series.

    Args:
        x: series (B, C, T).
        size: how many steps the result has; or say the ratio:
        up, down: the new rate is up/down times the old one; the result has ⌈T · up / down⌉ steps.
        antialias: filter first. Without it values are read off straight lines between the steps.
        padding: the values beyond the ends: the last value (``"edge"``), or 0 (``"zero"``). With 0, the ends of a
            series with an offset, such as gravity, are drawn towards 0.

    Raises:
        ValueError: if x isn't a batch of series, not exactly one of ``size`` and ``up``/``down`` is given, or a number
            is below 1.

    >>> x = torch.cos(torch.pi * torch.arange(64.0)).view(1, 1, 64)        # as fast as 64 steps can hold
    >>> resample(x, size=32, antialias=False).abs().mean().item()          # a constant that was never there
    1.0
    >>> resample(x, size=32)[..., 8:-8].abs().max().item() < 0.01
    True
    """
    t = series(x).shape[2]
    member(padding, PADDINGS, name="padding")
    up, down = _ratio(t, size, up, down)
    steps = -(-t * up // down)
    if not antialias:
        at = torch.arange(steps, device=x.device, dtype=torch.float64) * down / up
        return interpolate(x, positions=at.expand(len(x), steps))
    if up == down:
        return x.clone()
    kernel = low_pass(up, down).to(x)
    half = kernel.shape[0] // 2
    beyond = -(-half // up)  # steps of the series that the filter reaches beyond its ends
    wide = functional.pad(x, (beyond, beyond + down), mode="replicate" if padding == "edge" else "constant")
    spread = wide.new_zeros(*wide.shape, up)
    spread[..., 0] = wide
    signal = spread.flatten(2)[..., beyond * up - half :]
    return functional.conv1d(signal.flatten(0, 1)[:, None], kernel.view(1, 1, -1), stride=down)[..., :steps].reshape(
        *x.shape[:2], steps
    )


@lru_cache(maxsize=64)
def low_pass(up: int, down: int) -> Tensor:
    """The filter (taps,) for the ratio up/down, float64 on the CPU; its sum is ``up``."""
    rate = max(up, down)
    n = torch.arange(-10 * rate, 10 * rate + 1, dtype=torch.float64)
    taps = torch.sinc(n / rate) * torch.kaiser_window(len(n), periodic=False, beta=5.0, dtype=torch.float64)
    return up * taps / taps.sum()


def _ratio(t: int, size: int | None, up: int | None, down: int | None) -> tuple[int, int]:
    """The ratio in lowest terms."""
    if (size is None) == (up is None and down is None) or (up is None) != (down is None):
        raise ValueError("give either size, or up and down")
    up, down = (size, t) if up is None or down is None else (up, down)
    if not isinstance(up, int) or not isinstance(down, int) or min(up, down) < 1:
        raise ValueError(f"a series is resampled from {down} to {up}; expected whole numbers of at least 1")
    common = math.gcd(up, down)
    return up // common, down // common
