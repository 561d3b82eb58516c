r"""Another speaker's vocal tract: resonances move, the pitch of the voice stays.

A tube half as long has resonances twice as high. Vocal tract length perturbation moves the frequency f to

    f′ = α f                                                   if f ≤ F_hi · min(α, 1) / α
    f′ = S/2 − (S/2 − F_hi min(α,1)) / (S/2 − F_hi min(α,1)/α) · (S/2 − f)      above

with S the sampling rate: a straight line up to about F_hi, below which the formants lie, and another that ends at the
highest frequency, f′(S/2) = S/2. Where α > 1, formants rise: the tract is shorter. α is one number an utterance.

It is done where the filters are, in Hz and not on the index of a mel filter. To see the sound with its frequencies
moved by the map, filters must look where those came from: ``vtlp_bank`` moves the triangles by the *inverse* map. (The
paper moves the centres by the map itself, which is the inverse of another α; as α is drawn around 1, both are fine.)
``vocal_tract`` does it to the wave, so that one can hear and measure it: the smooth envelope of each frame's spectrum
moves, the harmonics under it stay. (N. Jaitly and G. Hinton, Vocal Tract Length Perturbation (VTLP) Improves Speech
Recognition, 2013: α from 0.9 to 1.1, F_hi 4,800 Hz at S = 16 kHz.)
"""

import torch
from torch import Tensor

from labkit.augment.arguments import Value, values
from labkit.augment.audio._args import Waves, along, positive, rms, waves
from labkit.augment.audio.spectra import istft, mel_edges, stft, triangles
from labkit.shapes import Float

LEAST, MOST = 0.5, 2.0  # factors of a vocal tract
SHARE = 0.6  # F_hi as a share of the highest frequency: 4,800 of 8,000 Hz


def vtlp_map(
    f: Float[Tensor, "*f"], *, alpha: Value, f_hi: float, nyquist: float, inverse: bool = False
) -> Float[Tensor, "*f2"]:
    """Where frequencies go, (F,) for one α, (B, F) for α of shape (B,).

    Args:
        f: frequencies in Hz, from 0 to ``nyquist``.
        alpha: factors from 0.5 to 2.
        f_hi: the frequency in Hz up to which formants matter, below ``nyquist``.
        nyquist: half the sampling rate.
        inverse: where they came from instead.

    Raises:
        ValueError: if a number is outside its range.

    >>> vtlp_map(torch.tensor([0.0, 1000.0, 4000.0]), alpha=1.2, f_hi=2400.0, nyquist=4000.0).round()
    tensor([   0., 1200., 4000.])
    """
    if not 0 < f_hi < nyquist:
        raise ValueError(f"f_hi is {f_hi:g}; expected a frequency between 0 and nyquist, {nyquist:g}")
    one = not isinstance(alpha, Tensor) or alpha.ndim == 0
    factors = torch.as_tensor(alpha, dtype=f.dtype, device=f.device).reshape(-1)
    a = values(factors, factors, name="alpha", low=LEAST, high=MOST).to(f.dtype)[:, None]
    end = f_hi * a.clamp(max=1)  # the first line goes from (0, 0) to (end / α, end)
    old, new = (end, end / a) if inverse else (end / a, end)
    below = f * new / old
    above = nyquist - (nyquist - new) / (nyquist - old) * (nyquist - f)
    moved = torch.where(f <= old, below, above)
    return moved[0] if one else moved


def vtlp_bank(
    n_mels: int, *, alpha: Float[Tensor, " b"], n_fft: int, rate: int, f_hi: float | None = None
) -> Float[Tensor, "b m f"]:
    """Mel filter banks (B, M, F) through which each item's vocal tract is α times as short: for ``log_mel(bank=…)``.

    Args:
        n_mels, n_fft, rate: as in ``mel_bank``.
        alpha: (B,), from 0.5 to 2; above 1 formants rise.
        f_hi: by default 0.6 of the highest frequency.

    Raises:
        ValueError: if a number is outside its range.

    >>> vtlp_bank(20, alpha=torch.tensor([0.9, 1.1]), n_fft=256, rate=8000).shape
    torch.Size([2, 20, 129])
    """
    edges = mel_edges(n_mels, rate=rate, like=alpha.double())
    nyquist = rate / 2
    f_hi = SHARE * nyquist if f_hi is None else f_hi
    moved = vtlp_map(edges, alpha=alpha.double(), f_hi=f_hi, nyquist=nyquist, inverse=True)
    return triangles(moved, n_fft=n_fft, rate=rate).to(alpha.dtype)


def envelope(s: Tensor, *, rate: int, order: int | None = None) -> Tensor:
    """The smooth part of log|s|, (…, F, S): the resonances of the vocal tract, by linear prediction of each frame.

    Args:
        s: a complex short-time Fourier transform (…, F, S).
        rate: samples a second.
        order: two for each resonance, by default 2 + rate/1000.

    >>> envelope(stft(torch.randn(2, 1000)), rate=8000).shape
    torch.Size([2, 129, 16])
    """
    p = 2 + round(rate / 1000) if order is None else order
    bins = s.shape[-2]
    if s.numel() == 0:
        return s.real
    turns = torch.linspace(0, torch.pi, bins, dtype=s.real.dtype, device=s.device)[:, None]
    bright = 1 + 0.97**2 - 2 * 0.97 * turns.cos()  # a voice gets weaker with the frequency: not the tract's doing
    r = torch.fft.irfft((s.real.square() + s.imag.square()) * bright, dim=-2)[..., : p + 1, :].transpose(-1, -2)
    r = r / r[..., :1].clamp_min(1e-20)
    lag = torch.arange(p, device=s.device)
    # A little white noise, so that a pure tone can be predicted as well; silence is predicted to be silent.
    matrix = r[..., (lag[:, None] - lag).abs()] + 1e-4 * torch.eye(p, dtype=r.dtype, device=r.device)
    a = torch.linalg.solve(matrix, r[..., 1:])
    predictor = torch.cat([torch.ones_like(a[..., :1]), -a], dim=-1)
    return -torch.fft.rfft(predictor, n=2 * (bins - 1)).abs().clamp_min(1e-6).log().transpose(-1, -2)


def vocal_tract(
    x: Waves, *, alpha: Value, rate: int, f_hi: float | None = None, n_fft: int = 512, order: int | None = None
) -> Waves:
    """Each wave as if its speaker's vocal tract were α times as short: formants times α, the same pitch and length.

    Args:
        x: sounds (B, T) or (B, C, T).
        alpha: one number or (B,), from 0.5 to 2.
        rate: samples a second.
        f_hi: by default 0.6 of the highest frequency.
        n_fft: samples a frame; at least two periods of the voice.
        order: see ``envelope``.

    Raises:
        ValueError: if x is no batch of sounds, or a number is outside its range.

    >>> x = torch.randn(2, 4000)
    >>> torch.allclose(vocal_tract(x, alpha=1.0, rate=8000), x, atol=1e-4)
    True
    """
    positive(rate, name="rate")
    factors = values(alpha, waves(x), name="alpha", low=LEAST, high=MOST)
    nyquist, hop = rate / 2, n_fft // 4
    s = stft(x, n_fft=n_fft, hop=hop)
    smooth = envelope(s, rate=rate, order=order)
    bins = torch.linspace(0, nyquist, s.shape[-2], dtype=factors.dtype, device=x.device)
    source = vtlp_map(
        bins, alpha=factors, f_hi=SHARE * nyquist if f_hi is None else f_hi, nyquist=nyquist, inverse=True
    )
    place = source / nyquist * (s.shape[-2] - 1)
    below = place.long().clamp(0, s.shape[-2] - 2)
    share = (place - below).to(x.dtype)

    def rows(index: Tensor) -> Tensor:
        return smooth.gather(-2, along(index, x)[..., None].expand_as(smooth))

    moved = torch.lerp(rows(below), rows(below + 1), along(share, x)[..., None])
    y = istft(s * (moved - smooth).exp(), hop=hop, length=x.shape[-1])
    loudness = rms(x) / rms(y).clamp_min(1e-12)
    return y * loudness.view(-1, *[1] * (x.ndim - 1))
