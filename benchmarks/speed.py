"""Operations beside their fastest peer, and beside another version of labkit, in the same run.

    python -m benchmarks.speed --beside ../older      # writes results/speed.md
    python -m benchmarks.speed smote kmeans           # this version alone, some rows, printed

CPU time of one thread. R is how many times as fast labkit is as a peer, the median over rounds in which they take
turns; the table shows the fastest peer, the one with the least R. Each version of labkit is a clone that runs in a
process of its own, on the same inputs. "Batch" is one draw for all pictures, where labkit draws for each.
"""

import argparse
import json
import statistics
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import kit
from labkit.data import simulate

WHY = """Other programs kept the processor busy while this was measured: of two runs, R differed by up to two fifths in
a row. All rows were measured in this run. "Before" is the version before lesions were pasted in windows; between the
two, the crop, posterise, solarise, contrast, `smote`, `self_train`, the Fréchet distance, audio, text and video did not
change.

Where R is below 1.2, or was in a run before, with shares of a call's processor time by cProfile:

- *Posterise, solarise, 96²*: a dozen calls of torch at two to five microseconds each, most of them on the draw and on
  the examination of one number; the four passes over the picture are a third. torchvision's number of
  bits is fixed, and not examined.
- *Posterise, 8 × 224²*: four passes over memory (clamp, times, floor, times) are two thirds, as in torchvision.
- *Crop*: the look-up (`grid_sample`) is 54 %, the grid 16 %. torchvision cuts one window for the whole batch, which
  needs no grid.
- *Turn*: `grid_sample` is 10 %. The rest are small calls for the matrix, its inverse and the grid.
- *Contrast*: three passes over memory are 80 %. The peers make the same.
- *`RandAugment`*: the geometric warps are a third of it. Equalising and sharpening are 15 %, picking pictures out and
  putting them back 12 %. torchvision draws one operation for the batch, and its time depends on which.
- *mixup and CutMix, 32²*: to copy and to mix takes 0.08 and 0.2 ms. The draw for each pair takes 0.04 and 0.15 ms,
  labels 0.04 and 0.07 ms. torchvision draws one λ and one box for the batch.
- *`smote`, d = 64*: the matrix of distances is 34 %, the choice of the nearest 13 %, to copy the result 10 %.
- *`lloyd`*: the product is 34 %, the sums are 22 % (23 and 15 % at d = 784, where to centre the data is 29 %). Each
  reads the data from memory once a round. scikit-learn does both for 256 rows in one visit.
- *`self_train`*: 69 % is scikit-learn's own solver, in both.
- *Fréchet distance*: 63 % are the two covariances, 58 % in torchmetrics.
- *Audio, shift*: waves are copied one by one: 55 %. *Speed*: three Fourier transforms are 54 %, the chirps 27 %. soxr
  is a short filter in C.
- *Text, marks*: a plan of places for each sentence is 29 %, in Python as the peer. *Video, mirror*: 66 % is to turn
  clips round, and to copy the others."""

Calls = dict[str, Callable[[], Any]]
HERE = Path(__file__).resolve()


def pictures(b: int, side: int) -> torch.Tensor:
    """Colour pictures of noise."""
    return torch.rand(b, 3, side, side, generator=kit.seeded(0))


def batchwise(x: torch.Tensor, ours: Any, theirs: Any = None, kornias: Any = None) -> Calls:
    """labkit and kornia get the batch; torchvision the batch, with one draw for all, or picture after picture."""
    calls: Calls = {"labkit": lambda: ours(x)}
    if theirs is not None:
        calls["torchvision, batch"] = lambda: theirs(x)
        calls["torchvision, each"] = lambda: torch.stack([theirs(one) for one in x])
    if kornias is not None:
        calls["kornia"] = lambda: kornias(x)
    return calls


def crop() -> Calls:
    import kornia.augmentation as K
    from torchvision.transforms import v2

    from labkit.augment import image

    size = (224, 224)
    return batchwise(
        pictures(8, 224),
        image.RandomResizedCrop(size),
        v2.RandomResizedCrop(size, antialias=True),
        K.RandomResizedCrop(size, p=1.0),
    )


def point(name: str, b: int, side: int) -> Calls:
    """A change of values, or a turn."""
    import kornia.augmentation as K
    from torchvision.transforms import v2

    from labkit.augment import image

    smooth = v2.InterpolationMode.BILINEAR
    trios = {
        "posterise": (image.Posterize((4, 4)), v2.RandomPosterize(4, p=1.0), K.RandomPosterize((4, 4), p=1.0)),
        "solarise": (image.Solarize((0.5, 0.5)), v2.RandomSolarize(0.5, p=1.0), K.RandomSolarize(0.0, 0.0, p=1.0)),
        "turn, larger canvas": (image.Rotate(30, expand=True), v2.RandomRotation(30, smooth, expand=True)),
        "contrast": (image.Contrast(0.4), v2.ColorJitter(contrast=0.4), K.RandomContrast((0.6, 1.4), p=1.0)),
    }
    return batchwise(pictures(b, side), *trios[name])


def rand_augment() -> Calls:
    from torchvision.transforms import v2

    from labkit import learned

    smooth = v2.InterpolationMode.BILINEAR
    return batchwise(
        pictures(64, 96), learned.RandAugment(n=2, magnitude=0.3), v2.RandAugment(2, 9, interpolation=smooth)
    )


def mix(name: str, b: int, side: int) -> Calls:
    from torchvision.transforms import v2

    from labkit.augment import mixing

    x, y = pictures(b, side), torch.randint(10, (b,), generator=kit.seeded(1))
    ours = {"mixup": mixing.Mixup, "CutMix": mixing.CutMix}[name](alpha=1.0, classes=10)
    theirs = {"mixup": v2.MixUp, "CutMix": v2.CutMix}[name](alpha=1.0, num_classes=10)
    return {"labkit": lambda: ours(x, y=y), "torchvision": lambda: theirs(x, y)}


def smote(few: int, many: int, d: int) -> Calls:
    from imblearn.over_sampling import SMOTE

    from labkit.augment import mixing

    x = torch.randn(many, d, generator=kit.seeded(0))
    y = (torch.arange(many) < few).long()
    arrays = x.numpy(), y.numpy()
    return {
        "labkit": lambda: mixing.smote(x, y, generator=kit.seeded(1)),
        "imbalanced-learn": lambda: SMOTE(random_state=0).fit_resample(*arrays),
    }


def lloyd(n: int, d: int, k: int) -> Calls:
    from sklearn.cluster import KMeans

    from labkit import dti

    g = kit.seeded(0)
    x = torch.randn(n, d, generator=g) + 2 * torch.randn(k, d, generator=g)[torch.randint(k, (n,), generator=g)]
    start = x[:k].clone()
    rounds = dti.lloyd(x, start).iterations
    peer = KMeans(k, init=start.numpy(), n_init=1, tol=0, max_iter=rounds, algorithm="lloyd")
    array = x.numpy()
    return {"labkit": lambda: dti.lloyd(x, start), "scikit-learn": lambda: peer.fit(array)}


def self_training() -> Calls:
    from sklearn.linear_model import LogisticRegression
    from sklearn.semi_supervised import SelfTrainingClassifier

    from labkit import data, selftrain

    digits = data.digits("train")
    x, y = digits.x.double(), digits.y
    known = torch.cat([(y == c).nonzero()[:5, 0] for c in range(10)])
    left = torch.ones(len(y), dtype=torch.bool).index_fill_(0, known, False)
    marked = torch.where(left, -1, y).numpy()
    array = x.flatten(1).numpy()

    def ours() -> Any:
        learner = selftrain.EstimatorLearner(LogisticRegression(max_iter=300))
        return selftrain.self_train(learner, x[known], y[known], x[left], rounds=10, threshold=0.8)

    def theirs() -> Any:
        peer = SelfTrainingClassifier(LogisticRegression(max_iter=300), threshold=0.8, max_iter=10)
        return peer.fit(array, marked)

    return {"labkit": ours, "scikit-learn": theirs}


def fid(n: int, d: int) -> Calls:
    from scipy import linalg
    from torchmetrics.image.fid import _compute_fid

    from labkit import gan

    a, b = torch.randn(2, n, d, generator=kit.seeded(0))
    u, v = a.double(), b.double()

    def by_torchmetrics() -> Any:
        return _compute_fid(u.mean(0), torch.cov(u.T), v.mean(0), torch.cov(v.T))

    def by_scipy() -> Any:
        p, q = u.numpy(), v.numpy()
        s, t = np.cov(p, rowvar=False), np.cov(q, rowvar=False)
        return ((p.mean(0) - q.mean(0)) ** 2).sum() + np.trace(s + t - 2 * linalg.sqrtm(s @ t).real)

    return {"labkit": lambda: gan.frechet(u, v), "torchmetrics": by_torchmetrics, "SciPy": by_scipy}


def sound(name: str) -> Calls:
    import audiomentations
    import librosa

    from labkit.augment import audio

    x = 0.1 * torch.randn(64, 16000, generator=kit.seeded(0))
    waves, g = list(x.numpy()), kit.seeded(1)
    if name == "shift":
        ours, theirs = audio.Shift(rate=16000), audiomentations.Shift(p=1, rollover=False)
        return {
            "labkit": lambda: ours(x, generator=g),
            "audiomentations": lambda: [theirs(w, sample_rate=16000) for w in waves],
        }
    speed, rates = audio.Speed(), np.random.default_rng(0)

    def by_librosa() -> Any:
        return [librosa.resample(w, orig_sr=16000, target_sr=16000 / rates.uniform(0.9, 1.1)) for w in waves]

    return {"labkit": lambda: speed(x, generator=g), "librosa (soxr)": by_librosa}


def words(name: str) -> Calls:
    import textaugment
    import textaugment.eda

    from labkit.augment import text

    eda = object.__new__(textaugment.EDA)  # its constructor downloads
    eda.stopwords = sorted(text.STOP_WORDS)
    ours, theirs = {
        "swap": (text.RandomSwap(alpha=0.01), lambda line: eda.random_swap(line, n=1)),
        "deletion": (text.RandomDeletion(p=0.1), lambda line: eda.random_deletion(line, p=0.1)),
        "marks (AEDA)": (text.PunctuationInsertion(), textaugment.AEDA().punct_insertion),
    }[name]
    lines = [text.tokenize(line) for line in simulate.sentences(500, generator=kit.seeded(0)).x]
    texts, g = [" ".join(line) for line in lines], kit.seeded(1)
    return {
        "labkit": lambda: ours(lines, generator=g),
        "textaugment": lambda: [theirs(line) for line in texts],
    }


def mirror() -> Calls:
    import kornia.augmentation as K
    from torchvision.transforms import v2

    from labkit.augment import video

    x, ours, theirs = torch.rand(16, 8, 3, 64, 64), video.Mirror(0.5), v2.RandomHorizontalFlip(0.5)
    sequence = K.VideoSequential(K.RandomHorizontalFlip(p=0.5), data_format="BTCHW", same_on_frame=True)
    return {
        "labkit": lambda: ours(x),
        "torchvision, each": lambda: torch.stack([theirs(clip) for clip in x]),
        "kornia": lambda: sequence(x),
    }


ROWS: Mapping[str, tuple[str, Callable[[], Calls]]] = {
    "crop": ("`RandomResizedCrop`, 8 × 224²", crop),
    "posterise": ("posterise, 8 × 224²", lambda: point("posterise", 8, 224)),
    "posterise-one": ("posterise, 1 × 96²", lambda: point("posterise", 1, 96)),
    "solarise-one": ("solarise, 1 × 96²", lambda: point("solarise", 1, 96)),
    "turn-one": ("turn on a larger canvas, 1 × 96²", lambda: point("turn, larger canvas", 1, 96)),
    "contrast": ("contrast, 1024 × 32²", lambda: point("contrast", 1024, 32)),
    "randaugment": ("`RandAugment`, 64 × 96²", rand_augment),
    "mixup": ("mixup, 128 × 32²", lambda: mix("mixup", 128, 32)),
    "mixup-large": ("mixup, 32 × 224²", lambda: mix("mixup", 32, 224)),
    "cutmix": ("CutMix, 128 × 32²", lambda: mix("CutMix", 128, 32)),
    "cutmix-large": ("CutMix, 32 × 224²", lambda: mix("CutMix", 32, 224)),
    "smote": ("`smote`, 1,000 of 10,000, d = 64", lambda: smote(1000, 10000, 64)),
    "smote-wide": ("`smote`, 4,000 of 10,000, d = 784", lambda: smote(4000, 10000, 784)),
    "kmeans": ("`lloyd`, 10,000 × 64, k = 10", lambda: lloyd(10000, 64, 10)),
    "kmeans-wide": ("`lloyd`, 5,000 × 784, k = 10", lambda: lloyd(5000, 784, 10)),
    "selftrain": ("`self_train`, logistic regression on digits", self_training),
    "fid": ("Fréchet distance, 2 × 2,000, d = 64", lambda: fid(2000, 64)),
    "audio-shift": ("audio: shift, 64 × 1 s", lambda: sound("shift")),
    "audio-speed": ("audio: speed, 64 × 1 s", lambda: sound("speed")),
    "text-swap": ("text: swap, 500 sentences", lambda: words("swap")),
    "text-deletion": ("text: deletion, 500 sentences", lambda: words("deletion")),
    "text-marks": ("text: marks (AEDA), 500 sentences", lambda: words("marks (AEDA)")),
    "video-mirror": ("video: mirror, 16 × 8 × 64²", mirror),
}


def measured(row: str, rounds: int) -> dict[str, Any]:
    """Milliseconds of labkit, and R against each peer."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seconds = kit.race(ROWS[row][1](), rounds=rounds)
    return {
        "ms": 1000 * statistics.median(seconds["labkit"]),
        "ratios": {peer: kit.times_as_fast(seconds, "labkit", peer) for peer in seconds if peer != "labkit"},
    }


def child(clone: Path, rows: Sequence[str], rounds: int) -> dict[str, Any]:
    """Rows measured with the labkit of a clone, in a process of its own."""
    words = [*rows, "--child", str(clone), "--rounds", str(rounds)]
    results: dict[str, Any] = kit.with_labkit_of(clone, "benchmarks.speed", words)
    return results


def line(row: str, runs: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A line of the table."""
    cells = [ROWS[row][0]]
    for result in (results[row] for results in runs.values()):
        fastest, *others = sorted(result["ratios"].items(), key=lambda pair: pair[1])
        cells += [f"{result['ms']:.2f}", f"{fastest[1]:.2f}"]
    return [*cells, fastest[0], ", ".join(f"{peer} {ratio:.2f}" for peer, ratio in others)]


def page(lines: list[list[str]]) -> str:
    """The page of results."""
    head = ["work", "ms before", "R before", "ms now", "R now", "fastest peer", "R of the others"]
    about = " ".join((__doc__ or "").split("\n\n")[-1].split())
    return (
        f"# Speed, measured\n\nWritten by `python -m benchmarks.speed --beside CLONE`. {about} "
        f"{kit.machine()}.\n\n{kit.table(head, lines)}\n\n{WHY}\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"default: all; {', '.join(ROWS)}")
    parser.add_argument("--beside", type=Path, metavar="CLONE", help="another version of labkit to compare with")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = [row for row in options.rows if row not in ROWS]
    if unknown:
        parser.error(f"there is no row {unknown[0]!r}; the rows are {', '.join(ROWS)}")
    if options.child:
        kit.is_labkit_of(options.child)
        print(json.dumps({row: measured(row, options.rounds) for row in options.rows}))
        return
    torch.set_num_threads(1)
    clones = {"newer": HERE.parents[1]}
    if options.beside:
        clones = {"older": options.beside.resolve(), **clones}
    rows = options.rows or list(ROWS)
    runs = {name: child(clone, rows, options.rounds) for name, clone in clones.items()}
    lines = [line(row, runs) for row in rows]
    print("\n".join("  ".join(cells) for cells in lines))
    if options.beside and not options.rows:
        (kit.RESULTS / "speed.md").write_text(page(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
