"""Topic ``membership``: what the answers of exercise 19 must satisfy."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from labkit import membership, metrics
from labkit.checks.protocol import Case, Check, Outputs, Wrong, agree, close
from labkit.checks.protocol import describe as text
from labkit.checks.tensors import generator, tensor


def number(value: Tensor, what: str) -> Tensor:
    """One number in float64, of whatever dtype it came."""
    if value.numel() != 1 or value.is_complex():
        raise Wrong(f"{what} is one number", expected="a scalar", given=text(value))
    return value.reshape(()).double()


def records(name: str, g: torch.Generator, *, n: int, shift: float, rounded: bool = False, **more: Any) -> Case:
    """Scores of n records, of which the members are ``shift`` higher; rounded ones have ties."""
    member = torch.randperm(n, generator=g) < max(1, round(0.45 * n))
    scores = torch.randn(n, generator=g, dtype=torch.float64) + shift * member
    scores = (2 * scores).round() / 2 if rounded else scores
    return {"case": name, "scores": scores, "member": member, **more}


def rates(scores: Tensor, member: Tensor) -> tuple[Tensor, Tensor]:
    """TPR and FPR at each record's score as threshold, and for nobody."""
    above = scores[None] >= torch.cat([scores, scores.new_full((1,), math.inf)])[:, None]
    return above[:, member].double().mean(1), above[:, ~member].double().mean(1)


def one_by_one(scores: Tensor, member: Tensor) -> tuple[Tensor, Tensor]:
    """The same with ties broken by order, which splits records that no threshold can split."""
    true = member[scores.argsort(descending=True, stable=True)].double()
    zero = true.new_zeros(1)
    tpr, fpr = true.cumsum(0) / true.sum(), (1 - true).cumsum(0) / (1 - true).sum()
    return torch.cat([zero, tpr]), torch.cat([zero, fpr])


# ── advantage ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def advantage(scores: Tensor, member: Tensor) -> Tensor:
    """The largest TPR − FPR of all thresholds: (n,), (n,) → one number."""
    return torch.tensor(membership.advantage(scores, member), dtype=torch.float64)


class Advantage(Check):
    """The deck's threshold attack at its best threshold."""

    key = "membership.advantage"
    points = 2
    reference = staticmethod(advantage)
    forbidden = (membership.advantage, membership.roc)

    def inputs(self, seed: int) -> list[Case]:
        """Six records; many; confidences near 1; ties; an attack that is worse than none; float32."""
        g = generator(seed)
        sure = records("confidences, all above .9", g, n=50, shift=1.5)
        single = records("float32", g, n=30, shift=1.0)
        return [
            records("six records", g, n=6, shift=4.0),
            records("sixty records", g, n=60, shift=0.7),
            sure | {"scores": 0.9 + 0.1 * sure["scores"].sigmoid()},
            records("many have the same score", g, n=60, shift=0.6, rounded=True),
            records("members score far *lower*", g, n=20, shift=-12.0),
            single | {"scores": single["scores"].float()},
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"advantage": tensor(answer(case["scores"], case["member"]), name="advantage")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each common mistake gives."""
        scores, member = case["scores"], case["member"]
        given = number(outputs["advantage"], "the advantage")
        tpr, fpr = rates(scores, member)
        near, far = one_by_one(scores, member)
        swapped = one_by_one(scores, ~member)
        right = tpr * member.double().mean() + (1 - fpr) * (~member).double().mean()
        at_half = (scores >= 0.5).double()
        close(
            given,
            advantage(scores, member),
            what="the advantage",
            mistaken=[
                ("this is the largest *distance* of the rates: an attack that points at the others has no advantage",
                 (tpr - fpr).abs().max()),
                ("the two rates are exchanged: TPR is the share of *members* at or above the threshold",
                 (fpr - tpr).max()),
                ("this is the best accuracy; the advantage is TPR − FPR", right.max()),
                ("this is the AUC; the advantage is TPR − FPR at the best threshold",
                 torch.tensor(metrics.roc_auc(scores, member))),
                ("this is the largest TPR: subtract the FPR at the same threshold", tpr.max()),
                ("a threshold of ½ is fixed: try every score as the threshold",
                 at_half[member].mean() - at_half[~member].mean()),
                ("records with the same score are split: a threshold takes all of them or none", (near - far).max()),
                ("records with the same score are split: a threshold takes all of them or none",
                 -(swapped[0] - swapped[1]).min()),
            ],
            dtype=False,
        )  # fmt: skip


# ── loss_attack ───────────────────────────────────────────────────────────────────────────────────────────────────────


def loss_attack(logits: Tensor, y: Tensor, mean_loss: float) -> Tensor:
    """Yeom's guesses: (n, k), (n,), a number → bool (n,)."""
    return membership.loss_attack(logits, y, mean_loss=mean_loss)


class LossAttack(Check):
    """Yeom's attack with one query."""

    key = "membership.loss_attack"
    points = 2
    reference = staticmethod(loss_attack)
    forbidden = (membership.loss_attack, membership.loss)

    def inputs(self, seed: int) -> list[Case]:
        """Some sure and wrong; more classes; a mean above 1; logits of hundreds; float64."""
        g = generator(seed)

        def case(name: str, n: int, k: int, mean: float, *, scale: float = 3.0, dtype: Any = torch.float32) -> Case:
            z = scale * torch.randn(n, k, generator=g, dtype=dtype)
            y = torch.where(torch.rand(n, generator=g) < 0.6, z.argmax(1), torch.randint(k, (n,), generator=g))
            # Kept clear of the threshold, which rounding could move across; the wrong and sure stay among them.
            losses = functional.cross_entropy(z.double(), y, reduction="none")
            z[(losses - mean).abs() < 0.02] = 0
            return {"case": name, "logits": z, "y": y, "mean_loss": mean}

        return [
            case("two dozen records, three classes", 24, 3, 0.2, scale=1.5),
            case("forty records", 40, 5, 0.3),
            case("a mean loss above 1", 40, 10, 1.2),
            case("logits of hundreds", 30, 4, 0.2, scale=200.0),
            case("float64", 20, 3, 0.5, dtype=torch.float64),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"guess": tensor(answer(case["logits"], case["y"], case["mean_loss"]), name="loss_attack")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each common mistake gives."""
        z, y, mean, guess = case["logits"].double(), case["y"], case["mean_loss"], outputs["guess"]
        if guess.dtype != torch.bool:
            raise Wrong("expected a yes or no for each record: a bool tensor of shape (n,)", given=text(guess))
        own = functional.cross_entropy(z, y, reduction="none")
        surest = -functional.log_softmax(z, dim=1).amax(1)
        overflown = -(z.float().exp() / z.float().exp().sum(1, keepdim=True)).gather(1, y[:, None])[:, 0].log()
        close(
            guess,
            own <= mean,
            what="the guess",
            mistaken=[
                ("everybody gets the same guess: each record has its own loss, −log p (mind the minus sign)",
                 torch.full_like(guess, bool(guess[0]))),
                ("it says “member” where the model is right, whatever the loss", z.argmax(1) == y),
                ("it is turned around: members are those with a *small* loss", own >= mean),
                ("the loss is that of the class in `y`, not of the class the model likes best", surest <= mean),
                ("the *probability* is compared with the mean loss: take its negative logarithm", (-own).exp() >= mean),
                ("the *probability* is compared with the mean loss: take its negative logarithm", (-own).exp() <= mean),
                ("exp overflows for large logits: use log_softmax or cross_entropy", overflown <= mean),
            ],
        )  # fmt: skip


# ── tpr_at ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def tpr_at(scores: Tensor, member: Tensor, fpr: float) -> Tensor:
    """The largest TPR of a threshold whose FPR is at most ``fpr``."""
    return torch.tensor(metrics.tpr_at_fpr(scores, member, fpr=fpr), dtype=torch.float64)


class TprAt(Check):
    """Whom can Eve name without accusing many wrongly?"""

    key = "membership.tpr_at"
    points = 2
    reference = staticmethod(tpr_at)
    forbidden = (metrics.tpr_at_fpr, membership.roc, membership.assess)

    def inputs(self, seed: int) -> list[Case]:
        """Ten records; not one false accusation allowed; 5 % of 200; ties; the best score is an other's."""
        g = generator(seed)
        beaten = records("the highest score is not a member's", g, n=30, shift=1.0, fpr=0.02)
        beaten["scores"][(~beaten["member"]).nonzero()[0, 0]] = beaten["scores"].max() + 1
        ten = records("ten records", g, n=10, shift=1.5, fpr=0.2)
        others = ten["scores"][~ten["member"]].sort(descending=True).values
        # A member between the first and the second other that may not be accused: who is off by one counts it.
        ten["scores"][ten["member"].nonzero()[0, 0]] = others[1:3].mean()
        return [
            ten,
            records("40 records, FPR of .1 %", g, n=40, shift=2.0, fpr=0.001),
            records("200 records, FPR of 5 %", g, n=200, shift=1.0, fpr=0.05),
            records("many have the same score", g, n=120, shift=1.0, rounded=True, fpr=0.1),
            beaten,
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"tpr": tensor(answer(case["scores"], case["member"], case["fpr"]), name="tpr_at")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each common mistake gives."""
        scores, member, most = case["scores"], case["member"], case["fpr"]
        tpr, fpr = rates(scores, member)
        order = torch.stack([fpr, tpr]).T[(fpr + 1e-6 * tpr).argsort()]
        x, y = order[:, 0].numpy(), order[:, 1].numpy()
        near, far = one_by_one(scores, member)
        others = scores[~member].sort(descending=True).values
        allowed = math.floor(most * len(others) + 1e-9)
        at, above = scores >= others[allowed], scores > others[min(allowed + 1, len(others) - 1)]
        guess = scores >= scores[member].quantile(1 - most)
        close(
            number(outputs["tpr"], "the rate"),
            tpr_at(scores, member, most),
            what="the rate",
            mistaken=[
                ("records with the same score are split: a threshold takes all of them or none",
                 near[far <= most + 1e-12].max()),
                ("one false accusation too many: the FPR must stay at or below `fpr`", above[member].double().mean()),
                ("one false accusation too many: the FPR must stay at or below `fpr`", at[member].double().mean()),
                ("the line between two points of the curve is no threshold: take the highest point with FPR ≤ `fpr`",
                 torch.tensor(float(interpolated(most, x, y)))),
                ("an FPR of exactly `fpr` is allowed", tpr[fpr < most].max()),
                ("the two rates are exchanged: `fpr` limits the share of the *others*", fpr[tpr <= most].max()),
                ("the threshold leaves a share of *members* above it: it is the others whose share is limited",
                 guess[member].double().mean()),
                ("this is the share among all records: divide by the number of members",
                 tpr[fpr <= most].max() * member.double().mean()),
            ],
            dtype=False,
        )  # fmt: skip


def interpolated(at: float, x: Any, y: Any) -> float:
    """The curve's height with straight lines between its points."""
    import numpy as np

    return float(np.interp(at, x, y))


# ── lira ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def lira(phi: Tensor, shadow: Tensor, members: Tensor) -> Tensor:
    """log Λ of each record, each with its own two Gaussians: (n,), (m, n), (m, n) → (n,)."""
    return membership.lira(phi, shadow, members, pooled=False)


class Lira(Check):
    """Carlini's likelihood ratio."""

    key = "membership.lira"
    points = 3
    reference = staticmethod(lira)
    forbidden = (membership.lira, membership.lira_offline)

    def inputs(self, seed: int) -> list[Case]:
        """One record with four shadow models; several; unequally many; records on different scales; float64."""
        g = generator(seed)

        def case(name: str, m: int, n: int, *, even: bool = True, dtype: Any = torch.float32) -> Case:
            members = membership.paired_halves(2 * ((n + 1) // 2), models=m, generator=g)[:, :n]
            if not even:
                members = torch.rand(m, n, generator=g) < 0.4
                members[:2], members[2:4] = True, False
            level, scale = 3 * torch.randn(n, generator=g), 0.5 + 2 * torch.rand(n, generator=g)
            shadow = level + scale * torch.randn(m, n, generator=g) * (1 + 0.5 * members) + 2 * members
            phi = level + scale * torch.randn(n, generator=g) + 1
            return {"case": name, "phi": phi.to(dtype), "shadow": shadow.to(dtype), "members": members}

        return [
            case("one record, eight shadow models", 8, 1),
            case("twelve records", 10, 12),
            case("records in unequally many models", 12, 9, even=False),
            case("float64", 16, 20, dtype=torch.float64),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"score": tensor(answer(case["phi"], case["shadow"], case["members"]), name="lira")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each common mistake gives."""
        phi, shadow, members = case["phi"].double(), case["shadow"].double(), case["members"]
        close(
            outputs["score"],
            lira(case["phi"], case["shadow"], members),
            what="the score",
            mistaken=usual_ratios(phi, shadow, members),
            atol=1e-3,
            rtol=1e-3,
        )


def usual_ratios(phi: Tensor, shadow: Tensor, members: Tensor) -> list[tuple[str, Tensor]]:
    """What log Λ becomes with each of the usual mistakes."""

    def moments(which: Tensor, correction: int = 1) -> tuple[Tensor, Tensor]:
        parts = [shadow[which[:, i], i] for i in range(shadow.shape[1])]
        return torch.stack([p.mean() for p in parts]), torch.stack([p.std(correction=correction) for p in parts])

    def log_density(mean: Tensor, std: Tensor) -> Tensor:
        return -0.5 * ((phi - mean) / std).square() - std.log()

    (m1, s1), (m0, s0) = moments(members), moments(~members)
    ratio = log_density(m1, s1) - log_density(m0, s0)
    constant = 0.5 * math.log(2 * math.pi)
    pooled = [(shadow[which].mean(), shadow[which].std()) for which in (members, ~members)]
    common = log_density(*pooled[0]) - log_density(*pooled[1])
    crude = [moments(which, correction=0) for which in (members, ~members)]
    return [
        ("“in” and “out” are exchanged: a member should get a *high* score", -ratio),
        ("this is the ratio: its logarithm is asked for, which doesn't overflow", ratio.exp()),
        ("the log σ of the densities is missing: without it the wider Gaussian always looks likelier",
         ratio + s1.log() - s0.log()),
        ("σ is used where σ² belongs, or the other way round: (φ − μ)²/2σ²",
         -0.5 * (phi - m1).square() / s1 - s1.log() + 0.5 * (phi - m0).square() / s0 + s0.log()),
        ("the ½ of the exponent is missing: (φ − μ)²/2σ²",
         -((phi - m1) / s1).square() - s1.log() + ((phi - m0) / s0).square() + s0.log()),
        ("all records share one mean and deviation: each record has its own, a column of `shadow`", common),
        ("only the models that saw the record are used: compare with those that didn't", log_density(m1, s1)),
        ("only the models that saw the record are used: compare with those that didn't",
         log_density(m1, s1) - constant),
        ("only the models that did not see the record are used", -log_density(m0, s0)),
        ("only the models that did not see the record are used", -log_density(m0, s0) + constant),
        ("the deviations divide by n: the sample deviation, which `std` gives by default, divides by n − 1",
         log_density(*crude[0]) - log_density(*crude[1])),
    ]  # fmt: skip


# ── eve_loss ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def eve_loss(on_synthetic: Tensor, on_fresh: Tensor) -> Tensor:
    """The loss of Eve's own discriminator from its logits on both kinds: (n,), (m,) → one number."""
    return membership.discriminator_loss(on_synthetic, on_fresh)


class EveLoss(Check):
    """The deck's attack on a release of synthetic data."""

    key = "membership.eve_loss"
    points = 1
    reference = staticmethod(eve_loss)
    forbidden = (membership.discriminator_loss, membership.own_discriminator)

    def inputs(self, seed: int) -> list[Case]:
        """One of each; as many; three times as many synthetic ones; logits of hundreds; float64."""
        g = generator(seed)

        def case(name: str, n: int, m: int, *, scale: float = 1.5, dtype: Any = torch.float32) -> Case:
            made = (
                scale * (torch.randn(size, generator=g, dtype=dtype) + shift) for size, shift in ((n, 0.8), (m, -0.3))
            )
            return dict(zip(("case", "on_synthetic", "on_fresh"), (name, *made)))

        return [
            case("one of each", 1, 1),
            case("eight of each", 8, 8),
            case("three times as many synthetic ones", 12, 4),
            case("logits of hundreds", 5, 7, scale=300.0),
            case("float64", 6, 6, dtype=torch.float64),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """The loss, and its slope by the logits."""
        made, fresh = (case[name].clone().requires_grad_() for name in ("on_synthetic", "on_fresh"))
        loss = answer(made, fresh)
        outputs = {"loss": tensor(loss, name="eve_loss")}
        grads: Any = (None, None)
        if isinstance(loss, Tensor) and loss.requires_grad and loss.numel() == 1:
            grads = torch.autograd.grad(loss.sum(), [made, fresh], allow_unused=True)
        for name, grad, at in zip(("synthetic", "fresh"), grads, (made, fresh)):
            outputs[name] = torch.zeros_like(at) if grad is None else grad
        return outputs

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare the value with what each common mistake gives; then the slopes."""
        made, fresh = (case[name].clone().requires_grad_() for name in ("on_synthetic", "on_fresh"))
        if outputs["loss"].ndim:
            raise Wrong("the loss is one number", expected="a scalar", given=text(outputs["loss"]))
        expected = eve_loss(made, fresh)
        slopes = torch.autograd.grad(expected, [made, fresh])
        close(outputs["loss"], expected.detach(), what="the loss", mistaken=usual_losses(made.detach(), fresh.detach()))
        for name, slope in zip(("synthetic", "fresh"), slopes):
            if not agree(outputs[name], slope, atol=1e-6):
                raise Wrong("the value is right, but its gradient is not: nothing may be detached", expected=slope)


def usual_losses(made: Tensor, fresh: Tensor) -> list[tuple[str, Tensor]]:
    """What Eve's loss becomes with each of the usual mistakes."""
    up, down = functional.softplus(-made), functional.softplus(fresh)
    wrong = functional.softplus(made).mean(), functional.softplus(-fresh).mean()
    p, q = made.sigmoid(), fresh.sigmoid()
    naive = (-p.log().mean() - (1 - q).log().mean()) / 2
    return [
        ("it is the usual way round: here *synthetic* is 1 and fresh is 0", (wrong[0] + wrong[1]) / 2),
        ("both kinds are called 1: fresh data are 0", (up.mean() + wrong[1]) / 2),
        ("both kinds are called 0: synthetic data are 1", (wrong[0] + down.mean()) / 2),
        ("the two halves are added: take their mean, ½ of each", up.mean() + down.mean()),
        ("the larger set outweighs the other: take the mean of each kind first", torch.cat([up, down]).mean()),
        ("only the synthetic half is there", up.mean() / 2),
        ("only the synthetic half is there", up.mean()),
        ("only the fresh half is there", down.mean() / 2),
        ("only the fresh half is there", down.mean()),
        ("log σ(z) overflows for large logits: use softplus, logsigmoid or the loss *with logits*", naive),
        ("these are squared errors: take the cross-entropy", ((p - 1).square().mean() + q.square().mean()) / 2),
        ("the logits have gone through the sigmoid twice",
         (functional.softplus(-p).mean() + functional.softplus(q).mean()) / 2),
    ]  # fmt: skip


# ── clipped_mean ──────────────────────────────────────────────────────────────────────────────────────────────────────


def clipped_mean(gradients: list[Tensor], C: float) -> list[Tensor]:
    """The mean over samples of their gradients, each shortened to length C over all layers: [(n, …)] → [(…)]."""
    clipped = membership.clip({str(i): g for i, g in enumerate(gradients)}, C=C)
    return [g.mean(0) for g in clipped.values()]


class ClippedMean(Check):
    """DP-SGD without its noise."""

    key = "membership.clipped_mean"
    points = 2
    reference = staticmethod(clipped_mean)
    forbidden = (membership.clip, membership.private_gradient, membership.gradient_norms)

    def inputs(self, seed: int) -> list[Case]:
        """One layer, two samples; layers together; some short, some long; one sample; a zero gradient; float64."""
        g = generator(seed)

        def case(name: str, n: int, shapes: list[tuple[int, ...]], C: float, *, dtype: Any = torch.float32) -> Case:
            size = torch.where(torch.arange(n) % 2 == 0, 0.05, 2.0)
            each = [torch.randn(n, *s, generator=g, dtype=dtype) for s in shapes]
            each = [e * size.view(-1, *[1] * len(s)).to(dtype) for e, s in zip(each, shapes)]
            # Layers of unequal size: who clips layer by layer gets something else.
            return {"case": name, "layers": len(each), "C": C} | {f"g{i}": e * (1 + i) for i, e in enumerate(each)}

        zero = case("a gradient of zero", 3, [(4,), (2, 2)], 1.0)
        for i in range(2):
            zero[f"g{i}"][0] = 0
        return [
            case("one layer, two samples, one of them long", 2, [(3,)], 1.0),
            case("three layers", 6, [(4, 3), (4,), (2, 4)], 0.7),
            case("a long clip: hardly anybody is shortened", 4, [(3, 2), (3,)], 6.0),
            case("one sample", 1, [(5,), (2,)], 0.01),
            zero,
            case("float64", 5, [(3, 3), (3,)], 0.5, dtype=torch.float64),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        given = answer([case[f"g{i}"] for i in range(case["layers"])], case["C"])
        if given is None or isinstance(given, Tensor) or len(given) != case["layers"]:
            what = (
                "nothing" if given is None else "one tensor" if isinstance(given, Tensor) else f"{len(given)} tensors"
            )
            raise Wrong(f"clipped_mean returned {what}: a list with one tensor for each of {case['layers']} layers")
        return {f"mean{i}": tensor(g, name="clipped_mean") for i, g in enumerate(given)}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare all layers as one vector with labkit's, and with what each common mistake gives."""
        gradients, C = [case[f"g{i}"] for i in range(case["layers"])], case["C"]
        expected = clipped_mean(gradients, C)
        for i, wanted in enumerate(expected):
            if outputs[f"mean{i}"].shape != wanted.shape:
                shapes = {"expected": tuple(wanted.shape), "given": tuple(outputs[f"mean{i}"].shape)}
                raise Wrong("a layer has the wrong shape: the mean is over samples, the first dimension", **shapes)
        whole = torch.cat([g.flatten() for g in expected])
        given = torch.cat([outputs[f"mean{i}"].flatten() for i in range(len(expected))])
        if given.isnan().any():
            raise Wrong("it holds nan: a gradient of length 0 must not be divided by its length", given=given)
        close(given, whole, what="the mean", mistaken=usual_means(gradients, C))


def usual_means(gradients: list[Tensor], C: float) -> list[tuple[str, Tensor]]:
    """What the clipped mean becomes with each of the usual mistakes, as one vector."""
    each = torch.cat([g.flatten(1) for g in gradients], dim=1)
    norms = each.norm(dim=1, keepdim=True).clamp_min(1e-12)
    factor = (C / norms).clamp_max(1)
    mean = each.mean(0)
    layers = torch.cat([_shortened(g.flatten(1), C) for g in gradients], dim=1)
    return [
        ("nothing is clipped", mean),
        ("the *mean* is clipped: one long gradient has moved it already; clip each sample's",
         mean * min(1.0, C / max(float(mean.norm()), 1e-12))),
        ("every layer is clipped by its own length: take the length over all layers together", layers.mean(0)),
        ("every gradient is brought to length C, short ones too: they stay as they are", (each * C / norms).mean(0)),
        ("every gradient is brought to length 1, whatever C is", (each / norms).mean(0)),
        ("each number is clipped by itself: it is the length of the gradient that is limited",
         each.clamp(-C, C).mean(0)),
        ("these are sums: divide by the number of samples", (each * factor).sum(0)),
        ("the length is squared: take the root", (each * (C / norms.square()).clamp_max(1)).mean(0)),
        ("long gradients are left out: shorten them", (each * (norms <= C)).mean(0)),
        ("divided by C: the result has the gradients' own scale", (each * factor).mean(0) / C),
    ]  # fmt: skip


def _shortened(g: Tensor, C: float) -> Tensor:
    return g * (C / g.norm(dim=1, keepdim=True).clamp_min(1e-12)).clamp_max(1)


CHECKS = (Advantage(), LossAttack(), TprAt(), Lira(), EveLoss(), ClippedMean())
