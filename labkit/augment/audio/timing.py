r"""Earlier, later, faster: what moves samples in time.

    shift      y(t) = x(t − s)             silence, or the other end, where nothing was
    speed      y(t) = x(r t)               1/r as long, every frequency times r

At a speed above 1, frequencies above 1/r of the highest would fold back, so they are taken away first. Between samples
a wave is its Fourier series, x(t) = 1/N Σ_k X_k e^(2πikt/N), which is exact for whatever the rate can carry. At the
times r·t that is a sum of chirps, because 2kt = k² + t² − (t−k)²:

    y(t) = 1/N · e^(iθt²) Σ_k (X_k e^(iθk²)) e^(−iθ(t−k)²),      θ = π r / N

a convolution, done with three transforms, with another r for each item. (L. Bluestein 1968; L. Rabiner, R. Schafer and
C. Rader, The Chirp z-Transform Algorithm, 1969. Speed as augmentation: T. Ko and others, Audio Augmentation for Speech
Recognition, 2015.)
"""

import torch
from torch import Tensor

from labkit.augment import arguments
from labkit.augment.arguments import Value, describe, member, values
from labkit.augment.audio._args import Resampled, Waves, along, positive, waves
from labkit.shapes import Int, readable

FILLS = ("silence", "wrap")
GUARD = 64  # silent samples behind the end, before the Fourier series begins again
ROLL_OFF = 0.9  # the low-pass falls from 1 to 0 between this share of the new highest frequency and that itself
SLOWEST, FASTEST = 0.1, 10.0


def shift(x: Waves, *, samples: int | Int[Tensor, " b"], fill: str = "silence") -> Waves:
    """Each wave later by so many samples, or earlier where the number is negative.

    Args:
        x: sounds (B, T) or (B, C, T).
        samples: one whole number, or one for each item (B,).
        fill: ``"silence"``, or ``"wrap"``: samples that leave at one end come in at the other.

    Raises:
        ValueError: if x is no batch of sounds, the numbers are not whole, or there is no such ``fill``.

    >>> shift(torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]), samples=torch.tensor([1, -1]))
    tensor([[0., 1., 2.],
            [2., 3., 0.]])
    """
    member(fill, FILLS, name="fill")
    later, size = whole(samples, waves(x)), x.shape[-1]
    if not (readable(x) and readable(later)):
        return looked_up(x, torch.arange(size, device=x.device) - later[:, None], wrap=fill == "wrap")
    y = torch.zeros_like(x)
    for i, s in enumerate(later.expand(len(x)).tolist()):
        k = s % size if fill == "wrap" else max(-size, min(s, size))
        y[i, ..., max(k, 0) : size + min(k, 0)] = x[i, ..., max(-k, 0) : size - max(k, 0)]
        if fill == "wrap":
            y[i, ..., :k] = x[i, ..., size - k :]
    return y


def whole(samples: int | Tensor, x: Tensor) -> Tensor:
    """Whole numbers of samples, (B, ) or (1, ).

    Raises:
        ValueError: if they are not whole, or not one an item.
    """
    given = arguments.whole(samples, name="samples")
    if given.shape not in ((), (1,), (len(x),)):
        raise ValueError(f"samples are whole numbers, one for each of the {len(x)} items; this is {describe(samples)}")
    return given.to(x.device, non_blocking=True).reshape(-1)


def looked_up(x: Tensor, source: Tensor, *, wrap: bool = False) -> Tensor:
    """The samples of ``x`` (B, …, T) at the positions ``source`` (B or 1, T2); 0 outside."""
    size = x.shape[-1]
    inside = (source >= 0) & (source < size)
    index = source % size if wrap else source.clamp(0, size - 1)
    index, inside = (along(i.expand(len(x), -1), x).expand(*x.shape[:-1], -1) for i in (index, inside))
    y = x.gather(-1, index)
    return y if wrap else torch.where(inside, y, torch.zeros_like(y))


def speed(x: Waves, *, rate: Value, length: int | None = None) -> Resampled:
    """Each wave ``rate`` times as fast, like a tape: y(t) = x(rate · t), after a low-pass where that is above 1.

    Args:
        x: sounds (B, T) or (B, C, T).
        rate: from 0.1 to 10, one number or (B,). Above 1 sounds are shorter and higher.
        length: samples of the result, by default as many as ``x`` has: where the sound is over, it is silent, and
            what doesn't fit is cut off.

    Raises:
        ValueError: if x is no batch of sounds, or a rate is outside its range.

    >>> t = torch.arange(800.0)[None] / 8000
    >>> y = speed(torch.sin(2 * torch.pi * 500 * t), rate=2.0, length=400)         # twice as fast, an octave higher
    >>> bool((y - torch.sin(2 * torch.pi * 1000 * t[:, :400]))[:, 30:-30].abs().max() < 0.01)
    True
    """
    size = waves(x).shape[-1]
    steps = size if length is None else length
    positive(steps, name="length")
    r = exact_rates(rate, x)
    if not isinstance(rate, Tensor) or rate.numel() == 1:
        r = r[:1]  # one chirp will do for all
    if len(x) == 0:
        return x.new_zeros(*x.shape[:-1], steps)
    n = smooth(size + GUARD)
    series = torch.fft.rfft(x, n=n)
    series[..., 1 : (n + 1) // 2] *= 2  # each stands for its mirror image as well
    y = _chirp(series * along(low_pass(series.shape[-1], r).to(x.dtype), x), r, n=n, steps=steps)
    over = torch.arange(steps, device=x.device) * r[:, None] > size - 1
    return torch.where(along(over, x), torch.zeros((), dtype=x.dtype, device=x.device), y)


def exact_rates(rate: Value, x: Tensor) -> Tensor:
    """Rates (B,) in double precision: 13 / 1.3 is 10, and in float32 it isn't.

    Raises:
        ValueError: if one is outside its range.
    """
    double = x.new_empty((len(x),), dtype=torch.float64)
    return values(rate, double, name="rate", low=SLOWEST, high=FASTEST)


def low_pass(bins: int, rate: Tensor) -> Tensor:
    """The gain (B, bins) that keeps what a wave ``rate`` times as fast can carry; 1 everywhere for rates up to 1.

    >>> low_pass(5, torch.tensor([2.0, 0.5]))
    tensor([[1., 1., 0., 0., 0.],
            [1., 1., 1., 1., 1.]])
    """
    f = torch.arange(bins, device=rate.device, dtype=rate.dtype) / max(bins - 1, 1) * rate[:, None]
    slope = 0.5 + 0.5 * torch.cos(torch.pi * ((f - ROLL_OFF) / (1 - ROLL_OFF)).clamp(0, 1))
    return torch.where(rate[:, None] > 1, slope, torch.ones_like(slope))


def _chirp(series: Tensor, rate: Tensor, *, n: int, steps: int) -> Tensor:
    """The Fourier series (B, …, K) of period ``n`` at the times 0, r, 2r, …: (B, …, steps)."""
    bins = series.shape[-1]
    # Squares of thousands times π: only their part below one turn matters, and float32 would have lost it.
    m = torch.arange(max(bins, steps), device=series.device, dtype=torch.float64)
    turns = (m.square() * (rate[:, None] / (2 * n))) % 1
    angle = (2 * torch.pi * turns).to(series.real.dtype)
    up = torch.polar(torch.ones_like(angle), angle)
    size = smooth(bins + steps - 1)
    down = up.conj()
    kernel = down.new_zeros(len(down), size)
    kernel[:, :steps] = down[:, :steps]
    kernel[:, size - bins + 1 :] = down[:, 1:bins].flip(1)
    product = torch.fft.fft(series * along(up[:, :bins], series), n=size) * along(torch.fft.fft(kernel), series)
    return (torch.fft.ifft(product)[..., :steps] * along(up[:, :steps], series)).real / n


def smooth(n: int) -> int:
    """The least number from ``n`` that is 1, 3, 5, 9 or 15 times a power of 2: Fourier transforms are fast for it."""
    return min(m << max(0, (-(-n // m) - 1).bit_length()) for m in (1, 3, 5, 9, 15))
