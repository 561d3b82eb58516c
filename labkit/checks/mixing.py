"""Topic ``mixing``: the cases on which the answers of exercise 02 are tried.

The functions of the exercise get all random values (weights, partners, centres, gaps) as arguments, so that a right
answer is right to the last digit. Some batches have as many samples as a sample has columns: they reveal a silent
broadcast.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional

from labkit.checks.protocol import Case, Compare, Outputs, Wrong
from labkit.checks.values import array, describe, is_array

DOUBLE = torch.float64


class Mixup(Compare):
    """Mixup of a batch with soft labels: one weight for each pair."""

    key = "mixing.mixup"
    points = 3
    returns = ("the mixed input", "the mixed label")
    no_gradients = "examples are mixed before a network sees them"

    def cases(self, g: Generator) -> Iterator[Case]:
        """Two points; as many images as each is wide; one that is its own partner; shared partners; float64."""

        def case(name: str, shape: tuple[int, ...], classes: int, dtype: torch.dtype = torch.float32) -> Case:
            b = shape[0]
            draw = partial(torch.rand, generator=g, dtype=dtype)
            # A turned order has no fixed point. Weights on both sides of ½, different for each, show an exchange.
            partner = torch.arange(b).roll(int(torch.randint(1, max(2, b), (1,), generator=g)))
            lambda_ = 0.55 + 0.4 * draw(b)
            lambda_[::2] = 1 - lambda_[::2]
            y = torch.softmax(3 * draw(b, classes), dim=1)
            return {"case": name, "x": draw(*shape), "y": y, "partner": partner, "lambda_": lambda_}

        yield case("two points", (2, 3), 2)
        yield case("four images of 4 × 4, four classes", (4, 1, 4, 4), 4)
        yield case("one image, its own partner", (1, 3, 2, 5), 3)
        hard = case("weights 0, 1 and ½, labels of 0 and 1, a shared partner", (3, 2, 2), 3)
        hard["y"] = functional.one_hot(torch.tensor([0, 2, 1]), 3).float()
        yield hard | {"lambda_": torch.tensor([0.0, 1.0, 0.5]), "partner": torch.tensor([2, 2, 0])}
        yield case("five colour images", (5, 3, 4, 6), 10)
        yield case("float64", (3, 2, 2, 3), 4, DOUBLE)


class SoftCrossEntropy(Compare):
    """Cross-entropy with probabilities for labels."""

    key = "mixing.soft_cross_entropy"
    points = 2
    returns = "the loss"
    number = True
    gradients = ("logits",)
    no_gradients = "labels are data: whether a gradient reaches `y` is left open"

    def cases(self, g: Generator) -> Iterator[Case]:
        """One sample; a batch; as many samples as classes; labels of 0 and 1; logits whose exponentials overflow."""

        def case(name: str, b: int, k: int, size: float = 1.0, dtype: torch.dtype = torch.float32) -> Case:
            draw = partial(torch.randn, generator=g, dtype=dtype)
            return {"case": name, "logits": size * draw(b, k), "y": torch.softmax(2 * draw(b, k), dim=1)}

        yield case("one sample, two classes", 1, 2)
        yield case("a batch", 6, 4)
        yield case("as many samples as classes, float64", 3, 3, dtype=DOUBLE)
        hard = case("labels of 0 and 1", 5, 4)
        yield hard | {"y": functional.one_hot(torch.randint(4, (5,), generator=g), 4).float()}
        yield case("large logits", 4, 3, size=300.0)


class CutBoxes(Compare):
    """CutMix's boxes, and labels by area."""

    key = "mixing.cut_boxes"
    points = 3
    returns = ("the boxes", "the share that is kept")
    dtype = False
    no_gradients = "a box is drawn, not learned"

    def cases(self, g: Generator) -> Iterator[Case]:
        """A box in the middle; one in a corner; many in a picture wider than high; the whole picture, and nothing."""

        def case(name: str, n: int, height: int, width: int, dtype: torch.dtype = torch.float32) -> Case:
            sides = 0.3 + 0.65 * torch.rand(400, generator=g, dtype=DOUBLE)
            sides = sides[unambiguous(sides, height) & unambiguous(sides, width)][:n]
            u = torch.rand(n, 2, generator=g) * torch.tensor([width, height])
            centres = torch.minimum(u.long(), torch.tensor([width, height]) - 1)
            return {"case": name, "lambda_": (1 - sides**2).to(dtype), "centres": centres, "height": height,
                    "width": width}  # fmt: skip

        yield case("a box in the middle", 1, 20, 32) | {
            "lambda_": torch.tensor([0.77]),
            "centres": torch.tensor([[16, 10]]),
        }
        yield case("a box at a corner", 1, 32, 20) | {"centres": torch.tensor([[0, 31]])}
        yield case("a wide picture", 12, 24, 57)
        ends = torch.tensor([0.0, 1.0, 0.0, 1.0])
        yield case("λ = 0 and λ = 1", 4, 10, 7) | {"lambda_": ends}
        yield case("float64", 5, 28, 28, DOUBLE)

    def outputs(self, result: Any) -> Outputs:
        """Boxes and labels; the boxes must be whole numbers."""
        outputs = super().outputs(result)
        boxes = outputs["the boxes"]
        if is_array(boxes) and array(boxes).dtype.kind not in "iu":
            raise Wrong(f"boxes are whole numbers, so that they can cut a picture: {describe(boxes)} was returned")
        return outputs


def unambiguous(sides: Tensor, size: int) -> Tensor:
    """Where rounding in float32 can't move an edge by a pixel; ``sides`` is a box's share of a side."""
    part = (sides * size / 2).frac()
    return (part > 0.05) & (part < 0.95)


class Similarity(Compare):
    """Partners by the similarity of targets."""

    key = "mixing.similarity"
    points = 2
    returns = "the matrix of probabilities"
    atol = 1e-6
    no_gradients = "partners are drawn, not learned"

    def cases(self, g: Generator) -> Iterator[Case]:
        """One sample, which has itself only; three; targets of several numbers; equal ones; targets far apart."""

        def case(name: str, b: int, t: int, sigma: float, size: float = 1.0, **knobs: Any) -> Case:
            return {"case": name, "y": size * torch.randn(b, t, generator=g, **knobs), "sigma": sigma}

        yield case("three samples", 3, 1, 0.7)
        yield case("targets of two numbers", 5, 2, 1.3)
        yield case("float64, as many numbers as samples", 3, 3, 0.6, dtype=DOUBLE)
        equal = case("equal targets", 4, 2, 1.7)
        yield equal | {"y": equal["y"][[0, 1, 0, 0]]}
        yield case("one sample", 1, 1, 0.5)
        yield case("targets far apart", 4, 1, 0.5, size=100.0)


class SamplingWeights(Compare):
    """Class-balanced sampling."""

    key = "mixing.sampling_weights"
    points = 2
    returns = "the probability of each sample"
    atol = 1e-7
    dtype = False

    def cases(self, g: Generator) -> Iterator[Case]:
        """Three against one; many classes; classes without samples; as many samples as classes; one class only."""

        def case(name: str, counts: list[int]) -> Case:
            y = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
            return {"case": name, "y": y[torch.randperm(len(y), generator=g)], "classes": len(counts)}

        several = [int(n) for n in torch.randint(2, 30, (5,), generator=g)]
        yield case("three of one class, one of the other", [3, 1])
        yield case("five classes", [*several[:4], several[4] + 40])
        yield case("classes without samples", [several[0], 0, 2 * several[1] + 1, 0])
        yield case("the first class has no sample, as many samples as classes", [0, 3, 1, 0])
        yield case("one class", [0, several[2]])


class Smote(Compare):
    """One step of SMOTE."""

    key = "mixing.smote"
    points = 2
    returns = "the new samples"
    atol = 1e-4
    no_gradients = "new samples are made before a network sees them"

    def cases(self, g: Generator) -> Iterator[Case]:
        """Two samples, one new one; several new ones; equal samples; gaps of 0 and 1; float64."""

        def case(name: str, n: int, m: int, d: int, ranks: int, dtype: torch.dtype = torch.float32) -> Case:
            gap = 0.55 + 0.4 * torch.rand(m, generator=g, dtype=dtype)
            gap[1::2] = 1 - gap[1::2]
            return {
                "case": name,
                "x": 3 * torch.randn(n, d, generator=g, dtype=dtype) + 5,
                "base": torch.randint(n, (m,), generator=g),
                "rank": torch.randint(ranks, (m,), generator=g),
                "gap": gap,
            }

        yield case("two samples, one new", 2, 1, 2, 1)
        yield case("seven samples, seven new, seven features", 7, 7, 7, 6)
        yield case("more new ones than samples", 6, 15, 3, 5)
        equal = case("equal samples", 6, 12, 2, 5)
        equal["x"][3] = equal["x"][0]
        yield equal | {"base": torch.tensor([0, 3] * 6), "rank": torch.arange(12) // 2 % 5}
        ends = case("gaps of 0 and 1", 5, 4, 3, 4)
        yield ends | {"gap": torch.tensor([0.0, 1.0, 0.0, 1.0])}
        yield case("float64", 9, 4, 2, 8, DOUBLE)


CHECKS = (Mixup(), SoftCrossEntropy(), CutBoxes(), Similarity(), SamplingWeights(), Smote())
