"""Topic ``images``: the cases on which the answers of exercise 01 are tried.

Every function of the exercise has its own convention, stated in the notebook: positions are measured in pixels from
the image's centre, x to the right and y down, and angles count anticlockwise as seen on the screen. Pictures are
grey and in colour, wider than high and higher than wide. Some batches have as many pictures as a picture has columns:
they reveal a silent broadcast.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor

from labkit import data
from labkit.checks.protocol import Case, Check, Compare, Outputs
from labkit.checks.tensors import generator, tensor
from labkit.device import threads

# ── affine_matrix ─────────────────────────────────────────────────────────────────────────────────────────────────────


class AffineMatrix(Compare):
    """A batch of affine matrices from angle, scale and shift."""

    key = "images.affine_matrix"
    points = 2
    returns = "the matrix"
    no_gradients = "an augmentation's parameters are drawn, not learned"

    def cases(self, g: Generator) -> Iterator[Case]:
        """A quarter turn; a shift alone; a small turn the other way; any angles, scales and shifts; float64."""

        def case(name: str, degrees: Tensor, scale: Tensor, shift: Tensor) -> Case:
            return {"case": name, "degrees": degrees, "scale": scale, "shift": shift}

        def drawn(name: str, n: int, dtype: torch.dtype = torch.float32) -> Case:
            draw = partial(torch.rand, generator=g, dtype=dtype)
            return case(name, 340 * draw(n) - 170, 0.5 + 1.5 * draw(n), 16 * draw(n, 2) - 8)

        yield case("a quarter turn", torch.tensor([90.0]), torch.ones(1), torch.zeros(1, 2))
        yield case("no turn, scaled and shifted", torch.zeros(1), torch.tensor([2.0]), torch.tensor([[3.0, -5.0]]))
        yield case("a turn of −30°", torch.tensor([-30.0]), 0.5 + torch.rand(1, generator=g), torch.zeros(1, 2))
        yield drawn("five at once", 5)
        yield drawn("float64", 2, torch.float64)


# ── warp ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Warp(Compare):
    """An affine warp of a batch."""

    key = "images.warp"
    points = 3
    returns = "the warped image"
    atol = 1e-4
    no_gradients = "pictures are moved, not learned"

    def cases(self, g: Generator) -> Iterator[Case]:
        """A whole-pixel shift; a quarter turn of a tall image; a mirror; a matrix for each image of a batch."""

        def case(name: str, matrix: Tensor, *shape: int) -> Case:
            pixels = torch.rand(len(matrix), *shape, generator=g, dtype=matrix.dtype)
            return {"case": name, "x": 0.2 + 0.8 * pixels, "matrix": matrix}

        def matrices(n: int, dtype: torch.dtype = torch.float32) -> Tensor:
            part = torch.rand(n, 2, 3, generator=g, dtype=dtype) - 0.5
            return torch.cat([0.8 * torch.eye(2, dtype=dtype) + 0.6 * part[:, :, :2], 5 * part[:, :, 2:]], dim=2)

        yield case("two pixels right, one up", torch.tensor([[[1.0, 0.0, 2.0], [0.0, 1.0, -1.0]]]), 1, 5, 5)
        yield case("a quarter turn, taller than wide", torch.tensor([[[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]]]), 1, 7, 5)
        yield case("mirrored and enlarged", torch.tensor([[[-1.5, 0.0, 0.5], [0.0, 1.25, 0.0]]]), 3, 5, 8)
        yield case("three images, a matrix each", matrices(3), 2, 8, 11)
        yield case("float64", matrices(2, torch.float64), 1, 9, 6)


# ── saturation ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Saturation(Compare):
    """Saturation, with its own factor for each image."""

    key = "images.saturation"
    points = 2
    returns = "the image"
    atol = 2e-3  # torchvision rounds its weights to 0.2989, 0.587, 0.114
    no_gradients = "pictures are coloured, not learned"

    def cases(self, g: Generator) -> Iterator[Case]:
        """A pixel made grey; the image itself; strong and inverted colours, cut; a factor for each image."""

        def case(name: str, shape: tuple[int, ...], factor: list[float], dtype: torch.dtype = torch.float32) -> Case:
            x = torch.rand(*shape, generator=g, dtype=dtype)
            return {"case": name, "x": x, "factor": torch.tensor(factor, dtype=dtype)}

        yield case("one pixel, factor 0", (1, 3, 1, 1), [0.0])
        yield case("factor 1", (1, 3, 3, 4), [1.0])
        yield case("half the colour", (1, 3, 4, 5), [0.5])
        yield case("three times the colour, cut to [0, 1]", (1, 3, 4, 5), [3.0])
        yield case("factor −1", (1, 3, 5, 4), [-1.0])
        yield case("a factor for each of three images", (3, 3, 6, 4), [0.3, 1.6, 2.5])
        yield case("float64, as many images as columns", (4, 3, 5, 4), [0.7, 1.2, 0.0, -0.4], torch.float64)


# ── salt_and_pepper ───────────────────────────────────────────────────────────────────────────────────────────────────


class SaltAndPepper(Check):
    """Salt-and-pepper noise at exact rates."""

    key = "images.salt_and_pepper"
    points = 2

    def cases(self, g: Generator) -> Iterator[Case]:
        """Large images, whose counts are nearly certain; rates 0 and 1, whose counts are certain; float64."""

        def case(name: str, shape: tuple[int, ...], rate: list[float], dtype: torch.dtype = torch.float32) -> Case:
            x = 0.2 + 0.6 * torch.rand(len(rate), *shape, generator=g, dtype=dtype)
            seed = int(torch.randint(2**31, (1,), generator=g))
            return {"case": name, "x": x, "rate": torch.tensor(rate, dtype=dtype), "seed": seed}

        yield case("four rates", (3, 80, 96), [0.05, 0.1, 0.8, 0.8])
        yield case("grey images, float64", (1, 96, 64), [0.6, 0.6, 0.2], torch.float64)
        yield case("rates 0 and 1, as many images as columns", (3, 16, 4), [0.0, 1.0, 0.0, 1.0])

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer twice with one seed, and once with another."""
        x, rate, seed = case["x"], case["rate"], case["seed"]
        calls = {"y": seed, "again": seed, "other": seed + 1}
        return {name: tensor(answer(x, rate, generator(s)), name=self.name) for name, s in calls.items()}


# ── filter2d ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Filter2d(Compare):
    """A filter with a kernel, applied to every channel."""

    key = "images.filter2d"
    points = 2
    returns = "the filtered image"
    no_gradients = "pictures are filtered, not learned"

    def cases(self, g: Generator) -> Iterator[Case]:
        """A single bright pixel; then colour, kernels that are not square, a batch, float64."""
        dot = torch.zeros(1, 1, 5, 5)
        dot[0, 0, 2, 2] = 1
        sobel = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
        rand = partial(torch.rand, generator=g)
        yield {"case": "one bright pixel", "x": dot, "kernel": 0.1 + rand(3, 3)}
        yield {"case": "Sobel's kernel", "x": rand(1, 1, 5, 6), "kernel": sobel}
        yield {"case": "two colour images", "x": rand(2, 3, 6, 7), "kernel": 0.1 + rand(3, 3)}
        yield {"case": "a kernel of 3 × 5", "x": rand(2, 1, 7, 8), "kernel": 0.1 + rand(3, 5)}
        yield {"case": "a kernel of 5 × 1", "x": rand(3, 2, 8, 6), "kernel": 0.1 + rand(5, 1)}
        double = partial(rand, dtype=torch.float64)
        yield {"case": "float64", "x": double(1, 2, 5, 5), "kernel": double(3, 3) - 0.5}


# ── policy ────────────────────────────────────────────────────────────────────────────────────────────────────────────

ROUNDS, EPOCHS, TRAINING = 4, 30, 200


def digits(seed: int) -> list[Tensor]:
    """A random order of all digits for each round; the first digits are for training."""
    g = generator(seed)
    return [torch.randperm(len(data.digits()), generator=g) for _ in range(ROUNDS)]


class Policy(Check):
    """An augmentation policy that helps on digits that other people wrote."""

    key = "images.policy"
    points = 3
    seeds = 1

    def inputs(self, seed: int) -> list[Case]:
        """The training digits of each round. The judge keeps the test digits."""
        x = torch.stack([data.digits().x[order[:TRAINING]] for order in digits(seed)])
        return [{"case": f"{ROUNDS} times {TRAINING} digits, {EPOCHS} epochs each", "x": x, "seed": seed}]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """The pictures of every epoch, and the first epoch a second time."""
        x, seed = case["x"], case["seed"]
        calls = [(i, seed + EPOCHS * i + e) for i in range(ROUNDS) for e in range(EPOCHS)]
        with threads(1):
            pictures = [tensor(answer(x[i], generator(s)), name=self.name) for i, s in [*calls, calls[0]]]
        if any(epoch.shape != x[0].shape or epoch.dtype != x.dtype for epoch in pictures):
            return {"pictures": pictures[0]}
        return {"pictures": torch.stack(pictures[:-1]).unflatten(0, (ROUNDS, EPOCHS)), "again": pictures[-1]}


CHECKS = (AffineMatrix(), Warp(), Saturation(), SaltAndPepper(), Filter2d(), Policy())
