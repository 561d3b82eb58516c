"""Topic ``membership``: the cases on which the answers of exercise 19 are tried."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Generator
from torch.nn import functional

from labkit.checks.protocol import Case, Compare, Outputs, Wrong, one
from labkit.checks.tensors import tensor


def records(name: str, g: Generator, *, n: int, shift: float, rounded: bool = False, **more: Any) -> Case:
    """Scores of n records; members score ``shift`` higher. Rounded scores have ties."""
    member = torch.randperm(n, generator=g) < max(1, round(0.45 * n))
    scores = torch.randn(n, generator=g, dtype=torch.float64) + shift * member
    scores = (2 * scores).round() / 2 if rounded else scores
    return {"case": name, "scores": scores, "member": member, **more}


def crowded(case: Case, *ranks: int) -> Case:
    """The case with members placed between the non-members of each rank and the next; an off-by-one counts them."""
    others = case["scores"][~case["member"]].sort(descending=True).values
    places = [share * others[rank] + (1 - share) * others[rank + 1] for rank in ranks for share in (0.8, 0.3)]
    case["scores"][case["member"].nonzero()[: len(places), 0]] = torch.stack(places)
    return case


class Advantage(Compare):
    """The deck's threshold attack at its best threshold."""

    key = "membership.advantage"
    points = 2
    returns = "the advantage"
    number = True

    def cases(self, g: Generator) -> Iterator[Case]:
        """Six records; many; confidences near 1; ties; an attack worse than none; float32; one score for all."""
        yield records("six records", g, n=6, shift=4.0)
        yield records("sixty records", g, n=60, shift=0.7)
        sure = records("confidences, all above 0.9", g, n=50, shift=1.5)
        yield sure | {"scores": 0.9 + 0.1 * sure["scores"].sigmoid()}
        yield records("many have the same score", g, n=60, shift=0.6, rounded=True)
        yield records("members score far *lower*", g, n=20, shift=-12.0)
        far = records("float32, negative scores, one of them far away", g, n=30, shift=1.0)
        far["scores"][(~far["member"]).nonzero()[0, 0]] = -1e4
        yield far | {"scores": far["scores"].float() - 9}
        for name, member in (("members", torch.arange(9) < 4), ("others", torch.arange(9) >= 5)):
            scores = torch.full((9,), float(torch.rand((), generator=g)))
            yield {"case": f"one score for all, {name} listed first", "scores": scores, "member": member}


class LossAttack(Compare):
    """Yeom's attack with one query."""

    key = "membership.loss_attack"
    points = 2
    returns = "the guess"

    def cases(self, g: Generator) -> Iterator[Case]:
        """Some sure and wrong; more classes; a mean above 1; logits of hundreds; float64; a loss like the mean."""

        def case(name: str, n: int, k: int, mean: float, *, scale: float = 3.0, dtype: Any = torch.float32) -> Case:
            z = scale * torch.randn(n, k, generator=g, dtype=dtype)
            y = torch.where(torch.rand(n, generator=g) < 0.6, z.argmax(1), torch.randint(k, (n,), generator=g))
            # Kept clear of the threshold, which rounding could move across; the wrong and sure stay among them.
            losses = functional.cross_entropy(z.double(), y, reduction="none")
            z[(losses - mean).abs() < 0.02] = 0
            return {"case": name, "logits": z, "y": y, "mean_loss": mean}

        yield case("two dozen records, three classes", 24, 3, 0.2, scale=1.5)
        yield case("forty records", 40, 5, 0.3)
        yield case("a mean loss above 1", 40, 10, 1.2)
        yield case("a mean loss of 0.8", 50, 3, 0.8, scale=1.0)
        yield case("logits of hundreds", 30, 4, 0.25, scale=200.0)
        yield case("logits of hundreds, and a mean loss of 60", 60, 4, 60.0, scale=120.0)
        yield case("float64", 20, 3, 0.5, dtype=torch.float64)
        exact = case("losses of exactly 0, and a mean loss of 0", 12, 3, 0.0)
        said = torch.where(torch.rand(12, generator=g) < 0.5, exact["y"], (exact["y"] + 1) % 3)
        yield exact | {"logits": 400 * functional.one_hot(said, 3).float()}


class TprAt(Compare):
    """How many members can Eve find with few false accusations? The TPR at a fixed FPR."""

    key = "membership.tpr_at"
    points = 2
    returns = "the rate"
    number = True

    def cases(self, g: Generator) -> Iterator[Case]:
        """Ten records; no false accusation allowed; 5 % of 200; ties; an FPR met exactly; a non-member comes first."""
        yield crowded(records("ten records", g, n=10, shift=1.5, fpr=0.2), 0, 1)
        yield crowded(records("40 records, FPR of 0.1 %", g, n=40, shift=2.0, fpr=0.001), 0)
        yield crowded(records("200 records, FPR of 5 %", g, n=200, shift=1.0, fpr=0.05), 3, 4, 5, 6)
        yield records("many have the same score", g, n=120, shift=1.0, rounded=True, fpr=0.1)
        # 8 others: a quarter of them are 2, in whatever floats the share is computed. Others and members take turns.
        order = torch.randperm(18, generator=g)
        yield {"case": "an FPR that a threshold has exactly", "scores": (20.0 - torch.arange(18))[order].float(),
               "member": (torch.arange(18) % 2 == 1)[order] | (order > 15), "fpr": 0.25}  # fmt: skip
        # Of two groups of equal scores the first is allowed, the second is not, whoever is listed first.
        for name, listed in (("members", [1, 0]), ("others", [0, 1])):
            group = torch.tensor(listed).repeat_interleave(torch.tensor([4, 3]))
            member = torch.cat([group, group, torch.tensor([1, 0, 0, 0, 0])]).bool()
            scores = torch.cat([torch.full((7,), 3.0), torch.full((7,), 2.0), torch.arange(5.0) / 3])
            yield {"case": f"two groups with one score each, {name} listed first", "scores": scores, "member": member,
                   "fpr": 0.4}  # fmt: skip
        beaten = records("the highest score is not a member's", g, n=30, shift=1.0, fpr=0.02)
        beaten["scores"][(~beaten["member"]).nonzero()[0, 0]] = beaten["scores"].max() + 1
        yield beaten


class Lira(Compare):
    """Carlini's likelihood ratio."""

    key = "membership.lira"
    points = 3
    returns = "the score"
    atol = 1e-3
    rtol = 1e-3
    no_gradients = "an attack's score is not differentiated"

    def cases(self, g: Generator) -> Iterator[Case]:
        """One record with eight shadow models; several; unequally many; records on different scales; float64."""

        def case(name: str, m: int, n: int, *, even: bool = True, dtype: Any = torch.float32) -> Case:
            members = torch.rand(m, n, generator=g).argsort(0) < m // 2
            if not even:
                members = torch.rand(m, n, generator=g) < 0.4
                members[:3], members[3:6] = True, False
            level, scale = 3 * torch.randn(n, generator=g), 0.5 + 2 * torch.rand(n, generator=g)
            shadow = level + scale * torch.randn(m, n, generator=g) * (1 + 0.5 * members) + 2 * members
            phi = level + scale * torch.randn(n, generator=g) + 1
            return {"case": name, "phi": phi.to(dtype), "shadow": shadow.to(dtype), "members": members}

        yield case("one record, eight shadow models", 8, 1)
        yield case("twelve records", 10, 12)
        yield case("records in unequally many models", 14, 9, even=False, dtype=torch.float64)
        yield case("as many records as shadow models", 12, 12)
        yield case("float64", 16, 20, dtype=torch.float64)


class EveLoss(Compare):
    """The deck's attack on a release of synthetic data."""

    key = "membership.eve_loss"
    points = 1
    returns = "the loss"
    number = True
    gradients = ("on_synthetic", "on_fresh")
    atol = 1e-6

    def cases(self, g: Generator) -> Iterator[Case]:
        """One of each; as many; three times as many synthetic ones; logits of hundreds; float64."""

        def case(name: str, n: int, m: int, *, scale: float = 1.5, dtype: Any = torch.float32) -> Case:
            logits = [
                scale * (torch.randn(size, generator=g, dtype=dtype) + shift) for size, shift in ((n, 0.8), (m, -0.3))
            ]
            return {"case": name, "on_synthetic": logits[0], "on_fresh": logits[1]}

        yield case("one of each", 1, 1)
        yield case("eight of each", 8, 8)
        yield case("three times as many synthetic ones", 12, 4)
        yield case("logits of hundreds", 5, 7, scale=300.0)
        yield case("float64", 3, 6, dtype=torch.float64)


class ClippedMean(Compare):
    """DP-SGD without its noise."""

    key = "membership.clipped_mean"
    points = 2
    returns = "the mean"
    no_gradients = "gradients come in, and are not differentiated again"

    def cases(self, g: Generator) -> Iterator[Case]:
        """One layer, two samples; layers together; some short, some long; one sample; a zero gradient; float64."""

        def case(name: str, n: int, shapes: list[tuple[int, ...]], C: float, *, dtype: Any = torch.float32) -> Case:
            size = torch.where(torch.arange(n) % 2 == 0, 0.05, 2.0).to(dtype)
            each = [torch.randn(n, *s, generator=g, dtype=dtype) * size.view(-1, *[1] * len(s)) for s in shapes]
            # Layers of unequal size: who clips layer by layer gets something else.
            return {"case": name, "gradients": [e * (1 + i) for i, e in enumerate(each)], "C": C}

        yield case("one layer, two samples, one of them long", 2, [(3,)], 1.0)
        yield case("three layers", 6, [(4, 3), (4,), (2, 4)], 0.7)
        yield case("a long clip: nobody is shortened", 4, [(3, 2), (3,)], 25.0)
        yield case("a clip between short and long", 4, [(2, 2), (5,)], 1.3)
        yield case("one sample", 1, [(5,), (2,)], 0.01)
        yield case("float64", 5, [(3, 3), (3,)], 0.5, dtype=torch.float64)
        zero = case("a gradient of zero", 3, [(4,), (2, 2, 1)], 1.5)
        for layer in zero["gradients"]:
            layer[0] = 0
        yield zero

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer; return all layers as one vector."""
        gradients = case["gradients"]
        given = answer(gradients, case["C"])
        if not isinstance(given, list | tuple) or len(given) != len(gradients):
            what = "nothing" if given is None else one(given)
            what = f"{len(given)} tensors" if isinstance(given, list | tuple) else what
            hint = ": is a `return` missing?" if given is None else ""
            raise Wrong(
                f"clipped_mean returned {what}; expected a list, one tensor for each of {len(gradients)} layers{hint}"
            )
        layers = [tensor(layer, name="clipped_mean") for layer in given]
        for layer, g in zip(layers, gradients):
            if layer.shape != g.shape[1:]:
                raise Wrong(f"a layer has the wrong shape: the mean is over samples, the first dimension of "
                            f"{tuple(g.shape)}; this one has shape {tuple(layer.shape)}")  # fmt: skip
        return {"the mean": torch.cat([layer.flatten() for layer in layers])}


CHECKS = (Advantage(), LossAttack(), TprAt(), Lira(), EveLoss(), ClippedMean())
