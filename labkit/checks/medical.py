"""Topic ``medical``: the cases on which the answers of exercise 09 are tried.

The functions of the exercise get all random values (maps, exponents, places) as arguments, so that a right answer is
right to the last digit. The samples of a batch differ: one may be pasted, and its neighbour may not.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from labkit.checks.protocol import Case, Compare

DOUBLE = torch.float64


def bits(rows: str) -> Tensor:
    """A mask (1, H, W) from rows of 0 and 1, with a blank between two rows."""
    return torch.tensor([[[int(c) for c in row] for row in rows.split()]]).bool()


def box(b: int, size: tuple[int, int], *sides: int) -> Tensor:
    """The same box (top, bottom, left, right) in each of b masks (B, H, W)."""
    mask = torch.zeros(b, *size, dtype=torch.bool)
    mask[:, sides[0] : sides[1], sides[2] : sides[3]] = True
    return mask


class Dice(Compare):
    """The Dice score of each picture."""

    key = "medical.dice"
    points = 2
    returns = "the Dice of each picture"
    dtype = False

    def cases(self, g: Generator) -> Iterator[Case]:
        """One picture; several that differ; empty ones beside others; as many pictures as rows; equal; apart."""

        def some(b: int, h: int, w: int, share: float = 0.4) -> Tensor:
            mask = torch.rand(b, h, w, generator=g) < share
            mask[:, 0, 0] = True
            return mask

        yield {"case": "one picture", "predicted": bits("1100 0110"), "mask": bits("0110 0110")}
        yield {"case": "three pictures", "predicted": some(3, 6, 9), "mask": some(3, 6, 9, 0.6)}
        p, m = some(4, 4, 7), some(4, 4, 7)
        p[0], m[0], p[1], m[2] = False, False, False, False
        yield {"case": "both empty, one empty, the other empty, none", "predicted": p, "mask": m}
        same = some(2, 5, 5)
        yield {"case": "equal, and apart", "predicted": same, "mask": torch.stack([same[0], ~same[1]])}
        yield {"case": "both empty", "predicted": bits("000"), "mask": bits("000")}
        large = torch.ones(2, 30, 40, dtype=torch.bool)
        yield {"case": "1,200 pixels", "predicted": large, "mask": large & some(2, 30, 40)}


class AugmentPair(Compare):
    """Transform a picture and its mask of classes by the same map."""

    key = "medical.augment_pair"
    points = 2
    returns = ("the picture", "the mask")
    no_gradients = "an augmentation's parameters are drawn, not learned"

    def cases(self, g: Generator) -> Iterator[Case]:
        """Nothing moved; turned; smaller, so that the outside shows; each its own map; colours; float64."""

        def case(
            name: str, shape: tuple[int, ...], turn: float, size: float, dtype: torch.dtype = torch.float32
        ) -> Case:
            b, _, h, w = shape
            x = 0.2 + 0.8 * torch.rand(*shape, generator=g, dtype=dtype)
            mask = torch.full((b, h, w), 1, dtype=torch.int64)
            mask[:, : h // 2], mask[:, h // 2 :, : w // 2] = 5, 2
            a = turn * (0.5 + torch.rand(b, generator=g, dtype=dtype))
            s = 1 + size * (0.5 + torch.rand(b, generator=g, dtype=dtype))
            t = 0.21 * torch.rand(2, b, generator=g, dtype=dtype) * (turn > 0)
            rows = [s * a.cos(), -s * a.sin(), t[0], s * a.sin(), s * a.cos(), t[1]]
            return {"case": name, "x": x, "mask": mask, "theta": torch.stack(rows, 1).view(b, 2, 3)}

        yield case("nothing moves", (1, 1, 4, 6), 0.0, 0.0)
        yield case("turned", (1, 1, 9, 9), 0.5, 0.0)
        yield case("smaller", (2, 1, 8, 12), 0.2, 0.6)
        yield case("each its own map, colours", (4, 3, 10, 7), 0.9, -0.2)
        yield case("float64", (3, 1, 11, 8), 0.4, 0.3, DOUBLE)


class Paste(Compare):
    """Paste a lesion where it is allowed, with a soft edge, and add it to the mask."""

    key = "medical.paste"
    points = 3
    returns = ("the picture", "the mask")
    no_gradients = "pictures are pasted before a network sees them"

    def cases(self, g: Generator) -> Iterator[Case]:
        """Allowed; out of the organ by a pixel; on a lesion; all kinds in a batch; at the picture's edge; colours."""

        def case(name: str, b: int, c: int, size: tuple[int, int], place: tuple[int, ...], **knobs: Any) -> Case:
            rand = partial(torch.rand, generator=g, **knobs)
            organ, lesion = box(b, size, 1, size[0] - 1, 1, size[1] - 2), box(b, size, 1, 3, 1, 3)
            donor_mask = box(b, size, *place)
            donor_mask[:, place[0], place[2]] = place[1] - place[0] < 2  # not a full box: a corner is missing
            return {"case": name, "x": rand(b, c, *size), "mask": lesion, "donor": 1 + rand(b, c, *size),
                    "donor_mask": donor_mask, "organ": organ}  # fmt: skip

        yield case("it may be pasted", 1, 1, (9, 10), (4, 7, 4, 7))
        yield case("one pixel leaves the organ", 1, 1, (9, 10), (4, 7, 6, 9))
        yield case("it lies on a lesion", 1, 1, (9, 10), (2, 5, 2, 5))
        mixed = case("some may, some may not", 6, 1, (8, 11), (4, 6, 5, 8))
        mixed["donor_mask"][1], mixed["donor_mask"][3] = box(1, (8, 11), 1, 2, 1, 2)[0], box(1, (8, 11), 5, 8, 5, 6)[0]
        mixed["donor_mask"][4], mixed["mask"][2] = False, False
        mixed["donor_mask"][5] = box(1, (8, 11), 7, 8, 5, 7)[0]  # wholly beyond the organ
        yield mixed
        edge = case("the organ reaches the picture's edge", 2, 1, (6, 7), (3, 6, 4, 7))
        yield edge | {"organ": torch.ones_like(edge["organ"])}
        yield case("colours, float64", 2, 3, (9, 8), (4, 7, 3, 5), dtype=DOUBLE)


class Recipe(nn.Module):
    """A policy that changes values: ``kind`` says what it does, ``amount`` says how much."""

    def __init__(self, kind: str, amount: float = 1.0) -> None:
        super().__init__()
        self.kind, self.amount = kind, amount

    def forward(self, x: Tensor) -> Tensor:
        """The changed pictures."""
        if self.kind == "times":
            return x * self.amount
        if self.kind == "reciprocal":
            return self.amount / x
        if self.kind == "contrast":
            mean = x.mean((2, 3), keepdim=True)
            return mean + self.amount * (x - mean)
        if self.kind == "blur":
            return functional.avg_pool2d(x, 3, stride=1, padding=1)
        return x

    def extra_repr(self) -> str:
        return f"{self.kind}, {self.amount:g}"


class Differential(Compare):
    """One policy inside the region, another outside."""

    key = "medical.differential"
    points = 2
    returns = "the picture"
    atol, rtol = 0.0, 0.0
    no_gradients = "an augmentation's parameters are drawn, not learned"

    def cases(self, g: Generator) -> Iterator[Case]:
        """Brighter inside; colours; policies that use the whole picture; infinite values on the other side."""

        def case(name: str, shape: tuple[int, ...], inside: Recipe, outside: Recipe, **knobs: Any) -> Case:
            x = 0.1 + torch.rand(*shape, generator=g, **knobs)
            region = torch.rand(shape[0], *shape[2:], generator=g) < 0.4
            region[:, 0, 0], region[:, -1, -1] = True, False
            return {"case": name, "x": x, "region": region, "inside": inside, "outside": outside}

        yield case("brighter inside", (1, 1, 3, 4), Recipe("times", 2.0), Recipe("same"))
        yield case("both do something, colours", (2, 3, 4, 5), Recipe("times", 0.3), Recipe("times", 1.7))
        yield case("contrast inside, blurred outside", (3, 1, 6, 5), Recipe("contrast", 1.9), Recipe("blur"))
        yield case("blurred inside, contrast outside, float64", (2, 1, 5, 5), Recipe("blur"), Recipe("contrast", 0.4),
                   dtype=DOUBLE)  # fmt: skip
        air = case("1/x inside, and air outside", (2, 1, 4, 4), Recipe("reciprocal", 0.2), Recipe("times", 3.0))
        air["x"] = torch.where(air["region"][:, None], air["x"], 0)
        yield air
        whole = case("nowhere, and everywhere", (2, 1, 3, 3), Recipe("times", 5.0), Recipe("times", 0.5))
        whole["region"][0], whole["region"][1] = False, True
        yield whole


class Gamma(Compare):
    """A gamma correction that keeps the mean and the deviation."""

    key = "medical.gamma"
    points = 3
    returns = "the picture"
    no_gradients = "an augmentation's parameters are drawn, not learned"

    def cases(self, g: Generator) -> Iterator[Case]:
        """One picture; values below 0 and above 1; a γ for each; as many as columns; colours; flat; float64."""

        def case(name: str, shape: tuple[int, ...], low: float, high: float, **knobs: Any) -> Case:
            x = low + (high - low) * torch.rand(*shape, generator=g, **knobs)
            exponents = 0.5 + 0.4 * torch.rand(shape[0], generator=g, **knobs)
            exponents[::2] += 1.0
            return {"case": name, "x": x, "gamma": exponents}

        yield case("one picture", (1, 1, 4, 5), 0.2, 0.9)
        yield case("values below 0 and above 1", (2, 1, 5, 4), -2.0, 3.0)
        yield case("four pictures of 4 × 4, each its own γ", (4, 1, 4, 4), 0.1, 0.8)
        own = case("pictures and channels of different brightness", (3, 2, 5, 6), 0.0, 1.0)
        own["x"] = own["x"] * torch.tensor([[1.0, 4.0], [0.3, 2.0], [7.0, 0.5]])[:, :, None, None] + 1
        yield own
        flat = case("a picture of one value beside another", (2, 1, 4, 4), 0.3, 0.7)
        flat["x"][1] = 0.4
        yield flat
        yield case("float64", (3, 1, 6, 3), 10.0, 60.0, dtype=DOUBLE)


class Consistency(Compare):
    """Consistency: the teacher's prediction is moved in the same way as the student's view."""

    key = "medical.consistency"
    points = 3
    returns = "the loss"
    number = True
    gradients = ("student", "teacher")

    def cases(self, g: Generator) -> Iterator[Case]:
        """Nothing moved; moved by pixels; turned, so that corners were never seen; nothing seen; float64."""

        def case(name: str, b: int, size: tuple[int, int], theta: Tensor, dtype: torch.dtype = torch.float32) -> Case:
            draw = partial(torch.randn, generator=g, dtype=dtype)
            maps = theta.to(dtype).repeat(b, 1, 1)
            maps[:, 0, 2] += 0.3 * torch.arange(b)  # so that not as much is seen of each
            grid = functional.affine_grid(maps, [b, 1, *size], align_corners=False)
            return {"case": name, "student": 2 * draw(b, 1, *size), "teacher": 3 * draw(b, 1, *size), "grid": grid}

        def theta(turn: float, right: float = 0.0, zoom: float = 1.0) -> Tensor:
            c, s = (zoom * f(torch.tensor(turn)).item() for f in (torch.cos, torch.sin))
            return torch.tensor([[[c, -s, right], [s, c, 0.07 * (turn != 0)]]])

        yield case("nothing moves", 1, (3, 4), theta(0.0))
        yield case("moved by two pixels", 2, (4, 8), theta(0.0, 0.5))
        yield case("turned", 3, (9, 9), theta(0.6))
        yield case("turned and smaller", 2, (8, 11), theta(-0.9, 0.2, 1.7))
        yield case("nothing of it was seen", 2, (4, 4), theta(0.0, 9.0))
        yield case("float64", 2, (7, 6), theta(0.3, -0.3, 0.8), DOUBLE)


CHECKS = (Dice(), AugmentPair(), Paste(), Differential(), Gamma(), Consistency())
