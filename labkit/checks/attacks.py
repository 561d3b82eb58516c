"""Topic ``attacks``: the cases on which the answers of exercise 04 are tried.

Pictures are in [0, 1], budgets in pixel units, and every model of these checks is in evaluation mode. The models are
small and smooth, and their weights come from the seed, so that two right answers differ by rounding only. A model does
not see the first pixel of a picture, so its gradient there is exactly 0. Pictures are not square; some have colours.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from labkit.checks.protocol import Case, Compare, Outputs

ROWS, COLUMNS = 4, 3


def victim(g: Generator, *, channels: int = 1, dtype: torch.dtype = torch.float32) -> nn.Sequential:
    """A small smooth classifier of three classes with batch normalisation; its weights are drawn from ``g``."""
    n = channels * ROWS * COLUMNS
    model = nn.Sequential(nn.Flatten(), nn.Linear(n, 12), nn.BatchNorm1d(12), nn.Tanh(), nn.Linear(12, 3)).to(dtype)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=g, dtype=dtype) / max(1, p.shape[-1]) ** 0.5 + (p.ndim == 1))
        next(iter(model[1].parameters()))[:, 0] = 0
    return model.eval()


def pictures(g: Generator, n: int, *, channels: int = 1, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """``n`` pictures well inside of [0, 1] and their classes."""
    x = 0.35 + 0.3 * torch.rand(n, channels, ROWS, COLUMNS, generator=g, dtype=dtype)
    return {"x": x, "y": torch.randint(3, (n,), generator=g)}


def extreme(x: Tensor, g: Generator) -> Tensor:
    """Pictures of the same shape with every pixel black or white."""
    return (torch.rand(x.shape, generator=g) < 0.5).to(x.dtype)


def with_gradients(model: nn.Module, value: float) -> nn.Module:
    """The model, with gradients from an earlier backward pass stored on its weights."""
    for p in model.parameters():
        p.grad = torch.full_like(p, value)
    return model


def left_on(model: nn.Module) -> Tensor:
    """The gradients stored on the weights, flattened; zero where there are none."""
    return torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in model.parameters()])


class InputGradient(Compare):
    """The gradient of the loss with respect to the picture; no gradient may be left on the weights or the picture."""

    key = "attacks.input_gradient"
    points = 2
    returns = "the gradient"
    atol = 1e-7

    def cases(self, g: Generator) -> Iterator[Case]:
        """One picture; a batch, whose gradients must not be divided by its size; weights that have gradients."""
        double = torch.float64
        yield {"case": "one picture", "model": victim(g), **pictures(g, 1)}
        yield {"case": "a batch of five", "model": victim(g), **pictures(g, 5)}
        yield {"case": "weights that already have gradients", "model": with_gradients(victim(g), 0.5), **pictures(g, 2)}
        colours = pictures(g, 3, channels=3, dtype=double)
        yield {"case": "float64, three channels", "model": victim(g, channels=3, dtype=double), **colours}

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer; look at what it leaves on the weights and on the picture."""
        outputs = super().run(answer, case)
        return outputs | {"the gradients on the weights": left_on(case["model"]), "tracked": case["x"].requires_grad}


class Fgsm(Compare):
    """One step of size ε along the sign of the gradient."""

    key = "attacks.fgsm"
    points = 2
    returns = "the attacked picture"
    keywords = ("targeted",)
    atol = 1e-6

    def cases(self, g: Generator) -> Iterator[Case]:
        """One picture; towards a target; black and white pixels; a batch in colour and float64."""
        double, plain = torch.float64, {"targeted": False}
        yield {"case": "one picture", "model": victim(g), **pictures(g, 1), "eps": 0.1, **plain}
        yield {"case": "towards a target", "model": victim(g), **pictures(g, 2), "eps": 0.15, "targeted": True}
        edge = pictures(g, 3)
        edge["x"] = extreme(edge["x"], g)
        yield {"case": "pixels at the border", "model": victim(g), **edge, "eps": 8 / 255, **plain}
        colours = pictures(g, 4, channels=3, dtype=double)
        yield {
            "case": "float64, colours",
            "model": victim(g, channels=3, dtype=double),
            **colours,
            "eps": 0.25,
            **plain,
        }
        yield {
            "case": "a large step towards a target",
            "model": victim(g),
            **pictures(g, 3),
            "eps": 0.6,
            "targeted": True,
        }


class Project(Compare):
    """Project a picture back into the ball around the original."""

    key = "attacks.project"
    points = 2
    returns = "the projected picture"
    atol = 1e-6
    no_gradients = "a projection is used between steps, not differentiated"

    def cases(self, g: Generator) -> Iterator[Case]:
        """Each norm outside, then inside and outside at once, not moved at all, at the border, in float64."""

        def case(name: str, norm: str, eps: float, spread: list[float], *, x: Tensor | None = None,
                 dtype: torch.dtype = torch.float32) -> Case:  # fmt: skip
            x = pictures(g, len(spread), channels=2, dtype=dtype)["x"] if x is None else x
            far = torch.tensor(spread, dtype=dtype).view(-1, 1, 1, 1)
            z = x + far * torch.randn(x.shape, generator=g, dtype=dtype)
            return {"case": name, "z": z, "x": x, "eps": eps, "norm": norm}

        def edge(n: int) -> Tensor:
            return extreme(torch.empty(n, 2, ROWS, COLUMNS), g)

        # 24 pixels: a spread s gives a length of about 4.9 s.
        yield case("linf, one picture", "linf", 0.1, [0.2])
        yield case("l2, one picture outside", "l2", 0.3, [0.2])
        yield case("l2, one inside and two outside", "l2", 0.3, [0.01, 0.12, 0.3])
        yield case("linf, black and white pixels", "linf", 0.2, [0.3, 0.3], x=edge(2))
        yield case("l2, black and white pixels", "l2", 1.0, [0.5, 0.07], x=edge(2))
        yield case("l2, one that has not moved, float64", "l2", 0.25, [0.2, 0.0, 0.02], dtype=torch.float64)
        yield case("linf, one that has not moved, float64", "linf", 0.05, [0.2, 0.0], dtype=torch.float64)


class Pgd(Compare):
    """The loop of projected gradient descent, l∞."""

    key = "attacks.pgd"
    points = 3
    returns = "the attacked picture"
    atol = 1e-6
    no_gradients = "an attack is not differentiated"

    def cases(self, g: Generator) -> Iterator[Case]:
        """One step from x; several with little room; from another start; at the border."""

        def case(name: str, n: int, *, apart: float, eps: float, alpha: float, steps: int, channels: int = 1) -> Case:
            shown = pictures(g, n, channels=channels, dtype=torch.float64)
            noise = 2 * torch.rand(shown["x"].shape, generator=g, dtype=torch.float64) - 1
            model = victim(g, channels=channels, dtype=torch.float64)
            start = shown["x"] + apart * noise
            return {"case": name, "model": model, **shown, "start": start, "eps": eps, "alpha": alpha, "steps": steps}

        yield case("one step from x", 1, apart=0.0, eps=0.3, alpha=0.02, steps=1)
        yield case("seven steps where five reach the border", 2, apart=0.0, eps=0.1, alpha=0.02, steps=7)
        yield case("from a random start", 3, apart=0.1, eps=0.1, alpha=0.02, steps=6)
        edge = case("pixels at the border", 3, apart=0, eps=0.3, alpha=0.1, steps=6)
        edge["x"] = extreme(edge["x"], g)
        yield {**edge, "start": edge["x"].clone()}
        yield case("steps longer than the ball is wide", 2, apart=0.05, eps=0.05, alpha=0.15, steps=3)
        yield case("from a start outside the ball, colours", 2, apart=0.3, eps=0.1, alpha=0.03, steps=2, channels=3)


class SuccessRate(Compare):
    """How often an attack succeeds, counted fairly."""

    key = "attacks.success_rate"
    points = 2
    returns = "the rate"
    number = True

    def cases(self, g: Generator) -> Iterator[Case]:
        """Seven pictures; a batch with everything in it; an attack that never succeeds, one that always does."""

        def case(name: str, before: list[int], after: list[int], y: list[int]) -> Case:
            def logits(answers: list[int]) -> Tensor:
                return 3 * functional.one_hot(torch.tensor(answers), 4) + torch.rand(len(answers), 4, generator=g)

            return {"case": name, "before": logits(before), "after": logits(after), "y": torch.tensor(y)}

        y = torch.randint(4, (60,), generator=g)
        other = (y + torch.randint(1, 4, (60,), generator=g)) % 4
        third = (other + 1) % 4
        third = torch.where(third == y, (third + 1) % 4, third)
        kinds = torch.arange(60) % 5
        # 0, 1: right and fooled; 2: right and right; 3: wrong, then otherwise wrong; 4: wrong, then right.
        before = torch.where(kinds < 3, y, other).tolist()
        after = torch.stack([other, other, y, third, y])[kinds, torch.arange(60)].tolist()
        few = [0, 1, 2, 3, 0, 0, 1], [1, 1, 2, 3, 0, 0, 2], [0, 1, 2, 3, 1, 2, 3]
        yield case("seven pictures, three wrong before", *few)
        yield case("sixty pictures of every kind", before, after, y.tolist())
        yield case("nobody is fooled", [0, 1, 1], [0, 1, 1], [0, 1, 2])
        yield case("everybody is fooled", [0, 1, 3], [2, 0, 3], [0, 1, 2])
        # How many is another number under each seed: nobody knows the rate by heart.
        drawn = torch.randint(4, (2, 40), generator=g)
        right = drawn[0].where(torch.rand(40, generator=g) < 0.7, (drawn[0] + 1) % 4)
        yield case("forty pictures at random", right.tolist(), drawn[1].tolist(), drawn[0].tolist())


RATE = 0.5


class AdversarialStep(Compare):
    """One step of adversarial training: the weights after it, and the loss from before it."""

    key = "attacks.adversarial_step"
    points = 3
    returns = "the loss"
    number = True
    changes = ("model.weights",)
    ignores = ("model.modes",)

    def cases(self, g: Generator) -> Iterator[Case]:
        """A batch; then weights that already have gradients; then a batch in float64."""

        def case(name: str, n: int, *, channels: int = 1, dtype: torch.dtype = torch.float32) -> Case:
            model = victim(g, channels=channels, dtype=dtype)
            model[2] = nn.Identity()  # the same in training and in evaluation mode
            return {"case": name, "model": model, **pictures(g, n, channels=channels, dtype=dtype)}

        yield case("a batch of four", 4)
        before = case("weights that already have gradients", 3)
        with_gradients(before["model"], 1.0)
        yield before
        yield case("float64, colours", 6, channels=3, dtype=torch.float64)

    def arguments(self, case: Case) -> dict[str, Any]:
        """With plain gradient descent, and an attack that leaves gradients behind."""
        model = case["model"]
        optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
        return {"model": model, "optimizer": optimizer, "attack": careless, "x": case["x"], "y": case["y"]}


def careless(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Mix each picture with its mirror image. Leave gradients of a loss on the weights, as many attacks do."""
    z = x.detach().lerp(x.detach().flip(-1), 0.3)
    functional.cross_entropy(model(z), y, reduction="sum").backward()
    return z


CHECKS = (InputGradient(), Fgsm(), Project(), Pgd(), SuccessRate(), AdversarialStep())
