"""Topic ``fair``: what is right in exercise 17, and what is likely wrong."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labkit import fair, nets
from labkit.checks.bank import mistake, mistakes, reference, verdict
from labkit.checks.protocol import Case, Outputs, Wrong
from labkit.checks.tensors import tensor

# ── parity ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("fair.parity", instead_of=(fair.selection_rates, fair.gaps, fair.parity_gap))
def parity(yes: Tensor, a: Tensor) -> Tensor:
    """How far the shares of yes in the two groups are apart."""
    return fair.parity_gap(yes, a)


def shares(combine: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An answer that is ``combine`` of the decisions of group 0 and of group 1, as 0.0 and 1.0."""
    return lambda yes, a: combine(yes[a == 0].double(), yes[a == 1].double())


NO_DIRECTION = "the gap has no direction: take the absolute value"

mistakes("fair.parity", {
    NO_DIRECTION: (lambda p, q: p.mean() - q.mean(), lambda p, q: q.mean() - p.mean(),
                   lambda p, q: -(p.mean() - q.mean()).abs()),
    "this compares group 1 with everybody; compare it with group 0":
        lambda p, q: (q.mean() - torch.cat([p, q]).mean()).abs(),
    "this compares group 0 with everybody; compare it with group 1":
        lambda p, q: (p.mean() - torch.cat([p, q]).mean()).abs(),
    "each group is compared with everybody: compare the two with each other": (
        lambda p, q: torch.stack([p.mean(), q.mean()]).sub(torch.cat([p, q]).mean()).abs().max(),
        lambda p, q: torch.stack([p.mean(), q.mean()]).sub(torch.cat([p, q]).mean()).abs().mean()),
    "this is the share of a group among those who were told yes; asked is the share of yes within each group":
        lambda p, q: (p.sum() - q.sum()).abs() / (p.sum() + q.sum()),
    "this is the ratio of the two rates; asked is their difference":
        (lambda p, q: torch.minimum(p.mean() / q.mean(), q.mean() / p.mean()), lambda p, q: p.mean() / q.mean(),
         lambda p, q: q.mean() / p.mean(), lambda p, q: 1 - torch.minimum(p.mean() / q.mean(), q.mean() / p.mean())),
    "these are numbers of people, not shares: a group that is larger gets more of everything":
        lambda p, q: (p.sum() - q.sum()).abs(),
    "each number is divided by all people: divide it by the size of its own group":
        lambda p, q: (p.sum() - q.sum()).abs() / (len(p) + len(q)),
    "this is the sum of the two shares; asked is their difference": lambda p, q: p.mean() + q.mean(),
    "this is the mean of the two shares; asked is their difference": lambda p, q: (p.mean() + q.mean()) / 2,
    "this is the share of yes in group 0 alone: take away that in group 1": lambda p, q: p.mean(),
    "this is the share of yes in group 1 alone: compare it with group 0": lambda p, q: q.mean(),
    "this is the correlation of decision and group: compare the shares of yes":
        lambda p, q: torch.corrcoef(torch.stack([torch.cat([p, q]), torch.cat([0 * p, 0 * q + 1])]))[0, 1].abs(),
    "this is the share of yes among all": lambda p, q: torch.cat([p, q]).mean(),
}, of=shares)  # fmt: skip
mistakes("fair.parity", {
    "this is how often the decision equals the group: compare the shares of yes in the two groups":
        lambda yes, a: (yes == a).double().mean(),
    "yes and a are exchanged: within each group, how many are told yes?":
        lambda yes, a: (a[yes == 1].double().mean() - a[yes == 0].double().mean()).abs(),
})  # fmt: skip

# ── opportunity ───────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("fair.opportunity", instead_of=(fair.selection_rates, fair.gaps, fair.opportunity_gap, fair.odds_gap))
def opportunity(yes: Tensor, y: Tensor, a: Tensor) -> Tensor:
    """The gap among those with y = 1."""
    return fair.opportunity_gap(yes, y, a)


def lead(decision: Tensor, a: Tensor, among: Tensor | bool = True) -> Tensor:
    """Group 0's share of 1 less group 1's, among some people."""
    there = torch.ones_like(a, dtype=torch.bool) & among
    zero, one = (decision[(a == k) & there].double().mean() for k in (0, 1))
    return zero - one


mistakes("fair.opportunity", {
    NO_DIRECTION: (lambda yes, y, a: lead(yes, a, y == 1), lambda yes, y, a: -lead(yes, a, y == 1),
                   lambda yes, y, a: -lead(yes, a, y == 1).abs()),
    "this is the parity gap: y has not been used": lambda yes, y, a: lead(yes, a).abs(),
    "this looks at those with y = 0; the opportunity is that of those with y = 1":
        lambda yes, y, a: lead(yes, a, y == 0).abs(),
    "this is precision: among those who were told yes, how many repay. Asked is, among those who repay, how many are "
    "told yes": lambda yes, y, a: lead(y, a, yes == 1).abs(),
    "this divides by everybody of the group; divide by those of them with y = 1":
        lambda yes, y, a: lead(yes * y, a).abs(),
    "this divides by all with y = 1; divide by those of each group": lambda yes, y, a: (
        (yes[(y == 1) & (a == 0)].sum() - yes[(y == 1) & (a == 1)].sum()).abs() / (y == 1).sum()),
    "`|` is *or*: both must hold, so take `&`": lambda yes, y, a: (
        yes[(a == 0) | (y == 1)].double().mean() - yes[(a == 1) | (y == 1)].double().mean()).abs(),
    "`(a == 0) & y` gives whole numbers, and these pick the people 0 and 1: write `(a == 0) & (y == 1)`":
        lambda yes, y, a: (yes[(a == 0) & y].double().mean() - yes[(a == 1) & y].double().mean()).abs(),
    "this is the share of noes among all with y = 1: compare the two groups":
        lambda yes, y, a: 1 - yes[y == 1].double().mean(),
    "these are numbers of people, not shares": lambda yes, y, a: (
        yes[(y == 1) & (a == 0)].sum() - yes[(y == 1) & (a == 1)].sum()).abs(),
    "y and a are exchanged: compare the two groups, among those with y = 1":
        lambda yes, y, a: lead(yes, y, a == 1).abs(),
    "this compares the outcomes of the groups: where are the decisions?": lambda yes, y, a: lead(y, a).abs(),
    "this compares how often the decision is right: only those with y = 1 count":
        lambda yes, y, a: lead((yes == y).long(), a).abs(),
    "this is the larger of two gaps: here only that among those with y = 1":
        lambda yes, y, a: torch.maximum(lead(yes, a, y == 1).abs(), lead(yes, a, y == 0).abs()),
    "this compares group 1 with everybody who repays; compare it with group 0": lambda yes, y, a: (
        yes[(y == 1) & (a == 1)].double().mean() - yes[y == 1].double().mean()).abs(),
    "this is the share of yes among all with y = 1: compare the two groups":
        lambda yes, y, a: yes[y == 1].double().mean(),
})  # fmt: skip

# ── odds ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("fair.odds", instead_of=(fair.selection_rates, fair.gaps, fair.opportunity_gap, fair.odds_gap))
def odds(yes: Tensor, y: Tensor, a: Tensor) -> Tensor:
    """The larger of the gaps among those with y = 1 and among those with y = 0."""
    return fair.odds_gap(yes, y, a)


def leads(combine: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """An answer that is ``combine`` of group 0's lead among those with y = 1 and among those with y = 0."""
    return lambda yes, y, a: combine(lead(yes, a, y == 1), lead(yes, a, y == 0))


mistakes("fair.odds", {
    "this is the gap among those with y = 1 alone; equalised odds asks for those with y = 0 too": lambda p, q: p.abs(),
    "this is the gap among those with y = 0 alone; equalised odds asks for those with y = 1 too": lambda p, q: q.abs(),
    "this is the mean of the two gaps; asked is the larger one": lambda p, q: (p.abs() + q.abs()) / 2,
    "this is the sum of the two gaps; asked is the larger one": lambda p, q: p.abs() + q.abs(),
    "this is the smaller of the two gaps; asked is the larger one": lambda p, q: torch.minimum(p.abs(), q.abs()),
    "take the absolute value of each gap before you take the larger": torch.maximum,
    "the difference is group 0 less group 1, and it may be negative: take absolute values first":
        lambda p, q: torch.maximum(-p, -q),
    "take the absolute value of each gap before you take the larger, not after": lambda p, q: torch.maximum(p, q).abs(),
    "the gaps are added up with their signs: take absolute values, then the larger":
        (lambda p, q: p + q, lambda p, q: (p + q).abs(), lambda p, q: (p + q) / 2, lambda p, q: (p + q).abs() / 2),
    "this is the difference of the two gaps; asked is the larger one":
        (lambda p, q: p - q, lambda p, q: (p - q).abs(), lambda p, q: p.abs() - q.abs(),
         lambda p, q: (p.abs() - q.abs()).abs()),
    "this is the position of the larger gap, as argmax gives it: the gap itself is asked for":
        lambda p, q: (p.abs() > q.abs()).double(),
    "this is the product of the two gaps; asked is the larger one": lambda p, q: (p * q).abs(),
    "this is the root of the sum of squares; asked is the larger of the two": torch.hypot,
    "the gap has no direction: this is the negative": lambda p, q: -torch.maximum(p.abs(), q.abs()),
}, of=leads)  # fmt: skip


def ratio_of_odds(yes: Tensor, a: Tensor) -> Tensor:
    """What is called so elsewhere: group 0's odds of a yes over group 1's."""
    zero, one = (yes[a == k].double().mean() for k in (0, 1))
    return zero / (1 - zero) / (one / (1 - one))


mistakes("fair.odds", {
    "this is the parity gap: y has not been used": lambda yes, y, a: lead(yes, a).abs(),
    "this is the gap in accuracy: compare how often each group is told yes, for y = 0 and for y = 1":
        lambda yes, y, a: lead(yes == y, a).abs(),
    "these are the gaps among those who were told yes and no; asked are those among y = 1 and y = 0":
        lambda yes, y, a: torch.maximum(lead(y, a, yes == 1).abs(), lead(y, a, yes == 0).abs()),
    "y and a are exchanged: for each outcome compare the two groups":
        lambda yes, y, a: torch.maximum(lead(yes, y, a == 1).abs(), lead(yes, y, a == 0).abs()),
    "this is the larger of the parity gap and the gap with y = 1; asked are those with y = 1 and with y = 0":
        lambda yes, y, a: torch.maximum(lead(yes, a).abs(), lead(yes, a, y == 1).abs()),
    "the gaps are weighed by the number of people: asked is the larger one":
        lambda yes, y, a: sum(lead(yes, a, y == k).abs() * (y == k).double().mean() for k in (0, 1)),
    "this is a ratio of odds, p / (1 − p): asked is the larger of two differences of shares":
        (lambda yes, y, a: ratio_of_odds(yes, a), lambda yes, y, a: 1 / ratio_of_odds(yes, a)),
    "each gap is divided by everybody of its group: divide by those of them with that outcome":
        lambda yes, y, a: torch.maximum(lead(yes * y, a).abs(), lead(yes * (1 - y), a).abs()),
})  # fmt: skip

# ── adversary_loss ────────────────────────────────────────────────────────────────────────────────────────────────────

EXACT = (
    "for an adversary that is very sure the loss must stay finite and exact: log(sigmoid(z)) rounds to log(0); PyTorch "
    "has one function that does both from the logit"
)


@reference(
    "fair.adversary_loss",
    instead_of=(fair.adversary_loss, fair.cell_mean),
    only={"an adversary that is very sure": EXACT},
)
def adversary_loss(logits: Tensor, a: Tensor) -> Tensor:
    """Cross-entropy in which both groups weigh the same: (n,), (n,) → one number."""
    return fair.adversary_loss(logits, torch.zeros_like(a), a)


def by_group(combine: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """An answer that combines the losses of the people of group 0 and of group 1."""
    return lambda logits, a: combine(F.softplus(logits[a == 0]), F.softplus(-logits[a == 1]))


mistakes("fair.adversary_loss", {
    "this is the mean over people: the larger group decides. Take each group's mean first":
        lambda p, q: torch.cat([p, q]).mean(),
    "this is the sum of the two groups' means; asked is their mean": lambda p, q: p.mean() + q.mean(),
    "this is the sum over people; asked is the mean of the two groups' means":
        (lambda p, q: p.sum() + q.sum(), lambda p, q: (p.sum() + q.sum()) / 2),
    "group 1 is left out: the adversary must learn from both": (lambda p, q: p.mean(), lambda p, q: p.mean() / 2),
    "group 0 is left out: the adversary must learn from both": (lambda p, q: q.mean(), lambda p, q: q.mean() / 2),
    "each group's sum is divided by all people: divide it by the size of the group":
        (lambda p, q: (p.sum() + q.sum()) / (len(p) + len(q)) / 2),
    "a loss goes down where the adversary is right: the sign is the other way round":
        lambda p, q: -(p.mean() + q.mean()) / 2,
    "one group's loss is subtracted: the adversary goes down both":
        (lambda p, q: (p.mean() - q.mean()) / 2, lambda p, q: (q.mean() - p.mean()) / 2,
         lambda p, q: p.mean() - q.mean(), lambda p, q: q.mean() - p.mean()),
    "this is the larger of the two groups' means; asked is their mean": lambda p, q: torch.maximum(p.mean(), q.mean()),
    "this is the median of each group: take its mean": lambda p, q: (p.median() + q.median()) / 2,
    "`pos_weight` lets both groups weigh alike, but then the sum is divided by all people: divide it by twice the "
    "number of group 0": lambda p, q: (p.sum() + len(p) / len(q) * q.sum()) / (len(p) + len(q)),
    "`pos_weight` is upside down: group 1 gets n₀ / n₁, and the sum is divided by twice the number of group 0":
        (lambda p, q: (p.sum() + len(q) / len(p) * q.sum()) / (len(p) + len(q)),
         lambda p, q: (p.sum() + len(q) / len(p) * q.sum()) / (2 * len(p))),
    "each group is weighed by its size instead of the reverse: take each group's mean, then the mean of the two":
        (lambda p, q: (len(p) * p.sum() + len(q) * q.sum()) / (len(p) ** 2 + len(q) ** 2),
         lambda p, q: (p.mean() * len(q) + q.mean() * len(p)) / (len(p) + len(q))),
}, of=by_group)  # fmt: skip
mistakes("fair.adversary_loss", {
    "the groups are mixed up: a logit above 0 says group 1": lambda logits, a: adversary_loss(-logits, a),
    "the logits went through the sigmoid twice: one of the two functions does that by itself":
        lambda logits, a: adversary_loss(logits.sigmoid(), a),
    EXACT: lambda logits, a: -(logits[a == 1].sigmoid().log().mean() + (1 - logits[a == 0].sigmoid()).log().mean()) / 2,
    "squares or distances are no cross-entropy": (
        lambda logits, a: fair.cell_mean((logits.sigmoid() - a).square(), a),
        lambda logits, a: fair.cell_mean((logits - a).square(), a),
        lambda logits, a: fair.cell_mean((logits.sigmoid() - a).abs(), a)),
    "this is the share of mistakes: it has no gradient. Take the cross-entropy":
        lambda logits, a: fair.cell_mean(((logits > 0).long() != a).to(logits.dtype), a),
})  # fmt: skip


@mistake("fair.adversary_loss", says="no gradient reaches `logits`")
def gives_a_number_away(logits, a):
    return adversary_loss(logits, a).item()


# ── objectives ────────────────────────────────────────────────────────────────────────────────────────────────────────

REACHES = (
    "the adversary's loss reaches the model: an optimiser of both would make h *easier* to read. Detach h where the "
    "adversary learns"
)
CUT = "no gradient, or a wrong one, reaches the adversary: what is detached there?"
NOT_CUT = "the model gets nothing from the adversary: in the model's objective h must not be detached"
BACKWARD = "it calls `backward` itself: return the two scalars, and leave their gradients to the optimisers' steps"
ALIKE = "the adversary's loss must weigh both groups alike, as in the task before"


@reference(
    "fair.objectives",
    instead_of=(fair.alternating_step, fair.reversal_step),
    otherwise={
        "what the adversary's objective sends to the model": REACHES,
        "the adversary's gradient": CUT,
        "the gradients on the weights": BACKWARD,
    },
)
def objectives(model: nets.MLP, adversary: nn.Module, x: Tensor, y: Tensor, a: Tensor, lambda_: float) -> tuple:
    """What the model descends, and what the adversary descends."""
    h = model.features(x)
    task = F.cross_entropy(model.head(h), y)
    return task - lambda_ * adversary_loss(adversary(h)[:, 0], a), adversary_loss(adversary(h.detach())[:, 0], a)


def pair(combine: Callable[..., tuple[Tensor, Tensor]]) -> Callable[..., tuple[Tensor, Tensor]]:
    """An answer that is ``combine`` of h, h cut off, λ and three losses of it: the task's, the adversary's, and that of
    an adversary to whom people and not groups weigh the same."""

    def answer(model, adversary, x, y, a, lambda_):
        def task(h: Tensor) -> Tensor:
            return F.cross_entropy(model.head(h), y)

        def leak(h: Tensor) -> Tensor:
            return adversary_loss(adversary(h)[:, 0], a)

        def people(h: Tensor) -> Tensor:
            z = adversary(h)[:, 0]
            return F.binary_cross_entropy_with_logits(z, a.to(z.dtype))

        h = model.features(x)
        return combine(h, h.detach(), lambda_, task, leak, people)

    return answer


mistakes("fair.objectives", {
    "the model must make the adversary's loss *large*: its term has a minus":
        lambda h, cut, c, task, leak, people: (task(h) + c * leak(h), leak(cut)),
    "the weight λ belongs to the adversary's term": (
        lambda h, cut, c, task, leak, people: (c * task(h) - leak(h), leak(cut)),
        lambda h, cut, c, task, leak, people: (c * (task(h) - leak(h)), leak(cut)),
        lambda h, cut, c, task, leak, people: ((1 - c) * task(h) - c * leak(h), leak(cut)),
        lambda h, cut, c, task, leak, people: ((1 - c) * task(h) + c * leak(h), leak(cut))),
    "the adversary's term has no weight: where is λ?":
        lambda h, cut, c, task, leak, people: (task(h) - leak(h), leak(cut)),
    ALIKE: (lambda h, cut, c, task, leak, people: (task(h) - c * people(h), leak(cut)),
            lambda h, cut, c, task, leak, people: (task(h) - c * people(h), people(cut)),
            lambda h, cut, c, task, leak, people: (task(h) - c * leak(h), people(cut))),
    "this is the task's loss alone: the adversary's term is missing":
        lambda h, cut, c, task, leak, people: (task(h), leak(cut)),
    "this is the adversary's term alone: the task's loss is missing":
        (lambda h, cut, c, task, leak, people: (-c * leak(h), leak(cut)),
         lambda h, cut, c, task, leak, people: (-leak(h), leak(cut))),
    "the two are in the other order: the model's comes first":
        lambda h, cut, c, task, leak, people: (leak(cut), task(h) - c * leak(h)),
    "the sign of the model's objective is the other way round: it goes down the task's loss":
        lambda h, cut, c, task, leak, people: (c * leak(h) - task(h), leak(cut)),
    "λ is taken twice": lambda h, cut, c, task, leak, people: (task(h) - c * c * leak(h), leak(cut)),
    "λ is the model's business: the adversary descends its own loss":
        lambda h, cut, c, task, leak, people: (task(h) - c * leak(h), c * leak(cut)),
    "the adversary goes *down* its loss; only the model goes up": (
        lambda h, cut, c, task, leak, people: (task(h) - c * leak(h), -leak(cut)),
        lambda h, cut, c, task, leak, people: (task(h) - c * leak(h), -c * leak(cut))),
    "the adversary's objective is its loss alone: the task is the model's business": (
        lambda h, cut, c, task, leak, people: (task(h) - c * leak(h), leak(cut) - task(cut)),
        lambda h, cut, c, task, leak, people: (task(h) - c * leak(h), leak(cut) + task(cut))),
    REACHES: lambda h, cut, c, task, leak, people: (task(h) - c * leak(h), leak(h)),
    NOT_CUT: lambda h, cut, c, task, leak, people: (task(h) - c * leak(cut), leak(cut)),
    "the two are the wrong way round: the model's objective needs h with its way back, the adversary's h without it":
        lambda h, cut, c, task, leak, people: (task(h) - c * leak(cut), leak(h)),
    "the task's loss does not reach the features: the head must get h with its way back":
        (lambda h, cut, c, task, leak, people: (task(cut) - c * leak(h), leak(cut))),
    "the model's objective has no gradient: nothing of it is detached, and it is no plain number":
        (lambda h, cut, c, task, leak, people: ((task(h) - c * leak(h)).item(), leak(cut)),
         lambda h, cut, c, task, leak, people: ((task(h) - c * leak(h)).item(), leak(cut).item())),
    CUT: lambda h, cut, c, task, leak, people: (task(h) - c * leak(h), leak(cut).item()),
}, of=pair)  # fmt: skip


@mistake("fair.objectives", BACKWARD)
def calls_backward(model, adversary, x, y, a, lambda_):
    one, two = objectives(model, adversary, x, y, a, lambda_)
    one.backward()
    two.backward()
    return one, two


@mistake("fair.objectives", "the adversary guesses the outcome y here: it guesses the group a")
def guesses_the_outcome(model, adversary, x, y, a, lambda_):
    return objectives(model, adversary, x, y, y, lambda_)


@mistake("fair.objectives", "the labels of the groups are flipped and λ times that loss is added: subtract λ times the "
         "adversary's own loss")  # fmt: skip
def flips_the_groups(model, adversary, x, y, a, lambda_):
    task = F.cross_entropy(model(x), y)
    return task + lambda_ * objectives(model, adversary, x, y, 1 - a, 0.0)[1], objectives(
        model, adversary, x, y, a, 0.0
    )[1]


@mistake("fair.objectives", "this is the entropy of the adversary's guesses: subtract λ times its *loss*")
def takes_the_entropy(model, adversary, x, y, a, lambda_):
    z, task = adversary(model.features(x))[:, 0], F.cross_entropy(model(x), y)
    entropy = F.binary_cross_entropy_with_logits(z, z.sigmoid())
    return task - lambda_ * entropy, objectives(model, adversary, x, y, a, lambda_)[1]


@mistake("fair.objectives", "the decision has two logits: the task's loss is `F.cross_entropy` of both")
def takes_one_logit(model, adversary, x, y, a, lambda_):
    one, two = objectives(model, adversary, x, y, a, lambda_)
    logits, target = model(x), y.to(x.dtype)
    return one - F.cross_entropy(logits, y) + F.binary_cross_entropy_with_logits(logits[:, 0], target), two


@mistake("fair.objectives", "y and a are exchanged: the head decides about y, the adversary guesses a")
def exchanges_outcome_and_group(model, adversary, x, y, a, lambda_):
    return objectives(model, adversary, x, a, y, lambda_)


@mistake("fair.objectives", "the softmax of the decision's logits is taken twice: `cross_entropy` takes it itself")
def takes_the_softmax_twice(model, adversary, x, y, a, lambda_):
    one, two = objectives(model, adversary, x, y, a, lambda_)
    return one - F.cross_entropy(model(x), y) + F.cross_entropy(model(x).softmax(1), y), two


@mistake("fair.objectives", says="expected 2 values")
def gives_one_sum(model, adversary, x, y, a, lambda_):
    return sum(objectives(model, adversary, x, y, a, lambda_))


# ── probe ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

LEAST = 0.74
"""From this balanced accuracy on guesses are right; ``tests/test_checks_chance.py`` measures it."""


@reference("fair.probe", instead_of=(fair.probe,))
def probe(h: Tensor, a: Tensor, h_test: Tensor) -> Tensor:
    """A fresh adversary's guesses of the groups of ``h_test``."""
    return (scores(h, a, h_test) > 0).long()


def scores(
    h: Tensor,
    a: Tensor,
    h_test: Tensor,
    *,
    hidden: tuple[int, ...] = (32, 32),
    loss: Callable[..., Tensor] = adversary_loss,
    steps: int = 150,
) -> Tensor:
    """The logits of a fresh adversary."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nets.MLP(h.shape[1], 1, hidden=hidden, mean=0.0, std=1.0)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(net(h)[:, 0], a).backward()
        optimizer.step()
    return net(h_test)[:, 0].detach()


@verdict("fair.probe")
def balanced_accuracy(outputs: Outputs, case: Case) -> None:
    """How often the guesses are right, in the mean of the two groups."""
    guess, a, title = tensor(outputs["the guesses"], name="probe"), case["secret"], case["case"]
    if guess.shape != a.shape:
        raise Wrong("expected one guess for each row of h_test", expected=tuple(a.shape), given=tuple(guess.shape))
    if not bool(((guess == 0) | (guess == 1)).all()):
        raise Wrong("guesses are 0 or 1: cut the logits at 0, or the probabilities at one half", given=guess)
    shares = [float((guess.long()[a == k] == k).double().mean()) for k in (0, 1)]
    balanced = sum(shares) / 2
    if balanced >= LEAST:
        return
    if balanced < 0.3:
        raise Wrong(f"balanced accuracy {balanced:.2f}: far below chance, so the two groups are mixed up")
    if len(guess.unique()) == 1 and not title.startswith("one in"):
        raise Wrong("it says the same for everybody: that is right for one group and always wrong for the other")
    if title.startswith("one in"):
        raise Wrong(
            f"right for {shares[0]:.0%} of group 0 and {shares[1]:.0%} of group 1: it overlooks the rare group. "
            "Weigh both groups alike in the probe's loss"
        )
    if title.startswith("one group"):
        raise Wrong(
            f"balanced accuracy {balanced:.2f} where another classifier sees the truth at once: no straight line tells "
            "these groups apart, and an adversary need not be straight. Give the probe hidden layers, and time to learn"
        )
    raise Wrong(
        f"balanced accuracy {balanced:.2f}; a small net trained to the end finds more. Is it trained, on h and a, long "
        "enough?"
    )


def of_people(z: Tensor, a: Tensor) -> Tensor:
    """The loss in which people and not groups weigh the same."""
    return F.binary_cross_entropy_with_logits(z, a.to(z.dtype))


for part, answer in {
    "overlooks the rare group": lambda h, a, t: (scores(h, a, t, loss=of_people) > 0).long(),
    "no straight line": lambda h, a, t: (scores(h, a, t, hidden=()) > 0).long(),
    "cut the logits": scores,
    "the probabilities at one half": lambda h, a, t: scores(h, a, t).sigmoid(),
    "the same for everybody": lambda h, a, t: torch.zeros(len(t), dtype=torch.int64),
    "each row of h_test": lambda h, a, t: probe(h, a, h),
    "mixed up": lambda h, a, t: (scores(h, a, t) <= 0).long(),
    "trained to the end": lambda h, a, t: torch.arange(len(t)) % 2,
}.items():
    mistake("fair.probe", says=part)(answer)


@mistake("fair.probe", says="each row of h_test")
def keeps_the_column(h, a, h_test):
    return probe(h, a, h_test)[:, None]
