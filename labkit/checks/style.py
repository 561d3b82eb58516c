"""Topic ``style``: the cases on which the answers of exercise 11 are tried.

Maps and pictures are small, not square, and drawn from the seed. The functions get all random values (partners,
weights) as arguments. Some batches have as many items as channels or columns: they reveal a silent broadcast.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor, nn

from labkit.checks import traces
from labkit.checks.protocol import Case, Compare, Outputs

DOUBLE = torch.float64


def maps(g: Generator, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Feature maps with values of both signs; each map has its own mean and deviation."""
    draw = partial(torch.randn, generator=g, dtype=dtype)
    return draw(*shape) * (0.5 + draw(*shape[:2], 1, 1).abs()) + draw(*shape[:2], 1, 1)


class Gram(Compare):
    """Gram matrices, divided by the number of places."""

    key = "style.gram"
    points = 2
    returns = "the Gram matrices"
    gradients = ("features",)

    def cases(self, g: Generator) -> Iterator[Case]:
        """One map; several; a batch as long as it has channels; float64; maps that are 0 everywhere."""
        yield {"case": "one map of four places", "features": maps(g, 1, 1, 2, 2)}
        yield {"case": "three maps", "features": maps(g, 1, 3, 2, 4)}
        yield {"case": "a batch", "features": maps(g, 2, 5, 3, 4)}
        yield {"case": "as many samples as maps as rows", "features": maps(g, 4, 4, 4, 3)}
        yield {"case": "float64", "features": maps(g, 3, 2, 5, 1, dtype=DOUBLE)}
        some = maps(g, 2, 3, 3, 2)
        some[:, 1] = 0
        yield {"case": "a map that is 0", "features": some}


class StyleLoss(Compare):
    """How far the Gram matrices of several layers are from a style's."""

    key = "style.style_loss"
    points = 2
    returns = "the loss of each picture"
    atol = 1e-6

    def cases(self, g: Generator) -> Iterator[Case]:
        """One layer; two; three of other sizes; a style for each picture; a style already matched; float64."""

        def case(
            name: str, b: int, sizes: list[tuple[int, int, int]], *, styles: int = 1, dtype: Any = torch.float32
        ) -> Case:
            features = [maps(g, b, *size, dtype=dtype) for size in sizes]
            roots = [torch.randn(styles, c, c + 2, generator=g, dtype=dtype) for c, _, _ in sizes]
            return {"case": name, "features": features, "targets": [r @ r.mT / r.shape[2] for r in roots]}

        yield case("one layer, one picture", 1, [(2, 2, 3)])
        yield case("two layers", 2, [(3, 2, 4), (5, 2, 2)])
        yield case("three layers, a style for each picture", 3, [(2, 4, 3), (3, 2, 3), (4, 1, 3)], styles=3)
        yield case("float64, as many pictures as channels", 4, [(4, 4, 2), (2, 3, 3)], dtype=DOUBLE)

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer; read the gradient that reaches the maps."""
        features = [f.clone().requires_grad_() for f in case["features"]]
        outputs = super().run(answer, case | {"features": features})
        result = outputs[self.returns]
        if isinstance(result, Tensor) and result.requires_grad:
            weights = torch.linspace(0.5, 1.5, result.numel(), dtype=result.dtype).view(result.shape)
            flow = traces.slope((result * weights).sum(), features)
            if flow is not None:
                outputs[traces.SLOPE.format(output=self.returns, argument="features")] = flow
        return outputs


class AdaIN(Compare):
    """Adaptive instance normalisation with a strength."""

    key = "style.adain"
    points = 3
    returns = "the new maps"
    gradients = ("x", "y")

    def cases(self, g: Generator) -> Iterator[Case]:
        """One map; maps of another size; one style for all; every strength; flat maps; float64."""

        def case(
            name: str, x: tuple[int, ...], y: tuple[int, ...], a: float, dtype: torch.dtype = torch.float32
        ) -> Case:
            return {"case": name, "x": maps(g, *x, dtype=dtype), "y": maps(g, *y, dtype=dtype), "strength": a}

        yield case("one map", (1, 1, 2, 3), (1, 1, 2, 3), 1.0)
        yield case("maps of few places, whose deviations differ by the divisor", (2, 3, 1, 3), (2, 3, 2, 1), 1.0)
        yield case("half the strength", (2, 3, 4, 5), (2, 3, 3, 2), 0.5)
        yield case("a quarter of it, one style for all", (3, 3, 3, 4), (1, 3, 2, 5), 0.25)
        yield case("strength 0", (2, 2, 3, 3), (2, 2, 3, 3), 0.0)
        yield case("float64, more than the style", (4, 4, 4, 3), (4, 4, 2, 2), 1.5, DOUBLE)
        flat = case("a flat map, small deviations", (2, 2, 3, 4), (2, 2, 3, 4), 0.75)
        flat["x"][:, 1] = 0.5
        flat["x"][:, 0] *= 0.01
        flat["y"][1, 0] = -2.0
        yield flat


class TotalVariation(Compare):
    """The mean absolute difference of neighbours."""

    key = "style.total_variation"
    points = 2
    returns = "the variation of each picture"
    gradients = ("x",)
    atol = 1e-6

    def cases(self, g: Generator) -> Iterator[Case]:
        """Two rows; colours; wide and high pictures; a flat one; float64."""
        draw = partial(torch.rand, generator=g)
        yield {"case": "two rows, three columns", "x": draw(1, 1, 2, 3)}
        yield {"case": "colours, wide", "x": draw(2, 3, 3, 7)}
        yield {"case": "as many pictures as rows as channels", "x": draw(4, 4, 4, 2)}
        yield {"case": "float64, high", "x": draw(3, 2, 6, 2, dtype=DOUBLE)}
        flat = draw(2, 3, 4, 5)
        flat[1] = 0.5
        yield {"case": "a flat picture", "x": flat}


class Mixstyle(Compare):
    """MixStyle, in training and in evaluation."""

    key = "style.mixstyle"
    points = 3
    returns = "the maps"
    gradients = ("x",)
    no_gradients = "weights are drawn: whether a gradient reaches `lambda_` is left open"

    def cases(self, g: Generator) -> Iterator[Case]:
        """Two samples; shared partners; as many samples as channels; weights 0, 1; evaluation; flat maps; float64."""

        def case(
            name: str, shape: tuple[int, ...], *, training: bool = True, dtype: torch.dtype = torch.float32
        ) -> Case:
            b = shape[0]
            weight = 0.55 + 0.4 * torch.rand(b, generator=g, dtype=dtype)
            weight[1::2] = 1 - weight[1::2]
            order = torch.arange(b).roll(int(torch.randint(1, max(2, b), (1,), generator=g)))
            return {"case": name, "x": maps(g, *shape, dtype=dtype), "partner": order, "lambda_": weight,
                    "training": training}  # fmt: skip

        yield case("two samples", (2, 1, 2, 3))
        yield case("evaluation", (3, 2, 3, 3), training=False)
        yield case("as many samples as maps, rows and columns", (3, 3, 3, 3))
        shared = case("a shared partner, weights 0, 1 and ½", (3, 2, 2, 4))
        yield shared | {"partner": torch.tensor([2, 2, 0]), "lambda_": torch.tensor([0.0, 1.0, 0.5])}
        yield case("float64", (5, 2, 4, 3), dtype=DOUBLE)
        flat = case("a flat map", (2, 3, 2, 3))
        flat["x"][0, 1] = 1.0
        yield flat


class Critic(nn.Module):
    """A smooth loss of each picture that has weights; every pixel and every picture counts differently."""

    def __init__(self, n: int, g: Generator, dtype: torch.dtype) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(6, n, generator=g, dtype=dtype) / n**0.5)

    def forward(self, z: Tensor) -> Tensor:
        """(B, C, H, W) → (B,)"""
        return (z.flatten(1) @ self.weight.T).tanh().square().mean(1) + z.flatten(1).square().mean(1)


class PixelStep(Compare):
    """One step downhill on the pixels."""

    key = "style.pixel_step"
    points = 2
    returns = "the new pictures"
    atol = 1e-6
    no_gradients = "a step is not differentiated"

    def cases(self, g: Generator) -> Iterator[Case]:
        """One picture; a batch; pixels that have left [0, 1]; weights that have gradients; float64."""

        def case(
            name: str, b: int, c: int, rate: float, *, spread: float = 1.0, dtype: torch.dtype = torch.float32
        ) -> Case:
            z = 0.5 + spread * (torch.rand(b, c, 3, 4, generator=g, dtype=dtype) - 0.5)
            return {"case": name, "loss": Critic(12 * c, g, dtype), "z": z, "rate": rate}

        yield case("one picture", 1, 1, 0.2, spread=0.4)
        yield case("a batch", 4, 1, 0.7)
        yield case("pixels outside of [0, 1]", 3, 2, 0.5, spread=1.8)
        before = case("weights that have gradients", 2, 3, 0.3)
        before["loss"].weight.grad = torch.ones_like(before["loss"].weight)
        yield before
        yield case("float64, long steps", 2, 3, 6.0, dtype=DOUBLE)

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer; read the gradients that it leaves on the weights and on the picture."""
        outputs = super().run(answer, case)
        weight = case["loss"].weight
        left = torch.zeros_like(weight) if weight.grad is None else weight.grad
        result = outputs[self.returns]
        tracked = bool(case["z"].requires_grad or (isinstance(result, Tensor) and result.requires_grad))
        return outputs | {"the gradients on the weights": left.detach().clone(), "tracked": tracked}


CHECKS = (Gram(), StyleLoss(), AdaIN(), TotalVariation(), Mixstyle(), PixelStep())
