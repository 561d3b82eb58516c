"""Topic ``audio``: the cases on which the answers of exercise 06 are tried.

The functions of the exercise get all random values (noise, shifts, rates, uniform numbers) as arguments, so that a
right answer is right to the last digit. Some batches have as many sounds as a sound has samples: they reveal a silent
broadcast.
"""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Generator

from labkit.checks.protocol import Case, Compare

DOUBLE = torch.float64


class AddNoise(Compare):
    """Noise at a signal-to-noise ratio, one an item."""

    key = "audio.add_noise"
    points = 2
    returns = "the noisy sound"
    no_gradients = "sounds are changed before a network hears them"

    def cases(self, g: Generator) -> Iterator[Case]:
        """Equally loud; a ratio and a loudness for each; more noise than sound; square; float64."""

        def case(name: str, b: int, t: int, snr: list[float], dtype: torch.dtype = torch.float32) -> Case:
            draw = partial(torch.randn, generator=g, dtype=dtype)
            # Neither the sound nor the noise has mean 0, and no two of a batch are equally loud.
            loud = 0.2 + torch.rand(2, b, 1, generator=g, dtype=dtype)
            x, noise = loud[0] * (draw(b, t) + 0.5), 3 * loud[1] * (draw(b, t) - 0.4)
            return {"case": name, "x": x, "noise": noise, "snr": torch.tensor(snr, dtype=dtype)}

        yield case("one sound, 0 dB", 1, 4, [0.0])
        yield case("one sound, 20 dB", 1, 6, [20.0])
        yield case("three sounds, a ratio each", 3, 8, [3.0, 12.0, 30.0])
        yield case("more noise than sound", 2, 9, [-6.0, -15.0])
        yield case("four sounds of four samples", 4, 4, [0.0, 5.0, 10.0, -5.0])
        yield case("float64", 2, 7, [6.0, 17.5], DOUBLE)


class Shift(Compare):
    """Move each sound later or earlier by its own number of samples, and fill the gap with silence."""

    key = "audio.shift"
    points = 2
    returns = "the shifted sound"
    no_gradients = "sounds are changed before a network hears them"

    def cases(self, g: Generator) -> Iterator[Case]:
        """Later; earlier; not at all and by more than all; as many sounds as samples; one sound; float64."""

        def case(name: str, t: int, samples: list[int], dtype: torch.dtype = torch.float32) -> Case:
            x = 0.1 + torch.rand(len(samples), t, generator=g, dtype=dtype)
            return {"case": name, "x": x, "samples": torch.tensor(samples)}

        yield case("one sound, two samples later", 5, [2])
        yield case("one sound, one sample earlier", 6, [-1])
        yield case("four sounds, each by its own", 8, [3, -2, 0, 1])
        yield case("by as many samples as there are, and more", 5, [5, -5, 7, -9, 4, -4])
        yield case("six sounds of six samples", 6, [1, -1, 2, -3, 0, 5])
        yield case("float64", 7, [-6, 6], DOUBLE)


class Speed(Compare):
    """Play each sound at its own speed, with linear interpolation between samples."""

    key = "audio.speed"
    points = 3
    returns = "the faster or slower sound"
    no_gradients = "sounds are changed before a network hears them"

    def cases(self, g: Generator) -> Iterator[Case]:
        """Twice as fast; half as fast; speed 1; the last sample just reached; each its own; square; float64."""

        def case(name: str, t: int, rate: list[float], dtype: torch.dtype = torch.float32) -> Case:
            x = 0.1 + torch.rand(len(rate), t, generator=g, dtype=dtype)
            return {"case": name, "x": x, "rate": torch.tensor(rate, dtype=dtype)}

        yield case("twice as fast", 7, [2.0])
        yield case("half as fast", 6, [0.5])
        yield case("as fast as before", 5, [1.0])
        yield case("the last sample is just reached", 11, [1.25, 2.5, 0.625])
        yield case("three sounds, a speed each", 12, [0.7, 1.3, 1.9])
        yield case("five sounds of five samples", 5, [0.5, 0.75, 1.0, 1.5, 3.0])
        yield case("float64", 9, [1.1, 0.9], DOUBLE)


class VtlpMap(Compare):
    """VTLP's map of frequencies for a vocal tract that is α times shorter."""

    key = "audio.vtlp_map"
    points = 3
    returns = "the frequencies"
    atol = 1e-2  # of frequencies in Hz
    no_gradients = "the filters are moved, not learned"

    def cases(self, g: Generator) -> Iterator[Case]:
        """A shorter tract; a longer one; the ends and both bends; other limits; as many factors as frequencies."""

        def case(name: str, f: torch.Tensor, alpha: list[float], f_hi: float, nyquist: float) -> Case:
            return {"case": name, "f": f, "alpha": torch.tensor(alpha, dtype=f.dtype), "f_hi": f_hi, "nyquist": nyquist}

        def drawn(n: int, nyquist: float, dtype: torch.dtype = torch.float32) -> torch.Tensor:
            return (nyquist * torch.rand(n, generator=g, dtype=dtype)).sort().values

        yield case("a shorter tract", torch.tensor([500.0, 1500.0, 3500.0]), [1.2], 2400.0, 4000.0)
        yield case("a longer tract", torch.tensor([500.0, 1500.0, 2700.0, 3500.0]), [0.8], 2400.0, 4000.0)
        yield case("factor 1", torch.tensor([0.0, 700.0, 2400.0, 3900.0]), [1.0], 2400.0, 4000.0)
        ends = torch.tensor([0.0, 2000.0, 2400.0, 2900.0, 4000.0])
        yield case("the ends and the bends", ends, [1.2, 0.75], 2400.0, 4000.0)
        yield case("16 kHz, frequencies in any order", drawn(9, 8000.0).flip(0), [0.9, 1.1, 1.05], 4800.0, 8000.0)
        yield case("as many factors as frequencies", drawn(4, 5000.0), [0.7, 0.95, 1.15, 1.3], 3100.0, 5000.0)
        yield case("float64", drawn(6, 4000.0, DOUBLE), [1.25, 0.85], 2000.0, 4000.0)


class SpecMask(Compare):
    """Hide a band of frequencies and a stretch of time, within the part of the item that has sound."""

    key = "audio.spec_mask"
    points = 3
    returns = "the masked spectrogram"
    no_gradients = "spectrograms are changed before a network sees them"

    def cases(self, g: Generator) -> Iterator[Case]:
        """One item; short ones in a long batch; the extremes of what is drawn; nothing to hide; square; float64."""

        def case(
            name: str, shape: tuple[int, int, int], most: tuple[int, int], lengths: list[int], dtype=torch.float32
        ) -> Case:
            s = 0.5 + torch.rand(*shape, generator=g, dtype=dtype)
            u = torch.rand(shape[0], 4, generator=g, dtype=dtype)
            u[:, 0::2] = 0.4 + 0.6 * u[:, 0::2]  # widths that show something
            return {
                "case": name, "s": s, "u": u, "freq": most[0], "time": most[1], "lengths": torch.tensor(lengths)
            }  # fmt: skip

        yield case("one item", (1, 6, 8), (3, 4), [8])
        yield case("three items, two of them padded", (3, 8, 12), (4, 5), [12, 7, 5])
        extremes = case("the largest and the smallest numbers", (4, 5, 9), (2, 3), [9, 9, 6, 6])
        high, low = 1 - 2**-24, 0.0
        extremes["u"] = torch.tensor(
            [[high, high, high, high], [high, low, high, low], [low, high, high, high], [high, high, low, high]]
        )
        yield extremes
        short = case("items shorter than the widest band", (3, 6, 10), (2, 8), [3, 10, 1])
        short["u"][:, 2] = 0.5  # half of a short item is hidden, or all of it
        yield short
        yield case("nothing to hide", (2, 4, 5), (0, 0), [5, 3])
        yield case("five items, five frequencies, five frames", (5, 5, 5), (5, 5), [5, 4, 3, 5, 2])
        yield case("float64", (2, 7, 9), (3, 4), [9, 4], DOUBLE)


class PhaseAdvance(Compare):
    """How much the phase of each bin advances from frame to frame, whole turns included."""

    key = "audio.phase_advance"
    points = 2
    returns = "the advance"
    atol = 1e-4
    no_gradients = "a vocoder has nothing to learn"

    def cases(self, g: Generator) -> Iterator[Case]:
        """Two frames; hardly a change; many frames and items; a hop as long as a frame; square; float64."""

        def case(name: str, b: int, f: int, s: int, hop: int, dtype: torch.dtype = torch.float32) -> Case:
            phase = torch.pi * (2 * torch.rand(b, f, s, generator=g, dtype=dtype) - 1)
            return {"case": name, "phase": phase, "hop": hop}

        yield case("two frames of four samples", 1, 3, 2, 1)
        still = case("phases that hardly change", 1, 5, 3, 1)
        yield still | {"phase": still["phase"][:, :, :1] + torch.tensor([0.0, 0.1, 0.2])}
        yield case("three sounds", 3, 9, 6, 5)
        yield case("a hop of a whole frame", 2, 5, 4, 8)
        yield case("five sounds, five bins, five frames", 5, 5, 5, 3)
        yield case("float64", 2, 17, 7, 8, DOUBLE)


CHECKS = (AddNoise(), Shift(), Speed(), VtlpMap(), SpecMask(), PhaseAdvance())
