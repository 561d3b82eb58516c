"""Topic ``images``: what the answers of exercise 01 must satisfy.

Every function of the exercise has its own convention, stated in the notebook: positions are measured in pixels from
the image's centre, x to the right and y down, and angles count anticlockwise as seen on the screen.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import torch
from torch import Generator, Tensor

from labkit import data, metrics, nets, train
from labkit.augment import image
from labkit.augment.pipeline import Compose
from labkit.checks.protocol import Case, Check, Outputs, Wrong, agree, close
from labkit.checks.protocol import describe as text
from labkit.checks.tensors import generator, tensor
from labkit.device import threads

# ── affine_matrix ─────────────────────────────────────────────────────────────────────────────────────────────────────


def affine_matrix(degrees: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """The matrix of p ↦ scale · R(degrees) p + shift about the origin: (B,), (B,), (B, 2) → (B, 2, 3)."""
    # The centre of an image of one pixel is the origin.
    point = degrees.new_zeros(len(degrees), 1, 1, 1)
    matrix = image.affine_matrix(point, degrees=degrees, scale=scale, dx=shift[:, 0], dy=shift[:, 1])
    return matrix[:, :2]


class AffineMatrix(Check):
    """A batch of affine matrices from angle, scale and shift."""

    key = "images.affine_matrix"
    points = 2
    reference = staticmethod(affine_matrix)
    forbidden = (image.affine_matrix,)

    def inputs(self, seed: int) -> list[Case]:
        """A quarter turn; then scale and shift without a turn; then everything, in float64."""
        g = generator(seed)

        def case(name: str, n: int, turn: float, dtype: torch.dtype = torch.float32) -> Case:
            draw = partial(torch.rand, generator=g, dtype=dtype)
            return {
                "case": name,
                "degrees": turn + 0 * draw(n) if turn else 20 + 60 * draw(n),
                "scale": 0.5 + draw(n),
                "shift": 8 * draw(n, 2) + 1,
            }

        first = case("a quarter turn", 1, 90.0)
        first["scale"], first["shift"] = torch.ones(1), torch.zeros(1, 2)
        second = case("a turn of 0.5°, scaled and shifted", 1, 0.5)
        return [first, second, case("five at once", 5, 0.0), case("float64", 2, 0.0, torch.float64)]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"matrix": tensor(answer(case["degrees"], case["scale"], case["shift"]), name="affine_matrix")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each common mistake gives."""
        degrees, scale, shift = case["degrees"], case["scale"], case["shift"]
        turned = affine_matrix(degrees, scale, shift)[:, :, :2]
        with_shift = partial(joined, turned)
        close(
            outputs["matrix"],
            affine_matrix(degrees, scale, shift),
            what="the matrix",
            mistaken={
                "the angle is taken for radians: convert it with `torch.deg2rad` first": affine_matrix(
                    degrees.rad2deg(), scale, shift
                ),
                "it turns clockwise: y points down here, so the sines change sign": affine_matrix(
                    -degrees, scale, shift
                ),
                "the scale is missing": affine_matrix(degrees, torch.ones_like(scale), shift),
                "the shift is scaled too: it comes last, after the scaling": with_shift(scale[:, None] * shift),
                "the shift is turned and scaled too: it comes last, after turning and scaling": with_shift(
                    (turned @ shift[:, :, None])[:, :, 0]
                ),
                "the shift has x and y exchanged": with_shift(shift.flip(1)),
                "it is the matrix of the way back (the inverse)": image_inverse(affine_matrix(degrees, scale, shift)),
            },
        )


def joined(linear: Tensor, shift: Tensor) -> Tensor:
    """(B, 2, 2) and (B, 2) → (B, 2, 3)."""
    return torch.cat([linear, shift[:, :, None]], dim=2)


def image_inverse(matrix: Tensor) -> Tensor:
    """The inverse of each affine map: (B, 2, 3) → (B, 2, 3)."""
    linear = torch.linalg.inv(matrix[:, :, :2])
    return torch.cat([linear, -linear @ matrix[:, :, 2:]], dim=2)


# ── warp ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def warp(x: Tensor, matrix: Tensor) -> Tensor:
    """Move each image by its own matrix: what was at p is now at ``matrix`` p. (B, C, H, W), (B, 2, 3)."""
    bottom = matrix.new_tensor([0.0, 0.0, 1.0]).expand(len(matrix), 1, 3)
    centre = torch.eye(3, dtype=x.dtype)
    centre[:2, 2] = torch.tensor([(x.shape[3] - 1) / 2, (x.shape[2] - 1) / 2], dtype=x.dtype)
    return image.warp(x, centre @ torch.cat([matrix, bottom], dim=1) @ torch.linalg.inv(centre))


def sample(x: Tensor, back: Tensor, *, mode: str = "bilinear", edge: str = "zeros", swap: bool = False) -> Tensor:
    """What a warp with one of the usual mistakes gives: the value at ``back`` p for each pixel p.

    Args:
        x: images (B, C, H, W).
        back: (B, 2, 3), from output to input, in pixels from the centre.
        mode: of interpolation.
        edge: what lies outside.
        swap: divide by half of (H, W) instead of (W, H).
    """
    height, width = x.shape[2:]
    ys = torch.arange(height, dtype=x.dtype, device=x.device) - (height - 1) / 2
    xs = torch.arange(width, dtype=x.dtype, device=x.device) - (width - 1) / 2
    grid_y, grid_x = torch.meshgrid(ys, xs, indexing="ij")
    p = torch.stack([grid_x, grid_y, torch.ones_like(grid_x)], dim=-1).reshape(-1, 3)
    source = (p @ back.transpose(1, 2)).unflatten(1, (height, width))
    half = torch.tensor([height, width] if swap else [width, height], dtype=x.dtype, device=x.device) / 2
    return torch.nn.functional.grid_sample(x, source / half, mode=mode, padding_mode=edge, align_corners=False)


class Warp(Check):
    """A batched affine warp."""

    key = "images.warp"
    points = 3
    reference = staticmethod(warp)
    forbidden = (image.warp,)

    def inputs(self, seed: int) -> list[Case]:
        """A whole-pixel shift; a quarter turn of a tall image; different matrices for each image of a batch."""
        g = generator(seed)

        def matrices(n: int, dtype: torch.dtype) -> Tensor:
            draw = partial(torch.rand, generator=g, dtype=dtype)
            return affine_matrix(15 + 60 * draw(n), 0.6 + 0.3 * draw(n), 1 + 2 * draw(n, 2))

        def pixels(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return 0.2 + 0.8 * torch.rand(*shape, generator=g, dtype=dtype)

        one = torch.tensor([[[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]]])
        quarter = affine_matrix(torch.tensor([90.0]), torch.ones(1), torch.zeros(1, 2))
        return [
            {"case": "two pixels right, one down", "x": pixels(1, 1, 5, 5), "matrix": one},
            {"case": "a quarter turn, taller than wide", "x": pixels(1, 1, 7, 5), "matrix": quarter},
            {"case": "three images, a matrix each", "x": pixels(3, 2, 8, 11), "matrix": matrices(3, torch.float32)},
            {
                "case": "float64",
                "x": pixels(2, 1, 6, 9, dtype=torch.float64),
                "matrix": matrices(2, torch.float64),
            },
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"y": tensor(answer(case["x"], case["matrix"]), name="warp")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each common mistake gives."""
        x, matrix = case["x"], case["matrix"]
        back = image_inverse(matrix)
        close(
            outputs["y"],
            warp(x, matrix),
            what="the warped image",
            atol=1e-4,
            mistaken={
                "it moves the wrong way: each output pixel p takes its value at the *inverse* map of p": sample(
                    x, matrix
                ),
                "it moves every image by the first matrix of the batch": sample(x, back[:1].expand_as(back)),
                "it confuses height and width when it divides by half the size": sample(x, back, swap=True),
                "it exchanges x and y: `grid_sample` wants x first": sample(x, exchange(back)),
                "the positions are scaled for `align_corners=True` but sampled with `align_corners=False`": corners(
                    x, back, scaled_for=True
                ),
                "the positions are scaled for `align_corners=False` but sampled with `align_corners=True`": corners(
                    x, back, scaled_for=False
                ),
                "it takes the nearest pixel: interpolate bilinearly": sample(x, back, mode="nearest"),
                "it repeats the border outside of the image: outside is 0": sample(x, back, edge="border"),
                "the shift is in pixels, and `grid_sample` wants it in halves of the image": unscaled(x, back),
            },
        )


def exchange(matrix: Tensor) -> Tensor:
    """The same map of (y, x) instead of (x, y)."""
    return matrix[:, [1, 0]][:, :, [1, 0, 2]]


def corners(x: Tensor, back: Tensor, *, scaled_for: bool) -> Tensor:
    """The warp with the two conventions of ``grid_sample`` mixed up."""
    height, width = x.shape[2:]
    size = torch.tensor([width, height], dtype=x.dtype, device=x.device)
    ours, theirs = ((size - 1) / 2, size / 2) if scaled_for else (size / 2, (size - 1) / 2)
    ratio = ours / theirs
    # Dividing by `ours` and sampling as if divided by `theirs` stretches positions by theirs / ours.
    return sample(x, back / ratio[None, :, None])


def unscaled(x: Tensor, back: Tensor) -> Tensor:
    """The warp through ``affine_grid`` with a matrix in pixels, where it wants one in halves of the image."""
    grid = torch.nn.functional.affine_grid(back, list(x.shape), align_corners=False)
    return torch.nn.functional.grid_sample(x, grid, align_corners=False)


# ── saturation ────────────────────────────────────────────────────────────────────────────────────────────────────────


def luma(x: Tensor) -> Tensor:
    """The grey value of each pixel, (B, 1, H, W)."""
    return (x * x.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)


def saturation(x: Tensor, factor: Tensor) -> Tensor:
    """Colours of each image stronger or weaker by its own factor: (B, 3, H, W), (B,)."""
    return image.saturation(x, factor=factor)


class Saturation(Check):
    """Saturation by a factor an image."""

    key = "images.saturation"
    points = 2
    reference = staticmethod(saturation)
    forbidden = (image.saturation,)

    def inputs(self, seed: int) -> list[Case]:
        """One pixel made grey; strong colours that must be cut; a factor for each image."""
        g = generator(seed)

        def case(name: str, shape: tuple[int, ...], factor: list[float], dtype: torch.dtype = torch.float32) -> Case:
            return {
                "case": name,
                "x": torch.rand(*shape, generator=g, dtype=dtype),
                "factor": torch.tensor(factor, dtype=dtype),
            }

        return [
            case("one pixel, factor 0", (1, 3, 1, 1), [0.0]),
            case("half the colour", (1, 3, 4, 5), [0.5]),
            case("three times the colour, cut to [0, 1]", (1, 3, 4, 5), [3.0]),
            case("a factor for each of three images", (3, 3, 6, 4), [0.3, 1.6, 2.5]),
            case("float64", (2, 3, 4, 4), [0.7, 1.2], torch.float64),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"y": tensor(answer(case["x"], case["factor"]), name="saturation")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each common mistake gives."""
        x, factor = case["x"], case["factor"]
        f, grey, mean = factor.view(-1, 1, 1, 1), luma(x), x.mean(dim=1, keepdim=True)
        swapped = luma(x.flip(1))
        close(
            outputs["y"],
            saturation(x, factor),
            what="the image",
            atol=2e-3,  # torchvision rounds its weights to 0.2989, 0.587, 0.114
            mistaken={
                "grey is taken as the plain mean of the channels: the eye sees green as brighter, "
                "so weigh them 0.299, 0.587, 0.114": (mean + f * (x - mean)).clamp(0, 1),
                "the weights belong to red, green, blue in this order": (swapped + f * (x - swapped)).clamp(0, 1),
                "values leave [0, 1]: cut them with `clamp`": grey + f * (x - grey),
                "the factor works the wrong way round: 0 must give grey and 1 the image itself": (
                    x + f * (grey - x)
                ).clamp(0, 1),
                "every image gets the factor of the first: reshape it to (B, 1, 1, 1)": saturation(
                    x, factor[:1].expand_as(factor)
                ),
                "it adds the colour to the image instead of to its grey": (x + f * (x - grey)).clamp(0, 1),
                "it multiplies the brightness: only the distance from grey is scaled": (f * x).clamp(0, 1),
            },
        )


# ── salt_and_pepper ───────────────────────────────────────────────────────────────────────────────────────────────────


def salt_and_pepper(x: Tensor, rate: Tensor, generator: Generator) -> Tensor:
    """Each pixel is replaced with probability ``rate``, by white or black alike: (B, C, H, W), (B,)."""
    return image.salt_and_pepper(x, amount=rate, generator=generator)


class SaltAndPepper(Check):
    """Salt-and-pepper noise at exact rates."""

    key = "images.salt_and_pepper"
    points = 2
    reference = staticmethod(salt_and_pepper)
    forbidden = (image.salt_and_pepper,)
    sigmas = 6.0  # an honest answer falls outside once in 10⁹ counts

    def inputs(self, seed: int) -> list[Case]:
        """Rate 0, whose result is certain; large images, whose counts are nearly so; rate 1."""
        g = generator(seed)

        def case(name: str, size: int, rate: list[float]) -> Case:
            x = 0.2 + 0.6 * torch.rand(len(rate), 3, size, size, generator=g)
            return {
                "case": name,
                "x": x,
                "rate": torch.tensor(rate),
                "seed": int(torch.randint(2**31, (1,), generator=g)),
            }

        return [case("rate 0", 4, [0.0]), case("four rates", 96, [0.05, 0.1, 0.3, 0.3]), case("rate 1", 16, [1.0])]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer twice with one seed, and once with another."""
        x, rate, seed = case["x"], case["rate"], case["seed"]
        calls = {"y": seed, "again": seed, "other": seed + 1}
        return {name: tensor(answer(x, rate, generator(s)), name="salt_and_pepper") for name, s in calls.items()}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Shape, untouched pixels, black and white alone, the counts, and the generator."""
        x, y, rate = case["x"], outputs["y"], case["rate"]
        for name, value in outputs.items():
            if value.shape != x.shape or value.dtype != x.dtype:
                raise Wrong(f"the result ({name}) is not shaped like the image", expected=text(x), given=text(value))
        changed = y != x
        if not ((y == 0) | (y == 1))[changed].all():
            raise Wrong(
                "a replaced pixel is neither black (0) nor white (1)", given=y[changed & (y != 0) & (y != 1)][:4]
            )
        self.channels_agree(y, changed)
        self.counts_are_right(y[:, 0], changed[:, 0], rate)
        if len(rate) > 1 and rate[-1] == rate[-2] and torch.equal(changed[-1], changed[-2]):
            raise Wrong("every image of the batch gets the same noise: draw (B, 1, H, W) numbers")
        if not torch.equal(y, outputs["again"]):
            raise Wrong("the same seed gives two results: draw from `generator`, and from nothing else")
        if 0 < float(rate[0]) < 1 and torch.equal(y, outputs["other"]):
            raise Wrong("another seed gives the same result: draw from `generator`, without seeding it yourself")

    def channels_agree(self, y: Tensor, changed: Tensor) -> None:
        """A pixel is replaced in all of its channels, by one colour."""
        if not (changed.all(dim=1) == changed.any(dim=1)).all():
            raise Wrong(
                "the channels are replaced independently, which gives coloured specks: "
                "draw one number a pixel, (B, 1, H, W), for all its channels"
            )
        if not (y == y[:, :1]).all(dim=1)[changed[:, 0]].all():
            raise Wrong(
                "a replaced pixel is white in one channel and black in another: it must be white or black in all"
            )

    def counts_are_right(self, y: Tensor, changed: Tensor, rate: Tensor) -> None:
        """The shares of replaced, white and black pixels are those asked for, within chance."""
        for y_i, changed_i, r in zip(y, changed, rate.double()):
            n, white, black = changed_i.numel(), int((y_i == 1).sum()), int((y_i == 0).sum())

            def off(count: int, share: float, n: int = n) -> bool:
                return abs(count - n * share) > self.sigmas * (n * share * (1 - share)) ** 0.5 + 1e-9

            p = float(r)
            knobs = {"expected": f"{p:.2%} of the pixels", "given": f"{(white + black) / n:.2%}"}
            if off(white + black, p):
                if not off(white + black, 1 - (1 - p) ** 2) or (p <= 0.5 and not off(white + black, 2 * p)):
                    raise Wrong(
                        "twice as many pixels are replaced: `rate` is the share of white and black together", **knobs
                    )
                if not off(white + black, p / 2):
                    raise Wrong(
                        "half as many pixels are replaced: `rate` is the share of white and black together", **knobs
                    )
                raise Wrong("the share of replaced pixels is not `rate`", **knobs)
            if off(white, p / 2) or off(black, p / 2):
                if white == 0 or black == 0:
                    raise Wrong(
                        f"there is no {'salt (white)' if white == 0 else 'pepper (black)'}: half of each is asked for"
                    )
                raise Wrong(
                    "white and black are not equally frequent",
                    expected=f"{n * p / 2:.0f} each",
                    given=f"{white}, {black}",
                )


# ── filter2d ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def filter2d(x: Tensor, kernel: Tensor) -> Tensor:
    """Each channel of each image correlated with the kernel, reflected at the border: (B, C, H, W), (k, l)."""
    return image.filter2d(x, kernel)


def correlated(x: Tensor, kernel: Tensor, *, mode: str = "reflect") -> Tensor:
    """What a filter with one of the usual mistakes gives: another border, another kernel."""
    k, l = kernel.shape  # noqa: E741
    padded = torch.nn.functional.pad(x, (l // 2, l // 2, k // 2, k // 2), mode=mode)
    flat = padded.flatten(0, 1)[:, None]
    return torch.nn.functional.conv2d(flat, kernel[None, None].to(x.dtype)).unflatten(0, x.shape[:2])[:, :, 0]


class Filter2d(Check):
    """A kernel filter on every channel."""

    key = "images.filter2d"
    points = 2
    reference = staticmethod(filter2d)
    forbidden = (image.filter2d,)

    def inputs(self, seed: int) -> list[Case]:
        """A single bright pixel; then colour, a wide kernel, a batch, float64."""
        g = generator(seed)
        dot = torch.zeros(1, 1, 5, 5)
        dot[0, 0, 2, 2] = 1
        sobel = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])

        def rand(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return 0.1 + torch.rand(*shape, generator=g, dtype=dtype)

        return [
            {"case": "one bright pixel", "x": dot, "kernel": rand(3, 3)},
            {"case": "Sobel's kernel", "x": rand(1, 1, 5, 6), "kernel": sobel},
            {"case": "two colour images", "x": rand(2, 3, 6, 7), "kernel": rand(3, 3)},
            {"case": "a kernel of 3 × 5", "x": rand(2, 1, 7, 8), "kernel": rand(3, 5)},
            {"case": "float64", "x": rand(1, 2, 5, 5, dtype=torch.float64), "kernel": rand(3, 3, dtype=torch.float64)},
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"y": tensor(answer(case["x"], case["kernel"]), name="filter2d")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each common mistake gives."""
        x, kernel, y = case["x"], case["kernel"], outputs["y"]
        if y.ndim == 4 and y.shape[2] < x.shape[2]:
            raise Wrong(
                "the result is smaller than the image: pad it by half the kernel's size first",
                expected=tuple(x.shape),
                given=tuple(y.shape),
            )
        summed = correlated(x, kernel).sum(dim=1, keepdim=True)
        close(
            y,
            filter2d(x, kernel),
            what="the filtered image",
            mistaken=[
                (
                    "the kernel is turned by 180°: `conv2d` already correlates, so don't flip it",
                    correlated(x, kernel.flip(0, 1)),
                ),
                (
                    "the border is padded with zeros, which darkens it: use reflect",
                    correlated(x, kernel, mode="constant"),
                ),
                (
                    "the border repeats its last pixel: reflect mirrors without it",
                    correlated(x, kernel, mode="replicate"),
                ),
                ("the border wraps around: use reflect", correlated(x, kernel, mode="circular")),
                ("the channels are added up: filter each by itself", summed.expand_as(x)),
                ("the kernel is divided by its sum: take it as it is given", correlated(x, kernel / kernel.sum())),
                ("the kernel is transposed: its rows lie along the height", correlated(x, kernel.T)),
            ],
        )


# ── policy ────────────────────────────────────────────────────────────────────────────────────────────────────────────

EPOCHS, TRAINING, HELD_BACK = 30, 200, 1000
MARGIN = (
    0.10  # above the net without augmentation; over ten seeds noise gains 0.05 at most, a good policy 0.14 at least
)


def policy(x: Tensor, generator: Generator) -> Tensor:
    """A little rotation and translation: the differences that held-back writers show."""
    return Compose([image.Rotate(degrees=30), image.Translate(dx=1, dy=1)])(x, generator=generator)


def written(seed: int) -> tuple[data.Dataset, data.Dataset]:
    """Upright digits to train on, and other digits, held by other hands: turned up to 30° and moved up to a pixel."""
    g = generator(seed)
    digits = data.digits()
    order = torch.randperm(len(digits), generator=g)
    here, there = digits.take(order[:TRAINING]), digits.take(order[TRAINING : TRAINING + HELD_BACK])
    turned = image.rotate(there.x, degrees=60 * torch.rand(HELD_BACK, generator=g) - 30)
    moved = image.translate(
        turned, dx=2 * torch.rand(HELD_BACK, generator=g) - 1, dy=2 * torch.rand(HELD_BACK, generator=g) - 1
    )
    return here, data.Dataset(moved, there.y, there.classes, there.about)


def accuracy_after(batches: Tensor, labels: Tensor, held_back: data.Dataset, seed: int) -> float:
    """Accuracy on held-back digits of a small net trained on (E, N, 1, 8, 8), an epoch each."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nets.MLP(64, 10, hidden=(64,))
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    order = generator(seed)

    def step(epoch: Tensor) -> dict[str, Tensor]:
        for index in torch.randperm(len(labels), generator=order).split(50):
            loss = torch.nn.functional.cross_entropy(net(epoch[index]), labels[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return {"loss": loss.detach()}

    with threads(1):
        train.fit(step, batches, epochs=1)
    return metrics.accuracy(metrics.predict(net, held_back.x), held_back.y)


@lru_cache(maxsize=64)
def baseline(seed: int) -> float:
    """The same net without augmentation."""
    here, there = written(seed)
    return accuracy_after(here.x.expand(EPOCHS, -1, -1, -1, -1), here.y, there, seed)


class Policy(Check):
    """An augmentation policy that helps on digits by other hands."""

    key = "images.policy"
    points = 3
    seeds = 1
    reference = staticmethod(policy)

    def inputs(self, seed: int) -> list[Case]:
        """The training digits. The digits they are tested on stay with the judge."""
        return [{"case": f"{TRAINING} digits, {EPOCHS} epochs", "x": written(seed)[0].x, "seed": seed}]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """The pictures of every epoch, and the first epoch a second time."""
        x, seed = case["x"], case["seed"]
        with threads(1):
            epochs = [tensor(answer(x, generator(seed + e)), name="policy") for e in (*range(EPOCHS), 0)]
        if any(epoch.shape != x.shape for epoch in epochs):
            return {"epochs": epochs[0]}
        return {"epochs": torch.stack(epochs[:-1]), "again": epochs[-1]}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Train on the pictures, test on held-back digits, compare with no augmentation."""
        x, epochs = case["x"], outputs["epochs"]
        if "again" not in outputs or epochs.shape != (EPOCHS, *x.shape) or epochs.dtype != x.dtype:
            raise Wrong("a policy gives pictures of the shape and dtype it got", expected=text(x), given=text(epochs))
        if not torch.isfinite(epochs).all() or epochs.min() < -1e-4 or epochs.max() > 1 + 1e-4:
            raise Wrong("the pictures leave [0, 1]", expected="[0, 1]", given=text(epochs))
        if agree(epochs, x.expand_as(epochs)):
            raise Wrong("the policy leaves every picture as it is")
        if not torch.equal(epochs[0], outputs["again"]):
            raise Wrong("the same seed gives other pictures: hand `generator` to everything that draws")
        if torch.equal(epochs[0], epochs[1]):
            raise Wrong("every epoch sees the same pictures: draw anew in each call, from `generator`")
        self.helps(epochs, case)

    def helps(self, epochs: Tensor, case: Case) -> None:
        """Whether a net trained on these pictures beats one trained on the originals by the margin."""
        seed, x = case["seed"], case["x"]
        here, there = written(seed)
        reached, without = accuracy_after(epochs, here.y, there, seed), baseline(seed)
        if reached >= without + MARGIN:
            return
        knobs = {"expected": f"at least {without + MARGIN:.1%} on held-back digits", "given": f"{reached:.1%}"}
        distance = partial(nearer, epochs, x)
        if distance(x.flip(3)) or distance(x.flip(2)) or distance(x.flip(2, 3)):
            raise Wrong("it mirrors digits or turns them upside down: those are no digits, or other ones", **knobs)
        if (epochs - x).abs().mean() < 0.3 * (epochs_of(policy, x) - x).abs().mean():
            raise Wrong(
                f"the pictures hardly differ from the originals; without augmentation it is {without:.1%}", **knobs
            )
        raise Wrong(f"it does not help enough: without augmentation it is {without:.1%}", **knobs)


def nearer(epochs: Tensor, x: Tensor, other: Tensor) -> bool:
    """Whether more than a fifth of the pictures resemble ``other`` more than the original."""
    to_other = (epochs - other).square().flatten(2).mean(-1)
    to_itself = (epochs - x).square().flatten(2).mean(-1)
    return bool((to_other < to_itself).double().mean() > 0.2)


def epochs_of(answer: Callable[..., Tensor], x: Tensor) -> Tensor:
    """A few epochs of a policy."""
    return torch.stack([answer(x, generator(e)) for e in range(4)])


CHECKS = (AffineMatrix(), Warp(), Saturation(), SaltAndPepper(), Filter2d(), Policy())
