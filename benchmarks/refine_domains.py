"""Rendered glyphs towards handwriting, and rendered eyes towards photographs: runs of ``benchmarks.refine``."""

import time
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.kit import real_data, seeded
from labkit import data, metrics, nets, refine, train

PLAIN: dict[str, Any] = {}
VARIED = {
    "scale": (0.55, 0.9), "stretch": (0.6, 1.4), "slant": (-0.3, 0.5), "rotation": (-20, 20),
    "thickness": (0.05, 0.2), "jitter": 0.2, "shift": 0.1,
}  # fmt: skip
FILLING = VARIED | {
    "scale": (0.8, 1.0), "stretch": (0.7, 1.5), "rotation": (-15, 15), "thickness": (0.08, 0.22), "shift": 0.05,
}  # fmt: skip
SIMULATORS = {"plain": PLAIN, "varied": VARIED, "varied, filling": FILLING}
GLYPHS, ITERATIONS, BATCH = 3000, 300, 32
PIXELS = 0.1  # weight of a pixel in ψ beside the logits of the glyphs' own classifier
REAL = {
    "λ = 0.1, 150 iterations": {"lambda_": 0.1, "iterations": 150},
    "λ = 0.02, 300 iterations": {"lambda_": 0.02, "iterations": 300},
}
EYES = (18, 28)  # real eyes of 35×55, halved


def learned(
    x: Tensor, y: Tensor, seed: int, *, lambda_: float, iterations: int, psi: Callable[[Tensor], Tensor] | None = None,
    strides: tuple[int, ...] = (1, 1), blocks: int = 2, lr: float = 3e-3,
) -> tuple[nn.Module, train.History, float]:  # fmt: skip
    """Refine x towards y with the whole recipe: the refiner, its history in six parts, seconds of computing."""
    torch.manual_seed(seed)
    generator, start = seeded(seed), time.process_time()
    R = refine.Refiner(1, width=16, blocks=blocks)
    D = refine.LocalDiscriminator(1, widths=(32,) * len(strides), strides=strides)
    of_r, of_d = (torch.optim.Adam(net.parameters(), lr=lr, betas=(0.5, 0.999)) for net in (R, D))
    buffer = refine.ImageHistoryBuffer(16 * BATCH)
    first = refine.pretrain_discriminator(R, D, of_d, buffer=buffer, generator=generator)
    train.fit(first, refine.RefineBatches(x, y, batch_size=BATCH, iterations=50, generator=generator), epochs=1)
    psi = psi or train.identity
    step = refine.simgan(R, D, of_r, of_d, lambda_=lambda_, buffer=buffer, psi=psi, generator=generator)
    history = train.fit(
        step, refine.RefineBatches(x, y, batch_size=BATCH, iterations=iterations // 6, generator=generator), epochs=6
    )
    return R, history, time.process_time() - start


# ── glyphs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@lru_cache(maxsize=4)
def handwriting(name: str, seed: int) -> tuple[data.Dataset, data.Dataset, int]:
    """Real digits to learn the look of (their labels are not asked for), others to test on, and the side of a glyph.

    scikit-learn's digits are split anew for each seed; MNIST at 14×14: 4,000 training and 2,000 test images drawn by
    it.
    """
    if name == "digits":
        return data.digits("train", seed=seed), data.digits("test", seed=seed), 32
    parts = []
    for split, n in (("train", 4000), ("test", 2000)):
        every = data.mnist(split, download=False)
        few = every.take(torch.randperm(len(every), generator=seeded(seed))[:n])
        parts.append(data.Dataset(functional.avg_pool2d(few.x, 2), few.y, few.classes, few.about))
    return parts[0], parts[1], 28


def glyphs(simulator: str, side: int, seed: int) -> data.Dataset:
    """Rendered digits at the size of the real ones."""
    drawn = data.simulate.glyphs(GLYPHS, generator=seeded(seed), size=side, **SIMULATORS[simulator])
    return data.Dataset(functional.avg_pool2d(drawn.x, 4 if side == 32 else 2), drawn.y, drawn.classes, drawn.about)


def reader(x: Tensor, y: Tensor, seed: int) -> nn.Module:
    """A classifier of digits."""
    torch.manual_seed(seed)
    net = nets.CNN(1, 10, width=16, depth=2)
    step = train.supervised_step(net, torch.optim.Adam(net.parameters(), lr=3e-3))
    train.fit(step, train.Minibatches(x, y, batch_size=64, generator=seeded(seed)), epochs=6)
    return net.eval()


def digits_run(name: str, simulator: str, how: str, seed: int) -> dict[str, float]:
    """Accuracy on real digits of a classifier that saw nothing but (refined) glyphs; no real label is used before that.

    ``how``: raw; pixels (λ = .1); features (λ = .3, ψ = a tenth of the pixels and the logits of a classifier trained
    on raw glyphs); real (the classifier is taught real digits).
    """
    unlabelled, test, side = handwriting(name, seed)
    score = lambda net: metrics.accuracy(metrics.predict(net, test.x), test.y)  # noqa: E731
    if how == "real":
        return {"accuracy": score(reader(unlabelled.x, unlabelled.y, seed))}
    rendered = glyphs(simulator, side, seed)
    own = reader(rendered.x, rendered.y, seed)
    if how == "raw":
        tells = refine.classifier_two_sample_test(
            rendered.x[:800], unlabelled.x[:800], epochs=4, width=8, generator=seeded(seed)
        )
        return {
            "accuracy": score(own),
            "two_sample_test": tells,
            "kept": metrics.accuracy(metrics.predict(own, rendered.x), rendered.y),
        }
    own.requires_grad_(False)
    psi = None if how == "pixels" else lambda x: torch.cat([PIXELS * x.flatten(1), own(x)], dim=1)
    strides = (1, 1) if name == "digits" else (1, 2)
    lambda_ = 0.1 if how == "pixels" else 0.3
    R, history, seconds = learned(
        rendered.x, unlabelled.x, seed, lambda_=lambda_, iterations=ITERATIONS, psi=psi, strides=strides
    )
    x = refine.refine_images(R, rendered.x)
    return {
        "accuracy": score(reader(x, rendered.y, seed)),
        "kept": metrics.accuracy(metrics.predict(own, x), rendered.y),
        "two_sample_test": refine.classifier_two_sample_test(
            x[:800], unlabelled.x[:800], epochs=4, width=8, generator=seeded(seed)
        ),
        "D": history["d_accuracy"][-1],
        "seconds": seconds,
    }


# ── real eyes ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def grey(path: Path) -> Tensor:
    """One image file as (1, 1, H, W) in [0, 1]; a transparent one is taken as it is painted."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB").convert("L"), dtype=np.float32)
    return torch.from_numpy(pixels / 255)[None, None]


@lru_cache(maxsize=4)
def photographed(folder: str, *, crop: float = 1.0) -> Tensor:
    """All images of a folder of ``$LABKIT_DATA/eyes``, the middle of each, at the size of ``EYES``."""
    files = sorted(real_data("eyes", folder).glob("*.png"))
    images = []
    for x in map(grey, files):
        h, w = (round(s * crop) for s in x.shape[-2:])
        top, left = (x.shape[-2] - h) // 2, (x.shape[-1] - w) // 2
        x = x[:, :, top : top + h, left : left + w]
        images.append(functional.interpolate(x, EYES, mode="bilinear", antialias=True, align_corners=False))
    return torch.cat(images).clamp(0, 1)


def real_eyes_run(seed: int, *, lambda_: float, iterations: int) -> dict[str, Any]:
    """How well a fresh classifier tells synthetic eyes from MPIIGaze's before and after, and what D said."""
    x, y = photographed("syntheyes", crop=0.75), photographed("mpiigaze")
    y = y[torch.randperm(len(y), generator=seeded(seed))]
    seen, unseen = y[: len(y) // 2], y[len(y) // 2 :]  # the refiner sees the first half, the judge the second
    R, history, seconds = learned(x, seen, seed, lambda_=lambda_, iterations=iterations, strides=(2, 2, 1))
    after, n = refine.refine_images(R, x), len(unseen)
    moved = refine.drift(*(refine.pupil_centre(images, radius=4.2) for images in (x, after)))
    tell = partial(refine.classifier_two_sample_test, real=unseen, epochs=25, width=8)
    return {
        "before": tell(x[:n], generator=seeded(seed)), "after": tell(after[:n], generator=seeded(seed)),
        "D": history["d_accuracy"][-1], "seconds": seconds,
        "distance": float(moved.distance), "change": float((after - x).abs().mean()),
    }  # fmt: skip
