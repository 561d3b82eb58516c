"""Topic ``learned``: the cases on which the answers of exercise 10 are tried.

Everything is small and drawn from the seed. The functions get the random values of a method (actions, angles) as
arguments.
"""

from collections.abc import Iterator

import torch
from torch import Generator, Tensor, nn

from labkit.checks.protocol import Case, Compare

DOUBLE = torch.float64


class Strength(Compare):
    """The strength of an operation for a magnitude and a sign."""

    key = "learned.strength"
    points = 2
    returns = "the strengths"
    no_gradients = "here magnitudes are drawn, not learned"

    def cases(self, g: Generator) -> Iterator[Case]:
        """Every operation, at both ends and between, with both signs, on two sizes; float64."""
        for name in ("rotate", "translate_x", "brightness", "posterize", "solarize"):
            for side, dtype in ((32, torch.float32), (100, DOUBLE)):
                m = torch.cat([torch.tensor([0.0, 1.0, 0.3, 0.4]), torch.rand(2, generator=g)]).to(dtype)
                sign = torch.tensor([1.0, 1.0, -1.0, -1.0, 1.0, -1.0], dtype=dtype)
                yield {"case": f"{name}, pictures of {side}", "name": name, "magnitude": m, "sign": sign, "side": side}


class ReinforceLoss(Compare):
    """REINFORCE's loss with a baseline."""

    key = "learned.reinforce_loss"
    points = 3
    returns = "the loss"
    gradients = ("logits", "rewards", "baseline")

    def cases(self, g: Generator) -> Iterator[Case]:
        """One action; several, some twice; as many actions as arms; no baseline; large logits; float64."""

        def case(name: str, k: int, b: int, dtype: torch.dtype = torch.float32) -> Case:
            logits = torch.randn(k, generator=g, dtype=dtype) + 0.7
            actions = torch.randint(k, (b,), generator=g)
            rewards = 0.5 + torch.rand(b, generator=g, dtype=dtype)
            baseline = 0.4 + 0.3 * torch.rand((), generator=g, dtype=dtype)
            return {"case": name, "logits": logits, "actions": actions, "rewards": rewards, "baseline": baseline}

        yield case("one action", 3, 1)
        yield case("several actions", 4, 7)
        yield case("as many actions as arms", 5, 5)
        yield case("no baseline", 3, 4) | {"baseline": torch.tensor(0.0)}
        large = {"logits": torch.tensor([0.0, 150.0, -150.0, 30.0]), "actions": torch.tensor([2, 0, 1])}
        yield case("large logits", 4, 3) | large
        yield case("float64", 6, 9, DOUBLE)


class Training(nn.Module):
    """A training loss of weights (N,) and two numbers φ, with a curvature that depends on both."""

    x: Tensor
    noise: Tensor
    y: Tensor

    def __init__(self, n: int, g: Generator, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("x", torch.randn(5, n, generator=g, dtype=dtype))
        self.register_buffer("noise", torch.randn(5, n, generator=g, dtype=dtype))
        self.register_buffer("y", torch.randn(5, generator=g, dtype=dtype))

    def forward(self, w: Tensor, phi: Tensor) -> Tensor:
        """A scalar."""
        seen = self.x * phi[0].exp() + phi[1] * self.noise
        return ((seen @ w).tanh() - self.y).square().mean() + 0.1 * w.square().sum()


class Validation(nn.Module):
    """A validation loss of weights (N,)."""

    x: Tensor
    y: Tensor

    def __init__(self, n: int, g: Generator, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("x", torch.randn(4, n, generator=g, dtype=dtype))
        self.register_buffer("y", torch.randn(4, generator=g, dtype=dtype))

    def forward(self, w: Tensor) -> Tensor:
        """A scalar."""
        return ((self.x @ w).tanh() - self.y).square().mean()


class UnrolledHypergradient(Compare):
    """The gradient of the validation loss after one step, with respect to φ."""

    key = "learned.unrolled_hypergradient"
    points = 3
    returns = "the hypergradient"
    atol = 1e-6
    no_gradients = "the gradient is not differentiated once more"

    def cases(self, g: Generator) -> Iterator[Case]:
        """One weight; as many weights as numbers; several; a long step; float64."""

        def case(name: str, n: int, lr: float, dtype: torch.dtype = torch.float32) -> Case:
            return {
                "case": name, "train_loss": Training(n, g, dtype), "validation_loss": Validation(n, g, dtype),
                "w": torch.randn(n, generator=g, dtype=dtype), "phi": 0.5 * torch.randn(2, generator=g, dtype=dtype),
                "lr": lr,
            }  # fmt: skip

        yield case("one weight", 1, 0.3)
        yield case("two weights", 2, 0.5)
        yield case("several weights", 6, 0.1)
        yield case("a long step", 4, 2.0)
        yield case("float64", 5, 0.7, DOUBLE)


class Angles(Compare):
    """Random angles from a range with a learned width."""

    key = "learned.angles"
    points = 2
    returns = "the angles"
    gradients = ("rho",)
    no_gradients = "u is drawn: whether a gradient reaches it is left open"

    def cases(self, g: Generator) -> Iterator[Case]:
        """One picture; several; both ends of ρ; limits that are not 180; float64."""
        for name, b, rho, limit, dtype in (
            ("one picture", 1, 0.4, 180.0, torch.float32),
            ("several", 5, -1.3, 180.0, torch.float32),
            ("another limit", 3, 2.1, 45.0, torch.float32),
            ("float64", 4, -3.0, 90.0, DOUBLE),
        ):
            u = 2 * torch.rand(b, generator=g, dtype=dtype) - 1
            yield {"case": name, "rho": torch.tensor(rho, dtype=dtype), "u": u, "limit": limit}


class Posterize(Compare):
    """Posterise in the forward pass, the identity in the backward pass."""

    key = "learned.posterize"
    points = 2
    returns = "the pictures"
    gradients = ("x",)

    def cases(self, g: Generator) -> Iterator[Case]:
        """One picture; each its own bits; white; values on the edge of a level; float64."""

        def case(name: str, shape: tuple[int, ...], bits: list[int], dtype: torch.dtype = torch.float32) -> Case:
            x = torch.rand(*shape, generator=g, dtype=dtype)
            return {"case": name, "x": x, "bits": torch.tensor(bits)}

        yield case("one picture", (1, 1, 2, 3), [2])
        yield case("each its own bits", (3, 3, 3, 3), [1, 3, 5])
        white = case("white, and values on edges", (2, 1, 2, 4), [2, 1])
        white["x"] = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0, 1.0, 0.49, 0.51]).view(1, 1, 2, 4).repeat(2, 1, 1, 1)
        yield white
        yield case("float64, high", (2, 2, 5, 2), [4, 8], DOUBLE)


class Reader(nn.Module):
    """A small classifier of pictures: smooth, different for every pixel."""

    def __init__(self, n: int, classes: int, g: Generator, dtype: torch.dtype) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.randn(n, 6, generator=g, dtype=dtype) / n**0.5)
        self.last = nn.Parameter(torch.randn(6, classes, generator=g, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, K)"""
        return (x.flatten(1) @ self.first).tanh() @ self.last


class TeachLoss(Compare):
    """The loss of an augmentation that should be hard for the network and easy for its teacher."""

    key = "learned.teach_loss"
    points = 2
    returns = "the loss"
    gradients = ("x",)

    def cases(self, g: Generator) -> Iterator[Case]:
        """One picture; several; as many as classes; float64."""
        for name, b, c, k, dtype in (
            ("one picture", 1, 1, 3, torch.float32),
            ("several", 5, 3, 4, torch.float32),
            ("as many as classes", 3, 1, 3, torch.float32),
            ("float64", 6, 2, 5, DOUBLE),
        ):
            yield {
                "case": name, "model": Reader(12 * c, k, g, dtype), "teacher": Reader(12 * c, k, g, dtype),
                "x": torch.rand(b, c, 3, 4, generator=g, dtype=dtype), "y": torch.randint(k, (b,), generator=g),
            }  # fmt: skip


CHECKS = (Strength(), ReinforceLoss(), UnrolledHypergradient(), Angles(), Posterize(), TeachLoss())
