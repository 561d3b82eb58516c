"""The second layer: what draws a parameter for each sound, and what becomes of the places in it.

One draw an item, for all of its channels. A call may bring annotations::

    result = audio.Speed((0.9, 1.1))(x, times=onsets, mask=voiced, y=words, generator=g)

``times``   (B, N) samples at which something happens: they move along, and may leave the sound;
``mask``    (B, T) a label for each sample: it moves along, by the nearest sample, and is 0 where nothing was;
``y``       what belongs to a sound as a whole: it stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from labkit.augment.arguments import Span, describe, span_field
from labkit.augment.audio import noise, spectra, timing, vocal, vocoder
from labkit.augment.audio._args import positive, waves
from labkit.augment.transform import Params, Transform
from labkit.draws import uniform


class AudioTransform(Transform):
    """A transform of sounds (B, T) or (B, C, T) that moves nothing in time: annotations stay as they are.

    Raises:
        ValueError: if a span is out of range; in a call, if x is no batch of sounds or an annotation doesn't fit it.
    """

    keeps: tuple[str, ...] = ("y", "times", "mask")

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """One uniform number a sound and span, (B,) each."""
        return super().make_params(waves(x), generator=generator)

    def examine(self, x: Any, annotations: Mapping[str, Any]) -> None:
        """Refuse annotations that don't fit the sounds.

        Raises:
            ValueError: saying which shape was expected.
        """
        super().examine(waves(x), annotations)
        mask, times = annotations.get("mask"), annotations.get("times")
        if mask is not None and (not isinstance(mask, Tensor) or mask.shape != (len(x), x.shape[-1])):
            raise ValueError(
                f"a mask is a tensor ({len(x)}, {x.shape[-1]}), a label a sample; this is {describe(mask)}"
            )
        if times is not None and not (isinstance(times, Tensor) and times.ndim == 2 and times.is_floating_point()):
            raise ValueError(f"times are a float tensor ({len(x)}, N), in samples; these are {describe(times)}")


class MovesTime(AudioTransform):
    """A transform by which the sample t of the result was at ``source(t)``."""

    keeps = ("y",)

    def source(self, t: Tensor, params: Params) -> Tensor:
        """Where the samples t (B, N) of the result were before."""
        raise NotImplementedError

    def goal(self, t: Tensor, params: Params) -> Tensor:
        """Where the samples t (B, N) are afterwards: the inverse of ``source``."""
        raise NotImplementedError

    def apply_times(self, times: Tensor, x: Tensor, params: Params) -> Tensor:
        """Times where they went."""
        return self.goal(times, params).to(times.dtype)

    def apply_mask(self, mask: Tensor, x: Tensor, params: Params) -> Tensor:
        """The label of the nearest sample; 0 where nothing was."""
        t = torch.arange(mask.shape[1], device=x.device, dtype=torch.float64).expand(len(x), -1)
        return timing.looked_up(mask, self.source(t, params).round().long())


@dataclass(frozen=True)
class AddNoise(AudioTransform):
    """Noise of colour ``beta`` (0 white, 1 pink, 2 brown), at a signal-to-noise ratio from ``snr`` decibels.

    >>> y = AddNoise((10, 10))(torch.ones(2, 100), generator=torch.Generator().manual_seed(0))
    >>> noise.snr(torch.ones(2, 100), y).round(decimals=3)
    tensor([10., 10.])
    """

    snr: Span = span_field((5.0, 30.0), around=None)
    beta: float = 0.0

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``snr`` (B,), and ``noise`` as large as x: each channel has its own."""
        params = super().make_params(x, generator=generator)
        return {**params, "noise": noise.colored_noise(x.shape, beta=self.beta, like=x, generator=generator)}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``add_noise``."""
        return noise.add_noise(x, params["noise"], snr=params["snr"])


@dataclass(frozen=True)
class Babble(AudioTransform):
    """``voices`` other sounds of the batch in the background, at a signal-to-noise ratio from ``snr`` decibels."""

    snr: Span = span_field((5.0, 30.0), around=None)
    voices: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self.voices, name="voices")

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``snr`` (B,), and ``noise``, the sum of others; nobody talks behind himself.

        Raises:
            ValueError: if the batch has no other sound.
        """
        params = super().make_params(x, generator=generator)
        if len(x) < 2:
            raise ValueError(f"babble needs others in the batch, which has {len(x)}; expected at least 2 sounds")
        steps = 1 + uniform((len(x), self.voices), like=x, generator=generator) * (len(x) - 1)
        own = torch.arange(len(x), device=x.device)[:, None]
        partners = (own + steps.long().clamp(max=len(x) - 1)) % len(x)
        return {**params, "noise": noise.babble(x, partners=partners)}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``add_noise``."""
        return noise.add_noise(x, params["noise"], snr=params["snr"])


@dataclass(frozen=True)
class Gain(AudioTransform):
    """Louder or softer by ``db`` decibels."""

    db: Span = span_field(6.0)

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``gain``."""
        return noise.gain(x, **params)


@dataclass(frozen=True)
class Clip(AudioTransform):
    """Cut off at a share of the peak from ``level``."""

    level: Span = span_field((0.3, 1.0), around=1.0, low=0.01, high=1.0)

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``clip``."""
        return noise.clip(x, **params)


@dataclass(frozen=True)
class Reverb(AudioTransform):
    """In a room whose echo dies away in ``rt60`` seconds; ``direct``: see ``room_response``."""

    rt60: Span = span_field((0.1, 0.5), low=0.01, high=10.0)
    rate: int = 8000
    direct: float = 3.0

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``rt60`` (B,), and ``response`` (B, K), the same for all channels."""
        params = super().make_params(x, generator=generator)
        size = max(2, round(self.span("rt60")[1] * self.rate))
        response = noise.room_response(
            len(x), rt60=params["rt60"], rate=self.rate, direct=self.direct, size=size, like=x, generator=generator
        )
        return {**params, "response": response}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``reverberate``."""
        return noise.reverberate(x, response=params["response"])


@dataclass(frozen=True)
class Shift(MovesTime):
    """Later or earlier by up to ``seconds``, at ``rate`` samples a second.

    >>> Shift((0.1, 0.1), rate=10)(torch.tensor([[1.0, 2.0, 3.0]]))
    tensor([[0., 1., 2.]])
    """

    seconds: Span = span_field(0.1)
    rate: int = 8000
    fill: str = "silence"

    def __post_init__(self) -> None:
        super().__post_init__()
        timing.shift(torch.zeros(1, 1), samples=0, fill=self.fill)
        positive(self.rate, name="rate")

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``samples`` (B,)."""
        seconds = super().make_params(x, generator=generator)["seconds"]
        return {"samples": (seconds * self.rate).round().long()}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``shift``."""
        return timing.shift(x, samples=params["samples"], fill=self.fill)

    def source(self, t: Tensor, params: Params) -> Tensor:
        """Earlier by what was drawn."""
        return t - params["samples"][:, None]

    def goal(self, t: Tensor, params: Params) -> Tensor:
        """Later by what was drawn."""
        return t + params["samples"][:, None]

    def apply_mask(self, mask: Tensor, x: Tensor, params: Params) -> Tensor:
        """The labels shifted as the sound is."""
        t = torch.arange(mask.shape[1], device=x.device)
        return timing.looked_up(mask, self.source(t, params), wrap=self.fill == "wrap")

    def apply_times(self, times: Tensor, x: Tensor, params: Params) -> Tensor:
        """Times where they went."""
        moved = super().apply_times(times, x, params)
        return moved % x.shape[-1] if self.fill == "wrap" else moved


class _Faster(MovesTime):
    """A transform by which everything happens ``rate`` times as fast."""

    def source(self, t: Tensor, params: Params) -> Tensor:
        """At rate times t."""
        return t * params["rate"][:, None]

    def goal(self, t: Tensor, params: Params) -> Tensor:
        """At t through rate."""
        return t / params["rate"][:, None]


@dataclass(frozen=True)
class Speed(_Faster):
    """Faster or slower like a tape, with the pitch; the paper's rates are 0.9, 1 and 1.1. (Ko and others 2015.)"""

    rate: Span = span_field(0.1, around=1.0, low=timing.SLOWEST, high=timing.FASTEST)

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``speed``."""
        return timing.speed(x, rate=params["rate"])


@dataclass(frozen=True)
class TimeStretch(_Faster):
    """Faster or slower at the same pitch."""

    rate: Span = span_field(0.1, around=1.0, low=timing.SLOWEST, high=timing.FASTEST)
    n_fft: int = 512

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``time_stretch``."""
        return vocoder.time_stretch(x, rate=params["rate"], n_fft=self.n_fft)


@dataclass(frozen=True)
class PitchShift(AudioTransform):
    """Higher or lower by up to so many semitones, at the same length."""

    semitones: Span = span_field(2.0, low=-24.0, high=24.0)
    n_fft: int = 512

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``pitch_shift``."""
        return vocoder.pitch_shift(x, semitones=params["semitones"], n_fft=self.n_fft)


@dataclass(frozen=True)
class VocalTract(AudioTransform):
    """Formants times a factor from ``alpha``; the paper's are 0.9 to 1.1. (Jaitly and Hinton 2013.)"""

    alpha: Span = span_field(0.1, around=1.0, low=vocal.LEAST, high=vocal.MOST)
    rate: int = 8000
    n_fft: int = 512

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``vocal_tract``."""
        return vocal.vocal_tract(x, alpha=params["alpha"], rate=self.rate, n_fft=self.n_fft)


@dataclass(frozen=True)
class LogMel(AudioTransform):
    """Log-mel spectrograms (B, n_mels, S), their filters moved by a factor from ``alpha``; (1, 1) moves none.

    It comes last of what is done to waves: after it the items are spectrograms.
    """

    alpha: Span = span_field((1.0, 1.0), around=1.0, low=vocal.LEAST, high=vocal.MOST)
    rate: int = 8000
    n_mels: int = 32
    n_fft: int = 256
    hop: int = 64
    keeps = ("y",)

    @property
    def new_size(self) -> tuple[str, int, int]:
        """Rows and hop: items become spectrograms."""
        return ("log-mel", self.n_mels, self.hop)

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``log_mel`` and ``vtlp_bank``."""
        bank = None
        if self.span("alpha") != (1.0, 1.0):
            alpha = params["alpha"].to(x.dtype)
            bank = vocal.vtlp_bank(self.n_mels, alpha=alpha, n_fft=self.n_fft, rate=self.rate)
        return spectra.log_mel(x, rate=self.rate, n_mels=self.n_mels, n_fft=self.n_fft, hop=self.hop, bank=bank)
