r"""Slower or faster at the same pitch, and higher or lower at the same length: the phase vocoder.

The short-time Fourier transform X[k, s] is read at the frames s_j = r·j, between frames in magnitude, and its phase is
built up anew. Between two frames, H samples apart, bin k turns by ω_k H if it holds exactly its own frequency
ω_k = 2πk/N; the angle by which it really turns differs from that by less than half a turn:

    φ_(j+1)[k] = φ_j[k] + ω_k H + princarg(∠X[k, s+1] − ∠X[k, s] − ω_k H),     s = ⌊s_j⌋

Without ``princarg``, the difference brought to (−π, π], the angles of two frames say nothing. A pitch shift by c
semitones is a stretch to 2^(c/12) times the length, played so many times as fast. (J. Flanagan and R. Golden, Phase
Vocoder, 1966; J. Laroche and M. Dolson, Improved Phase Vocoder Time-Scale Modification of Audio, 1999, who say why it
sounds smeared: each bin keeps its own phase, and clicks, which are phases in step, are spread over a whole frame.)
"""

import math

import torch
from torch import Tensor

from labkit.augment.arguments import Value, values
from labkit.augment.audio._args import Resampled, Waves, along, positive, spectra, waves
from labkit.augment.audio.spectra import istft, stft
from labkit.augment.audio.timing import exact_rates, speed

OCTAVES = 2  # a pitch is shifted by at most so many


def princarg(angle: Tensor) -> Tensor:
    """The same angle between −π and π.

    >>> princarg(torch.tensor([3 * torch.pi / 2]))
    tensor([-1.5708])
    """
    return angle - 2 * torch.pi * torch.round(angle / (2 * torch.pi))


def phase_vocoder(s: Tensor, *, rate: Value, hop: int = 64, frames: int | None = None) -> Tensor:
    """A short-time Fourier transform ``rate`` times as fast: the frames at 0, r, 2r, …, their phases carried on.

    Args:
        s: complex (B, F, S) or (B, C, F, S).
        rate: one number or (B,), from 0.1 to 10; above 1 is shorter.
        hop: samples between two frames.
        frames: of the result, by default ⌈S / rate⌉ for the slowest item; frames after the end are 0.

    Raises:
        ValueError: if ``s`` is no complex spectrogram, or a number is outside its range.

    >>> phase_vocoder(stft(torch.randn(2, 6400)), rate=2.0).shape
    torch.Size([2, 129, 51])
    """
    bins, last = spectra(s, complex_=True).shape[-2:]
    positive(hop, name="hop")
    r = exact_rates(rate, s.real)
    slowest = float(r.min()) if len(r) else 1.0
    count = math.ceil(last / slowest) if frames is None else frames
    positive(count, name="frames")
    at = torch.arange(count, device=s.device) * r[:, None]
    first = at.long().clamp(max=last)
    share = along((at - first).clamp(0, 1).to(s.real.dtype), s)
    s = torch.nn.functional.pad(s, (0, 2))
    length, phase = s.abs(), s.angle()
    own = torch.linspace(0, torch.pi * hop, bins, dtype=phase.dtype, device=s.device)[:, None]
    turn = princarg(own + princarg(phase.diff(dim=-1) - own))  # whole turns change nothing
    before = along(first, s).expand(*s.shape[:-1], -1)
    turned = turn.gather(-1, before[..., :-1]).cumsum(-1)
    angle = phase[..., :1] + torch.nn.functional.pad(turned, (1, 0))
    magnitude = torch.lerp(length.gather(-1, before), length.gather(-1, before + 1), share)
    return torch.polar(magnitude, angle)


def time_stretch(
    x: Waves, *, rate: Value, n_fft: int = 512, hop: int | None = None, length: int | None = None
) -> Resampled:
    """Each wave ``rate`` times as fast at the same pitch.

    Args:
        x: sounds (B, T) or (B, C, T).
        rate: one number or (B,), from 0.1 to 10; above 1 is shorter.
        n_fft: samples a frame; long frames keep tones apart, short ones keep clicks sharp.
        hop: samples between two frames, by default a quarter of ``n_fft``.
        length: samples of the result, by default as many as ``x`` has: silent where the sound is over, cut off where
            it doesn't fit.

    Raises:
        ValueError: if x is no batch of sounds, or a number is outside its range.

    >>> t = torch.arange(8000.0)[None] / 8000
    >>> y = time_stretch(torch.sin(2 * torch.pi * 440 * t), rate=2.0)
    >>> bool(y[:, 4400:].abs().max() < 0.01), int(torch.fft.rfft(y[:, 500:3500]).abs().argmax() * 8000 / 3000)
    (True, 440)
    """
    steps = waves(x).shape[-1] if length is None else length
    positive(steps, name="length")
    h = n_fft // 4 if hop is None else hop
    # With the frames that begin in the sound and end behind it, the last samples are as right as all others.
    padded = torch.nn.functional.pad(x, (0, n_fft // 2))
    s = phase_vocoder(stft(padded, n_fft=n_fft, hop=h), rate=rate, hop=h, frames=1 + steps // h)
    return istft(s, hop=h, length=steps)


def pitch_shift(x: Waves, *, semitones: Value, n_fft: int = 512, hop: int | None = None) -> Waves:
    """Each wave higher by so many semitones, of which an octave has twelve, and as long as it was.

    Whatever makes a voice that voice moves too: formants are shifted by the same factor.

    Args:
        x: sounds (B, T) or (B, C, T).
        semitones: one number or (B,), from -24 to 24; negative is lower.
        n_fft, hop: as in ``time_stretch``.

    Raises:
        ValueError: if x is no batch of sounds, or a number is outside its range.

    >>> t = torch.arange(8000.0)[None] / 8000
    >>> y = pitch_shift(torch.sin(2 * torch.pi * 440 * t), semitones=12.0)
    >>> int(torch.fft.rfft(y[:, 500:7500]).abs().argmax() * 8000 / 7000)
    880
    """
    double = waves(x).new_empty((len(x),), dtype=torch.float64)
    c = values(semitones, double, name="semitones", low=-12.0 * OCTAVES, high=12.0 * OCTAVES)
    factor = 2 ** (c / 12)
    highest = float(factor.max()) if len(factor) else 1.0
    size = x.shape[-1]
    if not isinstance(semitones, Tensor) or semitones.numel() == 1:
        factor = factor[:1]
    slow = time_stretch(x, rate=1 / (factor if len(factor) == len(x) else factor.expand(len(x))), n_fft=n_fft, hop=hop,
                        length=math.ceil(size * highest) + n_fft)  # fmt: skip
    return speed(slow, rate=factor, length=size)
