"""Medical images: what augmentation is worth for few labels, and speed beside torchio, MONAI and others.

    python -m benchmarks.medical [tumours] [differential] [semi] [anatomy] [scans] [speed]

``anatomy`` needs nilearn, whose package holds a template of the brain; ``scans`` reads real slices in the folders
``yes`` and ``no`` of ``LABKIT_DATA/medical/brain_mri``; ``speed`` needs the peers.
"""

import torch

from benchmarks import kit, medical_speed
from benchmarks import medical_experiments as experiments
from benchmarks.kit import Row

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
        kit.Part("speed", medical_speed.measure, medical_speed.show, title="Speed"),
    ],
)

if __name__ == "__main__":
    BENCHMARK.main()
