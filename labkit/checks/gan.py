"""Topic ``gan``: the cases on which the answers of exercise 12 are tried.

The distances of ``copy_score`` are either equal whole numbers or far apart. ``torch.cdist`` rounds the roots of equal
squares differently in different places, so a tie between other numbers would not be a tie for every right answer.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from labkit.checks.protocol import Case, Compare, Outputs
from labkit.checks.traces import SLOPE, joined


class DiscriminatorLoss(Compare):
    """The discriminator's loss, from logits."""

    key = "gan.discriminator_loss"
    points = 2
    returns = "the loss"
    number = True
    gradients = ("real", "fake")

    def cases(self, g: Generator) -> Iterator[Case]:
        """One of each near D = ½; a batch; unequal numbers; float64; logits so large that a probability rounds to 0."""

        def logits(n: int, scale: float = 2.0, dtype: torch.dtype = torch.float32) -> Tensor:
            return scale * torch.randn(n, generator=g, dtype=dtype)

        huge = 200 + 50 * torch.rand(4, generator=g)
        # Not 0 itself, where forms with an absolute value have no gradient.
        yield {"case": "D says about ½", "real": torch.tensor([0.02]), "fake": torch.tensor([0.01])}
        yield {"case": "a batch", "real": logits(6) + 1, "fake": logits(6) - 1}
        yield {"case": "more fakes than real ones", "real": logits(3), "fake": logits(8)}
        yield {"case": "float64", "real": logits(5, dtype=torch.float64), "fake": logits(2, dtype=torch.float64)}
        yield {"case": "D is sure, and wrong", "real": -huge, "fake": huge[:3]}
        yield {"case": "D is sure, and right", "real": huge[:3], "fake": -huge}


class Slopes(Compare):
    """The slopes of a generator's two losses where the discriminator gives probability d."""

    key = "gan.slopes"
    points = 2
    returns = ("the slope of log(1 − D)", "the slope of −log D")
    atol = 1e-6
    no_gradients = "the slopes are read, not differentiated"

    def cases(self, g: Generator) -> Iterator[Case]:
        """At ½; at one other place; many; float64; a discriminator that is sure of a fake, or taken in by it."""
        some = 0.05 + 0.9 * torch.rand(9, generator=g)
        yield {"case": "D = ½", "d": torch.tensor([0.5])}
        yield {"case": "one place", "d": some[:1]}
        yield {"case": "many places", "d": some[1:]}
        yield {"case": "float64", "d": 0.05 + 0.9 * torch.rand(5, generator=g, dtype=torch.float64)}
        # Near 0 the slopes differ by little from those of many mistakes.
        yield {"case": "D is nearly sure of a fake", "d": 1e-3 + 0.02 * torch.rand(3, generator=g)}
        yield {"case": "D takes a fake for real", "d": 1 - 1e-3 - 0.02 * torch.rand(4, generator=g)}


class Players(Compare):
    """Which network learns from which loss."""

    key = "gan.players"
    points = 3
    returns = ("d_loss", "g_loss")
    no_gradients = "those for the weights of both networks are compared anyway"

    def cases(self, g: Generator) -> Iterator[Case]:
        """Points on a line; images; float64."""

        def case(name: str, z: int, shape: tuple[int, ...], n: int, dtype: torch.dtype = torch.float32) -> Case:
            def linear(a: int, b: int) -> nn.Linear:
                layer = nn.Linear(a, b).to(dtype)
                with torch.no_grad():
                    for p in layer.parameters():
                        p.copy_(torch.randn(p.shape, generator=g) / a**0.5)
                return layer

            x = torch.rand(n, *shape, generator=g, dtype=dtype)
            size = x[0].numel()
            G = nn.Sequential(linear(z, size), nn.Tanh(), nn.Unflatten(1, shape))
            D = nn.Sequential(nn.Flatten(), linear(size, 4), nn.Tanh(), linear(4, 1), nn.Flatten(0))
            return {"case": name, "G": G, "D": D, "x": x, "z": torch.randn(n, z, generator=g, dtype=dtype)}

        yield case("points on a line", 1, (1,), 3)
        yield case("pictures of 12 pixels", 5, (1, 4, 3), 8)
        yield case("one picture, in colour, float64", 3, (3, 2, 2), 1, torch.float64)

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer; return the losses and the gradient of each one, zeros where none flows.

        g_loss may send a gradient to D or not: D's optimiser doesn't step then.
        """
        outputs = super().run(answer, case)
        for loss, players in (("d_loss", ("G", "D")), ("g_loss", ("G",))):
            for player in players:
                nothing = 0 * joined(list(case[player].parameters()))
                outputs.setdefault(SLOPE.format(output=loss, argument=player), nothing)
        outputs.pop(SLOPE.format(output="g_loss", argument="D"), None)
        return outputs


class ClassTerm(Compare):
    """AC-GAN's class term."""

    key = "gan.class_term"
    points = 2
    returns = "the class term"
    number = True
    gradients = ("real", "fake")

    def cases(self, g: Generator) -> Iterator[Case]:
        """One of each; a batch; unequal numbers; float64."""

        def case(name: str, n: int, m: int, k: int, dtype: torch.dtype = torch.float32) -> Case:
            y, y_fake = torch.randint(k, (n,), generator=g), torch.randint(k, (m,), generator=g)
            # Real samples are recognised, most fakes are not: the terms differ.
            real = torch.randn(n, k, generator=g, dtype=dtype) + 3 * functional.one_hot(y, k)
            fake = 2 * torch.randn(m, k, generator=g, dtype=dtype)
            return {"case": name, "real": real, "y": y, "fake": fake, "y_fake": y_fake}

        yield case("one real sample, one fake", 1, 1, 3)
        yield case("a batch", 6, 6, 4)
        yield case("more fakes than real ones", 3, 8, 5)
        yield case("more real samples than fakes, float64", 7, 4, 3, torch.float64)
        sure = case("logits so large that a probability rounds to 0", 4, 5, 3)
        yield {**sure, "real": 300 * sure["real"], "fake": 300 * sure["fake"]}


class CopyScore(Compare):
    """A copy detector: it must tell a generator that memorises from one that generalises."""

    key = "gan.copy_score"
    points = 3
    returns = "the score"
    number = True
    atol = 1e-3
    rtol = 1e-3

    def cases(self, g: Generator) -> Iterator[Case]:
        """Points with many ties; a memoriser of pictures; a generator that is fair; one that is far off; float64."""

        def case(
            name: str,
            sizes: tuple[int, int, int],
            how: str,
            shape: tuple[int, ...],
            dtype: torch.dtype = torch.float32,
            copied: int = 0,
        ) -> Case:
            # Three kinds of sample around centres of their own.
            centres = 2 * torch.randn(3, *shape, generator=g, dtype=dtype)

            def real(count: int) -> Tensor:
                index = torch.randint(3, (count,), generator=g)
                return centres[index] + torch.randn(count, *shape, generator=g, dtype=dtype)

            n, t, m = sizes
            while True:
                training, held_out, generated = real(t), real(m), real(n)
                if how == "off":
                    generated = generated + 4
                if how == "copies":
                    copies = training[torch.randint(t, (n,), generator=g)]
                    generated = copies + 0.1 * torch.randn(n, *shape, generator=g, dtype=dtype)
                generated[:copied] = training[:copied]
                if clear(generated[copied:], training, held_out):
                    return {"case": name, "generated": generated, "training": training, "held_out": held_out}

        def clear(generated: Tensor, training: Tensor, held_out: Tensor) -> bool:
            """Whether all compared distances are so far apart that rounding can't change which is larger."""
            d, e = (torch.cdist(x.flatten(1), training.flatten(1)).amin(1) for x in (generated, held_out))
            return bool(((d[:, None] - e).abs() > 1e-4 * e).all())

        def whole(n: int) -> Tensor:
            return torch.randint(8, (n, 1), generator=g).float() ** 2

        few = {"generated": whole(6), "training": whole(4), "held_out": whole(5)}
        yield {"case": "whole numbers, so that many distances are equal", **few}
        yield case("a memoriser", (20, 30, 25), "copies", (1, 3, 2))
        yield case("a generator that copies nothing", (24, 17, 20), "fair", (1, 3, 3))
        yield case("a generator that is far off", (20, 30, 26), "off", (2, 3, 3))
        yield case("a memoriser, float64", (16, 40, 12), "copies", (4,), torch.float64)
        yield case("copies without a difference, in part", (12, 30, 9), "fair", (2, 2), copied=7)


class Means(nn.Module):
    """A classifier that picks the class with the nearest mean. It learns in one line, so a check is cheap."""

    means: Tensor

    def __init__(self, x: Tensor, y: Tensor, classes: int) -> None:
        super().__init__()
        self.register_buffer("means", torch.stack([x[y == k].flatten(1).mean(0) for k in range(classes)]))

    def forward(self, x: Tensor) -> Tensor:
        """Minus the distances, as logits: the same for a sample alone and in a batch."""
        return -torch.cdist(x.flatten(1), self.means, compute_mode="donot_use_mm_for_euclid_dist")


class Cas(Compare):
    """The classification accuracy score."""

    key = "gan.cas"
    points = 2
    returns = "the score"
    number = True
    atol = 1e-6

    def cases(self, g: Generator) -> Iterator[Case]:
        """Points of four classes; pictures of three; of one class what is generated is shifted."""

        def case(name: str, k: int, shape: tuple[int, ...], n: int, m: int) -> Case:
            centres = 1.2 * torch.randn(k, *shape, generator=g)
            y = torch.arange(n) % k
            test_y = torch.randint(k, (m,), generator=g) * (torch.rand(m, generator=g) < 0.8)  # 0 is the most frequent
            test_y[:k] = torch.arange(k)
            x = centres[y] + 1.0 * torch.randn(n, *shape, generator=g)
            test_x = centres[test_y] + 1.5 * torch.randn(m, *shape, generator=g)
            # What is generated of class 0 is off: to be right about generated samples is no use.
            x[y == 0] = x[y == 0] + 1.5 * torch.randn(shape, generator=g)
            return {"case": name, "x": x, "y": y, "test_x": test_x, "test_y": test_y, "classes": k}

        yield case("points of four classes", 4, (2,), 61, 83)
        yield case("pictures of three classes", 3, (1, 2, 3), 90, 101)
        yield case("five classes", 5, (3,), 121, 203)
        yield case("fewer real samples than generated ones", 2, (2, 3), 64, 37)

    def arguments(self, case: Case) -> dict[str, Any]:
        """The arguments of the answer, with a fast learner added."""

        def learn(x: Tensor, y: Tensor) -> nn.Module:
            return Means(x, y, case["classes"])

        return {"learn": learn, **{name: case[name] for name in ("x", "y", "test_x", "test_y")}}


CHECKS = (DiscriminatorLoss(), Slopes(), Players(), ClassTerm(), CopyScore(), Cas())
