"""Topic ``fair``: the cases on which the answers of exercise 17 are tried.

Groups, outcomes and decisions are all 0 or 1. Networks are small, and their weights come from the seed.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional

from labkit import nets
from labkit.checks.protocol import Case, Compare, Outputs
from labkit.checks.tensors import drawn, gradient, left_on

DOUBLE = torch.float64

# ── the three gaps ────────────────────────────────────────────────────────────────────────────────────────────────────


def people(g: Generator, n: int, *, share: float = 0.4, told: tuple[float, ...] = (0.35, 0.8, 0.1, 0.5)) -> Case:
    """Decisions, outcomes and groups of ``n`` people, plus one person of every combination.

    Args:
        share: the share of group 1.
        told: how often people are told yes: in group 0 with y = 0, with y = 1; then the same in group 1.
    """
    a = (torch.rand(n, generator=g) < share).long()
    y = (torch.rand(n, generator=g) < 0.65 - 0.3 * a).long()
    yes = (torch.rand(n, generator=g) < torch.tensor(told)[2 * a + y]).long()
    corners = torch.cartesian_prod(torch.arange(2), torch.arange(2), torch.arange(2))
    rows = torch.cat([corners, torch.stack([yes, y, a], dim=1)])[torch.randperm(n + 8, generator=g)]
    return dict(zip(("yes", "y", "a"), rows.unbind(1)))


class Gap(Compare):
    """The cases that the checks of the three gaps share."""

    number = True

    def cases(self, g: Generator) -> Iterator[Case]:
        """Twenty people; two hundred, their groups and outcomes exchanged; a rare group; gaps of two signs; no gap."""
        yield {"case": "twenty people", **people(g, 12, share=0.5)}
        many = people(g, 192)
        yield {"case": "two hundred", **many}
        yield {"case": "the groups have changed places", **many, "a": 1 - many["a"]}
        yield {"case": "the outcomes have changed places", **many, "y": 1 - many["y"]}
        yield {"case": "group 1 is rare", **people(g, 300, share=0.08)}
        yield {"case": "each group has an advantage", **people(g, 150, told=(0.1, 0.9, 0.5, 0.6))}
        yield {"case": "everybody is told yes", **people(g, 30), "yes": torch.ones(38, dtype=torch.int64)}


class Parity(Gap):
    """Demographic parity."""

    key = "fair.parity"
    points = 2
    returns = "the parity gap"

    def arguments(self, case: Case) -> dict[str, Any]:
        """The decisions and the groups; the answer doesn't need outcomes."""
        return {name: case[name] for name in ("yes", "a")}


class Opportunity(Gap):
    """Equal opportunity."""

    key = "fair.opportunity"
    points = 2
    returns = "the opportunity gap"


class Odds(Gap):
    """Equalised odds."""

    key = "fair.odds"
    returns = "the odds gap"


# ── the adversary ─────────────────────────────────────────────────────────────────────────────────────────────────────


class AdversaryLoss(Compare):
    """Cross-entropy in which both groups weigh the same."""

    key = "fair.adversary_loss"
    points = 2
    returns = "the loss"
    number = True
    gradients = ("logits",)

    def cases(self, g: Generator) -> Iterator[Case]:
        """One person of group 1 and three of group 0; many; more of group 1, in float64; logits of ±200."""
        for name, n, m, scale, shift, dtype in (
            ("one of group 1, three of group 0", 3, 1, 1.5, 0.5, torch.float32),
            ("nine of group 1, ninety of group 0", 90, 9, 1.5, 0.7, torch.float32),
            ("double precision, more of group 1", 6, 14, 1.0, -1.5, DOUBLE),
            ("an adversary that is very sure", 8, 4, 200.0, 0.5, torch.float32),
        ):
            a = (torch.arange(n + m) < m).long()[torch.randperm(n + m, generator=g)]
            logits = scale * (torch.randn(n + m, generator=g, dtype=dtype) + shift)
            yield {"case": name, "logits": logits, "a": a}


class Objectives(Compare):
    """The two losses that model and adversary minimise."""

    key = "fair.objectives"
    points = 4
    returns = ("the model's objective", "the adversary's objective")
    number = True
    no_gradients = "each is differentiated for the network that goes down it"

    def cases(self, g: Generator) -> Iterator[Case]:
        """λ of 0.5, of 3 with a rare group, 0, and a whole number in float64."""

        def case(name: str, n: int, lambda_: float, share: float, dtype: torch.dtype = torch.float32) -> Case:
            model = drawn(nets.MLP(4, 2, hidden=(5,), mean=0.0, std=1.0), g, dtype=dtype)
            adversary = drawn(nets.MLP(5, 1, hidden=(6,), mean=0.0, std=1.0), g, dtype=dtype)
            a = (torch.arange(n) < max(2, round(share * n))).long()[torch.randperm(n, generator=g)]
            x, y = torch.randn(n, 4, generator=g, dtype=dtype), torch.randint(2, (n,), generator=g)
            return {"case": name, "model": model, "adversary": adversary, "x": x, "y": y, "a": a, "lambda_": lambda_}

        yield case("eight people, λ = 0.5", 8, 0.5, 0.5)
        yield case("forty, a rare group, λ = 3", 40, 3.0, 0.1)
        yield case("λ = 0", 16, 0.0, 0.4)
        yield case("double precision, λ = 2", 15, 2, 0.7, DOUBLE)

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer; return its two values, their gradients for each network, and what it left on the weights."""
        outputs = self.outputs(answer(*self.arguments(case).values()))
        model, adversary = case["model"], case["adversary"]
        one, two = outputs.values()
        return outputs | {
            "the gradients on the weights": left_on(model, adversary),
            "what the adversary's objective sends to the model": gradient(two, model),
            "the model's gradient": gradient(one, model),
            "the adversary's gradient": gradient(two, adversary),
        }


class Probe(Compare):
    """A fresh adversary on a finished representation, judged by groups that it has not seen."""

    key = "fair.probe"
    points = 4
    seeds = 1
    returns = "the guesses"

    def cases(self, g: Generator) -> Iterator[Case]:
        """A leak along a line; the same with a rare group; a leak that no line finds."""

        def case(name: str, n: int, m: int, share: float, d: int, leak: Callable[[Tensor, Tensor], Tensor]) -> Case:
            a = (torch.arange(n + m) < round((n + m) * share)).long()[torch.randperm(n + m, generator=g)]
            h = leak(torch.randn(n + m, d, generator=g), a[:, None])
            return {"case": name, "h": h[:n], "a": a[:n], "h_test": h[n:], "secret": a[n:]}

        def apart(h: Tensor, a: Tensor, by: float) -> Tensor:
            return h + by * a * functional.normalize(torch.randn(h.shape[1], generator=g), dim=0)

        def around(h: Tensor, a: Tensor) -> Tensor:
            return functional.normalize(h) * (1 + 1.2 * a + 0.25 * torch.randn(a.shape, generator=g))

        yield case("the groups lie on two sides of a line", 500, 450, 0.5, 4, lambda h, a: apart(h, a, 2.6))
        yield case("one in sixteen is of group 1", 1600, 1500, 1 / 16, 2, lambda h, a: apart(h, a, 2.0))
        yield case("one group lies around the other", 500, 450, 0.4, 2, around)

    def arguments(self, case: Case) -> dict[str, Any]:
        """The representations, and the groups of the first set only."""
        return {name: case[name] for name in ("h", "a", "h_test")}


CHECKS = (Parity(), Opportunity(), Odds(), AdversaryLoss(), Objectives(), Probe())
