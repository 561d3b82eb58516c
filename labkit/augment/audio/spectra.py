r"""Spectrograms: what a sound looks like to a network.

    X[k, s] = Σ_t x(t + sH − N/2) w(t) e^(−2πi kt/N)         N = n_fft samples a frame, H = hop between two of them
    mel(f) = 2595 log₁₀(1 + f/700)                           how high a frequency sounds, in steps of equal height
    L[m, s] = 10 log₁₀ Σ_k B[m, k] |X[k, s]|²                B: triangles, equally wide in mel

Frame s is centred at sample sH. ``scale="slaney"`` is the other common formula: linear below 1 kHz, logarithmic above.
(S. Davis and P. Mermelstein, Comparison of Parametric Representations, 1980; the formula with 2595 is
D. O'Shaughnessy's, 1987; M. Slaney, Auditory Toolbox, 1998.)
"""

import math

import torch
from torch import Tensor

from labkit.augment.arguments import member
from labkit.augment.audio._args import Resampled, Waves, positive, spectra, waves
from labkit.shapes import Float

SCALES = ("htk", "slaney")
KINK, STEP = 1000.0, math.log(6.4) / 27  # Slaney's scale: 15 mel at 1 kHz, from there 27 steps to 6.4 times that


def window(n_fft: int, like: Tensor) -> Tensor:
    """Hann's window, periodic: its squares, a hop apart, add up to a constant."""
    return torch.hann_window(n_fft, dtype=like.dtype, device=like.device)


def stft(x: Waves, *, n_fft: int = 256, hop: int = 64) -> Tensor:
    """The short-time Fourier transform, complex (B, F, S) or (B, C, F, S): F = n_fft/2 + 1, S = 1 + T // hop.

    Args:
        x: sounds (B, T) or (B, C, T); outside they count as silent.
        n_fft: samples a frame, even.
        hop: samples between two frames, at most ``n_fft``.

    Raises:
        ValueError: if x is no batch of sounds, or a size is impossible.

    >>> stft(torch.randn(2, 1000), n_fft=256, hop=100).shape
    torch.Size([2, 129, 11])
    """
    _frames_fit(n_fft, hop)
    if len(waves(x)) == 0:  # Fourier transforms of nothing are refused
        dtype = torch.promote_types(x.dtype, torch.complex64)
        return torch.zeros(*x.shape[:-1], n_fft // 2 + 1, 1 + x.shape[-1] // hop, dtype=dtype, device=x.device)
    flat = x.reshape(-1, x.shape[-1])
    s = torch.stft(flat, n_fft, hop, window=window(n_fft, x), center=True, pad_mode="constant", return_complex=True)
    return s.view(*x.shape[:-1], *s.shape[-2:])


def istft(s: Tensor, *, hop: int = 64, length: int) -> Resampled:
    """The wave (B, T) or (B, C, T) with ``length`` samples whose short-time Fourier transform is nearest to ``s``.

    Raises:
        ValueError: if ``s`` is no complex spectrogram, or a size is impossible.

    >>> x = torch.randn(2, 1000)
    >>> torch.allclose(istft(stft(x), length=1000), x, atol=1e-5)
    True
    """
    n_fft = 2 * (spectra(s, complex_=True).shape[-2] - 1)
    _frames_fit(n_fft, hop)
    positive(length, name="length")
    if len(s) == 0:
        return s.real.new_zeros(*s.shape[:-2], length)
    flat = s.reshape(-1, *s.shape[-2:])
    x = torch.istft(flat, n_fft, hop, window=window(n_fft, s.real), center=True, length=length)
    return x.view(*s.shape[:-2], length)


def spectrogram(x: Waves, *, n_fft: int = 256, hop: int = 64, power: float = 2.0) -> Float[Tensor, "b *c f s"]:
    """|X|^power, (B, F, S) or (B, C, F, S): the energy at each frequency and time for ``power`` 2.

    Raises:
        ValueError: as ``stft``.

    >>> tone = torch.sin(2 * torch.pi * 1000 * torch.arange(8000) / 8000)[None]
    >>> int(spectrogram(tone).mean(2).argmax())          # 1000 Hz is bin 1000 / (8000 / 256)
    32
    """
    s = stft(x, n_fft=n_fft, hop=hop)
    energy = s.real.square() + s.imag.square()
    return energy if power == 2 else energy ** (power / 2)


def hz_to_mel(f: Tensor, *, scale: str = "htk") -> Tensor:
    """Frequencies in Hz on the mel scale.

    Raises:
        ValueError: if there is no such scale.

    >>> hz_to_mel(torch.tensor([0.0, 1000.0]))
    tensor([  0.0000, 999.9855])
    """
    member(scale, SCALES, name="scale")
    if scale == "htk":
        return 2595 * torch.log10(1 + f / 700)
    return torch.where(f < KINK, f * 0.015, 15 + torch.log(f.clamp_min(KINK) / KINK) / STEP)


def mel_to_hz(mel: Tensor, *, scale: str = "htk") -> Tensor:
    """The inverse of ``hz_to_mel``.

    Raises:
        ValueError: if there is no such scale.

    >>> mel_to_hz(hz_to_mel(torch.tensor([440.0]), scale="slaney"), scale="slaney").round()
    tensor([440.])
    """
    member(scale, SCALES, name="scale")
    if scale == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    return torch.where(mel < 15, mel / 0.015, KINK * torch.exp(STEP * (mel - 15).clamp_min(0)))


def mel_edges(
    n_mels: int, *, rate: int, f_min: float = 0.0, f_max: float | None = None, scale: str = "htk", like: Tensor
) -> Tensor:
    """The n_mels + 2 frequencies in Hz where the triangles of a mel bank begin, peak and end, equally far in mel.

    Raises:
        ValueError: if there is no filter, or 0 ≤ f_min < f_max ≤ rate/2 doesn't hold.

    >>> mel_edges(2, rate=8000, like=torch.empty(0)).round()
    tensor([   0.,  621., 1791., 4000.])
    """
    positive(n_mels, name="n_mels")
    positive(rate, name="rate")
    high = rate / 2 if f_max is None else f_max
    if not 0 <= f_min < high <= rate / 2:
        raise ValueError(f"f_min is {f_min:g} and f_max {high:g}; expected 0 ≤ f_min < f_max ≤ {rate / 2:g}")
    low, top = (hz_to_mel(torch.tensor(f, dtype=torch.float64), scale=scale) for f in (f_min, high))
    edges = mel_to_hz(torch.linspace(float(low), float(top), n_mels + 2, dtype=torch.float64), scale=scale)
    return edges.to(dtype=like.dtype, device=like.device)


def triangles(edges: Float[Tensor, "*b e"], *, n_fft: int, rate: int, norm: bool = False) -> Float[Tensor, "*b m f"]:
    """A filter bank (…, M, F) whose triangle m rises from edge m to edge m + 1 and falls to edge m + 2.

    Args:
        edges: (…, M + 2) in Hz, in order.
        n_fft: samples a frame.
        rate: samples a second.
        norm: divide each triangle by half its width, so that all have the same area.

    >>> triangles(torch.tensor([0.0, 1000.0, 2000.0, 4000.0]), n_fft=16, rate=8000)[0]
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000, 0.0000, 0.0000, 0.0000, 0.0000])
    """
    f = torch.linspace(0, rate / 2, n_fft // 2 + 1, dtype=edges.dtype, device=edges.device)
    low, middle, high = (e[..., None] for e in (edges[..., :-2], edges[..., 1:-1], edges[..., 2:]))
    bank = torch.minimum((f - low) / (middle - low), (high - f) / (high - middle)).clamp_min(0)
    return bank * (2 / (high - low)) if norm else bank


def mel_bank(
    n_mels: int,
    *,
    n_fft: int,
    rate: int,
    f_min: float = 0.0,
    f_max: float | None = None,
    scale: str = "htk",
    norm: bool = False,
    like: Tensor | None = None,
) -> Float[Tensor, "m f"]:
    """The mel filter bank B, (n_mels, n_fft/2 + 1).

    Args:
        n_mels: how many triangles.
        n_fft, rate: samples a frame, and a second.
        f_min, f_max: the lowest and highest frequency in Hz, by default 0 and half the rate.
        scale: ``"htk"`` or ``"slaney"``.
        norm: the same area for all triangles, instead of the same height.
        like: a tensor whose dtype and device the bank has.

    Raises:
        ValueError: if a number is impossible.

    >>> mel_bank(20, n_fft=256, rate=8000).shape
    torch.Size([20, 129])
    """
    home = torch.empty(0) if like is None else like
    _frames_fit(n_fft, 1)
    exact = mel_edges(n_mels, rate=rate, f_min=f_min, f_max=f_max, scale=scale, like=home.double())
    return triangles(exact, n_fft=n_fft, rate=rate, norm=norm).to(home.dtype)


def decibels(s: Tensor, *, floor: float = 1e-10) -> Tensor:
    """Energies in decibels, 10 log₁₀ s; energies below ``floor`` count as that.

    >>> decibels(torch.tensor([1.0, 0.01, 0.0]))
    tensor([   0.,  -20., -100.])
    """
    return 10 * torch.log10(s.clamp_min(floor))


def log_mel(
    x: Waves, *, rate: int, n_mels: int = 32, n_fft: int = 256, hop: int = 64, bank: Tensor | None = None
) -> Float[Tensor, "b *c m s"]:
    """The log-mel spectrogram in decibels, (B, n_mels, S) or (B, C, n_mels, S).

    Args:
        x: sounds (B, T) or (B, C, T).
        rate: samples a second.
        n_mels, n_fft, hop: as in ``mel_bank`` and ``stft``.
        bank: other filters, (M, F) for all or (B, M, F) for each item; ``vtlp_bank`` makes such.

    Raises:
        ValueError: as ``stft`` and ``mel_bank``.

    >>> log_mel(torch.randn(2, 4000), rate=8000).shape
    torch.Size([2, 32, 63])
    """
    energy = spectrogram(x, n_fft=n_fft, hop=hop)
    filters = mel_bank(n_mels, n_fft=n_fft, rate=rate, like=x) if bank is None else bank
    if filters.shape[-1] != energy.shape[-2] or filters.ndim not in (2, 3):
        raise ValueError(f"filters have {energy.shape[-2]} frequencies; these have shape {tuple(filters.shape)}")
    if filters.ndim == 3 and energy.ndim == 4:
        filters = filters[:, None]
    return decibels(filters @ energy)


def _frames_fit(n_fft: int, hop: int) -> None:
    if n_fft < 2 or n_fft % 2:
        raise ValueError(f"n_fft is {n_fft}; expected an even number of samples, at least 2")
    if not 1 <= hop <= n_fft:
        raise ValueError(f"hop is {hop}; expected a whole number from 1 to n_fft, {n_fft}")
