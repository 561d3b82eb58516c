"""Sounds: the notes of an instrument, and vowels that somebody could have spoken. One second is ``rate`` samples.

A note is a sum of harmonics, Σ_k a_k·sin(2π k f₀ t), with an attack and a decay. A vowel is the same sum seen
through a vocal tract: the voice's harmonics fall off as k^−0.6 (a bright voice), and the tract raises those near its
resonances, the formants F₁, F₂, F₃:

    gain(f) = Π_i 1 / |1 − (f/F_i)² + j·f·B_i/F_i²|     (resonance of width B_i)

G. Fant, Acoustic Theory of Speech Production, 1960. The formants of the five vowels are close to the averages of
men in G. Peterson and H. Barney, Control Methods Used in a Study of the Vowels, 1952; a shorter tract (a woman's, a
child's) raises them all by one factor, which is what vocal tract augmentation changes.
"""

from math import pi

import torch

from labkit.data.dataset import About, Dataset
from labkit.data.simulate import draw
from labkit.data.simulate.draw import Number, Range
from labkit.shapes import Float, PerSample, Tensor

Sounds = Float[Tensor, "b t"]
NOTES = ("C", "D", "E", "F", "G", "A", "B")
SEMITONES = (0, 2, 4, 5, 7, 9, 11)
VOWELS = ("a", "e", "i", "o", "u")
FORMANTS = ((730, 1090, 2440), (530, 1840, 2480), (270, 2290, 3010), (570, 840, 2410), (300, 870, 2240))
"""F₁, F₂, F₃ in Hz, of a, e, i, o, u."""
WIDTHS = (70.0, 100.0, 140.0)

ABOUT = About(name="sounds", licence="simulated: free of rights", source="simulated")


def tones(
    n: int,
    *,
    generator: torch.Generator | None = None,
    rate: int = 8000,
    seconds: Number = 0.5,
    octaves: Range = (0, 1),
    mistuned: Number = 0.2,
    noise: Range = (0.0, 0.05),
) -> Dataset:
    """Notes of an instrument, (n, rate·seconds) in [-1, 1]; the label is the note, C to B, in any of the octaves.

    Args:
        n: how many.
        generator: the source of all randomness, and the device.
        rate: samples a second.
        seconds: how long each sound is.
        octaves: range of whole octaves above middle C, 261.6 Hz.
        mistuned: the pitch is off by at most this many semitones.
        noise: range of the standard deviation of the noise.

    Returns:
        A data set whose ``extra`` holds ``pitch`` (n,) in Hz.

    Raises:
        ValueError: if a number or a range is impossible.
    """
    check(n, rate, seconds, noise)
    labels = draw.balanced(generator, n, len(NOTES))
    low, high = int(octaves[0]), int(octaves[1])
    octave = draw.integers(generator, (n,), high - low + 1) + low
    semitones = torch.tensor(SEMITONES, device=labels.device)[labels] + 12 * octave
    pitch = 261.63 * 2 ** ((semitones + draw.uniform(generator, (n,), (-mistuned, mistuned))) / 12)
    t = torch.arange(round(rate * seconds), device=labels.device) / rate
    brightness = draw.uniform(generator, (n, 1), (1.2, 2.5))
    k = torch.arange(1, 13, device=labels.device)
    gains = k**-brightness * (0.4 + 0.6 * draw.uniform(generator, (n, 12), (0, 1)))
    gains[:, 0] = 1.0
    sound = harmonics(pitch[:, None] * t + draw.uniform(generator, (n, 1), (0, 1)), pitch, gains, rate)
    attack = draw.uniform(generator, (n, 1), (0.005, 0.04))
    decay = draw.uniform(generator, (n, 1), (0.15, 0.8))
    sound = sound * (t / attack).clamp(0, 1) * torch.exp(-t / decay)
    return Dataset(recorded(sound, noise, generator), labels, NOTES, ABOUT, {"pitch": pitch})


def vowels(
    n: int,
    *,
    generator: torch.Generator | None = None,
    rate: int = 8000,
    seconds: Number = 0.5,
    pitch: Range = (90.0, 260.0),
    tract: Range = (1.0, 1.25),
    accent: Number = 0.06,
    noise: Range = (0.0, 0.02),
) -> Dataset:
    """Spoken-like vowels, (n, rate·seconds) in [-1, 1]; the label is the vowel: a, e, i, o, u.

    Args:
        n: how many.
        generator: the source of all randomness, and the device.
        rate: samples a second.
        seconds: how long each sound is.
        pitch: range of the voice's pitch in Hz; it glides by up to a tenth and trembles by a hundredth.
        tract: range of the factor on all formants: 1 for a man's vocal tract, 1.25 for a child's.
        accent: standard deviation of the factor on each single formant.
        noise: range of the standard deviation of the noise.

    Returns:
        A data set whose ``extra`` holds ``pitch`` (n,), the average in Hz, ``formants`` (n, 3) in Hz, ``tract`` (n,).

    Raises:
        ValueError: if a number or a range is impossible.
    """
    check(n, rate, seconds, noise)
    draw.within("pitch", pitch, 20, rate / 4)
    draw.within("tract", tract, 0.5, 2)
    labels = draw.balanced(generator, n, len(VOWELS))
    voice, length = draw.uniform(generator, (n,), pitch), draw.uniform(generator, (n,), tract)
    formants = torch.tensor(FORMANTS, device=labels.device, dtype=torch.float32)[labels] * length[:, None]
    formants = formants * (1 + accent * draw.normal(generator, (n, 3))).clamp(0.7, 1.3)
    t = torch.arange(round(rate * seconds), device=labels.device) / rate
    glide = draw.uniform(generator, (n, 1), (-0.1, 0.1)) / float(seconds)
    middle = t - float(seconds) / 2
    turns = voice[:, None] * (t + glide * middle**2 / 2 + 0.01 / (2 * pi * 5) * torch.sin(2 * pi * 5 * t))
    turns = turns + draw.uniform(generator, (n, 1), (0, 1))  # nobody starts a recording in phase with a voice
    k = torch.arange(1, int(rate / 2 / pitch[0]) + 1, device=labels.device)
    frequency = voice[:, None] * k
    sound = harmonics(turns, voice * 1.06, resonance(frequency, formants) / k**0.6, rate)
    swell = torch.sin(pi * (t / float(seconds))).clamp_min(0) ** 0.35
    extra = {"pitch": voice, "formants": formants, "tract": length}
    return Dataset(recorded(sound * swell, noise, generator), labels, VOWELS, ABOUT, extra)


def harmonics(turns: Sounds, pitch: PerSample, gains: Float[Tensor, "b k"], rate: int) -> Sounds:
    """Σ_k gains_k·sin(2π k·turns), (n, T), without the harmonics of ``pitch`` (n,) that the rate can't carry."""
    sound = torch.zeros_like(turns)
    for k in range(1, gains.shape[1] + 1):
        audible = (k * pitch < 0.48 * rate).float()
        sound = sound + (gains[:, k - 1] * audible)[:, None] * torch.sin(2 * pi * k * turns + 0.7 * k * k)
    return sound


def resonance(frequency: Float[Tensor, "b k"], formants: Float[Tensor, "b 3"]) -> Float[Tensor, "b k"]:
    """The vocal tract's gain (n, K) at frequencies (n, K), from formants (n, 3)."""
    gain = torch.ones_like(frequency)
    for i, width in enumerate(WIDTHS):
        f = frequency / formants[:, i : i + 1]
        gain = gain / torch.hypot(1 - f**2, f * width / formants[:, i : i + 1])
    return gain


def recorded(sound: Sounds, noise: Range, generator: torch.Generator | None) -> Sounds:
    """The sound at a loudness of its own, with noise, in [-1, 1]."""
    loud = draw.uniform(generator, (len(sound), 1), (0.4, 0.9))
    sound = loud * sound / sound.abs().amax(1, keepdim=True).clamp_min(1e-9)
    hiss = draw.uniform(generator, (len(sound), 1), noise) * draw.normal(generator, tuple(sound.shape))
    return (sound + hiss).clamp(-1, 1)


def check(n: int, rate: int, seconds: Number, noise: Range) -> None:
    """Raise ValueError, with one sentence, unless the knobs are possible."""
    draw.at_least_one(n)
    draw.within("noise", noise, 0, 1)
    if rate < 2000 or rate * seconds < 64:
        raise ValueError(f"rate is {rate} and seconds is {seconds}; expected at least 2000 and at least 64 samples")
