"""The explorer of topic 06: a sound on the plane of pitch and tempo, with another vocal tract and noise, playable.

The left column says what is done; the panel shows the spectrograms before and after, each with a player, the wave, the
place on the plane, and what one measures in both. Everything is computed in a fraction of a second.
"""

import base64
import html
from collections.abc import Collection
from dataclasses import dataclass
from math import isnan, log2

import torch
from torch import Tensor

from labkit import data
from labkit.augment import audio as augment
from labkit.explore.axes import Axes
from labkit.explore.base import State, View, choice, remembered, slider
from labkit.explore.charts import listing, table
from labkit.explore.panel import Explorer
from labkit.explore.pictures import Picture
from labkit.explore.svg import BLUE, INK, VERMILION
from labkit.shapes import Float

RATE, SECONDS = 8000, 0.6
VOWELS = tuple(f"vowel {v}" for v in data.simulate.sounds.VOWELS)
NOTES = ("note C", "note G")
SOUNDS = (*VOWELS, *NOTES, "clicks", "rising tone")
COLOURS = {"white": 0.0, "pink": 1.0, "brown": 2.0}
QUIET = 60.0  # dB: at this ratio and above nothing is added
MOVES, SPOILS = "Pitch and tempo", "Voice and noise"
RANGE = 70.0  # decibels from the loudest to black
HEAT = ((0.0, 0.0, 0.02), (0.3, 0.07, 0.48), (0.72, 0.21, 0.48), (0.98, 0.53, 0.38), (0.99, 0.99, 0.75))
"""Colours from silent to loud, ever brighter."""


@dataclass(frozen=True)
class Settings(State):
    """What the controls say."""

    sound: str = choice(SOUNDS, label="sound")
    semitones: float = slider(
        0, -12, 12, step=1, label="pitch", group=MOVES, draw=(-7, 7), help="semitones higher; 12 are an octave"
    )
    tempo: float = slider(1, 0.5, 2, step=0.05, label="tempo", group=MOVES, draw=(0.7, 1.5), help="times as fast")
    alpha: float = slider(
        1, 0.7, 1.4, step=0.05, label="tract α", group=SPOILS, draw=(0.8, 1.3), help="times as short: formants × α"
    )
    snr: float = slider(
        60, -10, 60, step=1, label="noise (dB)", group=SPOILS, draw=(0, 30), help="signal to noise; 60: no noise"
    )
    colour: str = choice(tuple(COLOURS), label="its colour", group=SPOILS)


@remembered(24)
def original(sound: str, seed: int) -> Float[Tensor, "1 t"]:
    """The sound before anything is done to it."""
    g = torch.Generator().manual_seed(seed)
    t = torch.arange(round(RATE * SECONDS)) / RATE
    if sound == "clicks":
        return (torch.arange(len(t)) % 800 == 400).float()[None] * 0.9
    if sound == "rising tone":
        return 0.6 * torch.sin(2 * torch.pi * (200 * t + 2000 * t**2))[None]
    if sound in NOTES:
        notes = data.simulate.tones(7, generator=g, rate=RATE, seconds=SECONDS, octaves=(0, 0), mistuned=0.0)
        return notes.x[notes.y == notes.classes.index(sound.removeprefix("note "))][:1]
    vowels = data.simulate.vowels(5, generator=g, rate=RATE, seconds=SECONDS)
    return vowels.x[vowels.y == vowels.classes.index(sound.removeprefix("vowel "))][:1]


@remembered(24)
def changed(settings: Settings) -> Float[Tensor, "1 t"]:
    """The sound after all that the sliders ask for."""
    x = original(settings.sound, settings.seed)
    if settings.semitones:
        x = augment.pitch_shift(x, semitones=settings.semitones)
    if settings.tempo != 1:
        x = augment.time_stretch(x, rate=settings.tempo, length=round(x.shape[1] / settings.tempo))
    if settings.alpha != 1:
        x = augment.vocal_tract(x, alpha=settings.alpha, rate=RATE)
    if settings.snr < QUIET:
        noise = augment.colored_noise(x.shape, beta=COLOURS[settings.colour], like=x, generator=settings.generator())
        x = augment.add_noise(x, noise, snr=settings.snr)
    return x


def picture(x: Tensor) -> Float[Tensor, "3 h w"]:
    """A spectrogram in colours: time to the right, 0 to 4 kHz upward; 1.2 s fill the picture."""
    level = augment.decibels(augment.spectrogram(x, n_fft=256, hop=48))[0].flip(0)
    level = ((level - level.max() + RANGE) / RANGE).clamp(0, 1)
    room = torch.zeros(level.shape[0], round(2 * SECONDS * RATE / 48))
    width = min(room.shape[1], level.shape[1])
    room[:, :width] = level[:, :width]
    place = room * (len(HEAT) - 1)
    below = place.long().clamp(max=len(HEAT) - 2)
    heat = torch.tensor(HEAT)
    colours = torch.lerp(heat[below], heat[below + 1], (place - below)[..., None])
    return colours.permute(2, 0, 1).repeat_interleave(2, 1).repeat_interleave(2, 2)


def heard(x: Tensor, words: str) -> str:
    """A spectrogram with a player below it."""
    loud = x[0] / x.abs().max().clamp_min(1e-6) * 0.9
    source = base64.b64encode(augment.wav_bytes(loud, rate=RATE)).decode("ascii")
    name = html.escape(words, quote=True)
    player = f'<audio controls aria-label="Play: {name}" style="width: 100%; height: 32px" '
    return f'{Picture(picture(x), words).html()}{player}src="data:audio/wav;base64,{source}"></audio>'


def show_before(settings: Settings) -> str:
    """The sound as it was."""
    x = original(settings.sound, settings.seed)
    return heard(x, f"Spectrogram of the {settings.sound}, {x.shape[1] / RATE:.2f} s.")


def show_after(settings: Settings) -> str:
    """The sound as it is now."""
    x = changed(settings)
    return heard(x, f"Spectrogram of the changed {settings.sound}, {x.shape[1] / RATE:.2f} s.")


def show_plane(settings: Settings) -> str:
    """Where the sliders stand on the plane, and the line on which a tape would move."""
    axes = Axes((-12, 12), (-1, 1), height=120, left=44)
    axes.above("a tape's speeds", key="dash", colour=VERMILION)
    axes.line([-12, 12], [-1, 1], colour=VERMILION, dash=True)
    axes.rule(x=0, dash=False, opacity=0.3).rule(y=0, dash=False, opacity=0.3)
    axes.dots([settings.semitones], [log2(settings.tempo)], colour=BLUE, size=6)
    axes.yticks([-1, 0, 1], ["× 0.5", "× 1", "× 2"], grid=False)
    axes.xticks([-12, 0, 12], ["−12", "0", "+12"], name="semitones")
    return axes.svg(
        f"The plane of pitch and tempo: the sound is {settings.semitones:+g} semitones from its pitch, "
        f"{settings.tempo:g} times as fast."
    )


def outline(x: Tensor, columns: int = 120) -> tuple[list[float], list[float], list[float]]:
    """Times in seconds, and the lowest and highest sample in each of some short stretches."""
    parts = x[0].split(max(1, x.shape[1] // columns))
    times = [i * len(parts[0]) / RATE for i in range(len(parts))]
    return times, [float(p.min()) for p in parts], [float(p.max()) for p in parts]


def show_waves(settings: Settings) -> str:
    """Both waves, one above the other."""
    axes = Axes((0, 2 * SECONDS), (-3, 1), height=120, left=8)
    axes.above("before", key="area").above("after", key="area", colour=BLUE, end=True)
    for x, middle, colour in ((original(settings.sound, settings.seed), 0, INK), (changed(settings), -2, BLUE)):
        times, low, high = outline(x / x.abs().max().clamp_min(1e-6) * 0.9)
        axes.band(times, [middle + v for v in low], [middle + v for v in high], colour=colour, opacity=0.7)
    axes.xticks([0, 0.5, 1], name="seconds")
    before, after = (v.shape[1] / RATE for v in (original(settings.sound, settings.seed), changed(settings)))
    return axes.svg(f"The wave before, {before:.2f} s, and after, {after:.2f} s.")


def show_measured(settings: Settings) -> str:
    """Duration, pitch and formants of both, as measured in the waves."""
    rows = []
    for name, x in (("before", original(settings.sound, settings.seed)), ("after", changed(settings))):
        cells = [name, f"{x.shape[1] / RATE:.2f} s"]
        if settings.sound in (*VOWELS, *NOTES):
            cells.append(f"{float(augment.pitch(x, rate=RATE, high=1000.0)):.0f} Hz")
        if settings.sound in VOWELS:
            found = augment.formants(x, rate=RATE)[0].tolist()
            cells.append(", ".join("–" if isnan(f) else f"{f:.0f}" for f in found) + " Hz")
        rows.append(cells)
    head = ["", "duration", "pitch", "formants"][: len(rows[0])]
    return table(head, rows)


def show_code(settings: Settings) -> str:
    """The calls that do this."""
    lines = ["y = x"]
    if settings.semitones:
        lines.append(f"y = audio.pitch_shift(y, semitones={settings.semitones})")
    if settings.tempo != 1:
        lines.append(f"y = audio.time_stretch(y, rate={settings.tempo}, length=round(y.shape[1] / {settings.tempo}))")
    if settings.alpha != 1:
        lines.append(f"y = audio.vocal_tract(y, alpha={settings.alpha}, rate={RATE})")
    if settings.snr < QUIET:
        beta = COLOURS[settings.colour]
        lines.append(f"noise = audio.colored_noise(y.shape, beta={beta}, like=y, generator=seed({settings.seed}))")
        lines.append(f"y = audio.add_noise(y, noise, snr={settings.snr})")
    return listing("\n".join(lines))


def disabled_controls(settings: Settings) -> Collection[str]:
    """Controls without effect: no noise has no colour."""
    return ["colour"] if settings.snr >= QUIET else []


def audio() -> Explorer:
    """A sound on the plane of pitch and tempo, its vocal tract, and noise; spectrograms, players, measurements."""
    rows = [
        [View("Before", show_before, html=True), View("After", show_after, html=True)],
        [View("Pitch and tempo", show_plane, html=True), View("Waves", show_waves, html=True)],
    ]
    below = [View("Measured", show_measured, html=True), View("The same in python", show_code, html=True)]
    return Explorer(Settings(), rows, below=below, disabled=disabled_controls)
