"""The eyes of ``benchmarks.refine``: worlds, networks, and one run of refinement with everything that is measured."""

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.kit import seeded
from labkit import data, metrics, refine, train

SIZE = (16, 24)
CAMERA: dict[str, Any] = {"contrast": (0.35, 0.6), "blur": (0.8, 1.4), "noise": 0.02}
N, TEST, NEAR = 1500, 1000, 1.3
ITERATIONS, BATCH, WIDTHS, STRIDES = 400, 32, (16, 32, 32), (2, 2, 1)


@dataclass(frozen=True)
class World:
    """Synthetic eyes, the same through the real camera, real eyes for training and others to test on."""

    synthetic: data.Dataset
    ideal: data.Dataset
    real: data.Dataset
    test: data.Dataset


@lru_cache(maxsize=2)
def world(seed: int, *, near: bool = False) -> World:
    """All of it anew for a seed. ``near``: the simulator's eyes are 1.3 times too large, their gaze is as it is."""
    eyes = data.simulate.eyes
    real, test = (eyes(n, generator=seeded(seed * 10 + i), size=SIZE, **CAMERA) for i, n in ((1, N), (2, TEST)))
    size = tuple(2 * round(s * NEAR / 2) for s in SIZE) if near else SIZE
    synthetic, ideal = (eyes(N, generator=seeded(seed * 10), size=size, **knobs) for knobs in ({}, CAMERA))
    if near:
        synthetic, ideal = cropped(synthetic), cropped(ideal)
    return World(synthetic, ideal, real, test)


def cropped(eyes: data.Dataset) -> data.Dataset:
    """The middle of larger images: everything in it is larger than it should be."""
    top, left = ((s - t) // 2 for s, t in zip(eyes.x.shape[-2:], SIZE))
    return data.Dataset(
        eyes.x[:, :, top : top + SIZE[0], left : left + SIZE[1]].contiguous(), eyes.y, (), eyes.about,
        {"pupil": eyes.extra["pupil"]},
    )  # fmt: skip


def regressor(x: Tensor, y: Tensor, seed: int, *, epochs: int = 10) -> nn.Module:
    """A small network that reads two numbers from an eye; its last layers know where things are."""
    torch.manual_seed(seed)
    height, width = (s // 4 for s in SIZE)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * height * width, 64), nn.ReLU(), nn.Linear(64, 2),
    )  # fmt: skip
    step = train.supervised_step(net, torch.optim.Adam(net.parameters(), lr=2e-3), loss=functional.mse_loss)
    train.fit(step, train.Minibatches(x, y, batch_size=64, generator=seeded(seed)), epochs=epochs)
    return net


def degrees(eyes: data.Dataset) -> Tensor:
    """The gaze in tens of degrees, a good scale for a network."""
    return eyes.y.rad2deg() / 10


def gaze_error(net: nn.Module, eyes: data.Dataset) -> float:
    """Mean distance of the predicted gaze from the true one, in degrees."""
    return 10 * float((metrics.predict(net, eyes.x) - degrees(eyes)).norm(dim=1).mean())


@lru_cache(maxsize=1)
def instrument() -> nn.Module:
    """The independent estimator of the pupil's place: trained on other eyes, through cameras of every quality."""
    cameras = [{"contrast": (0.35, 1.0), "blur": (0.0, 1.4), "noise": s} for s in (0.0, 0.01, 0.02)]
    sets = [data.simulate.eyes(1500, generator=seeded(900 + i), size=SIZE, **knobs) for i, knobs in enumerate(cameras)]
    x, pupil = torch.cat([s.x for s in sets]), torch.cat([s.extra["pupil"] for s in sets])
    return regressor(x, pupil, 900, epochs=12)


def refiner_for(
    x: Tensor,
    y: Tensor,
    seed: int,
    *,
    lambda_: float,
    history: bool = True,
    local: bool = True,
    iterations: int = ITERATIONS,
    blocks: int = 1,
    psi: Any = train.identity,
    lr: float = 3e-3,
) -> tuple[refine.Refiner, train.History, float]:
    """Refine x towards y: the refiner, what training reported in ten parts, and its seconds of computing."""
    torch.manual_seed(seed)
    generator, start = seeded(seed), time.process_time()
    R = refine.Refiner(x.shape[1], width=16, blocks=blocks)
    D = (
        refine.LocalDiscriminator(x.shape[1], widths=WIDTHS, strides=STRIDES)
        if local
        else refine.GlobalDiscriminator(x.shape[-2:], x.shape[1], widths=WIDTHS, strides=STRIDES)
    )
    of_r, of_d = (torch.optim.Adam(net.parameters(), lr=lr, betas=(0.5, 0.999)) for net in (R, D))
    buffer = refine.ImageHistoryBuffer(16 * BATCH) if history else None
    first = refine.pretrain_discriminator(R, D, of_d, buffer=buffer, generator=generator)
    train.fit(first, refine.RefineBatches(x, y, batch_size=BATCH, iterations=50, generator=generator), epochs=1)
    step = refine.simgan(R, D, of_r, of_d, lambda_=lambda_, buffer=buffer, psi=psi, generator=generator)
    batches = refine.RefineBatches(x, y, batch_size=BATCH, iterations=iterations // 10, generator=generator)
    history_ = train.fit(step, batches, epochs=10)
    return R, history_, time.process_time() - start


VARIANTS: dict[str, dict[str, Any]] = {
    "λ = 0.1": {"lambda_": 0.1},
    "λ = 0": {"lambda_": 0.0},
    "λ = 1": {"lambda_": 1.0},
    "λ = 10": {"lambda_": 10.0},
    "λ = 0.1, no history": {"lambda_": 0.1, "history": False},
    "λ = 0.1, global D": {"lambda_": 0.1, "local": False},
}


def measured(x: Tensor, eyes: World, seed: int) -> dict[str, float]:
    """What a regressor learns from images x with the synthetic eyes' labels, and what x looks like."""
    moved = refine.drift(*(metrics.predict(instrument(), images) for images in (eyes.synthetic.x, x)))
    return {
        "gaze": gaze_error(regressor(x, degrees(eyes.synthetic), seed), eyes.test),
        "distance": float(moved.distance),
        "scatter": float(moved.scatter),
        "shift": float(moved.shift.norm()),
        "two_sample_test": refine.classifier_two_sample_test(
            x[:500], eyes.real.x[:500], epochs=6, width=8, generator=seeded(seed)
        ),
    }


def run(method: str, seed: int) -> dict[str, float]:
    """One row for one seed: ``raw``, ``real``, ``ideal`` (the synthetic eyes through the real camera), or a variant."""
    near = method.startswith("near: ")
    kind = method.removeprefix("near: ")
    eyes = world(seed, near=near)
    if kind == "real":
        return {"gaze": gaze_error(regressor(eyes.real.x, degrees(eyes.real), seed), eyes.test)}
    if kind in ("raw", "ideal"):
        return measured({"raw": eyes.synthetic, "ideal": eyes.ideal}[kind].x, eyes, seed)
    R, history, seconds = refiner_for(eyes.synthetic.x, eyes.real.x, seed, **VARIANTS[kind])
    figures = measured(refine.refine_images(R, eyes.synthetic.x), eyes, seed)
    return figures | {"D": history["d_accuracy"][-1], "seconds": seconds}


ROWS = ["raw", "λ = 0.1", "real", "ideal", *[v for v in VARIANTS if v != "λ = 0.1"],
        *[f"near: {v}" for v in ("raw", "ideal", "λ = 0.1", "λ = 0")]]  # fmt: skip
