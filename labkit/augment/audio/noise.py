r"""Noise at a given loudness, and what else a room and a cable do to a wave.

    y = x + ε n,     ε = ‖x‖ / ‖n‖ · 10^(−SNR/20)

The signal-to-noise ratio in decibels compares *powers*, 10 log₁₀(‖x‖² / ‖εn‖²), so an amplitude is multiplied by
10^(−SNR/20) and not by 10^(−SNR/10). Both norms go over all samples and channels of one item; in a padded batch,
hand in ``lengths``, or the silence at the end makes x look quiet and the noise too weak. Noise of colour β has the
power spectrum 1/f^β: 0 is white, 1 pink (as loud in each octave), 2 brown.

A room answers a click with its impulse response h, and x with y = h ∗ x. A simple one is a click followed by noise that
dies away by 60 dB in RT60 seconds: h(t) ∝ n(t) 10^(−3t/RT60). (J. Moorer, About This Reverberation Business, 1979.)
"""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from labkit.augment.arguments import Value, describe, per_item, values
from labkit.augment.audio._args import Lengths, Waves, along, positive, present, rms, waves
from labkit.augment.audio.timing import smooth
from labkit.draws import normal
from labkit.shapes import Float, Int, PerSample

TINY = 1e-12


def snr(x: Waves, y: Waves) -> PerSample:
    """The signal-to-noise ratio (B,) in decibels of ``y``, a noisy version of ``x``.

    Raises:
        ValueError: if they are no sounds of the same shape.

    >>> snr(torch.ones(1, 4), torch.ones(1, 4) + 0.1)
    tensor([20.0000])
    """
    if waves(x).shape != waves(y).shape:
        raise ValueError(f"both sounds have the same shape; these have {tuple(x.shape)} and {tuple(y.shape)}")
    return 20 * torch.log10(rms(x) / rms(y - x))


def add_noise(x: Waves, noise: Waves, *, snr: Value, lengths: Lengths | None = None) -> Waves:
    """``x`` plus the noise, as loud as the signal-to-noise ratio says.

    Args:
        x: sounds (B, T) or (B, C, T).
        noise: as large; how loud it is doesn't matter. An item whose noise is silent stays as it is.
        snr: in decibels, one number or (B,): 0 is as loud as the sound, 20 a tenth of its amplitude.
        lengths: (B,) samples of each item that are sound, where the rest is padding; noise is added there only.

    Raises:
        ValueError: if shapes or dtypes don't fit, or ``snr`` isn't finite.

    >>> y = add_noise(torch.ones(1, 4), torch.tensor([[1.0, -1.0, 1.0, -1.0]]), snr=20.0)
    >>> y
    tensor([[1.1000, 0.9000, 1.1000, 0.9000]])
    """
    if noise.shape != waves(x).shape or noise.dtype != x.dtype:
        raise ValueError(f"the noise is {describe(noise)}; expected {describe(x)}, as the sounds are")
    mask = present(x, lengths)
    noise = noise if mask is None else noise * along(mask, x).to(x.dtype)
    loudness = rms(x, lengths=lengths) / rms(noise, lengths=lengths).clamp_min(TINY)
    decibels = values(snr, x, name="snr").to(x.dtype)
    return x + per_item(loudness * 10 ** (-decibels / 20), x) * noise


def colored_noise(
    shape: Sequence[int], *, beta: float, like: Tensor | None = None, generator: Generator | None = None
) -> Tensor:
    """Gaussian noise with the power spectrum 1/f^β in the last dimension, each row with mean 0 and root mean square 1.

    Args:
        shape: of the result; the last number is that of samples, at least 2.
        beta: β: 0 white, 1 pink, 2 brown; −1 blue.
        like: a tensor whose dtype and device the result has.
        generator: the source of randomness.

    Raises:
        ValueError: if there are fewer than 2 samples, or β is not finite.

    (J. Timmer and M. König, On Generating Power Law Noise, 1995.)

    >>> n = colored_noise((1, 4096), beta=2.0, generator=torch.Generator().manual_seed(0))
    >>> bool((n.diff().square().mean() < 0.1 * n.square().mean()))     # brown noise moves slowly
    True
    """
    if len(shape) == 0 or shape[-1] < 2:
        raise ValueError(f"the shape is {tuple(shape)}; expected at least 2 samples in its last dimension")
    if not -10 <= beta <= 10:
        raise ValueError(f"beta is {beta}; expected a number from -10 to 10")
    n = shape[-1]
    noise = normal(tuple(shape), like=like, generator=generator)
    if beta == 0:
        noise = noise - noise.mean(-1, keepdim=True)
    else:
        spectrum = torch.fft.rfft(noise)
        k = torch.arange(spectrum.shape[-1], device=spectrum.device, dtype=spectrum.real.dtype).clamp_min(1)
        gain = k ** (-beta / 2)
        gain[0] = 0  # no constant part
        noise = torch.fft.irfft(spectrum * gain, n=n)
    noise = noise / noise.square().mean(-1, keepdim=True).sqrt().clamp_min(TINY)
    return noise if like is None or not like.is_floating_point() else noise.to(like.dtype)


def babble(x: Waves, *, partners: Int[Tensor, "b k"]) -> Waves:
    """For each item the sum of k others at once: people who talk in the background.

    Args:
        x: sounds (B, T) or (B, C, T).
        partners: the positions in the batch of those who talk behind each item.

    Raises:
        ValueError: if x is no batch of sounds, or ``partners`` has no row for each item.

    >>> babble(torch.eye(3), partners=torch.tensor([[1, 2], [0, 2], [0, 1]]))
    tensor([[0., 1., 1.],
            [1., 0., 1.],
            [1., 1., 0.]])
    """
    if partners.ndim != 2 or len(partners) != len(waves(x)):
        raise ValueError(f"partners are ({len(x)}, K) positions in the batch; these are {describe(partners)}")
    return x[partners].sum(1)


def gain(x: Waves, *, db: Value) -> Waves:
    """Louder by ``db`` decibels: x · 10^(db/20).

    Raises:
        ValueError: if x is no batch of sounds, or ``db`` not finite.

    >>> gain(torch.full((1, 2), 0.1), db=20.0)
    tensor([[1., 1.]])
    """
    return waves(x) * per_item(10 ** (values(db, x, name="db") / 20), x)


def clip(x: Waves, *, level: Value) -> Waves:
    """What a microphone does that is too loud: each item cut off at the share ``level`` of its own peak.

    Raises:
        ValueError: if x is no batch of sounds, or a level isn't in (0, 1].

    >>> clip(torch.tensor([[1.0, -0.2, -4.0]]), level=0.5)
    tensor([[ 1.0000, -0.2000, -2.0000]])
    """
    share = values(level, waves(x), name="level", low=0.0, high=1.0, above=True).to(x.dtype)
    top = per_item(share * x.flatten(1).abs().amax(1), x)
    return torch.minimum(torch.maximum(x, -top), top)


def room_response(
    n: int, *, rt60: Value, rate: int, direct: float = 3.0, size: int, like: Tensor, generator: Generator | None = None
) -> Float[Tensor, "n k"]:
    """Impulse responses (n, size) of simple rooms: a click, then noise that dies away by 60 dB in ``rt60`` seconds.

    Args:
        n: how many.
        rt60: seconds until the echo is 60 dB down, one number or (n,).
        rate: samples a second.
        direct: how much louder the click is than all of the echo together, in decibels.
        size: samples of the response.
        like: a tensor whose dtype and device the result has.
        generator: the source of randomness.

    Raises:
        ValueError: if a number is impossible.

    >>> h = room_response(2, rt60=0.3, rate=8000, size=2400, like=torch.empty(0))
    >>> h.shape, h[:, 0]
    (torch.Size([2, 2400]), tensor([1., 1.]))
    """
    positive(rate, name="rate")
    if size < 2:
        raise ValueError(f"size is {size}; expected at least 2 samples")
    items = like.new_empty((n, 0))
    seconds = values(rt60, items, name="rt60", low=0.0, above=True).to(like.dtype)
    t = torch.arange(1, size, device=like.device, dtype=like.dtype) / rate
    tail = normal((n, size - 1), like=like, generator=generator).to(like.dtype) * 10 ** (-3 * t / seconds[:, None])
    energy = tail.square().sum(1, keepdim=True).sqrt().clamp_min(TINY)
    return torch.cat([tail.new_ones(n, 1), tail / energy * 10 ** (-direct / 20)], dim=1)


def reverberate(x: Waves, *, response: Float[Tensor, "b k"]) -> Waves:
    """``x`` as it sounds in a room: convolved with an impulse response each, as loud as it was, and as long.

    Raises:
        ValueError: if x is no batch of sounds, or there is not one response for each item.

    >>> reverberate(torch.tensor([[1.0, 0.0, 0.0]]), response=torch.tensor([[0.0, 2.0]]))
    tensor([[0., 1., 0.]])
    """
    if response.ndim != 2 or len(response) != len(waves(x)):
        raise ValueError(f"there is one response for each of the {len(x)} items; this is {describe(response)}")
    if len(x) == 0:
        return x.clone()
    size = smooth(x.shape[-1] + response.shape[-1] - 1)
    spectrum = torch.fft.rfft(along(response.to(x.dtype), x), n=size)
    y = torch.fft.irfft(torch.fft.rfft(x, n=size) * spectrum, n=size)[..., : x.shape[-1]]
    return y * per_item(rms(x) / rms(y).clamp_min(TINY), x)
