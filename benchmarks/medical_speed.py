"""The speed of medical transforms beside torchio, MONAI, albumentations, batchgenerators, and loops with SciPy.

No peer moves a lesion of one picture to a place in another where it may lie. So cutting and pasting is raced against
the same operation written for one picture at a time with OpenCV and SciPy, the tools that the peers are made of.
"""

from collections.abc import Callable
from functools import partial
from importlib import metadata
from typing import Any

import numpy as np
import torch

from benchmarks import kit
from benchmarks.kit import Row
from labkit.augment import image, medical
from labkit.data import simulate

Call = Callable[[], Any]
LOOP = "OpenCV and SciPy, a loop"


def batch(size: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Slices with a lesion each (B, 1, H, W), and lesion and organ (B, 2, H, W)."""
    slices = simulate.brain(count, generator=kit.seeded(0), size=size, tumour=1.0)
    return slices.x, torch.stack([slices.extra["mask"], slices.extra["brain"]], 1)


def each(x: Any, function: Callable[[int], Any]) -> Call:
    """One picture after the other, which is how the peers work."""
    return lambda: [function(i) for i in range(len(x))]


def affine(x: torch.Tensor, mask: torch.Tensor) -> dict[str, Call]:
    import albumentations
    import monai.transforms as monai
    import torchio

    lesion, arrays = mask[:, 0].contiguous(), x.numpy()
    turn = torchio.RandomAffine(scales=(0.8, 1.25), degrees=(0, 0, 0, 0, -20, 20), isotropic=True)
    subjects = [
        torchio.Subject(
            image=torchio.ScalarImage(tensor=v[..., None]), label=torchio.LabelMap(tensor=m[None, ..., None].long())
        )
        for v, m in zip(x, lesion, strict=True)
    ]
    theirs = monai.RandAffined(
        ["image", "label"], prob=1.0, rotate_range=0.35, scale_range=0.2, mode=["bilinear", "nearest"], cache_grid=True
    )
    pairs: list[Any] = [{"image": v, "label": m[None].float()} for v, m in zip(x, lesion, strict=True)]
    flat = albumentations.Affine(rotate=(-20, 20), scale=(0.8, 1.25), p=1.0)
    masks = lesion.numpy().astype(np.uint8)
    return {
        "labkit": partial(medical.AffineElastic(20, (0.8, 1.25)), x, mask=lesion),
        "torchio": each(x, lambda i: turn(subjects[i])),
        "MONAI": each(x, lambda i: theirs(pairs[i])),
        "albumentations": each(x, lambda i: flat(image=arrays[i, 0, ..., None], mask=masks[i])),
    }


def bias(x: torch.Tensor, mask: torch.Tensor) -> dict[str, Call]:
    import monai.transforms as monai
    import torchio

    theirs, field = torchio.RandomBiasField(coefficients=0.5, order=3), monai.RandBiasField(degree=3, prob=1.0)
    volumes = [torchio.ScalarImage(tensor=v[..., None]) for v in x]
    return {
        "labkit": partial(medical.BiasField(0.5), x),
        "torchio": each(x, lambda i: theirs(volumes[i])),
        "MONAI": each(x, lambda i: field(x[i])),
    }


def gamma(x: torch.Tensor, mask: torch.Tensor) -> dict[str, Call]:
    import monai.transforms as monai
    import torchio
    from batchgenerators.augmentations.color_augmentations import augment_gamma

    power, arrays = torchio.RandomGamma(log_gamma=(-0.36, 0.4)), x.numpy()
    volumes = [torchio.ScalarImage(tensor=v[..., None]) for v in x]
    adjust = monai.RandAdjustContrast(prob=1.0, gamma=(0.7, 1.5), retain_stats=True)
    return {
        "labkit": partial(medical.Gamma((0.7, 1.5)), x),
        "torchio": each(x, lambda i: power(volumes[i])),
        "MONAI": each(x, lambda i: adjust(x[i])),
        "batchgenerators": each(x, lambda i: augment_gamma(arrays[i].copy(), (0.7, 1.5), retain_stats=True)),
    }


def gaussian(x: torch.Tensor, mask: torch.Tensor) -> dict[str, Call]:
    import albumentations
    import monai.transforms as monai
    import torchio
    from batchgenerators.augmentations.noise_augmentations import augment_gaussian_noise

    arrays, noise = x.numpy(), torchio.RandomNoise(std=(0, 0.1))
    volumes = [torchio.ScalarImage(tensor=v[..., None]) for v in x]
    theirs, flat = monai.RandGaussianNoise(prob=1.0, std=0.1), albumentations.GaussNoise(std_range=(0, 0.1), p=1.0)
    return {
        "labkit": partial(image.GaussianNoise((0.0, 0.1)), x),
        "torchio": each(x, lambda i: noise(volumes[i])),
        "MONAI": each(x, lambda i: theirs(x[i])),
        "albumentations": each(x, lambda i: flat(image=arrays[i, 0, ..., None])),
        "batchgenerators": each(x, lambda i: augment_gaussian_noise(arrays[i].copy(), (0, 0.1))),
    }


def rician(x: torch.Tensor, mask: torch.Tensor) -> dict[str, Call]:
    import monai.transforms as monai
    from batchgenerators.augmentations.noise_augmentations import augment_rician_noise

    arrays, theirs = x.numpy(), monai.RandRicianNoise(prob=1.0, std=0.05)
    return {
        "labkit": partial(medical.RicianNoise((0.0, 0.05)), x),
        "MONAI": each(x, lambda i: theirs(x[i])),
        "batchgenerators": each(x, lambda i: augment_rician_noise(arrays[i], (0, 0.05))),
    }


def paste(x: torch.Tensor, mask: torch.Tensor) -> dict[str, Call]:
    arrays, lesions, organs = x[:, 0].numpy(), mask[:, 0].numpy(), mask[:, 1].numpy()
    chance = np.random.default_rng(0)

    def one(i: int) -> Any:
        j = chance.integers(len(arrays))
        return paste_one(arrays[i], lesions[i], organs[i], donor=arrays[j], shape=lesions[j], chance=chance)

    return {"labkit": partial(medical.PasteLesion(), x, mask=mask), LOOP: each(x, one)}


def paste_one(x: Any, lesion: Any, organ: Any, *, donor: Any, shape: Any, chance: Any, width: float = 0.7) -> Any:
    """``PasteLesion`` for one picture (H, W): where the lesion fits is an erosion of where it may lie."""
    import cv2

    y, after = x.copy(), lesion.copy()
    if not shape.any():
        return y, after
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    free = organ & (cv2.dilate(lesion.view(np.uint8), cross) == 0)
    rows, columns = np.flatnonzero(shape.any(1)), np.flatnonzero(shape.any(0))
    top, left = int(rows[0]), int(columns[0])
    piece = shape[top : rows[-1] + 1, left : columns[-1] + 1]
    places = np.flatnonzero(erode(free, piece))
    if not len(places):
        return y, after
    down, right = divmod(int(chance.choice(places)), x.shape[1])
    reach, (h, w) = 3, piece.shape
    # A window around the piece, in both pictures, as far as both have pixels.
    up, back = min(reach, top, down), min(reach, left, right)
    high = h + min(reach, x.shape[0] - h - max(top, down))
    wide = w + min(reach, x.shape[1] - w - max(left, right))
    here = (slice(down - up, down + high), slice(right - back, right + wide))
    there = (slice(top - up, top + high), slice(left - back, left + wide))
    weight = cv2.GaussianBlur(shape[there].astype(np.float32), (7, 7), width, borderType=cv2.BORDER_REPLICATE)
    weight[weight < 0.01] = 0
    y[here] += weight * (donor[there] - y[here])
    after[down : down + h, right : right + w] |= piece
    return y, after


def erode(free: Any, piece: Any) -> Any:
    """Where the upper left corner of the piece may lie: by moving it about; a large one by the Fourier transform."""
    import cv2
    from scipy import fft

    if piece.sum() < 400:
        kernel, border = piece.view(np.uint8), cv2.BORDER_CONSTANT
        return cv2.erode(free.view(np.uint8), kernel, anchor=(0, 0), borderType=border, borderValue=0)
    (height, width), (h, w) = free.shape, piece.shape
    size = fft.next_fast_len(height, real=True), fft.next_fast_len(width, real=True)
    field, shape = (fft.rfft2(a.astype(np.float32), size) for a in (free, piece))
    fits = fft.irfft2(field * shape.conj(), size)[:height, :width] > piece.sum() - 0.5
    fits[height - h + 1 :], fits[:, width - w + 1 :] = False, False
    return fits


def carve(x: torch.Tensor, mask: torch.Tensor) -> dict[str, Call]:
    arrays, lesions = x[:, 0].numpy(), mask[:, 0].contiguous().numpy()
    chance = np.random.default_rng(0)

    def one(i: int) -> Any:
        j = chance.integers(len(arrays))
        return carve_one(arrays[i], lesions[i], donor=arrays[j], shape=lesions[j], chance=chance)

    return {"labkit": partial(medical.CarveMix(), x, mask=mask[:, 0].contiguous()), LOOP: each(x, one)}


def carve_one(x: Any, lesion: Any, *, donor: Any, shape: Any, chance: Any) -> Any:
    """``CarveMix`` for one picture (H, W), with OpenCV's distances."""
    import cv2

    inside = cv2.distanceTransform(shape.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    depth = inside.max()
    limit = depth * (chance.uniform(-0.5, 0) if chance.random() < 0.5 else chance.uniform(0, 1))
    if limit < 0:
        carved = inside >= -limit
    else:
        carved = cv2.distanceTransform((~shape).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) <= limit
    return np.where(carved, donor, x), np.where(carved, shape, lesion)


OPERATIONS: dict[str, Callable[[torch.Tensor, torch.Tensor], dict[str, Call]]] = {
    "affine, with mask": affine,
    "bias field": bias,
    "gamma that keeps mean and deviation": gamma,
    "Gaussian noise": gaussian,
    "Rician noise": rician,
    "a lesion pasted in the organ (TumorCP)": paste,
    "a lesion carved with its surroundings (CarveMix)": carve,
}


def race(operation: str, size: int, count: int, rounds: int) -> list[Row]:
    """How many times as fast labkit is as each peer."""
    try:
        contenders = OPERATIONS[operation](*batch(size, count))
    except ImportError as error:
        raise kit.Missing(f"the peers are not installed ({error.name}): pip install -e .[bench]") from error
    seconds = kit.race(contenders, rounds=rounds, least=0.02)
    rate = count / sorted(seconds["labkit"])[rounds // 2]
    return [
        {
            "peer": name,
            "version": metadata.version("opencv-python-headless" if name == LOOP else name.lower()),
            "rate": rate,
            "machine": kit.machine(),
            "ratio": kit.times_as_fast(seconds, "labkit", name),
        }
        for name in contenders
        if name != "labkit"
    ]


def measure(runs: kit.Runs, *, batch: int = 32, rounds: int = 7) -> None:
    """Seven operations at two sizes."""
    torch.set_num_threads(1)
    for operation in OPERATIONS:
        for size in (64, 256):
            runs.once(race, operation=operation, size=size, count=batch, rounds=rounds)


WHY = """Where labkit is less than five times as fast as the fastest peer, with shares of its processor time:

- *Affine*: at 256² to look up picture and mask (`grid_sample`) is 38 %, the grid 14 %, copies 15 %. At 64² the look-up
  is a quarter; the rest are some two hundred small calls for draws, matrices and grids.
- *Bias field, 256²*: the exponential is 30 %, the polynomial 27 %, the product with the picture 32 %: one pass each.
- *Gamma*: the power is 30 %. The rest is spread over sixteen passes for the least, the largest, mean and deviation.
- *Noise*: 60 to 80 % is torch's normal generator, at 3.4 nanoseconds a number. What is left is two passes.
- *Pasting*: the Fourier transforms that find the places are 35 to 50 %, blending is 16 to 26 %. The loop moves a small
  lesion about by OpenCV's erosion, and has the same transforms for a large one.
- *Carving*: distances are 35 to 65 %, a few dozen passes over small windows. OpenCV has one pass in C."""


def show(rows: list[Row]) -> str:
    """The ratios."""
    names = [name for (name,) in kit.groups(rows, "peer")]
    versions = ", ".join(
        f"{name.replace(LOOP, 'OpenCV')} {version}" for name, version in kit.groups(rows, "peer", "version")
    )
    lines = []
    for (operation, size), group in kit.groups(rows, "operation", "size").items():
        ratio = {row["peer"]: f"{row['ratio']:.1f}×" for row in group}
        lines.append([operation, f"{size}²", f"{group[0]['rate']:,.0f}", *(ratio.get(name, "–") for name in names)])
    return (
        f"Pictures a second of labkit, one thread, a batch of {rows[0]['count']}, and how many times as fast it is as "
        "each peer in the same run (processor time; the median over rounds in which they take turns). The peers take "
        "one picture after the other. torchio's gamma keeps neither mean nor deviation. No peer pastes a lesion where "
        "it may lie: the last column is the same operation, written for one picture at a time with OpenCV and SciPy "
        f"(`benchmarks/medical_speed.py`). {versions}; {rows[0]['machine']}.\n\n"
        + kit.table(["operation", "size", "pictures a second", *names], lines, left=2)
        + "\n\n"
        + WHY.replace("\n  ", " ")
    )
