"""Topic ``fair``: what the answers of exercise 17 must satisfy."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from labkit import fair, nets
from labkit.checks.protocol import Case, Check, Outputs, Wrong, agree, close
from labkit.checks.tensors import generator, gradient, tensor

# ── the three gaps ────────────────────────────────────────────────────────────────────────────────────────────────────


def people(g: torch.Generator, n: int, share: float = 0.4) -> tuple[Tensor, Tensor, Tensor]:
    """Decisions, outcomes and groups of ``n`` + 8 people, in whom no two ways to measure a gap agree by chance."""
    corners = torch.cartesian_prod(torch.arange(2), torch.arange(2), torch.arange(2))
    while True:
        a = (torch.rand(n, generator=g) < share).long()
        y = (torch.rand(n, generator=g) < 0.6 - 0.3 * a).long()
        # Far apart on purpose: for the deserving of group 1 a yes is rare, for the undeserving of group 0 it isn't.
        yes = (torch.rand(n, generator=g) < 0.35 + 0.5 * y * (1 - a) + 0.2 * y * a - 0.2 * a * (1 - y)).long()
        rows = torch.cat([corners, torch.stack([yes, y, a], dim=1)])
        yes, y, a = rows[torch.randperm(len(rows), generator=g)].unbind(1)
        if told_apart(yes, y, a):
            return yes, y, a


def told_apart(yes: Tensor, y: Tensor, a: Tensor) -> bool:
    """Whether right and mistaken gaps all differ, and those of both outcomes have the same sign."""
    true, false = float(signed(yes, a, y == 1)), float(signed(yes, a, y == 0))
    zero, one = fair.selection_rates(yes, a).tolist()
    both = (yes * y).double()
    values = [true, false, zero - one, (true + false) / 2, true + false, float(signed(y, a, yes == 1))]
    values += [float(both[a == 0].mean() - both[a == 1].mean()), one - float(yes.double().mean())]
    values += [2 * float(a[yes == 1].double().mean()) - 1, min(zero / one, one / zero), 0.0]
    ordered = torch.tensor(values).abs().sort().values
    return true * false > 0 and float(ordered.diff().min()) > 5e-3


def signed(decision: Tensor, a: Tensor, given: Tensor | None = None) -> Tensor:
    """Group 0's rate less group 1's."""
    zero, one = fair.selection_rates(decision, a, condition=given, groups=2)
    return zero - one


def number(value: Any, name: str) -> Tensor:
    """One number, whatever it came as: a tensor of one element, a float, a bool would be wrong."""
    given = tensor(value, name=name)
    if given.numel() != 1 or given.dtype == torch.bool:
        raise Wrong("expected one number", given=given)
    return given.reshape(()).double()


class Gap(Check):
    """What the checks of the three gaps have in common: the people."""

    def inputs(self, seed: int) -> list[Case]:
        """Twenty people; two hundred; group 1 rare; groups, then outcomes, change places."""
        g = generator(seed)
        cases: list[Case] = []
        for name, n, share in (("twenty people", 12, 0.5), ("two hundred", 192, 0.4), ("group 1 is rare", 300, 0.08)):
            yes, y, a = people(g, n, share)
            cases.append({"case": name, "yes": yes, "y": y, "a": a})
        cases.append({**cases[1], "case": "the groups have changed places", "a": 1 - cases[1]["a"]})
        cases.append({**cases[1], "case": "the outcomes have changed places", "y": 1 - cases[1]["y"]})
        return cases


def parity(yes: Tensor, a: Tensor) -> Tensor:
    """The reference of the first task."""
    return fair.parity_gap(yes, a)


class Parity(Gap):
    """Demographic parity."""

    key = "fair.parity"
    points = 2
    reference = staticmethod(parity)
    forbidden = (fair.selection_rates, fair.gaps, fair.parity_gap)

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"gap": number(answer(case["yes"], case["a"]), "parity")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """The gap, or what the usual mistakes give."""
        yes, a = case["yes"], case["a"]
        zero, one = fair.selection_rates(yes, a).double()
        told = yes[a == 1].double().mean() - yes.double().mean()
        among_yes = a[yes == 1].double().mean()
        mistaken = {
            "the gap has no direction: take the absolute value": -(zero - one).abs(),
            "this compares group 1 with everybody; compare it with group 0": told.abs(),
            "this is the share of a group among those who were told yes; asked is the share of yes within each group": (
                2 * among_yes - 1
            ).abs(),
            "this is the ratio of the two rates; asked is their difference": torch.minimum(zero / one, one / zero),
            "these are numbers of people, not shares: a group that is larger gets more of everything": (
                (yes[a == 0].sum() - yes[a == 1].sum()).abs().double()
            ),
        }
        close(outputs["gap"], (zero - one).abs(), what="the parity gap", mistaken=mistaken)


def opportunity(yes: Tensor, y: Tensor, a: Tensor) -> Tensor:
    """The reference of the second task."""
    return fair.opportunity_gap(yes, y, a)


class Opportunity(Gap):
    """Equal opportunity."""

    key = "fair.opportunity"
    points = 2
    reference = staticmethod(opportunity)
    forbidden = (fair.selection_rates, fair.gaps, fair.opportunity_gap, fair.odds_gap)

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"gap": number(answer(case["yes"], case["y"], case["a"]), "opportunity")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """The gap, or what the usual mistakes give."""
        yes, y, a = case["yes"], case["y"], case["a"]
        expected = signed(yes, a, y == 1).double().abs()
        both = (yes * y).double()
        mistaken = {
            "the gap has no direction: take the absolute value": -expected,
            "this is the parity gap: y has not been used": signed(yes, a).double().abs(),
            "this looks at those with y = 0; the opportunity is that of those with y = 1": (
                signed(yes, a, y == 0).double().abs()
            ),
            "this is precision: among those who were told yes, how many repay. Asked is, among those who repay, how "
            "many are told yes": signed(y, a, yes == 1).double().abs(),
            "this divides by everybody of the group; divide by those of them with y = 1": (
                (both[a == 0].mean() - both[a == 1].mean()).abs()
            ),
        }
        close(outputs["gap"], expected, what="the opportunity gap", mistaken=mistaken)


def odds(yes: Tensor, y: Tensor, a: Tensor) -> Tensor:
    """The reference of the third task."""
    return fair.odds_gap(yes, y, a)


class Odds(Gap):
    """Equalised odds."""

    key = "fair.odds"
    points = 1
    reference = staticmethod(odds)
    forbidden = (fair.selection_rates, fair.gaps, fair.opportunity_gap, fair.odds_gap)

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"gap": number(answer(case["yes"], case["y"], case["a"]), "odds")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """The gap, or what the usual mistakes give."""
        yes, y, a = case["yes"], case["y"], case["a"]
        true, false = (signed(yes, a, y == k).double() for k in (1, 0))
        expected = torch.maximum(true.abs(), false.abs())
        mistaken = {
            "this is the gap among those with y = 1 alone; equalised odds asks for those with y = 0 too": true.abs(),
            "this is the gap among those with y = 0 alone; equalised odds asks for those with y = 1 too": false.abs(),
            "this is the mean of the two gaps; asked is the larger one": (true.abs() + false.abs()) / 2,
            "this is the sum of the two gaps; asked is the larger one": true.abs() + false.abs(),
            "take the absolute value of each gap before you take the larger": torch.maximum(true, false),
            "the difference is group 0 less group 1, and it may be negative: take absolute values first": (
                torch.maximum(-true, -false)
            ),
        }
        close(outputs["gap"], expected, what="the odds gap", mistaken=mistaken)


# ── the adversary's loss ──────────────────────────────────────────────────────────────────────────────────────────────


def adversary_loss(logits: Tensor, a: Tensor) -> Tensor:
    """The reference of the fourth task."""
    return fair.adversary_loss(logits, torch.zeros_like(a), a)


class AdversaryLoss(Check):
    """Cross-entropy in which both groups weigh the same."""

    key = "fair.adversary_loss"
    points = 2
    reference = staticmethod(adversary_loss)
    forbidden = (fair.adversary_loss, fair.cell_mean)

    def inputs(self, seed: int) -> list[Case]:
        """One person of group 1 and three of group 0; many with a rare group; float64; logits of ±200."""
        g = generator(seed)

        def case(name: str, a: Tensor, scale: float = 1.5, dtype: torch.dtype = torch.float32) -> Case:
            logits = scale * torch.randn(len(a), generator=g) + 0.5 * scale
            order = torch.randperm(len(a), generator=g)
            return {"case": name, "logits": logits.to(dtype), "a": a[order]}

        return [
            case("one of group 1, three of group 0", torch.tensor([1, 0, 0, 0])),
            case("nine of group 1, ninety of group 0", (torch.arange(99) < 9).long()),
            case("float64", (torch.arange(20) < 14).long(), dtype=torch.float64),
            case("an adversary that is very sure", (torch.arange(12) < 4).long(), scale=200.0),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer, and ask for the gradient of what comes back."""
        logits = case["logits"].clone().requires_grad_()
        value = answer(logits, case["a"])
        if isinstance(value, Tensor) and value.requires_grad and value.numel() == 1:
            (gradient,) = torch.autograd.grad(value.sum(), logits, allow_unused=True)
        else:
            gradient = None
        return {"loss": tensor(value), "gradient": torch.zeros(0) if gradient is None else gradient}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """The value, then the gradient."""
        logits, a = case["logits"], case["a"]
        each = functional.binary_cross_entropy_with_logits(logits, a.to(logits.dtype), reduction="none")
        within = torch.stack([each[a == group].mean() for group in (0, 1)])
        p = logits.sigmoid()
        flipped = functional.binary_cross_entropy_with_logits(logits, 1 - a.to(logits.dtype), reduction="none")
        mistaken = {
            "this is the mean over people: the larger group decides. Take each group's mean first": each.mean(),
            "this is the sum of the two groups' means; asked is their mean": within.sum(),
            "this is the sum over people; asked is the mean of the two groups' means": each.sum(),
            "the logits went through the sigmoid twice: one of the two functions does that by itself": torch.stack(
                [
                    functional.binary_cross_entropy_with_logits(p, a.to(p.dtype), reduction="none")[a == k].mean()
                    for k in (0, 1)
                ]
            ).mean(),
            "the groups are mixed up: a logit above 0 says group 1": torch.stack(
                [flipped[a == k].mean() for k in (0, 1)]
            ).mean(),
            "a loss goes down where the adversary is right: the sign is the other way round": -within.mean(),
        }
        given = outputs["loss"]
        if not torch.isfinite(given).all() or (case["case"].endswith("very sure") and not agree(given, within.mean())):
            raise Wrong(
                "for an adversary that is very sure the loss must stay finite and exact: log(sigmoid(z)) rounds to "
                "log(0); PyTorch has one function that does both from the logit",
                expected=within.mean(),
                given=given,
            )
        close(given, within.mean(), what="the loss", mistaken=mistaken)
        if outputs["gradient"].shape != logits.shape:
            raise Wrong("no gradient reaches the logits: is something detached, or turned into a number?")


# ── the two objectives ────────────────────────────────────────────────────────────────────────────────────────────────


def objectives(
    model: nets.MLP, adversary: nets.MLP, x: Tensor, y: Tensor, a: Tensor, lambda_: float
) -> tuple[Tensor, Tensor]:
    """The reference of the fifth task: what the model descends, and what the adversary descends."""
    h = model.features(x)
    task = functional.cross_entropy(model.head(h), y)
    nothing = torch.zeros_like(y)
    for_model = task - lambda_ * fair.adversary_loss(adversary(h)[:, 0], nothing, a)
    return for_model, fair.adversary_loss(adversary(h.detach())[:, 0], nothing, a)


class Objectives(Check):
    """What model and adversary go down."""

    key = "fair.objectives"
    points = 4
    reference = staticmethod(objectives)
    forbidden = (fair.alternating_step, fair.reversal_step)

    def inputs(self, seed: int) -> list[Case]:
        """A small model and adversary; λ of .5, of 3, and 0; a rare group."""
        g = generator(seed)

        def case(name: str, n: int, lambda_: float, share: float) -> Case:
            a = (torch.arange(n) < max(2, round(share * n))).long()[torch.randperm(n, generator=g)]
            return {
                "case": name,
                "x": torch.randn(n, 4, generator=g),
                "y": torch.randint(0, 2, (n,), generator=g),
                "a": a,
                "lambda_": lambda_,
                "start": int(torch.randint(2**31, (), generator=g)),
            }

        return [
            case("eight people, λ = 0.5", 8, 0.5, 0.5),
            case("forty, a rare group, λ = 3", 40, 3.0, 0.1),
            case("λ = 0", 16, 0.0, 0.4),
        ]

    @staticmethod
    def nets(case: Case) -> tuple[nets.MLP, nets.MLP]:
        """The two networks of a case."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(case["start"])
            model = nets.MLP(4, 2, hidden=(5,), mean=0.0, std=1.0)
            return model, nets.MLP(5, 1, hidden=(6,), mean=0.0, std=1.0)

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer; the two values, and the gradient of each with respect to each network."""
        model, adversary = self.nets(case)
        given = answer(model, adversary, case["x"], case["y"], case["a"], case["lambda_"])
        if given is None:
            raise Wrong("objectives returned nothing: is a `return` missing?")
        if not isinstance(given, tuple | list) or len(given) != 2:
            raise Wrong("expected two scalars: what the model descends, and what the adversary descends")
        one, two = (value if isinstance(value, Tensor) else tensor(value, name="objectives") for value in given)
        if one.numel() != 1 or two.numel() != 1:
            raise Wrong("each of the two is one number", given=(tuple(one.shape), tuple(two.shape)))
        return {
            "one": one.detach().reshape(()),
            "two": two.detach().reshape(()),
            "model": gradient(one, model),
            "adversary": gradient(two, adversary),
            "leak": gradient(two, model),
        }

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Values, then where the gradients go."""
        model, adversary = self.nets(case)
        x, y, a, lambda_ = case["x"], case["y"], case["a"], case["lambda_"]
        one, two = objectives(model, adversary, x, y, a, lambda_)
        h = model.features(x)
        task, target = functional.cross_entropy(model.head(h), y), a.to(h.dtype)
        plain = functional.binary_cross_entropy_with_logits(adversary(h)[:, 0], target)
        mistaken = {
            "the model must make the adversary's loss *large*: its term has a minus": task + lambda_ * two,
            "the weight λ belongs to the adversary's term": lambda_ * task - two,
            "the adversary's term has no weight: where is λ?": task - two,
            "the adversary's loss must weigh both groups alike, as in the task before": task - lambda_ * plain,
            "this is the task's loss alone: the adversary's term is missing": task,
            "the two are in the other order: the model's comes first": two,
        }
        close(outputs["one"], one.detach(), what="what the model descends", mistaken=detached(mistaken))
        mistaken = {
            "λ is the model's business: the adversary descends its own loss": lambda_ * two,
            "the adversary goes *down* its loss; only the model goes up": -two,
            "the adversary's loss must weigh both groups alike, as in the task before": plain,
        }
        close(outputs["two"], two.detach(), what="what the adversary descends", mistaken=detached(mistaken))
        if outputs["leak"].abs().max() > 0:
            raise Wrong(
                "the adversary's loss reaches the model: an optimiser of both would make h *easier* to read. "
                "Detach h where the adversary learns"
            )
        expected = gradient(one, model)
        if agree(outputs["model"], gradient(task, model)) and not agree(expected, gradient(task, model)):
            raise Wrong("the model gets nothing from the adversary: in the model's objective h must not be detached")
        close(outputs["model"], expected, what="the gradient of the model")
        if not agree(outputs["adversary"], gradient(two, adversary)):
            raise Wrong("no gradient, or a wrong one, reaches the adversary: what is detached there?")


def detached(mistaken: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same values without their graphs."""
    return {sentence: value.detach() for sentence, value in mistaken.items()}


# ── the probe ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def probe(h: Tensor, a: Tensor, h_test: Tensor) -> Tensor:
    """The reference of the sixth task: a fresh adversary's guesses of the groups of ``h_test``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nets.MLP(h.shape[1], 1, hidden=(32, 32), mean=0.0, std=1.0)
        optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
        for _ in range(200):
            loss = adversary_loss(net(h)[:, 0], a)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        return (net(h_test)[:, 0] > 0).long()


class Probing(Check):
    """A fresh adversary on a finished representation, judged by groups that it has not seen."""

    key = "fair.probe"
    points = 4
    seeds = 1
    reference = staticmethod(probe)
    forbidden = (fair.probe,)

    def inputs(self, seed: int) -> list[Case]:
        """A leak along a line; the same with a rare group; a leak that no line finds."""
        g = generator(seed)
        cases = []
        for name, share, ring in (
            ("the groups lie on two sides of a line", 0.5, False),
            ("one in sixteen is of group 1", 1 / 16, False),
            ("one group lies around the other", 0.4, True),
        ):
            n = 1600 if share < 0.1 else 500
            a = (torch.arange(2 * n) < round(2 * n * share)).long()[torch.randperm(2 * n, generator=g)]
            h = torch.randn(2 * n, 2, generator=g)
            if ring:
                plane = h[:, :2] / h[:, :2].norm(dim=1, keepdim=True)
                h[:, :2] = plane * (1 + 1.2 * a[:, None] + 0.25 * torch.randn(2 * n, 1, generator=g))
            else:
                direction = functional.normalize(torch.randn(2, generator=g), dim=0)
                h = h + (2.0 if share < 0.1 else 2.6) * a[:, None] * direction
            cases.append({"case": name, "h": h[:n], "a": a[:n], "h_test": h[n:], "secret": a[n:]})
        return cases

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer: it doesn't get the groups of the test samples."""
        return {"guess": tensor(answer(case["h"].clone(), case["a"].clone(), case["h_test"].clone()), name="probe")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """The balanced accuracy of the guesses.

        Over ten seeds right answers have at least .87, .80 and .97 in the three cases; one that doesn't weigh the
        groups has at most .69 in the second, a straight line at most .54 in the third.
        """
        guess, a = outputs["guess"], case["secret"]
        if guess.shape != a.shape:
            raise Wrong("expected one guess for each row of h_test", expected=tuple(a.shape), given=tuple(guess.shape))
        if not bool(((guess == 0) | (guess == 1)).all()):
            raise Wrong("guesses are 0 or 1: cut the logits at 0, or the probabilities at one half", given=guess)
        guess = guess.long()
        shares = [float((guess[a == k] == k).double().mean()) for k in (0, 1)]
        balanced = sum(shares) / 2
        if balanced < 0.3:
            raise Wrong(f"balanced accuracy {balanced:.2f}: far below chance, so the two groups are mixed up")
        if len(guess.unique()) == 1:
            raise Wrong("it says the same for everybody: that is right for one group and always wrong for the other")
        if case["case"].startswith("one in") and balanced < 0.74:
            raise Wrong(
                f"right for {shares[0]:.0%} of group 0 and {shares[1]:.0%} of group 1: it overlooks the rare group. "
                "Weigh both groups alike in the probe's loss"
            )
        if case["case"].startswith("one group") and balanced < 0.75:
            raise Wrong(
                f"balanced accuracy {balanced:.2f} where another classifier sees the truth at once: no straight line "
                "tells these groups apart, and an adversary need not be straight. Give the probe hidden layers, and "
                "time to learn"
            )
        if balanced < 0.74:
            raise Wrong(
                f"balanced accuracy {balanced:.2f}; a small net trained to the end finds more. Is it trained, on h "
                "and a, long enough?"
            )


CHECKS = (Parity(), Opportunity(), Odds(), AdversaryLoss(), Objectives(), Probing())
