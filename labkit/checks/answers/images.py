"""Topic ``images``: what is right in exercise 01, and what is likely wrong."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from labkit import data, nets
from labkit.augment import image
from labkit.augment.pipeline import Compose
from labkit.checks.bank import mistake, mistakes, reference, verdict
from labkit.checks.images import TRAINING, digits
from labkit.checks.protocol import Case, Outputs, Wrong, agree
from labkit.checks.protocol import describe as text
from labkit.checks.tensors import generator as seeded
from labkit.device import threads

# ── affine_matrix ─────────────────────────────────────────────────────────────────────────────────────────────────────


@reference(
    "images.affine_matrix",
    instead_of=(image.affine_matrix,),
    only={"a turn of −30°": "it is right for angles from 0° to 180°: look at negative ones"},
)
def affine_matrix(degrees: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """The matrix of p ↦ scale · R(degrees) p + shift about the origin: (B,), (B,), (B, 2) → (B, 2, 3)."""
    # The centre of an image of one pixel is the origin.
    point = degrees.new_zeros(len(degrees), 1, 1, 1)
    matrix = image.affine_matrix(point, degrees=degrees, scale=scale, dx=shift[:, 0], dy=shift[:, 1])
    return matrix[:, :2]


def inverse(matrix: Tensor) -> Tensor:
    """The inverse of each affine map: (B, 2, 3) → (B, 2, 3)."""
    linear = torch.linalg.inv(matrix[:, :, :2])
    return torch.cat([linear, -linear @ matrix[:, :, 2:]], dim=2)


def from_rows(rows: Callable[..., Any]) -> Callable[..., Tensor]:
    """An answer whose rows are a function of the cosine, the sine, the scale, and both parts of the shift."""

    def answer(degrees, scale, shift):
        a = degrees.deg2rad()
        entries = rows(a.cos(), a.sin(), scale, shift[:, 0], shift[:, 1])
        return torch.stack([torch.stack(row, -1) for row in entries], 1)

    return answer


mistakes(
    "images.affine_matrix",
    {
        "the scale is missing": lambda c, s, k, x, y: ((c, s, x), (-s, c, y)),
        "the scale multiplies the cosines only: it belongs to all of R":
            lambda c, s, k, x, y: ((k * c, s, x), (-s, k * c, y)),
        "the scale multiplies the first row only: it belongs to both":
            lambda c, s, k, x, y: ((k * c, k * s, x), (-s, c, y)),
        "the scale is added on the diagonal: it multiplies all of R":
            lambda c, s, k, x, y: ((k + c, s, x), (-s, k + c, y)),
        "it divides by the scale: multiply": lambda c, s, k, x, y: ((c / k, s / k, x), (-s / k, c / k, y)),
        "the shift is scaled too: it comes last, after the scaling":
            lambda c, s, k, x, y: ((k * c, k * s, k * x), (-k * s, k * c, k * y)),
        "the shift is turned and scaled too: it comes last, after turning and scaling":
            lambda c, s, k, x, y: ((k * c, k * s, k * (c * x + s * y)), (-k * s, k * c, k * (c * y - s * x))),
        "the shift is turned too: it comes last, after turning":
            lambda c, s, k, x, y: ((k * c, k * s, c * x + s * y), (-k * s, k * c, c * y - s * x)),
        "the shift has x and y exchanged": lambda c, s, k, x, y: ((k * c, k * s, y), (-k * s, k * c, x)),
        "the shift has the wrong sign": lambda c, s, k, x, y: ((k * c, k * s, -x), (-k * s, k * c, -y)),
        "both rows hold the same part of the shift: x belongs to the first row, y to the second":
            lambda c, s, k, x, y: ((k * c, k * s, x), (-k * s, k * c, x)),
        "the shift is missing: it is the last column": (
            lambda c, s, k, x, y: ((k * c, k * s, 0 * x), (-k * s, k * c, 0 * y)),
            lambda c, s, k, x, y: ((k * c, k * s), (-k * s, k * c)),
        ),
        "the shift is the first column: it is the last": lambda c, s, k, x, y: ((x, k * c, k * s), (y, -k * s, k * c)),
        "sine and cosine are exchanged": lambda c, s, k, x, y: ((k * s, k * c, x), (-k * c, k * s, y)),
        "both sines have the same sign: the one in the second row is negative":
            lambda c, s, k, x, y: ((k * c, k * s, x), (k * s, k * c, y)),
        "both sines have the same sign: the one in the first row is positive":
            lambda c, s, k, x, y: ((k * c, -k * s, x), (-k * s, k * c, y)),
        "there is a third row: the matrix has two rows of three numbers":
            lambda c, s, k, x, y: ((k * c, k * s, x), (-k * s, k * c, y), (0 * k, 0 * k, 0 * k + 1)),
    },
    of=from_rows,
)  # fmt: skip

mistakes(
    "images.affine_matrix",
    {
        "the angle is taken for radians: convert it with `torch.deg2rad` first":
            lambda a, k, t: affine_matrix(a.rad2deg(), k, t),
        "it converts from radians to degrees: `torch.deg2rad` goes the other way":
            lambda a, k, t: affine_matrix(a.rad2deg().rad2deg(), k, t),
        "the angle is halved: 180° are π": lambda a, k, t: affine_matrix(a / 2, k, t),
        "the angle is doubled: 180° are π": lambda a, k, t: affine_matrix(2 * a, k, t),
        "negative angles turn the same way as positive ones: keep the sign of the angle":
            lambda a, k, t: affine_matrix(a.abs(), k, t),
        "it turns clockwise: y points down here, so the sines change sign":
            lambda a, k, t: affine_matrix(-a, k, t),
        "it turns clockwise, and the shift is scaled too: y points down, and the shift comes last":
            lambda a, k, t: affine_matrix(-a, k, k[:, None] * t),
        "it is the matrix of the way back (the inverse)":
            lambda a, k, t: inverse(affine_matrix(a, k, t)),
        "every image gets the angle of the first":
            lambda a, k, t: affine_matrix(a[:1].expand_as(a), k, t),
        "every image gets the matrix of the first":
            lambda a, k, t: affine_matrix(a, k, t)[:1].repeat(len(k), 1, 1),
        "the batch is the last dimension: put the numbers of a row beside each other with dim=-1, the rows with dim=1":
            lambda a, k, t: affine_matrix(a, k, t).permute(1, 2, 0),
        "each matrix is transposed: two rows of three numbers":
            lambda a, k, t: affine_matrix(a, k, t).mT,
    },
)  # fmt: skip


@mistake("images.affine_matrix", says="dtype")
def makes_everything_float32(degrees, scale, shift):
    return affine_matrix(degrees, scale, shift).float()


# ── warp ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("images.warp", instead_of=(image.warp,))
def warp(x: Tensor, matrix: Tensor) -> Tensor:
    """Move each image by its own matrix: what was at p is now at ``matrix`` p. (B, C, H, W), (B, 2, 3)."""
    bottom = matrix.new_tensor([0.0, 0.0, 1.0]).expand(len(matrix), 1, 3)
    to_corner = torch.eye(3, dtype=x.dtype)
    to_corner[:2, 2] = centre(x)[:, 0]
    return image.warp(x, to_corner @ torch.cat([matrix, bottom], dim=1) @ torch.linalg.inv(to_corner))


def centre(x: Tensor) -> Tensor:
    """The centre, (2, 1), in pixels from the first pixel."""
    return torch.tensor([[(x.shape[3] - 1) / 2], [(x.shape[2] - 1) / 2]], dtype=x.dtype)


def half(height: int, width: int) -> tuple[float, float]:
    """What ``grid_sample`` wants positions to be divided by."""
    return width / 2, height / 2


def sample(x: Tensor, back: Tensor, *, size: Callable[..., Any] = half, mode: str = "bilinear", edge: str = "zeros",
           unit: Callable[..., Any] | None = None) -> Tensor:  # fmt: skip
    """The value at ``back`` p, (B, 2, 3), for each pixel p; positions are divided by ``size``, or first by ``unit``."""
    height, width = x.shape[2:]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    p = torch.stack([columns, rows, torch.ones_like(rows)]).reshape(3, -1).to(x.dtype)
    p[:2] -= centre(x)
    if unit:
        p[:2] /= torch.tensor(unit(height, width), dtype=x.dtype)[:, None]
        size = lambda h, w: (1, 1)  # noqa: E731
    source = (back @ p).mT.unflatten(1, (height, width)) / torch.tensor(size(height, width), dtype=x.dtype)
    return F.grid_sample(x, source, mode=mode, padding_mode=edge, align_corners=False)


def in_halves(x: Tensor, back: Tensor) -> Tensor:
    """The image through torch's own grid, which takes the shift in halves of the image."""
    return F.grid_sample(x, F.affine_grid(back, list(x.shape), align_corners=False), align_corners=False)


def forward(x: Tensor, matrix: Tensor) -> Tensor:
    """Each pixel sent to the nearest one of the result."""
    y, (height, width) = torch.zeros_like(x), x.shape[2:]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    p = torch.stack([columns, rows]).reshape(2, -1).to(x.dtype) - centre(x)
    goal = (matrix[:, :, :2] @ p + matrix[:, :, 2:] + centre(x)).round().long()
    for picture, result, (u, v) in zip(x, y, goal):
        inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
        for i in inside.nonzero()[:, 0].tolist():
            result[:, v[i], u[i]] = picture.flatten(1)[:, i]
    return y


def with_back(change: Callable[..., Any]) -> Callable[..., Tensor]:
    """An answer whose map from result to image, in two parts, is a function of: the matrix's left part, its inverse,
    the shift, and the centre."""

    def answer(x, matrix):
        linear, shift = matrix[:, :, :2], matrix[:, :, 2:]
        return sample(x, torch.cat(change(linear, torch.linalg.inv(linear), shift, centre(x)), dim=2))

    return answer


mistakes(
    "images.warp",
    {
        "it moves the wrong way: each output pixel p takes its value at the *inverse* map of p":
            lambda m, inv, t, h: (m, t),
        "it moves every image by the first matrix of the batch":
            lambda m, inv, t, h: (inv[:1].expand_as(m), (-inv @ t)[:1].expand_as(t)),
        "it exchanges x and y: `grid_sample` wants x first":
            lambda m, inv, t, h: (inv.flip(1, 2), (-inv @ t).flip(1)),
        "the inverse is transposed: positions are rows, so multiply them with `back.transpose(1, 2)`":
            lambda m, inv, t, h: (inv.mT, -inv.mT @ t),
        "it transposes instead of inverting: that is the same for turns only":
            lambda m, inv, t, h: (m.mT, -m.mT @ t),
        "the shift is subtracted after the inverse: subtract it first": lambda m, inv, t, h: (inv, -t),
        "the shift is added: on the way back, subtract it": (
            lambda m, inv, t, h: (inv, inv @ t),
            lambda m, inv, t, h: (inv, t),
        ),
        "the left part is not inverted": lambda m, inv, t, h: (m, -m @ t),
        "the left part is not inverted: p ↦ M⁻¹p takes the inverse of it, after the shift is subtracted":
            lambda m, inv, t, h: (m, -t),
        "the shift is missing": lambda m, inv, t, h: (inv, 0 * t),
        "the shift has x and y exchanged": lambda m, inv, t, h: (inv, -inv @ t.flip(1)),
        "positions are measured from W/2 and H/2: the centre is at (W − 1)/2 and (H − 1)/2":
            lambda m, inv, t, h: (inv, -inv @ (t + 0.5)),
        "positions are measured from the top left pixel: measure them from the centre":
            lambda m, inv, t, h: (inv, inv @ (h - t) - h),
        "positions in the result are measured from the top left pixel: subtract the centre":
            lambda m, inv, t, h: (inv, inv @ (h - t)),
    },
    of=with_back,
)  # fmt: skip

mistakes(
    "images.warp",
    {
        "it confuses height and width when it divides by half the size":
            lambda x, m: sample(x, inverse(m), size=lambda h, w: (h / 2, w / 2)),
        "it divides by the size: positions are in units of *half* the size":
            lambda x, m: sample(x, inverse(m), size=lambda h, w: (w, h)),
        "positions are in pixels: `grid_sample` wants them divided by half the size":
            lambda x, m: sample(x, inverse(m), size=lambda h, w: (1, 1)),
        "the positions are scaled for `align_corners=True` but sampled with `align_corners=False`":
            lambda x, m: sample(x, inverse(m), size=lambda h, w: ((w - 1) / 2, (h - 1) / 2)),
        "the positions are scaled for `align_corners=False` but sampled with `align_corners=True`":
            lambda x, m: sample(x, inverse(m), size=lambda h, w: (w * w / (w - 1) / 2, h * h / (h - 1) / 2)),
        "it takes the nearest pixel: interpolate bilinearly": lambda x, m: sample(x, inverse(m), mode="nearest"),
        "it interpolates bicubically: bilinear is asked for": lambda x, m: sample(x, inverse(m), mode="bicubic"),
        "it repeats the border outside of the image: outside is 0": lambda x, m: sample(x, inverse(m), edge="border"),
        "it mirrors the image at its border: outside is 0": lambda x, m: sample(x, inverse(m), edge="reflection"),
        "the shift is in pixels, and `grid_sample` wants it in halves of the image":
            lambda x, m: in_halves(x, inverse(m)),
        "the matrix is in pixels, and `affine_grid` wants it inverted and in halves of the image":
            lambda x, m: in_halves(x, m),
        'the grid runs down the columns: with `meshgrid`\'s indexing="xy" its shape is (H, W), row after row': (
            lambda x, m: warp(x, m).mT.reshape(x.shape)
        ),
        "the matrix is in pixels, and the grid runs from −1 to 1: measure positions in pixels, then divide":
            lambda x, m: sample(x, inverse(m), unit=lambda h, w: ((w - 1) / 2, (h - 1) / 2)),
        "`affine_grid` counts in halves of the image: where it isn't square, the left part of the matrix changes too":
            lambda x, m: in_halves(x, inverse(m) / m.new_tensor([[[1, 1, x.shape[3] / 2], [1, 1, x.shape[2] / 2]]])),
        "each pixel of the image is sent forward, which rounds and leaves holes: go through the pixels of the *result*":
            forward,
        "it is the transposed image": lambda x, m: warp(x, m).mT.contiguous(),
    },
)  # fmt: skip


# ── saturation ────────────────────────────────────────────────────────────────────────────────────────────────────────


def weighed(x: Tensor, *weights: float) -> Tensor:
    """A grey value of each pixel, (B, 1, H, W)."""
    return (x * x.new_tensor(weights).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)


def luma(x: Tensor) -> Tensor:
    """The grey value that the exercise asks for."""
    return weighed(x, 0.299, 0.587, 0.114)


@reference(
    "images.saturation",
    instead_of=(image.saturation,),
    only={
        "factor −1": "it is right for factors from 0 on: −1 gives the opposite colours",
        "three times the colour, cut to [0, 1]": "it is right where nothing leaves [0, 1]: look at strong colours",
    },
)
def saturation(x: Tensor, factor: Tensor) -> Tensor:
    """Colours of each image stronger or weaker by its own factor: (B, 3, H, W), (B,)."""
    # labkit's own takes no negative factor, and the exercise asks what -1 gives.
    return torch.lerp(luma(x), x, factor.view(-1, 1, 1, 1)).clamp(0, 1)


def with_factor(change: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An answer that is a function of the image, its grey and the factor, each in a shape that meets the others'."""
    return lambda x, factor: change(x, luma(x), factor.view(-1, 1, 1, 1))


def with_grey(grey: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """An answer that is right but for the grey value."""
    return lambda x, factor: torch.lerp(grey(x).expand_as(x), x, factor.view(-1, 1, 1, 1)).clamp(0, 1)


mistakes(
    "images.saturation",
    {
        "grey is taken as the plain mean of the channels: the eye sees green as brighter, so weigh them 0.299, 0.587, "
        "0.114": lambda x: x.mean(1, keepdim=True),
        "the weights belong to red, green, blue in this order": (
            lambda x: weighed(x, 0.114, 0.587, 0.299),
            lambda x: weighed(x, 0.587, 0.299, 0.114),
            lambda x: weighed(x, 0.299, 0.114, 0.587),
        ),
        "the weights are those of another standard: take 0.299, 0.587, 0.114": (
            lambda x: weighed(x, 0.2126, 0.7152, 0.0722),
            lambda x: weighed(x, 0.2627, 0.678, 0.0593),
        ),
        "grey is a mean of the weighted channels: add them up": lambda x: luma(x) / 3,
        "grey is the mean of the whole image: each pixel has its own": lambda x: luma(x).mean((2, 3), keepdim=True),
        "grey is one of the channels: add up all three, with their weights": (
            lambda x: x[:, :1],
            lambda x: x[:, 1:2],
            lambda x: x[:, 2:],
        ),
        "grey is the largest channel: add up all three, with their weights": lambda x: x.amax(1, keepdim=True),
    },
    of=with_grey,
)  # fmt: skip

mistakes(
    "images.saturation",
    {
        "values leave [0, 1]: cut them with `clamp`": lambda x, grey, f: grey + f * (x - grey),
        "values above 1 are cut, those below 0 not": lambda x, grey, f: (grey + f * (x - grey)).clamp(max=1),
        "values below 0 are cut, those above 1 not": lambda x, grey, f: (grey + f * (x - grey)).clamp(min=0),
        "the factor works the wrong way round: 0 must give grey and 1 the image itself":
            lambda x, grey, f: (x + f * (grey - x)).clamp(0, 1),
        "it subtracts the distance from grey: add it": lambda x, grey, f: (grey - f * (x - grey)).clamp(0, 1),
        "every image gets the factor of the first: reshape it to (B, 1, 1, 1)":
            lambda x, grey, f: (grey + f[:1] * (x - grey)).clamp(0, 1),
        "it adds the colour to the image instead of to its grey": lambda x, grey, f: (x + f * (x - grey)).clamp(0, 1),
        "it multiplies the brightness: only the distance from grey is scaled": lambda x, grey, f: (f * x).clamp(0, 1),
        "the grey is missing at the end: add it to the scaled distance":
            lambda x, grey, f: (f * (x - grey)).clamp(0, 1),
        "the factor is cut to [0, 1]: cut the result": lambda x, grey, f: grey + f.clamp(0, 1) * (x - grey),
        "the distance from grey is cut before grey is added: cut the result":
            lambda x, grey, f: (grey + (f * (x - grey)).clamp(0, 1)).clamp(0, 1),
        "negative factors are cut to 0: −1 gives the opposite colours":
            lambda x, grey, f: (grey + f.clamp(min=0) * (x - grey)).clamp(0, 1),
        "a factor counts without its sign: −1 gives the opposite colours":
            lambda x, grey, f: (grey + f.abs() * (x - grey)).clamp(0, 1),
        "every image gets the mean factor: each has its own":
            lambda x, grey, f: (grey + f.mean() * (x - grey)).clamp(0, 1),
        "values are stretched to [0, 1]: cut what lies outside with `clamp`": (
            lambda x, grey, f: stretched(grey + f * (x - grey), (0, 1, 2, 3)),
            lambda x, grey, f: stretched(grey + f * (x - grey), (1, 2, 3)),
        ),
        "values are squeezed by a sigmoid: cut what lies outside with `clamp`":
            lambda x, grey, f: (grey + f * (x - grey)).sigmoid(),
        "the grey value has lost its dimension of channels, and meets the batch: `sum(dim=1, keepdim=True)`":
            lambda x, grey, f: (grey[:, 0] + f * (x - grey[:, 0])).clamp(0, 1),
        "only the grey is returned": (
            lambda x, grey, f: grey,
            lambda x, grey, f: grey[:, 0],
            lambda x, grey, f: grey.expand_as(x),
        ),
        "there is one factor an image: it is applied along the channels or the width": (
            lambda x, grey, f: along(x, grey, f, 1),
            lambda x, grey, f: along(x, grey, f, 3),
        ),
    },
    of=with_factor,
)  # fmt: skip


def stretched(x: Tensor, dims: tuple[int, ...]) -> Tensor:
    """Values from the smallest to the largest brought to [0, 1]."""
    low, high = x.amin(dims, keepdim=True), x.amax(dims, keepdim=True)
    return (x - low) / (high - low)


def along(x: Tensor, grey: Tensor, f: Tensor, dim: int) -> Tensor:
    """The factors along another dimension; an error, where that isn't as long as the batch."""
    return (grey + f.movedim(0, dim) * (x - grey)).clamp(0, 1)


# ── salt_and_pepper ───────────────────────────────────────────────────────────────────────────────────────────────────

SIGMAS = 6.0  # an honest answer falls outside once in 10⁹ counts


@reference("images.salt_and_pepper", instead_of=(image.salt_and_pepper,))
def salt_and_pepper(x: Tensor, rate: Tensor, generator: Generator) -> Tensor:
    """Each pixel is replaced with probability ``rate``, by white or black alike: (B, C, H, W), (B,)."""
    return image.salt_and_pepper(x, amount=rate, generator=generator)


@verdict("images.salt_and_pepper")
def noise_is_right(outputs: Outputs, case: Case) -> None:
    """Shape, untouched pixels, black and white alone, the counts, and the generator."""
    x, y, rate = case["x"], outputs["y"], case["rate"]
    for value in outputs.values():
        if value.shape != x.shape or value.dtype != x.dtype:
            raise Wrong("the result has not the shape and dtype of the image", expected=text(x), given=text(value))
    changed, random = y != x, (rate > 0) & (rate < 1)
    odd = y[changed & (y != 0) & (y != 1)]
    if len(odd):
        raise Wrong("a replaced pixel is neither black (0) nor white (1)", given=odd[:4])
    if not (changed.all(dim=1) == changed.any(dim=1)).all():
        raise Wrong("the channels are replaced independently, which gives coloured specks: "
                    "draw one number a pixel, (B, 1, H, W), for all its channels")  # fmt: skip
    if not (y == y[:, :1]).all(dim=1)[changed[:, 0]].all():
        raise Wrong("a replaced pixel is white in one channel and black in another: it must be white or black in all")
    for dims, what in (((2, 3), "images"), ((2,), "columns"), ((3,), "rows")):
        share = changed.double().mean(dims)[random]
        if share.any() and not share.all() and ((share == 0) | (share == 1)).all():
            raise Wrong(f"whole {what} are replaced: draw one number a pixel")
    shares_are_right(y[:, 0], rate)
    if any(torch.equal(changed[i], changed[j]) and rate[i] == rate[j] and random[i]
           for i in range(len(x)) for j in range(i)):  # fmt: skip
        raise Wrong("every image of the batch gets the same noise: draw (B, 1, H, W) numbers")
    if not torch.equal(y, outputs["again"]):
        raise Wrong("the same seed gives two results: draw from `generator`, and from nothing else")
    if random.any() and torch.equal(y, outputs["other"]):
        raise Wrong("another seed gives the same result: draw from `generator`, without seeding it yourself")


def shares_are_right(y: Tensor, rate: Tensor) -> None:
    """The shares of replaced, white and black pixels are those asked for, within chance."""
    white, black, n = (y == 1).sum((1, 2)), (y == 0).sum((1, 2)), y[0].numel()

    def near(counts: Tensor, share: Callable[[Tensor], Tensor]) -> bool:
        p = share(rate.double()).clamp(0, 1).expand_as(rate)
        return bool(((counts - n * p).abs() <= SIGMAS * (n * p * (1 - p)).sqrt() + 1e-6).all())

    if not near(white + black, lambda p: p):
        fitting = [sentence for sentence, share in SHARES.items() if near(white + black, share)]
        if bool(((rate == 0) | (rate == 1)).all()):
            fitting = ["an image gets another image's rate: there is one an image, so give it the shape (B, 1, 1, 1)"]
        raise Wrong(fitting[0] if fitting else "the share of replaced pixels is not `rate`",
                    expected=f"shares {text(rate)}", given=f"shares {text((white + black) / n)}")  # fmt: skip
    for count, what in ((white, "salt (white)"), (black, "pepper (black)")):
        if not count.any():
            raise Wrong(f"there is no {what}: half of each is asked for")
    if not near(white, lambda p: p / 2) or not near(black, lambda p: p / 2):
        raise Wrong("white and black are not equally frequent", given=f"{white.tolist()} and {black.tolist()}")


SHARES: dict[str, Callable[[Tensor], Tensor]] = {
    "no pixel is replaced": lambda p: 0 * p,
    "every pixel is replaced": lambda p: 0 * p + 1,
    "the pixels that should be replaced are kept, and the others replaced": lambda p: 1 - p,
    "every image gets the rate of the first: each has its own": lambda p: p[:1],
    "every image gets the rate of the last: each has its own": lambda p: p[-1:],
    "every image gets the mean rate: each has its own": lambda p: p.mean(),
    "twice as many pixels are replaced: `rate` is the share of white and black together": lambda p: 2 * p,
    "almost twice as many pixels are replaced: `rate` is the share of white and black together":
        lambda p: 1 - (1 - p) ** 2,
    "half as many pixels are replaced: `rate` is the share of white and black together": lambda p: p / 2,
    "white and black are drawn by two numbers, so that some pixels are hit twice: one number a pixel decides":
        lambda p: p - p * p / 4,
    "`torch.randn` draws normal numbers: take `torch.rand`, uniform from 0 to 1": lambda p: (
        1 + torch.special.ndtr(p / 2) - torch.special.ndtr(1 - p / 2)),
    "far fewer pixels are replaced: `rate` is a share, not a percentage": lambda p: p / 100,
}  # fmt: skip


def with_number(replace: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An answer that draws a uniform number a pixel."""

    def answer(x, rate, generator):
        return replace(x, torch.rand(len(x), 1, *x.shape[2:], generator=generator), rate.view(-1, 1, 1, 1))

    return answer


def placed(x: Tensor, black: Tensor, white: Tensor) -> Tensor:
    """The images with black and white put in."""
    return torch.where(black, torch.zeros_like(x), torch.where(white, torch.ones_like(x), x))


for says, replace in {
    "twice as many": lambda x, u, r: placed(x, u < r, u > 1 - r),
    "half as many": lambda x, u, r: placed(x, u < r / 4, u > 1 - r / 4),
    "no pepper": lambda x, u, r: placed(x, u < 0, u < r),
    "no salt": lambda x, u, r: placed(x, u < r, u < 0),
    "not equally frequent": lambda x, u, r: placed(x, u < r / 4, u > 1 - 3 * r / 4),
    "the others replaced": lambda x, u, r: placed(x, u < (1 - r) / 2, u > (1 + r) / 2),
    "far fewer": lambda x, u, r: placed(x, u < r / 200, u > 1 - r / 200),
    "neither black": lambda x, u, r: x + 0.5 * (u < r / 2) - 0.5 * (u > 1 - r / 2),
    "same noise": lambda x, u, r: placed(x, u[:1] < r / 2, u[:1] > 1 - r / 2),
    "rate of the first": lambda x, u, r: placed(x, u < r[:1] / 2, u > 1 - r[:1] / 2),
    "whole rows": lambda x, u, r: placed(x, u[:, :, :, :1] < r / 2, u[:, :, :, :1] > 1 - r / 2),
    "another image's rate": (
        lambda x, u, r: placed(x, u < (v := r.movedim(0, 3) if len(x) == x.shape[3] else r) / 2, u > 1 - v / 2)
    ),
}.items():
    mistake("images.salt_and_pepper", says=says)(with_number(replace))


@mistake("images.salt_and_pepper", says="coloured specks")
def draws_a_number_for_every_channel(x, rate, generator):
    u, r = torch.rand(x.shape, generator=generator), rate.view(-1, 1, 1, 1)
    return placed(x, u < r / 2, u > 1 - r / 2)


@mistake("images.salt_and_pepper", says="white in one channel")
def draws_a_colour_for_every_channel(x, rate, generator):
    hit = torch.rand(len(x), 1, *x.shape[2:], generator=generator) < rate.view(-1, 1, 1, 1)
    return torch.where(hit, torch.randint(2, x.shape, generator=generator).to(x), x)


@mistake("images.salt_and_pepper", says="uniform from 0 to 1")
def draws_normal_numbers(x, rate, generator):
    u, r = torch.randn(len(x), 1, *x.shape[2:], generator=generator), rate.view(-1, 1, 1, 1)
    return placed(x, u < r / 2, u > 1 - r / 2)


@mistake("images.salt_and_pepper", says="hit twice")
def draws_twice(x, rate, generator):
    u, v = torch.rand(2, len(x), 1, *x.shape[2:], generator=generator)
    return placed(x, u < rate.view(-1, 1, 1, 1) / 2, v < rate.view(-1, 1, 1, 1) / 2)


@mistake("images.salt_and_pepper", says="draw from `generator`")
def ignores_the_generator(x, rate, generator):
    return salt_and_pepper(x, rate, None)


@mistake("images.salt_and_pepper", says="without seeding")
def seeds_the_generator_itself(x, rate, generator):
    return salt_and_pepper(x, rate, generator.manual_seed(0))


# ── filter2d ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("images.filter2d", instead_of=(image.filter2d,))
def filter2d(x: Tensor, kernel: Tensor) -> Tensor:
    """Each channel of each image correlated with the kernel, reflected at the border: (B, C, H, W), (k, l)."""
    return image.filter2d(x, kernel)


def correlated(x: Tensor, kernel: Tensor, *, mode: str = "reflect", pad: Callable[..., Any] | None = None) -> Tensor:
    """Each channel correlated with the kernel, after another padding: (left, right, top, bottom) from its sizes."""
    m, n = kernel.shape
    padded = F.pad(x, pad(m, n) if pad else (n // 2, n // 2, m // 2, m // 2), mode=mode)
    y = F.conv2d(padded.flatten(0, 1)[:, None], kernel[None, None])
    return y.unflatten(0, x.shape[:2])[:, :, 0]


mistakes(
    "images.filter2d",
    {
        "the kernel is turned by 180°: `conv2d` already correlates, so don't flip it":
            lambda x, k: correlated(x, k.flip(0, 1)),
        "the kernel is mirrored: take it as it is given": (
            lambda x, k: correlated(x, k.flip(0)),
            lambda x, k: correlated(x, k.flip(1)),
        ),
        "the kernel is transposed: its rows lie along the height": lambda x, k: correlated(x, k.T),
        "the kernel is divided by its sum: take it as it is given": lambda x, k: correlated(x, k / k.sum()),
        "the border is padded with zeros, which darkens it: use reflect":
            lambda x, k: correlated(x, k, mode="constant"),
        "the border repeats its last pixel: reflect mirrors without it":
            lambda x, k: correlated(x, k, mode="replicate"),
        "the border wraps around: use reflect": lambda x, k: correlated(x, k, mode="circular"),
        "the result is smaller than the image: pad it by half the kernel's size first":
            lambda x, k: correlated(x, k, pad=lambda m, n: (0, 0, 0, 0)),
        "the result is larger than the image: pad by half the kernel's size on each side": (
            lambda x, k: correlated(x, k, pad=lambda m, n: (n - 1, n - 1, m - 1, m - 1), mode="constant"),
            lambda x, k: correlated(x, k, pad=lambda m, n: (n - 1, n - 1, m - 1, m - 1)),
        ),
        "the padding is on one side only: half of the kernel's size on each": (
            lambda x, k: correlated(x, k, pad=lambda m, n: (n - 1, 0, m - 1, 0)),
            lambda x, k: correlated(x, k, pad=lambda m, n: (0, n - 1, 0, m - 1)),
        ),
        "width and height of the padding are exchanged: `F.pad` takes (left, right, top, bottom)":
            lambda x, k: correlated(x, k, pad=lambda m, n: (m // 2, m // 2, n // 2, n // 2)),
        "the channels are added up: filter each by itself": (
            lambda x, k: correlated(x, k).sum(1, keepdim=True),
            lambda x, k: correlated(x, k).sum(1, keepdim=True).expand_as(x),
        ),
        "the channels are averaged: filter each by itself": (
            lambda x, k: correlated(x, k).mean(1, keepdim=True),
            lambda x, k: correlated(x, k).mean(1, keepdim=True).expand_as(x),
        ),
        "the first channel is filtered alone: each channel is": lambda x, k: correlated(x, k)[:, :1],
        "values are cut to [0, 1]: a filter may give more and less": lambda x, k: correlated(x, k).clamp(0, 1),
        "the signs are gone: a filter may give negative values": lambda x, k: correlated(x, k).abs(),
        "channels and batch are still one dimension: give the result the shape of x": (
            lambda x, k: correlated(x, k).flatten(0, 1)[:, None],
            lambda x, k: correlated(x, k).flatten(0, 1),
        ),
        "every value is divided by the size of the kernel: add up, don't average":
            lambda x, k: correlated(x, k / k.numel()),
    },
)  # fmt: skip


# ── policy ────────────────────────────────────────────────────────────────────────────────────────────────────────────

TARGET = 0.58  # 50 seeds: turned and moved 0.60 to 0.64, moved only 0.56, turned only 0.51, each ±0.02 a round


@reference("images.policy")
def policy(x: Tensor, generator: Generator) -> Tensor:
    """A little rotation and translation: the differences that held-back writers show."""
    return Compose([image.Rotate(degrees=30), image.Translate(dx=1, dy=1)])(x, generator=generator)


@lru_cache(maxsize=16)
def held_back(seed: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    """For each round the labels of the training digits, and all other digits: turned up to 30°, moved up to a pixel."""
    rounds = []
    for order in digits(seed):
        here, there = (data.digits().take(part) for part in (order[:TRAINING], order[TRAINING:]))
        u = 2 * torch.rand(3, len(there), generator=seeded(seed)) - 1
        moved = image.translate(image.rotate(there.x, degrees=30 * u[0]), dx=u[1], dy=u[2])
        rounds.append((here.y, moved, there.y))
    return rounds


def accuracy_after(rounds: Tensor, seed: int) -> float:
    """Mean accuracy on held-back digits of small nets, each trained on (E, N, 1, 8, 8), an epoch each.

    The nets of all rounds take their steps together, which is three times as fast as one after the other and the same:
    the sum of their losses gives each its own gradient.
    """
    held = held_back(seed)
    labels = torch.stack([here for here, _, _ in held])
    with threads(1):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            parameters = list(nets.MLP(64, 10, hidden=(64,)).parameters())
        stacked = [torch.stack([p.detach()] * len(held)).requires_grad_() for p in parameters]
        optimizer = torch.optim.Adam(stacked, lr=5e-3)
        order = seeded(seed)
        for epoch in rounds.unbind(1):
            for i in torch.randperm(labels.shape[1], generator=order).split(50):
                optimizer.zero_grad()
                losses = F.cross_entropy(logits(epoch[:, i], *stacked).mT, labels[:, i], reduction="none")
                losses.mean(1).sum().backward()
                optimizer.step()
        with torch.no_grad():
            guesses = logits(torch.stack([x for _, x, _ in held]), *stacked).argmax(2)
    return float((guesses == torch.stack([y for _, _, y in held])).double().mean())


def logits(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    """Those of R nets as ``nets.MLP`` makes them, each with pictures of its own: (R, B, 1, 8, 8) → (R, B, 10)."""
    hidden = torch.baddbmm(b1[:, None], (x.flatten(2) - 0.5) / 0.5, w1.mT).relu()
    return torch.baddbmm(b2[:, None], hidden, w2.mT)


@verdict("images.policy")
def pictures_help(outputs: Outputs, case: Case) -> None:
    """The pictures are pictures, differ from epoch to epoch and come from the generator; then: training on them."""
    x, given = case["x"], outputs["pictures"]
    if "again" not in outputs or given.shape[2:] != x.shape[1:] or given.dtype != x.dtype:
        raise Wrong("a policy gives pictures of the shape and dtype it got", expected=text(x[0]), given=text(given))
    if not torch.isfinite(given).all() or given.min() < -1e-4 or given.max() > 1 + 1e-4:
        raise Wrong("the pictures leave [0, 1]", expected="[0, 1]", given=text(given))
    if agree(given, x[:, None].expand_as(given)):
        raise Wrong("the policy leaves every picture as it is")
    if not torch.equal(given[0, 0], outputs["again"]):
        raise Wrong("the same seed gives other pictures: hand `generator` to everything that draws")
    if torch.equal(given[0, 0], given[0, 1]):
        raise Wrong("every epoch sees the same pictures: draw anew in each call, from `generator`")
    if (reached := accuracy_after(given, case["seed"])) < TARGET:
        raise Wrong(why(given[0], x[0]), expected=f"at least {TARGET:.0%} on held-back digits", given=f"{reached:.1%}")


def why(given: Tensor, x: Tensor) -> str:
    """What can be seen in pictures (E, N, 1, 8, 8) that don't help enough."""
    far, usual = distance(given, x), distance(torch.stack([policy(x, seeded(e)) for e in range(4)]), x).mean()
    sums, own = given[0].flatten(1).sum(1), x.flatten(1).sum(1)
    if agree(sums.sort().values, own.sort().values) and not agree(sums, own):
        return "the digits change places: picture i must still show digit i, because its label stays where it is"
    if any((distance(given, x.flip(dims)) < far / 2).double().mean() > 0.08 for dims in ((3,), (2,), (2, 3))):
        return "it mirrors digits or turns them upside down: those are no digits, or other ones"
    if (distance(given, 1 - x) < far).double().mean() > 0.2:
        return "it exchanges black and white: held-back digits are white on black"
    if far.mean() < usual / 10:
        return "the pictures hardly differ from the originals"
    if far.mean() > 1.65 * usual:
        return (
            "the pictures differ too much from the originals: held-back digits turn by 30° and move by a pixel at most"
        )
    return "it does not help enough: held-back digits are turned by up to 30° *and* moved by up to a pixel"


def distance(epochs: Tensor, x: Tensor) -> Tensor:
    """How far each picture is from another: (E, N)."""
    return (epochs - x).square().flatten(2).mean(-1)


# What each policy says when it does not help: see ``why``.
for says, transform in {
    "mirrors digits": Compose([image.HorizontalFlip(p=0.5), image.VerticalFlip(p=0.5)]),
    "hardly differ": image.Rotate(degrees=2),
    "differ too much": Compose([image.Rotate(degrees=90), image.Translate(dx=4, dy=4)]),
    "turned by up to 30°": image.Rotate(degrees=30),
    "turns them upside down": image.Rotate(degrees=180),
}.items():
    mistake("images.policy", says=says)(lambda x, generator, transform=transform: transform(x, generator=generator))


@mistake("images.policy", says="leaves every picture")
def does_nothing(x, generator):
    return x.clone()


@mistake("images.policy", says="change places")
def shuffles(x, generator):
    return x[torch.randperm(len(x), generator=generator)]


@mistake("images.policy", says="exchanges black and white")
def inverts_every_other(x, generator):
    return torch.where(torch.rand(len(x), 1, 1, 1, generator=generator) < 0.5, 1 - x, x)


@mistake("images.policy", says="hand `generator`")
def draws_without_the_generator(x, generator):
    return image.Rotate(degrees=30)(x)


@mistake("images.policy", says="same pictures")
def turns_all_alike(x, generator):
    return image.rotate(x, degrees=15.0)


@mistake("images.policy", says="same pictures")
def seeds_it_anew(x, generator):
    return policy(x, seeded(0))


@mistake("images.policy", says="[0, 1]")
def leaves_the_range_of_pictures(x, generator):
    return x + 0.5 * torch.randn(x.shape, generator=generator)


@mistake("images.policy", says="not help enough")
def only_adds_noise(x, generator):
    return (x + 0.3 * torch.randn(x.shape, generator=generator)).clamp(0, 1)


@mistake("images.policy", says="shape")
def gives_back_one_picture_less(x, generator):
    return x[1:]
