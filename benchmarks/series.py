"""Time series: what transforms are worth for motions, detectors and machines; speed.

    python -m benchmarks.series [motions] [anomalies] [heart] [bearings] [speed]

``motions`` needs BasicMotions under ``LABKIT_DATA``; ``heart`` reads a series of the UCR anomaly archive from the
package aeon (``pip install --no-deps aeon``); ``speed`` races tsaug.
"""

import importlib.util
import warnings
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from scipy import signal
from scipy.interpolate import CubicSpline
from torch import Tensor

from benchmarks import kit
from benchmarks import series_models as models
from benchmarks.kit import Row
from labkit import metrics
from labkit.augment import Compose, Transform, series
from labkit.data import simulate

# ── motions ───────────────────────────────────────────────────────────────────────────────────────────────────────────

POLICIES: dict[str, Transform | None] = {
    "none": None,
    "jitter, σ to 0.1 units": series.Jitter((0.0, 0.1)),
    "scale, σ 0.1": series.Scale(0.1),
    "magnitude warp, σ 0.2": series.MagnitudeWarp(0.2),
    "time warp, σ 0.2": series.TimeWarp(0.2),
    "window slice, 90 %": series.WindowSlice((0.9, 0.9)),
    "window warp, 10 %": series.WindowWarp(0.1),
    "permutation, 4 pieces": series.Permute(4),
    "roll": series.Roll(),
    "dropped steps, to 30 %": series.DropSteps((0.0, 0.3)),
    "rotation, 180°": series.Rotate(180),
}
TOGETHER = ("jitter, σ to 0.1 units", "magnitude warp, σ 0.2", "time warp, σ 0.2", "roll", "rotation, 180°")


@cache
def basic_motions(split: str) -> tuple[Tensor, Tensor]:
    """The series (40, 6, 100) and classes of BasicMotions."""
    text = kit.real_data("series", f"BasicMotions_{split}.arff").read_text(encoding="utf-8")
    rows = [line.rpartition(",") for line in text.partition("@data")[2].splitlines() if line.strip()]
    x = [[[float(v) for v in channel.split(",")] for channel in row[0].strip("'").split("\\n")] for row in rows]
    names = sorted({row[2] for row in rows})
    return torch.tensor(x), torch.tensor([names.index(row[2]) for row in rows])


def recordings(source: str, per_class: int, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Few recordings to learn from and others to test on."""
    if source == "simulated":
        few, test = simulate.motions(5 * per_class, generator=kit.seeded(seed)), simulated_test()
        return few.x, few.y, *test
    x, y = basic_motions("TRAIN")
    order = torch.randperm(len(x), generator=kit.seeded(seed))
    chosen = torch.cat([order[y[order] == k][:per_class] for k in range(4)])
    return x[chosen], y[chosen], *basic_motions("TEST")


@cache
def simulated_test() -> tuple[Tensor, Tensor]:
    """500 simulated recordings."""
    test = simulate.motions(500, generator=kit.seeded(999))
    return test.x, test.y


def tell_motions(source: str, per_class: int, policy: str, seed: int) -> Row:
    """Train once and test."""
    x, y, test_x, test_y = recordings(source, per_class, seed)
    transform = together() if policy == "five together" else POLICIES[policy]
    classes = int(test_y.max()) + 1
    net = models.classifier(x, y, in_units(transform, x), seed, classes=classes, steps=100)
    return {"accuracy": metrics.accuracy(metrics.predict(net, test_x), test_y)}


def together() -> Transform:
    """Five of the transforms, one after the other."""
    return Compose([part for name, part in POLICIES.items() if part is not None and name in TOGETHER])


def in_units(policy: Transform | None, x: Tensor) -> Transform | None:
    """Noise gets the units of the channels of the training set."""
    if isinstance(policy, series.Jitter):
        return series.Jitter(policy.sigma, tuple(series.channel_std(x).tolist()))
    if isinstance(policy, Compose):
        return Compose([part for part in (in_units(part, x) for part in policy.transforms) if part is not None])
    return policy


def measure_motions(runs: kit.Runs) -> None:
    """Simulated wrists with 6 of a class, and BasicMotions with 2 of a class."""
    for source, per_class in (("simulated", 6), ("BasicMotions", 2)):
        for seed in runs.seeds:
            for policy in (*POLICIES, "five together"):
                runs.once(tell_motions, source=source, per_class=per_class, policy=policy, seed=seed)


def show_motions(rows: list[Row]) -> str:
    return (
        "Accuracy, %, mean ± standard deviation over the draws of the training set. *Simulated*: "
        "`labkit.data.simulate.motions`, 6 recordings of each of 5 activities to learn from, 500 to test on. "
        "*BasicMotions* (UEA archive; a smart watch, 4 activities): 2 recordings of each activity drawn from "
        "the official "
        "40 to learn from, the official 40 to test on. The same small network and the same settings of the "
        "transforms for "
        "both; they were chosen on other simulated draws.\n\n"
        + kit.grid(rows, "policy", "source", "accuracy", best=True, corner="transform")
    )


# ── anomalies ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def walks(n: int, seed: int) -> Tensor:
    """Normal walks (n, 6, 128)."""
    return simulate.motions(n, generator=kit.seeded(seed), classes=("walking",), tilt=10.0).x


def figures(score: Tensor, threshold: float, mask: Tensor, *, tolerance: int) -> Row:
    """How well the scores find the mask."""
    said = score > threshold
    return {
        "plain": series.detection(said, mask).f1,
        "ranges": series.range_detection(said, mask).f1,
        "adjusted": series.detection(series.point_adjust(said, mask), mask).f1,
        "peak": float(series.peak_inside(score.float(), mask, tolerance=tolerance).double().mean()),
        "auc": metrics.roc_auc(score.flatten(), mask.flatten()),
    }


def find_anomalies(method: str, seed: int) -> list[Row]:
    """Learn what is normal once; find what was injected in training, and each other kind."""
    score = models.METHODS[method](walks(60, seed), seed)
    threshold = float(score(walks(60, 500 + seed)).flatten().quantile(0.99))
    groups = {"all that were injected": models.TAUGHT, "all others": models.OTHERS}
    groups |= {kind: (kind,) for kind in models.OTHERS}
    rows = []
    for i, (group, kinds) in enumerate(groups.items()):
        x, mask = models.broken(walks(60, 1000 + seed), kinds, kit.seeded(2000 + 10 * seed + i))
        rows.append({"kinds": group, **figures(score(x), threshold, mask, tolerance=3)})
    return rows


def measure_anomalies(runs: kit.Runs) -> None:
    """Four methods on simulated walks."""
    for seed in runs.seeds:
        for method in models.METHODS:
            runs.once(find_anomalies, method=method, seed=seed)


COLUMNS = {"plain F1": "plain", "range F1": "ranges", "adjusted F1": "adjusted", "peak inside": "peak", "AUC": "auc"}


def show_anomalies(rows: list[Row]) -> str:
    text = (
        "60 normal walks to learn from; 60 others with one anomaly each, in one channel, 3 to 6 local deviations; the "
        "threshold is the 99 % quantile of the scores of 60 further *normal* walks. The detector is trained with "
        f"injected {', '.join(models.TAUGHT)}. All in %; *peak inside* allows 3 steps. **Point-adjusted F1 "
        "stands here to "
        "show that it flatters: read the lines of random scores.**"
    )
    for (group,), same in kit.groups(rows, "kinds").items():
        text += f"\n\n*{group}*\n\n" + kit.means(same, "method", COLUMNS, percent=True, corner="method")
    return text


# ── a real series ─────────────────────────────────────────────────────────────────────────────────────────────────────


def heart() -> tuple[Tensor, Tensor, Tensor]:
    """UCR's InternalBleeding16: the normal part (1, 1, S), the part with one anomaly (1, 1, T), and its mask (1, T)."""
    spec = importlib.util.find_spec("aeon")
    if spec is None or spec.origin is None:
        raise kit.Missing("aeon is not installed: pip install --no-deps aeon")
    folder = Path(spec.origin).parent / "datasets" / "data" / "KDD-TSAD_135"
    train, test = (
        torch.from_numpy(np.loadtxt(next(folder.glob(f"*_{split}.csv")), delimiter=",", skiprows=1, dtype=np.float32))
        for split in ("TRAIN", "TEST")
    )
    return train[None, None, :, 1], test[None, None, :, 1], test[None, :, 2] > 0


def period(x: Tensor) -> int:
    """The lag, beyond the first at which it is unlike itself, at which a series is most like itself."""
    v = x.flatten() - x.mean()
    power = torch.fft.rfft(v, n=2 * len(v)).abs().square()
    likeness = torch.fft.irfft(power)[: len(v) // 2]
    first = int((likeness < 0).nonzero()[0])
    return first + int(likeness[first:].argmax())


def find_in_heart(method: str, seed: int) -> Row:
    """Learn from the first four fifths of the normal part, take the threshold from the last, find the anomaly."""
    normal, test, mask = heart()
    cut = normal.shape[2] * 4 // 5
    learn, held = normal[..., :cut], normal[..., cut:]
    length = period(learn)
    if method == "discords":
        score = models.discords(learn, seed, length=length, stride=1)
    else:
        score = models.METHODS[method](series.windows(learn, length=256, stride=16).flatten(0, 1), seed)
    threshold = float(score(held).flatten().quantile(0.99))
    return figures(score(test), threshold, mask, tolerance=100) | {"period": length}


def measure_heart(runs: kit.Runs) -> None:
    """Four methods on one real series."""
    for seed in runs.seeds:
        for method in models.METHODS:
            runs.once(find_in_heart, method=method, seed=seed)


def show_heart(rows: list[Row]) -> str:
    return (
        "`135_UCR_Anomaly_InternalBleeding16` of the UCR anomaly archive (a pressure curve; as the package "
        "aeon ships it): "
        "the normal part is learned from, its last fifth gives the threshold (99 % quantile), the rest holds *one* "
        f"anomaly. Windows of the discords are one period long, {rows[0]['period']} steps, by the normal part's "
        "autocorrelation. *Peak inside* allows 100 steps, as the archive does. All in %. One series decides "
        "nothing; it "
        "shows that the ranking on simulated walks is not a law.\n\n"
        + kit.means(rows, "method", COLUMNS, percent=True, corner="method")
    )


# ── bearings ──────────────────────────────────────────────────────────────────────────────────────────────────────────

CAP, WINDOW = 125.0, 30
CARE: dict[str, Transform | None] = {
    "none": None,
    "noise, σ 0.5 to 1 units": series.Jitter((0.5, 1.0)),
    "scale, σ 0.1": series.Scale(0.1),
    "magnitude warp, σ 0.1": series.MagnitudeWarp(0.1, knots=4),
    "dropped steps, to 30 %": series.DropSteps((0.0, 0.3)),
    "time warp, σ 0.3": series.TimeWarp(0.3, knots=4),
    "window slice, 50 to 90 %": series.WindowSlice((0.5, 0.9)),
}


def cut(n: int, seed: int, stride: int) -> tuple[Tensor, Tensor]:
    """Windows of machines, and the cycles that are left at their end, capped."""
    machines = simulate.bearings(n, generator=kit.seeded(seed))
    x = series.windows(machines.x, length=WINDOW, stride=stride)
    return x.flatten(0, 1), machines.y[:, WINDOW - 1 :: stride].clamp(max=CAP).flatten()


def guess_life(machines: int, policy: str, seed: int) -> Row:
    """Train on few machines and guess the remaining life of 40 others."""
    (x, y), (late_x, late_y) = cut(machines, seed, 2), cut(40, 999, 8)
    if policy == "always the mean":
        guess = y.mean().expand_as(late_y)
    else:
        guess = models.life(x, y, in_units(CARE[policy], x), seed, cap=CAP)(late_x)
    rmse = float((guess - late_y).square().mean().sqrt())
    return {"rmse": rmse, "score": float(series.remaining_life_score(guess, late_y))}


def measure_bearings(runs: kit.Runs) -> None:
    """3 and 20 machines."""
    for machines in (3, 20):
        for seed in runs.seeds:
            for policy in ("always the mean", *CARE):
                runs.once(guess_life, machines=machines, policy=policy, seed=seed)


def show_bearings(rows: list[Row]) -> str:
    text = (
        "`labkit.data.simulate.bearings`, windows of 30 cycles, targets capped at 125; tested on 40 other "
        "machines. RMSE in "
        "cycles; *score* is the mean of the asymmetric score of Saxena and others, which punishes a guess "
        "that is too late. "
        "Published for C-MAPSS FD001, other data and larger networks: RMSE 12.6 to 18.5."
    )
    for (machines,), same in kit.groups(rows, "machines").items():
        table = kit.means(same, "policy", {"RMSE": "rmse", "score": "score"}, corner="transform")
        text += f"\n\n*{machines} machines that failed to learn from*\n\n{table}"
    return text


# ── speed ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

SHAPE = (256, 6, 512)


def numpy_time_warp(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A warp as it is usually written: a spline and an interpolation for each series and channel in turn."""
    steps, result = np.arange(x.shape[2]), np.empty_like(x)
    knots = np.linspace(0, x.shape[2] - 1, 6)
    for i, item in enumerate(x):
        for c, channel in enumerate(item):
            places = CubicSpline(knots, knots * rng.normal(1, 0.2, 6))(steps)
            places = places * steps[-1] / places[-1]
            result[i, c] = np.interp(steps, np.clip(places, 0, steps[-1]), channel)
    return result


def unfiltered(x: Tensor, generator: torch.Generator) -> Tensor:
    """Half the steps, read off straight lines."""
    return series.resample(x, size=256, antialias=False)


def race(what: str, rounds: int) -> Row:
    """Ours against a peer: how many times as fast, CPU time, one thread."""
    if importlib.util.find_spec("tsaug") is None:
        raise kit.Missing("tsaug is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tsaug
    x = torch.randn(SHAPE, generator=kit.seeded(0))
    array, back = x.numpy(), np.ascontiguousarray(x.transpose(1, 2).numpy())
    rng = np.random.default_rng(0)
    pairs = {
        "time warp, a loop in numpy and scipy": (series.TimeWarp(0.2), partial(numpy_time_warp, array, rng)),
        "time warp, tsaug": (series.TimeWarp(0.2), partial(tsaug.TimeWarp(4).augment, back)),
        "noise, tsaug": (series.Jitter((0.1, 0.1)), partial(tsaug.AddNoise(scale=0.1).augment, back)),
        "resampling, tsaug": (series.Resample(256), partial(tsaug.Resize(256).augment, back)),
        "resampling without the filter, tsaug": (unfiltered, partial(tsaug.Resize(256).augment, back)),
        "resampling, scipy's resample_poly": (series.Resample(256), partial(signal.resample_poly, array, 1, 2, axis=2)),
        "dropped steps, tsaug": (series.DropSteps(0.05), partial(tsaug.Dropout(p=0.05, fill="ffill").augment, back)),
    }
    ours, theirs = pairs[what]
    g = kit.seeded(0)
    seconds = kit.race({"labkit": lambda: ours(x, generator=g), "peer": theirs}, rounds=rounds, least=0)
    return {
        "ratio": kit.times_as_fast(seconds, "labkit", "peer"),
        "ms": 1000 * sorted(seconds["labkit"])[rounds // 2],
        "machine": kit.machine(),
    }


RACES = (
    "time warp, a loop in numpy and scipy",
    "time warp, tsaug",
    "noise, tsaug",
    "resampling, scipy's resample_poly",
    "resampling, tsaug",
    "resampling without the filter, tsaug",
    "dropped steps, tsaug",
)


def measure_speed(runs: kit.Runs, *, rounds: int = 5) -> None:
    """Each peer in turn."""
    torch.set_num_threads(1)
    for what in RACES:
        runs.once(race, what=what, rounds=rounds)


def show_speed(rows: list[Row]) -> str:
    order = sorted(rows, key=lambda row: RACES.index(row["what"]))
    lines = [[row["what"], f"{row['ms']:.0f}", f"{row['ratio']:.1f}"] for row in order]
    return (
        f"A batch of 256 series of 6 channels and 512 steps, CPU time, {rows[0]['machine']}; tsaug 0.2.1. "
        "Resampling is "
        "filtered first; tsaug's reads off straight lines, which is less work and aliases.\n\n"
        + kit.table(["transform, peer", "labkit, ms", "times as fast"], lines)
    )


ABOUT = """Mean ± standard deviation over five seeds. Failures included: noise that gains nothing, a detector that
doesn't
find what it wasn't taught, warps that harm where time is the label."""
BENCHMARK = kit.Benchmark(
    "series",
    "Time series, measured",
    ABOUT,
    [
        kit.Part("motions", measure_motions, show_motions, title="Telling motions with few recordings"),
        kit.Part("anomalies", measure_anomalies, show_anomalies, title="Detecting anomalies in walks"),
        kit.Part("heart", measure_heart, show_heart, title="A real labelled series"),
        kit.Part("bearings", measure_bearings, show_bearings, title="The remaining life of bearings"),
        kit.Part("speed", measure_speed, show_speed, title="Speed"),
    ],
)

if __name__ == "__main__":
    BENCHMARK.main()
