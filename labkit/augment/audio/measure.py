r"""What a voice is: its pitch and its formants, measured from the wave.

Pitch is the lag at which a wave looks most like itself: the largest value of its normalised autocorrelation between
the lags of the highest and the lowest voice. Formants are the resonances of the filter that predicts each sample
from the p before it,

    x(t) ≈ Σ_i a_i x(t − i),    R a = r,    1 − Σ a_i z^(−i) = 0 at z = ρ e^(2πiF/S)

with R the Toeplitz matrix of autocorrelations r_0 … r_(p−1): pairs of roots near the unit circle, whose angles are the
frequencies. (P. Boersma, Accurate Short-Term Analysis of the Fundamental Frequency, 1993; J. Makhoul, Linear
Prediction: A Tutorial Review, 1975.)
"""

import torch
from torch import Tensor

from labkit.augment.audio._args import Waves, positive, waves
from labkit.shapes import Float, PerSample


def _one_channel(x: Tensor) -> Tensor:
    if waves(x).ndim == 3:
        x = x.mean(1)
    return x - x.mean(1, keepdim=True)


def autocorrelation(x: Float[Tensor, "b t"], lags: int) -> Float[Tensor, "b n"]:
    """Σ_t x(t) x(t + n) for n = 0 … lags − 1.

    >>> autocorrelation(torch.tensor([[1.0, 2.0, 0.0]]), 3).round()
    tensor([[5., 2., 0.]])
    """
    n = 2 * x.shape[-1]
    return torch.fft.irfft(torch.fft.rfft(x, n=n).abs().square(), n=n)[:, :lags]


def pitch(x: Waves, *, rate: int, low: float = 75.0, high: float = 500.0) -> PerSample:
    """The pitch (B,) of each voice in Hz, one for the whole wave; channels are averaged.

    Args:
        x: sounds (B, T) or (B, C, T), at least two periods of the lowest voice long.
        rate: samples a second.
        low, high: between which the pitch is looked for.

    Raises:
        ValueError: if x is no batch of sounds, too short, or 0 < low < high < rate/4 doesn't hold.

    >>> t = torch.arange(4000.0)[None] / 8000
    >>> pitch(torch.sin(2 * torch.pi * 200 * t) + torch.sin(2 * torch.pi * 400 * t), rate=8000).round()
    tensor([200.])
    """
    positive(rate, name="rate")
    if not 0 < low < high < rate / 4:
        raise ValueError(f"pitches are looked for from {low:g} to {high:g}; expected 0 < low < high < {rate / 4:g}")
    x = _one_channel(x)
    size, longest, shortest = x.shape[-1], int(rate / low) + 1, int(rate / high)
    if size < 2 * longest:
        raise ValueError(f"the sound has {size} samples; expected at least {2 * longest}, two periods of {low:g} Hz")
    x = x * torch.hann_window(size, periodic=False, dtype=x.dtype, device=x.device)
    window = torch.hann_window(size, periodic=False, dtype=x.dtype, device=x.device)[None]
    shape = autocorrelation(window, longest + 2)
    r = autocorrelation(x, longest + 2) / (shape / shape[:, :1])
    r = r / r[:, :1].clamp_min(1e-12)
    lag = torch.arange(longest + 2, device=x.device)
    # Two periods look as alike as one: the shorter lag is preferred a little.
    score = torch.where((lag >= shortest) & (lag <= longest), r - 0.01 * lag / longest, torch.full_like(r, -1))
    best = score.argmax(1, keepdim=True)
    a, b, c = (r.gather(1, best + k) for k in (-1, 0, 1))
    bend = a - 2 * b + c
    offset = torch.where(bend < 0, 0.5 * (a - c) / bend.clamp(max=-1e-12), torch.zeros_like(bend)).clamp(-0.5, 0.5)
    return rate / (best + offset)[:, 0]


def linear_prediction(x: Float[Tensor, "b t"], *, order: int) -> Float[Tensor, "b p"]:
    """The coefficients a_1 … a_p (B, p) that predict each sample from those before it with the least squared error.

    >>> x = 0.5 ** torch.arange(20.0)[None]                      # each sample is half the one before
    >>> linear_prediction(x, order=1).round(decimals=3)
    tensor([[0.5000]])
    """
    r = autocorrelation(x.double(), order + 1)
    r[:, 0] *= 1 + 1e-9
    lag = torch.arange(order, device=x.device)
    return torch.linalg.solve(r[:, (lag[:, None] - lag).abs()] + 1e-30 * torch.eye(order, device=x.device),
                              r[:, 1:]).to(x.dtype)  # fmt: skip


def formants(
    x: Waves, *, rate: int, count: int = 3, order: int | None = None, widest: float = 500.0
) -> Float[Tensor, "b n"]:
    """The lowest formants (B, count) of each voice in Hz, for the whole wave; NaN where there are fewer.

    Args:
        x: sounds (B, T) or (B, C, T); channels are averaged.
        rate: samples a second.
        count: how many.
        order: p, by default 2 + rate/1000: two for each formant that a man's voice has, and two for the voice.
        widest: resonances wider than this, in Hz, are none.

    Raises:
        ValueError: if x is no batch of sounds, or it is shorter than twice the order.

    >>> t = torch.arange(800.0) / 8000
    >>> ring = torch.exp(-100 * t) * torch.sin(2 * torch.pi * 900 * t)               # one resonance, at 900 Hz
    >>> bool((formants(ring[None], rate=8000, count=1, order=2) - 900).abs() < 5)
    True
    """
    positive(rate, name="rate")
    positive(count, name="count")
    p = 2 + round(rate / 1000) if order is None else order
    x = _one_channel(x)
    if p < 2 or x.shape[-1] < 2 * p:
        raise ValueError(f"order is {p} for {x.shape[-1]} samples; expected at least 2, and twice as many samples")
    bright = torch.cat([x[:, :1], x[:, 1:] - 0.97 * x[:, :-1]], dim=1)  # a voice gets weaker with the frequency
    a = linear_prediction(bright * torch.hann_window(x.shape[-1], dtype=x.dtype, device=x.device), order=p).double()
    companion = torch.diag(a.new_ones(p - 1), -1).repeat(len(x), 1, 1)
    companion[:, 0] = a
    z = torch.linalg.eigvals(companion)
    f, width = z.angle() * rate / (2 * torch.pi), -z.abs().clamp_min(1e-9).log() * rate / torch.pi
    resonance = (f > 90) & (f < rate / 2 - 50) & (width < widest)
    ordered = torch.where(resonance, f, torch.full_like(f, torch.inf)).sort(1).values
    ordered = torch.nn.functional.pad(ordered, (0, max(0, count - p)), value=torch.inf)[:, :count]
    return torch.where(ordered.isinf(), torch.nan, ordered).to(x.dtype)
