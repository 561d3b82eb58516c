"""Topic ``domain``: the cases on which the answers of exercise 16 are tried.

Networks are small, and their weights come from the seed. A discriminator gives one logit for each sample, (n, 1); a
logit above 0 means "this is from the target".
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional

from labkit import nets
from labkit.checks import traces
from labkit.checks.protocol import Case, Compare, Outputs, Wrong
from labkit.checks.tensors import drawn, gradient, left_on

DOUBLE = torch.float64


class Reversal(Compare):
    """Gradient reversal: a function whose backward pass flips the sign of the gradient."""

    key = "domain.reversal"
    points = 3
    returns = "what comes out"
    gradients = ("x",)

    def cases(self, g: Generator) -> Iterator[Case]:
        """Three numbers; one; a batch of features, as it is and for λ = 0; pictures in float64; a whole λ."""
        for name, shape, scale, dtype in (
            ("three numbers", (3,), 0.5, torch.float32),
            ("one number", (), 1.7, torch.float32),
            ("features of a batch", (4, 5), 2.0, torch.float32),
            ("λ = 0", (2, 3), 0.0, torch.float32),
            ("pictures in double precision", (2, 3, 4, 3), 0.3, DOUBLE),
            ("λ = 3, a whole number", (3, 2), 3, torch.float32),
        ):
            yield {"case": name, "x": torch.randn(shape, generator=g, dtype=dtype) + 0.1, "scale": scale}

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer on features that others use as well. Return its gradient and the gradient of the others."""
        x = case["x"].clone().requires_grad_()
        features = x * 1
        changed = traces.watch({"x": features})
        outputs = self.outputs(answer(features, case["scale"]))
        if sentence := changed():
            raise Wrong(sentence)
        value, slope = outputs[self.returns], None
        if isinstance(value, Tensor) and value.requires_grad:
            arriving = torch.linspace(-1, 1.5, value.numel(), dtype=x.dtype).view(value.shape)
            (slope,) = torch.autograd.grad(value, x, arriving.to(value.dtype), retain_graph=True, allow_unused=True)
        if slope is None and not case["scale"]:
            slope = torch.zeros_like(x)  # nothing goes back, whichever way it is said
        if slope is not None:
            outputs[traces.SLOPE.format(output=self.returns, argument="x")] = slope
        (others,) = torch.autograd.grad(features.sum(), x)
        return outputs | {"the gradient that others send to `x`": others}


class LambdaSchedule(Compare):
    """The strength λ_p of the reversal during training."""

    key = "domain.lambda_schedule"
    returns = "λ"
    number = True
    no_gradients = "nobody learns the share of training that is done"

    def cases(self, g: Generator) -> Iterator[Case]:
        """The beginning, the end, moments between; the default γ, smaller, larger; single and double precision."""
        u = torch.rand(4, generator=g, dtype=DOUBLE).tolist()
        yield {"case": "the beginning", "p": torch.tensor(0.0)}
        yield {"case": "early", "p": torch.tensor(0.03 + 0.05 * u[0], dtype=DOUBLE)}
        yield {"case": "later", "p": torch.tensor(0.4 + 0.3 * u[1])}
        yield {"case": "a smaller γ", "p": torch.tensor(0.1 + 0.3 * u[2], dtype=DOUBLE), "gamma": 4.0}
        yield {"case": "a larger γ", "p": torch.tensor(0.02 + 0.1 * u[3]), "gamma": 25}
        yield {"case": "the end", "p": torch.tensor(1.0, dtype=DOUBLE), "gamma": 3.0}


class DomainLoss(Compare):
    """Cross-entropy of the discriminator; both domains weigh the same."""

    key = "domain.domain_loss"
    points = 2
    returns = "the loss"
    number = True
    gradients = ("source", "target")

    def cases(self, g: Generator) -> Iterator[Case]:
        """Two and two; forty against nine; one of the source; float64; a discriminator that is very sure."""
        for name, n, m, scale, dtype in (
            ("two samples of each domain", 2, 2, 1.5, torch.float32),
            ("forty of the source, nine of the target", 40, 9, 1.5, torch.float32),
            ("one of the source, five of the target", 1, 5, 1.0, torch.float32),
            ("double precision", 5, 7, 1.5, DOUBLE),
            ("a discriminator that is very sure", 6, 4, 300.0, torch.float32),
        ):
            source, target = (scale * torch.randn(k, 1, generator=g, dtype=dtype) for k in (n, m))
            yield {"case": name, "source": source - 0.4 * scale, "target": target + 0.6 * scale}


class Objective(Compare):
    """The gradients that the discriminator, the head and the features receive from one scalar."""

    key = "domain.objective"
    points = 4
    returns = ("the discriminator's gradient", "the head's gradient", "the features' gradient")
    number = True
    no_gradients = "the gradients are what is compared: its value may differ"

    def cases(self, g: Generator) -> Iterator[Case]:
        """λ of 0.5, of 3 with a smaller target, and 0; pictures in float64."""

        def case(name: str, n: int, m: int, lambda_: float, *, dtype: torch.dtype = torch.float32,
                 shape: tuple[int, ...] = (4,)) -> Case:  # fmt: skip
            model = drawn(nets.MLP(4, 3, hidden=(6,), mean=0.0, std=1.0), g, dtype=dtype)
            discriminator = drawn(nets.MLP(6, 1, hidden=(5,), mean=0.0, std=1.0), g, dtype=dtype)
            x, z = (torch.randn(k, *shape, generator=g, dtype=dtype) for k in (n, m))
            y = torch.randint(3, (n,), generator=g)
            batch = {"x": x, "y": y, "z": z + 1, "lambda_": lambda_}
            return {"case": name, "model": model, "discriminator": discriminator, **batch}

        yield case("eight samples of each domain, λ = 0.5", 8, 8, 0.5)
        yield case("twenty and seven, λ = 3", 20, 7, 3.0)
        yield case("λ = 0", 6, 6, 0.0)
        yield case("pictures in double precision, λ = 1.5", 9, 12, 1.5, dtype=DOUBLE, shape=(1, 2, 2))

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer; return the gradient of its value for each of the three parts, and what it left on them."""
        value = self.entry(answer(*self.arguments(case).values()))
        if not isinstance(value, Tensor) or not value.requires_grad:
            raise Wrong("no gradient flows from the scalar that you return: something on the way is cut off, by "
                        "`.detach()`, `.item()`, `torch.no_grad()` or NumPy")  # fmt: skip
        model, discriminator = case["model"], case["discriminator"]
        slopes = {
            name: gradient(value, part) for name, part in zip(self.returns, (discriminator, model.head, model.body))
        }
        return {"the gradients on the weights": left_on(model, discriminator)} | slopes


class Distance(Compare):
    """How well a fresh classifier tells two clouds of samples apart, on samples that it has not seen."""

    key = "domain.distance"
    points = 4
    seeds = 1
    returns = "the distance"
    number = True

    def cases(self, g: Generator) -> Iterator[Case]:
        """A known error, and cases where wrong answers differ: a small domain, few samples, unequal errors.

        In the first case the distance, the error, the accuracy and whatever else is made of them are far apart.
        """
        near, far = (0.8 + float(u) for u in torch.rand(2, generator=g))

        def case(
            name: str, gap: float, sizes: tuple[int, ...], d: int, *, scale: float = 1.0, same: float = 0.0
        ) -> Case:
            """Two round clouds, ``gap`` deviations apart; the share ``same`` of the target lies on the source."""
            step = gap * functional.normalize(torch.randn(d, generator=g), dim=0)
            clouds = [scale * torch.randn(n, d, generator=g) for n in sizes]
            for cloud in clouds[1::2]:
                cloud[int(same * len(cloud)) :] += scale * step
            error = 0.5 * float(torch.special.erfc(torch.tensor(gap / 8**0.5, dtype=DOUBLE)))
            names = ("source", "target", "source_test", "target_test")
            return {"case": name, **dict(zip(names, clouds)), "error": (1 - same) * error + same / 2}

        yield case("clouds that overlap", 1.6832, (1500, 1500, 1500, 1500), 3, scale=3.0)
        yield case("far apart", 8.0, (300, 300, 300, 300), 5)
        yield case("eight times as many of the source", near, (4000, 500, 4000, 500), 3)
        yield case("half of the target looks like the source", 6.0 + far, (600, 700, 1600, 400), 2, same=0.5)
        yield case("no difference, and more features than a few samples can bear", 0.0, (60, 60, 2000, 2000), 40)
        yield case("no difference, and few samples to measure on", 0.0, (2000, 2000, 600, 600), 150)

    def arguments(self, case: Case) -> dict[str, Any]:
        """The four clouds, without the known error."""
        return {name: value for name, value in super().arguments(case).items() if name != "error"}


CHECKS = (Reversal(), LambdaSchedule(), DomainLoss(), Objective(), Distance())
