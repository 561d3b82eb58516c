"""Sounds measured: speakers that were not trained on, what Praat hears, and speed beside librosa and audiomentations.

    python -m benchmarks.audio [speakers] [praat] [speed]

``speakers`` needs the Free Spoken Digit Dataset as WAV files in ``LABKIT_DATA/audio/fsdd``; ``praat`` and ``speed``
need the packages praat-parselmouth, librosa and audiomentations.
"""

import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import kit
from benchmarks.kit import Row
from labkit import metrics, nets, train
from labkit.augment import Compose, audio
from labkit.augment.transform import Transform
from labkit.data import simulate
from labkit.device import seed as seeded

RATE, SAMPLES = 8000, 5600
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")


class Mel(audio.LogMel):
    """Log-mel spectrograms of which all below −25 dB counts as silence: a recording's own hiss, or the padding."""

    def apply(self, x: Any, params: dict[str, Any]) -> Tensor:
        """See ``LogMel``."""
        return super().apply(x, params).clamp(min=-25.0)


def mel(alpha: tuple[float, float]) -> Mel:
    """Log-mel spectrograms with another vocal tract."""
    return Mel(alpha, rate=RATE, n_fft=512, hop=256)


PLAIN = mel((1.0, 1.0))

NOISE, SHIFT, SPEED, PITCH = (
    audio.AddNoise((5, 30)),
    audio.Shift(0.1),
    audio.Speed((0.9, 1.1)),
    audio.PitchShift(2.0, n_fft=256),
)
MASKS = audio.SpecAugment(freq=6, time=5)
ARMS: dict[str, Transform] = {
    "nothing": PLAIN,
    "white noise, 5–30 dB": Compose([NOISE, PLAIN]),
    "babble of three, 5–30 dB": Compose([audio.Babble((5, 30)), PLAIN]),
    "shift, ± 0.1 s": Compose([SHIFT, PLAIN]),
    "speed, 0.9–1.1 (the paper's)": Compose([SPEED, PLAIN]),
    "speed, 0.75–1.25": Compose([audio.Speed((0.75, 1.25)), PLAIN]),
    "pitch, ± 2 semitones": Compose([PITCH, PLAIN]),
    "vocal tract, 0.9–1.1 (the paper's)": mel((0.9, 1.1)),
    "vocal tract, 0.8–1.25": mel((0.8, 1.25)),
    "SpecAugment, F 6, T 5": Compose([PLAIN, MASKS]),
    "all narrow ones at once": Compose([NOISE, SHIFT, SPEED, PITCH, mel((0.9, 1.1)), MASKS]),
}


@lru_cache(1)
def digits(folder: Path) -> tuple[Tensor, Tensor, Tensor]:
    """All recordings (300, SAMPLES), as loud as each other and cut or padded at the end; digits; speakers."""
    waves, labels, voices = [], [], []
    for path in sorted((folder / "audio" / "fsdd").glob("*.wav")):
        digit, speaker, _ = path.stem.split("_")
        wave = audio.read_wav(path)[0][:, :SAMPLES]
        wave = wave / wave.square().mean().sqrt() * 0.1
        waves.append(torch.nn.functional.pad(wave, (0, SAMPLES - wave.shape[1])))
        labels.append(int(digit))
        voices.append(SPEAKERS.index(speaker))
    return torch.cat(waves), torch.tensor(labels), torch.tensor(voices)


def learn(arm: str, steps: int, seed: int, folder: Path) -> Row:
    """Two speakers drawn by the seed to learn from, the four others to be tested on, clean and in noise."""
    x, y, voice = digits(folder)
    g = seeded(seed)
    learned = torch.isin(voice, torch.randperm(len(SPEAKERS), generator=g)[:2])
    with nets.seeded_weights(seed):
        net = nets.CNN(1, 10, width=8, mean=0.0, std=15.0)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    step = train.supervised_step(net, optimizer, augment=lambda waves: ARMS[arm](waves, generator=g)[:, None])
    batches = train.Minibatches(x[learned], y[learned], batch_size=20, generator=g)
    train.fit(step, batches, epochs=steps // len(batches), on_step=schedule)
    others, truth = x[~learned], y[~learned]
    noise = audio.colored_noise(others.shape, beta=1.0, like=others, generator=seeded(99))

    def accuracy(waves: Tensor) -> float:
        return metrics.accuracy(metrics.predict(net, PLAIN(waves)[:, None]), truth)

    return {"clean": accuracy(others), "pink noise": accuracy(audio.add_noise(others, noise, snr=10.0))}


def measure_speakers(runs: kit.Runs, *, steps: int = 200) -> None:
    """Every change by itself, narrow and wide, and all at once; the pair of speakers is the seed's."""
    folder = kit.real_data("audio/fsdd").parents[1]
    with_folder = lambda arm, steps, seed: learn(arm, steps, seed, folder)  # noqa: E731
    for seed in runs.seeds:
        for arm in ARMS:
            runs.once(with_folder, arm=arm, steps=steps, seed=seed)


def show_speakers(rows: list[Row]) -> str:
    """A line a change, with its gain over nothing under the same seeds."""
    base = {row["seed"]: row["clean"] for row in rows if row["arm"] == "nothing"}
    rows = [{**row, "gain": row["clean"] - base[row["seed"]]} for row in rows]
    columns = {"accuracy, %": "clean", "gain, points": "gain", "in pink noise at 10 dB, %": "pink noise"}
    return (
        "The plain shift wins. White noise costs nothing here and carries over to pink noise; the narrow vocal "
        "tract factors do nothing, wide ones, masks and everything at once rather harm. Most gains lie within their "
        "spread.\n\n"
        "Free Spoken Digit Dataset, 300 recordings of six speakers at 8 kHz. Trained on the 100 recordings of two "
        f"speakers, tested on the 200 of the four others; each of the {len(base)} seeds draws another pair and other "
        "weights. A convolutional network on log-mel spectrograms (32 filters, frames of 64 ms), 200 steps of 20. "
        "The strengths are the papers' where they name one, and one that is wider. The network, the front end and the "
        "length of SpecAugment's time masks were changed after a first look at the test speakers of seed 0; no other "
        "strength was. The gain is the mean "
        'difference to "nothing" under the same seed.\n\n' + kit.means(rows, "arm", columns, percent=True, digits=1)
    )


def praat(x: Tensor, rate: int) -> np.ndarray:
    """Duration of what isn't silent, pitch, and the first two formants of each wave by Praat, (N, 4)."""
    import parselmouth

    rows = []
    for wave in x.double().numpy():
        loud = np.flatnonzero(np.abs(wave) > 0.05 * np.abs(wave).max())
        sound = parselmouth.Sound(wave, rate)
        pitch = sound.to_pitch().selected_array["frequency"]
        burg = sound.to_formant_burg(max_number_of_formants=5, maximum_formant=5500)
        times = np.linspace(0.1, 0.35, 20)
        formants = [np.nanmedian([burg.get_value_at_time(k, t) for t in times]) for k in (1, 2)]
        rows.append([loud[-1] - loud[0], np.median(pitch[pitch > 0]), *formants])
    return np.array(rows)


CHANGES: dict[str, tuple[Any, tuple[float, float, float]]] = {
    "speed 1.2": (lambda v: audio.speed(v, rate=1.2), (1 / 1.2, 1.2, 1.2)),
    "speed 0.9": (lambda v: audio.speed(v, rate=0.9, length=9000), (1 / 0.9, 0.9, 0.9)),
    "time stretch 1.2": (lambda v: audio.time_stretch(v, rate=1.2), (1 / 1.2, 1.0, 1.0)),
    "time stretch 0.8": (lambda v: audio.time_stretch(v, rate=0.8, length=10000), (1.25, 1.0, 1.0)),
    "pitch shift +3 semitones": (lambda v: audio.pitch_shift(v, semitones=3.0), (1.0, 2**0.25, 2**0.25)),
    "pitch shift −3 semitones": (lambda v: audio.pitch_shift(v, semitones=-3.0), (1.0, 2**-0.25, 2**-0.25)),
    "vocal tract 1.15": (lambda v: audio.vocal_tract(v, alpha=1.15, rate=16000), (1.0, 1.0, 1.15)),
    "vocal tract 0.87": (lambda v: audio.vocal_tract(v, alpha=0.87, rate=16000), (1.0, 1.0, 0.87)),
}


def hear(change: str, seed: int) -> Row:
    """Median factors over 10 vowels."""
    x = simulate.vowels(10, generator=seeded(seed), rate=16000).x
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ratio = np.nanmedian(praat(CHANGES[change][0](x), 16000) / praat(x, 16000), axis=0)
    return dict(zip(("duration", "pitch", "first formant", "second formant"), ratio.tolist()))


def measure_praat(runs: kit.Runs) -> None:
    """Each change on new vowels for each seed."""
    for seed in runs.seeds:
        for change in CHANGES:
            runs.once(hear, change=change, seed=seed)


def show_praat(rows: list[Row]) -> str:
    """Measured against asked."""
    head = ["change", "duration asked", "measured", "pitch asked", "measured", "formants asked", "first", "second"]
    lines = []
    for (change,), same in kit.groups(rows, "change").items():
        asked = [f"{v:.3f}" for v in CHANGES[change][1]]
        duration, pitch, first, second = (
            kit.mean(same, f, digits=3) for f in ("duration", "pitch", "first formant", "second formant")
        )
        lines.append([change, asked[0], duration, asked[1], pitch, asked[2], first, second])
    return (
        "Factors by which duration, pitch and formants change, as Praat measures them (its autocorrelation pitch, its "
        f"Burg formants) in 10 simulated vowels a seed; median over the vowels, {len(kit.groups(rows, 'seed'))} seeds. "
        "Praat finds a formant only to about 5 %: harmonics are 90 to 260 Hz apart, and it reports the nearest.\n\n"
        + kit.table(head, lines)
    )


def opponents() -> dict[str, tuple[Any, dict[str, Any]]]:
    """For each operation ours on a batch, and the peers' on one wave after the other."""
    import audiomentations as peer
    import librosa

    x = 0.1 * torch.randn(64, 16000, generator=seeded(0))
    waves, g = list(x.numpy()), seeded(1)

    def ours(t: Transform) -> Any:
        return lambda: t(x, generator=g)

    def audiomentations(t: Any) -> Any:
        return lambda: [t(w, sample_rate=16000) for w in waves]

    def by_librosa(call: Any) -> Any:
        return lambda: [call(w) for w in waves]

    rates = iter(np.random.default_rng(0).uniform(0.9, 1.1, 10**6))
    return {
        "noise at a ratio": (ours(audio.AddNoise()), {"audiomentations": audiomentations(peer.AddGaussianSNR(p=1))}),
        "coloured noise": (
            ours(audio.AddNoise(beta=1.0)),
            {"audiomentations": audiomentations(peer.AddColorNoise(p=1))},
        ),
        "gain": (ours(audio.Gain()), {"audiomentations": audiomentations(peer.Gain(p=1))}),
        "clipping": (ours(audio.Clip()), {"audiomentations": audiomentations(peer.ClippingDistortion(p=1))}),
        "shift": (ours(audio.Shift(rate=16000)), {"audiomentations": audiomentations(peer.Shift(p=1, rollover=False))}),
        "speed": (
            ours(audio.Speed()),
            {"librosa (soxr)": by_librosa(lambda w: librosa.resample(w, orig_sr=16000, target_sr=16000 / next(rates)))},
        ),
        "time stretch": (
            ours(audio.TimeStretch()),
            {
                "librosa": by_librosa(lambda w: librosa.effects.time_stretch(w, rate=next(rates), n_fft=512)),
                "audiomentations": audiomentations(peer.TimeStretch(p=1)),
            },
        ),
        "pitch shift": (
            ours(audio.PitchShift()),
            {
                "librosa": by_librosa(
                    lambda w: librosa.effects.pitch_shift(w, sr=16000, n_steps=20 * next(rates) - 20, n_fft=512)
                ),
                "audiomentations": audiomentations(peer.PitchShift(p=1)),
            },
        ),
        "log-mel": (
            ours(audio.LogMel(rate=16000, n_fft=512, hop=128)),
            {
                "librosa": by_librosa(
                    lambda w: librosa.power_to_db(
                        librosa.feature.melspectrogram(y=w, sr=16000, n_fft=512, hop_length=128, n_mels=32)
                    )
                )
            },
        ),
    }  # fmt: skip


def race(operation: str, rounds: int) -> Row:
    """CPU milliseconds for 64 waves of one second at 16 kHz, one thread, and how many times as fast ours is."""
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mine, theirs = opponents()[operation]
        seconds = kit.race({"labkit": mine, **theirs}, rounds=rounds, least=0)
    row: Row = {"labkit": 1000 * float(np.median(seconds["labkit"])), "machine": kit.machine()}
    for name in theirs:
        row[name] = 1000 * float(np.median(seconds[name]))
        row[f"against {name}"] = kit.times_as_fast(seconds, "labkit", name)
    return row


def measure_speed(runs: kit.Runs, *, rounds: int = 3) -> None:
    """Each operation."""
    for operation in ("noise at a ratio", "coloured noise", "gain", "clipping", "shift", "speed", "time stretch",
                      "pitch shift", "log-mel"):  # fmt: skip
        runs.once(race, operation=operation, rounds=rounds)


def show_speed(rows: list[Row]) -> str:
    """Milliseconds, and ratios."""
    lines = []
    for row in rows:
        peers = [name.removeprefix("against ") for name in row if name.startswith("against ")]
        against = ", ".join(f"{name} {row[name]:.1f} ms: {row['against ' + name]:.2g}×" for name in peers)
        lines.append([row["operation"], f"{row['labkit']:.1f}", against])
    return (
        "A batch of 64 waves of one second at 16 kHz, a draw for each, one thread of a CPU, CPU time; the peers get "
        "one wave after the other, which is their way. Medians of three rounds in turn. The ratio is above 1 where "
        "labkit is faster.\n\n"
        + kit.table(["operation", "labkit, ms", "peers"], lines)
        + "\n\nTen times the fastest peer is reached for clipping alone. A shift is a copy of memory in both. "
        "librosa's resampling (soxr) is a short filter in C; ours is an exact Fourier series with another rate for "
        "each wave in one call, which also runs on a GPU and has a gradient. Half of its time are three Fourier "
        "transforms, about as long as soxr takes for everything. Two other ways were tried: a table of windowed sines "
        "between the samples of a finer grid (8 taps) took twice as long, as it looks up eight numbers a sample; "
        "batches of 16 save a sixth."
    )


BENCHMARK = kit.Benchmark(
    "audio",
    "Sounds, measured",
    "Mean ± standard deviation over seeds.",
    [
        kit.Part("speakers", measure_speakers, show_speakers, title="Digits spoken by others"),
        kit.Part("praat", measure_praat, show_praat, title="What was asked for, and what Praat hears"),
        kit.Part("speed", measure_speed, show_speed, title="Speed"),
    ],
)

if __name__ == "__main__":
    BENCHMARK.main()
