"""Topic ``refine``: the cases on which the answers of exercise 13 are tried."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Generator, Tensor, nn

from labkit.checks.protocol import Case, Check, Compare, Outputs, Wrong, one
from labkit.checks.tensors import generator, tensor


class LocalLoss(Compare):
    """The local adversarial loss."""

    key = "refine.local_loss"
    points = 2
    returns = "the loss"
    number = True
    gradients = ("logits",)

    def cases(self, g: Generator) -> Iterator[Case]:
        """One patch of one image; maps that are not square, both answers; a D that is sure; float64."""

        def case(name: str, shape: tuple[int, int, int], refined: bool, *, scale: float = 1.5, **knobs: Any) -> Case:
            return {"case": name, "logits": scale * torch.randn(shape, generator=g, **knobs) + 0.3, "refined": refined}

        yield case("one patch of one image", (1, 1, 1), True)
        yield case("maps of 2×3, wanted: refined", (4, 2, 3), True)
        yield case("maps of 3×2, wanted: real", (5, 3, 2), False)
        yield case("float64", (2, 4, 3), False, dtype=torch.float64)
        yield case("D is very sure, wanted: refined", (3, 2, 2), True, scale=300.0)
        yield case("D is very sure, wanted: real", (2, 2, 3), False, scale=300.0)


class SelfRegularisation(Compare):
    """The self-regularisation loss: it keeps the label true."""

    key = "refine.self_regularisation"
    points = 2
    returns = "the loss"
    number = True
    gradients = ("refined",)
    no_gradients = "synthetic images are data: whether a gradient reaches them is left open"

    def cases(self, g: Generator) -> Iterator[Case]:
        """One image; a batch that isn't square; colours; features of a network; float64."""

        def case(name: str, shape: tuple[int, ...], psi: nn.Module, *, dtype: torch.dtype = torch.float32) -> Case:
            x = torch.rand(shape, generator=g, dtype=dtype)
            change = 0.6 * torch.rand(shape, generator=g, dtype=dtype) - 0.2
            return {"case": name, "refined": x + change, "synthetic": x, "psi": psi}

        network = nn.Sequential(nn.Conv2d(1, 3, 2), nn.Tanh())
        with torch.no_grad():
            for p in network.parameters():
                p.copy_(2 * torch.rand(p.shape, generator=g) - 1)
        yield case("one grey image, pixels", (1, 1, 2, 2), nn.Identity())
        yield case("grey images of 3×5, pixels", (4, 1, 3, 5), nn.Identity())
        yield case("colour images, means over 2×2 pixels, float64", (3, 3, 2, 4), nn.AvgPool2d(2), dtype=torch.float64)
        yield case("features of a network", (4, 1, 4, 3), network.requires_grad_(False))
        yield case("three numbers an image", (5, 1, 3, 3), nn.Sequential(nn.Flatten(), Ends()))


class Ends(nn.Module):
    """The first pixel, the last, and their product."""

    def forward(self, x: Tensor) -> Tensor:
        """(b, p) → (b, 3)."""
        return torch.stack([x[:, 0], x[:, -1], x[:, 0] * x[:, -1]], dim=1)


class Objective(Compare):
    """The slide's objective, with its error corrected."""

    key = "refine.objective"
    points = 2
    returns = ("L_R", "L_D")
    gradients = ("refined", "real", "change")

    def cases(self, g: Generator) -> Iterator[Case]:
        """One patch each; several; another number of real images; λ = 0; float64; a D that is sure."""

        def case(
            name: str, m: int, n: int, lambda_: float, *, side: int = 2, scale: float = 1.0, dtype=torch.float32
        ) -> Case:
            maps = [
                scale * torch.randn(k, side, side + 1, generator=g, dtype=dtype) + s for k, s in ((m, 0.7), (n, -0.4))
            ]
            change = 0.5 + torch.rand((), generator=g, dtype=dtype)
            return {"case": name, "refined": maps[0], "real": maps[1], "change": change, "lambda_": lambda_}

        yield case("one image each", 1, 1, 0.5, side=1)
        yield case("four of each", 4, 4, 2.0)
        yield case("three refined, five real", 3, 5, 0.3)
        yield case("λ = 0", 2, 2, 0.0)
        yield case("float64", 3, 2, 0.7, dtype=torch.float64)
        yield case("D is very sure", 2, 3, 1.5, scale=300.0)


CALLS = 150


class Mix(Check):
    """The image history: exactly half of it, replaced uniformly at random."""

    key = "refine.mix"
    points = 3
    seeds = 2

    def cases(self, g: Generator) -> Iterator[Case]:
        """One fresh image; images of 2×3; as many fresh ones as the past holds; many calls."""

        def case(name: str, m: int, n: int, shape: tuple[int, ...], calls: int = 2, dtype=torch.float32) -> Case:
            # Every image has a first pixel of its own: a permutation's number, plus something below ½.
            number = torch.randperm(m + n, generator=g).to(dtype).reshape(-1, *[1] * len(shape))
            x = number + 0.4 * torch.rand(m + n, *shape, generator=g, dtype=dtype)
            seeds = torch.randint(2**31, (calls,), generator=g)
            return {"case": name, "fresh": x[:m], "past": x[m:], "seeds": seeds}

        yield case("one fresh image, a past of three", 1, 3, (1,))
        yield case("three images of 2×3, a past of seven, float64", 3, 7, (1, 2, 3), dtype=torch.float64)
        yield case("as many fresh ones as the past holds", 4, 4, (1, 2, 2))
        yield case(f"{CALLS} calls", 2, 8, (1,), CALLS)

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer under every seed, and under the first one twice."""
        batches, pasts = [], []
        for s in [*case["seeds"].tolist(), int(case["seeds"][0])]:
            given = answer(case["fresh"], case["past"], generator(s))
            if given is None:
                raise Wrong("mix returned nothing: is a `return` missing?")
            if not isinstance(given, tuple | list) or len(given) != 2:
                raise Wrong(f"mix returns two values: `return batch, new_past`; it returned {one(given)}")
            batches.append(tensor(given[0], name="mix"))
            pasts.append(tensor(given[1], name="mix"))
        for name, values in (("batch", batches), ("the new past", pasts)):
            if len({v.shape for v in values}) > 1:
                raise Wrong(f"{name} differs in shape from call to call: the numbers of images are fixed")
        return {"batch": torch.stack(batches), "past": torch.stack(pasts)}


class LabelDrift(Compare):
    """Label drift: does the label still fit the refined image?"""

    key = "refine.drift"
    points = 2
    returns = ("the shift", "the scatter")
    atol = 1e-4
    no_gradients = "a measure is read, not differentiated"

    def cases(self, g: Generator) -> Iterator[Case]:
        """One image; two; moved nearly alike; moved at random; one number a label; three of them."""

        def case(name: str, n: int, k: int, scatter: float, dtype: torch.dtype = torch.float32) -> Case:
            before = 5 * torch.randn(n, k, generator=g, dtype=dtype)
            shift = 1 + torch.rand(k, generator=g, dtype=dtype) * torch.tensor([1.0, -3.0, 1.0], dtype=dtype)[:k]
            after = before + shift + scatter * torch.randn(n, k, generator=g, dtype=dtype)
            return {"case": name, "before": before, "after": after}

        yield case("one image", 1, 2, 0.0, torch.float64)
        yield case("two images", 2, 2, 1.0)
        yield case("all moved nearly alike", 5, 2, 0.05, torch.float64)
        yield case("moved at random", 20, 2, 1.5)
        yield case("one number a label", 6, 1, 0.8)
        yield case("three numbers a label, float64", 7, 3, 0.7, torch.float64)


class PatchSize(Compare):
    """The size of the patch that one probability of the discriminator describes."""

    key = "refine.patch_size"
    points = 1
    returns = "the side"
    number = True

    def cases(self, g: Generator) -> Iterator[Case]:
        """One layer, without a stride and with one; two; the lecture's network; random ones."""

        def case(name: str, strides: list[int], kernel: int) -> Case:
            return {"case": name, "strides": strides, "kernel": kernel}

        yield case("one layer", [1], 3)
        yield case("one layer with a stride", [2], 4)
        yield case("two layers, no stride", [1, 1], 5)
        yield case("a stride, then none", [2, 1], 3)
        yield case("none, then a stride", [1, 3], 4)
        yield case("the lecture's", [2, 2, 1], 3)
        for layers, kernel in ((3, 5), (4, 4), (5, 3)):  # no kernel below a stride: a patch without gaps
            yield case(f"{layers} layers", torch.randint(1, 4, (layers,), generator=g).tolist(), kernel)


CHECKS = (LocalLoss(), SelfRegularisation(), Objective(), Mix(), LabelDrift(), PatchSize())
