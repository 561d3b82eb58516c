"""Medical images: what augmentation is worth for few labels, and speed beside torchio, MONAI and others.

    python -m benchmarks.medical [tumours] [differential] [semi] [anatomy] [scans] [speed]

``anatomy`` needs nilearn, whose package holds a template of the brain; ``scans`` reads real slices in the folders
``yes`` and ``no`` of ``LABKIT_DATA/medical/brain_mri``; ``speed`` needs the peers.
"""

from collections.abc import Callable
from functools import partial
from importlib import metadata
from typing import Any

import numpy as np
import torch

from benchmarks import kit
from benchmarks import medical_experiments as experiments
from benchmarks.kit import Row
from labkit.augment import medical

SETS = {"same": "same scanner", "scanner": "other scanner", "pose": "other pose"}
THREE = ("same", "scanner", "pose")


def measure_tumours(runs: kit.Runs, *, labelled: int = 8, steps: int = 120, size: int = 32) -> None:
    """Seven policies."""
    torch.set_num_threads(1)
    for seed in runs.seeds:
        for arm in experiments.TUMOURS:
            runs.once(experiments.train_tumours, arm=arm, labelled=labelled, steps=steps, size=size, seed=seed)


def show_tumours(rows: list[Row]) -> str:
    """Dice, recall and false positives on the same scanner; Dice on the others; the healthy patches."""
    first = rows[0]
    columns = {
        "Dice, %": "same dice",
        "lesions found, %": "same recall",
        "false positives a slice": "same false",
        "healthy patches called a lesion, %": "fooled",
    }
    shifts = {f"Dice, {SETS[name]}, %": f"{name} dice" for name in THREE}
    percent = {"same dice", "same recall", "fooled", "scanner dice", "pose dice"}
    return (
        f"{first['labelled']} labelled slices of `simulate.brain` with a tumour, {first['size']}², "
        f"{first['steps']} steps "
        f"of a U-Net with 30,000 weights in every arm; 100 new slices a seed, 70 of them with a tumour. A "
        "lesion is found where "
        "the prediction touches it; a false positive is a connected piece of at least two pixels that touches none. "
        "The last column: healthy tissue cut out in a lesion's shape and pasted with a hard edge into healthy "
        "slices.\n\n"
        + kit.means(rows, "arm", columns, percent=percent)
        + "\n\nThe same networks on the same slices as another scanner shows them (gamma 0.6 to 1.7, a bias field, "
        "noise), and in another pose (turned by 15° to 30°, larger or smaller, shifted):\n\n"
        + kit.means(rows, "arm", shifts, percent=percent)
    )


def measure_differential(runs: kit.Runs, *, labelled: int = 8, steps: int = 120, size: int = 32) -> None:
    """Two policies, in the region and outside."""
    torch.set_num_threads(1)
    for seed in runs.seeds:
        for arm in experiments.DIFFERENTIAL:
            runs.once(experiments.train_tumours, arm=arm, labelled=labelled, steps=steps, size=size, seed=seed)


def show_differential(rows: list[Row]) -> str:
    """Dice on three test sets, and false positives."""
    columns = {f"Dice, {SETS[name]}, %": f"{name} dice" for name in THREE} | {"false positives a slice": "same false"}
    percent = {f"{name} dice" for name in THREE}
    return (
        "As above. Light: gamma 0.9 to 1.1, noise up to 0.01. Aggressive: gamma 0.5 to 2, contrast 0.6 to 1.4, "
        "noise up to "
        "0.15.\n\n" + kit.means(rows, "arm", columns, percent=percent)
    )


def measure_semi(runs: kit.Runs, *, labelled: int = 4, unlabelled: int = 60, steps: int = 80, size: int = 32) -> None:
    """A policy, and two pairs of policies."""
    torch.set_num_threads(1)
    for seed in runs.seeds:
        for arm in experiments.SEMI:
            runs.once(
                experiments.train_semi,
                arm=arm,
                labelled=labelled,
                unlabelled=unlabelled,
                steps=steps,
                size=size,
                seed=seed,
            )


def show_semi(rows: list[Row]) -> str:
    """Dice on three test sets, recall and false positives."""
    columns = {f"Dice, {SETS[name]}, %": f"{name} dice" for name in THREE}
    columns |= {"lesions found, %": "same recall", "false positives a slice": "same false"}
    percent = {*(f"{name} dice" for name in THREE), "same recall"}
    first = rows[0]
    return (
        f"{first['labelled']} labelled and {first['unlabelled']} unlabelled slices, a mean teacher (decay 0.95, "
        "weight up to "
        "5). Light: flips and shifts by up to three pixels. Aggressive: turned, scaled, shifted, gamma, bias field, "
        "noise.\n\n" + kit.means(rows, "arm", columns, percent=percent)
    )


def measure_anatomy(runs: kit.Runs, *, steps: int = 80, size: int = 32) -> None:
    """Four policies on real anatomy."""
    torch.set_num_threads(1)
    for seed in runs.seeds:
        for arm in experiments.ANATOMY:
            runs.once(experiments.train_anatomy, arm=arm, steps=steps, size=size, seed=seed)


def show_anatomy(rows: list[Row]) -> str:
    """Dice on three test sets."""
    columns = {f"Dice, {SETS[name]}, %": name for name in THREE}
    first = rows[0]
    return (
        "Axial slices of the MNI ICBM152 template, an average of 152 people, with its maps of grey and white matter "
        f"(probability above ½) as masks; {first['size']}², four slices to learn from, {first['steps']} steps "
        "in every arm, "
        "tested on slices at least two away. Neighbouring slices of one average brain are alike: a set to learn "
        "on, no clinical "
        "one.\n\n" + kit.means(rows, "arm", columns, percent=True)
    )


def measure_scans(runs: kit.Runs, *, steps: int = 150, size: int = 64) -> None:
    """Real slices, few and more of each class."""
    torch.set_num_threads(1)
    for labelled in (10, 40):
        for seed in runs.seeds:
            for arm in experiments.SCANS:
                runs.once(experiments.train_scans, arm=arm, labelled=labelled, steps=steps, size=size, seed=seed)


def show_scans(rows: list[Row]) -> str:
    """Balanced accuracy, sensitivity and specificity, by the number of slices."""
    columns = {"balanced accuracy, %": "balanced", "sensitivity, %": "sensitivity", "specificity, %": "specificity"}
    base = {(row["labelled"], row["seed"]): row["balanced"] for row in rows if row["arm"] == "none"}
    rows = [{**row, "gain": row["balanced"] - base[row["labelled"], row["seed"]]} for row in rows]
    tables = [
        f"{labelled} slices of each class:\n\n"
        + kit.means(same, "arm", columns | {"gain, points": "gain"}, percent=True, digits=1)
        for (labelled,), same in kit.groups(rows, "labelled").items()
    ]
    first = rows[0]
    return (
        "No policy helps here: no gain is larger than its spread, and the geometric ones rather harm.\n\n"
        "227 real MRI slices, 140 of them with a tumour, of many scanners and in three views; "
        f"{first['size']}², a small convolutional network, {first['steps']} steps in every arm, tested on all slices "
        "that were not learned from. Geometric: turned by up to 15°, 0.85 to 1.15 times as large, shifted, mirrored. "
        "Whose slices they are is not known, so slices of one person may lie on both sides: the numbers flatter, in "
        'every arm. The gain is the mean difference to "none" under the same draw.\n\n' + "\n\n".join(tables)
    )


Call = Callable[[], Any]


def calls(operation: str, size: int, batch: int) -> dict[str, Call]:
    """labkit on a batch, and each peer on the same pictures one after the other, which is how they work."""
    g = np.random.default_rng(0)
    x = torch.rand(batch, 1, size, size)
    mask = torch.rand(batch, size, size) > 0.7
    arrays = x.numpy()
    if operation == "affine, with mask":
        ours: Call = partial(medical.AffineElastic(20, (0.8, 1.25)), x, mask=mask)
    elif operation == "bias field":
        ours = partial(medical.BiasField(0.5), x)
    else:
        ours = partial(medical.Gamma((0.7, 1.5)), x)
    return {"labkit": ours, **peers(operation, x, mask, arrays, g)}


def peers(operation: str, x: Any, mask: Any, arrays: Any, g: Any) -> dict[str, Call]:
    """The peers that have the operation."""
    import albumentations
    import monai.transforms as monai
    import torchio
    from batchgenerators.augmentations.color_augmentations import augment_gamma

    def each(function: Callable[[int], Any]) -> Call:
        return lambda: [function(i) for i in range(len(x))]

    if operation == "affine, with mask":
        affine = torchio.RandomAffine(scales=(0.8, 1.25), degrees=(0, 0, 0, 0, -20, 20), isotropic=True)
        subjects = [
            torchio.Subject(
                image=torchio.ScalarImage(tensor=v[..., None]), label=torchio.LabelMap(tensor=m[None, ..., None].long())
            )
            for v, m in zip(x, mask, strict=True)
        ]
        theirs = monai.RandAffined(
            ["image", "label"],
            prob=1.0,
            rotate_range=0.35,
            scale_range=0.2,
            mode=["bilinear", "nearest"],
            cache_grid=True,
        )
        pairs = [{"image": v, "label": m[None].float()} for v, m in zip(x, mask, strict=True)]
        flat = albumentations.Affine(rotate=(-20, 20), scale=(0.8, 1.25), p=1.0)
        masks = mask.numpy().astype(np.uint8)
        return {
            "torchio": each(lambda i: affine(subjects[i])),
            "MONAI": each(lambda i: theirs(pairs[i])),
            "albumentations": each(lambda i: flat(image=arrays[i, 0, ..., None], mask=masks[i])),
        }
    if operation == "bias field":
        bias, field = torchio.RandomBiasField(coefficients=0.5, order=3), monai.RandBiasField(degree=3, prob=1.0)
        volumes = [torchio.ScalarImage(tensor=v[..., None]) for v in x]
        return {"torchio": each(lambda i: bias(volumes[i])), "MONAI": each(lambda i: field(x[i]))}
    power = torchio.RandomGamma(log_gamma=(-0.36, 0.4))
    volumes = [torchio.ScalarImage(tensor=v[..., None]) for v in x]
    adjust = monai.RandAdjustContrast(prob=1.0, gamma=(0.7, 1.5), retain_stats=True)
    return {
        "torchio": each(lambda i: power(volumes[i])),
        "MONAI": each(lambda i: adjust(x[i])),
        "batchgenerators": each(lambda i: augment_gamma(arrays[i].copy(), (0.7, 1.5), retain_stats=True)),
    }


def race(operation: str, size: int, batch: int, rounds: int) -> list[Row]:
    """How many times as fast labkit is as each peer."""
    try:
        contenders = calls(operation, size, batch)
    except ImportError as error:
        raise kit.Missing(f"the peers are not installed ({error.name}): pip install -e .[bench]") from error
    seconds = kit.race(contenders, rounds=rounds, least=0.005)
    rate = batch / sorted(seconds["labkit"])[rounds // 2]
    return [
        {
            "peer": name,
            "version": metadata.version(name.lower()),
            "rate": rate,
            "machine": kit.machine(),
            "ratio": kit.times_as_fast(seconds, "labkit", name),
        }
        for name in contenders
        if name != "labkit"
    ]


def measure_speed(runs: kit.Runs, *, batch: int = 32, rounds: int = 5) -> None:
    """Three operations at two sizes."""
    torch.set_num_threads(1)
    for operation in ("affine, with mask", "bias field", "gamma that keeps mean and deviation"):
        for size in (64, 256):
            runs.once(race, operation=operation, size=size, batch=batch, rounds=rounds)


def show_speed(rows: list[Row]) -> str:
    """The ratios."""
    names = [name for (name,) in kit.groups(rows, "peer")]
    versions = ", ".join(f"{name} {version}" for name, version in kit.groups(rows, "peer", "version"))
    lines = []
    for (operation, size), group in kit.groups(rows, "operation", "size").items():
        ratio = {row["peer"]: f"{row['ratio']:.1f}×" for row in group}
        lines.append([operation, f"{size}²", f"{group[0]['rate']:,.0f}", *(ratio.get(name, "–") for name in names)])
    return (
        f"Pictures a second of labkit, one thread, a batch of {rows[0]['batch']}, and how many times as fast it "
        "is as each peer "
        "in the same run (processor time; the median over rounds in which they take turns). The peers take one picture "
        f"after the other. torchio's gamma keeps neither mean nor deviation. {versions}; {rows[0]['machine']}.\n\n"
        + kit.table(["operation", "size", "pictures a second", *names], lines, left=2)
    )


BENCHMARK = kit.Benchmark(
    "medical",
    "Medical images, measured",
    "Mean ± standard deviation over seeds; Dice on slices with a tumour. Learning rate and number of steps were "
    "chosen on "
    "other slices than those of the tables, so that the network without augmentation learns; every arm has the same.",
    [
        kit.Part("tumours", measure_tumours, show_tumours, title="Tumour segmentation from few labels"),
        kit.Part("differential", measure_differential, show_differential, title="One policy inside, another outside"),
        kit.Part("semi", measure_semi, show_semi, title="Two policies: labelled and unlabelled"),
        kit.Part(
            "anatomy", measure_anatomy, show_anatomy, title="Careful about multiple transformations: real anatomy"
        ),
        kit.Part("scans", measure_scans, show_scans, title="Real brain slices: tumour or none"),
        kit.Part("speed", measure_speed, show_speed, title="Speed"),
    ],
)

if __name__ == "__main__":
    BENCHMARK.main()
