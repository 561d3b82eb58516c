"""Steps for ``train.fit``: a batch is (x, y, a), and the attribute a is used in training alone.

    min over f, g   max over q      L_y(g(f(x)), y) − λ L_a(q(f(x)), a)

f is the body of the model, h = f(x) the representation, g its head, q the adversary. Three ways to go there:
alternate (Edwards and Storkey; Madras et al.), reverse the gradient (Beutel et al.; Ganin and Lempitsky), or let the
adversary look at the decision alone and remove from the gradient what helps it (Zhang et al.).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from labkit.fair.adversary import adversary_input, adversary_loss, checked_criterion, decision_leak
from labkit.logits import cross_entropy
from labkit.nets import Classifier, reverse_gradient
from labkit.shapes import Float
from labkit.train import Step, descend

GroupBatch = tuple[Tensor, Tensor, Tensor]
"""Samples x, their labels y, and their groups a."""


def alternating_step(
    model: Classifier,
    adversary: nn.Module,
    optimizer: torch.optim.Optimizer,
    optimizer_d: torch.optim.Optimizer,
    *,
    lambda_: float,
    criterion: str = "parity",
    loss: str = "cross-entropy",
    inner: int = 1,
    decision: bool = True,
) -> Step[GroupBatch]:
    """Alternate: the adversary learns from h as it is, then the model moves away from what the adversary can use.

    An adversary of h alone may change nothing where the group shows only faintly: h has many directions, and what the
    adversary no longer finds in one of them lies in the next, while the decision stays as it was. The decision is one
    number and has nowhere to hide. So the model also goes down ``decision_leak``: what the best linear adversary would
    learn from the decision, in closed form.

    Args:
        model: its ``features`` are the representation, its ``head`` gives two logits.
        adversary: from what it sees (``adversary_input``) to one logit (n, 1).
        optimizer: of the model's parameters.
        optimizer_d: of the adversary's parameters.
        lambda_: λ, the weight of the adversary's loss and of ``decision_leak``; 0 trains as if there were neither.
        criterion: which gap is to close.
        loss: the adversary's.
        inner: updates of the adversary for each one of the model.
        decision: whether ``decision_leak`` takes part. Without it the step is the papers'.

    Returns:
        A step that reports ``loss`` (of the task) and ``adversary``.

    Raises:
        ValueError: if λ is negative, ``inner`` below 1, or the criterion unknown.
    """
    check_arguments(lambda_, criterion)
    if inner < 1:
        raise ValueError(f"inner is {inner}; expected 1 or more")

    def leak_of(h: Tensor, y: Tensor, a: Tensor) -> Tensor:
        return adversary_loss(
            adversary(adversary_input(h, y, criterion=criterion))[:, 0], y, a, criterion=criterion, loss=loss
        )

    def step(batch: GroupBatch) -> dict[str, Tensor]:
        x, y, a = batch
        model.train()
        h = model.features(x)
        logits = model.head(h)
        for _ in range(inner):
            descend(optimizer_d, leak_of(h.detach(), y, a))
        task, leak = cross_entropy(logits, y), leak_of(h, y, a)
        told = decision_leak(logits, y, a, criterion=criterion) if decision else 0.0
        descend(optimizer, task - lambda_ * leak + lambda_ * told)
        return {"loss": task.detach(), "adversary": leak.detach()}

    return step


def reversal_step(
    model: Classifier,
    adversary: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    lambda_: float,
    criterion: str = "parity",
    loss: str = "cross-entropy",
) -> Step[GroupBatch]:
    """Both in one backward pass: the adversary goes downhill, and the encoder gets −λ times its gradient.

    Args:
        model, adversary, lambda_, criterion, loss: as in ``alternating_step``.
        optimizer: of the parameters of both.

    Raises:
        ValueError: if λ is negative or the criterion unknown.
    """
    check_arguments(lambda_, criterion)

    def step(batch: GroupBatch) -> dict[str, Tensor]:
        x, y, a = batch
        model.train()
        h = model.features(x)
        task = cross_entropy(model.head(h), y)
        seen = adversary_input(reverse_gradient(h, scale=lambda_), y, criterion=criterion)
        leak = adversary_loss(adversary(seen)[:, 0], y, a, criterion=criterion, loss=loss)
        descend(optimizer, task + leak)
        return {"loss": task.detach(), "adversary": leak.detach()}

    return step


class DecisionAdversary(nn.Module):
    """Zhang's adversary: from the decision's logit s (and y, for opportunity and odds) to a logit of the group.

    It sees z = (1 + |c|) s through σ; for ``odds`` σ(z), σ(z) y and σ(z) (1 − y): three numbers and a bias.
    """

    def __init__(self) -> None:
        super().__init__()
        self.c = nn.Parameter(torch.ones(()))
        self.linear = nn.Linear(3, 1)

    def forward(self, s: Float[Tensor, " n"], y: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        p = torch.sigmoid((1 + self.c.abs()) * s)
        return self.linear(torch.stack([p, p * y, p * (1 - y)], dim=1))[:, 0]


def adversarial_debiasing(
    model: nn.Module,
    adversary: DecisionAdversary,
    optimizer: torch.optim.Optimizer,
    optimizer_d: torch.optim.Optimizer,
    *,
    alpha: float,
    criterion: str = "parity",
) -> Step[GroupBatch]:
    """Zhang, Lemoine and Mitchell, "Mitigating Unwanted Biases with Adversarial Learning" (2018).

    The adversary sees nothing but the decision, and the model moves along

        g − proj_u g − α u,     g = ∇ L_y,  u = ∇ L_a,

    that is: not along whatever would help the adversary, even where it would help the task.

    Args:
        model: gives two logits; the decision is their difference.
        adversary: Zhang's, which sees the decision.
        optimizer: of the model's parameters.
        optimizer_d: of the adversary's.
        alpha: α, as much as ``lambda_`` elsewhere.
        criterion: for ``"parity"`` the adversary isn't told y.

    Raises:
        ValueError: if α is negative or the criterion unknown.
    """
    check_arguments(alpha, criterion)
    parameters = [p for p in model.parameters() if p.requires_grad]

    def step(batch: GroupBatch) -> dict[str, Tensor]:
        x, y, a = batch
        model.train()
        logits = model(x)
        s = logits[:, 1] - logits[:, 0]
        seen_outcome = torch.zeros_like(s) if criterion == "parity" else y.to(s.dtype)
        leak = adversary_loss(adversary(s, seen_outcome), y, a, criterion=criterion)
        task = cross_entropy(logits, y)
        g = torch.autograd.grad(task, parameters, retain_graph=True)
        u = torch.autograd.grad(leak, parameters, retain_graph=True)
        descend(optimizer_d, leak)
        for p, direction in zip(parameters, debiased_gradient(g, u, alpha=alpha)):
            p.grad = direction
        optimizer.step()
        return {"loss": task.detach(), "adversary": leak.detach()}

    return step


def debiased_gradient(g: Sequence[Tensor], u: Sequence[Tensor], *, alpha: float) -> list[Tensor]:
    """g − proj_u g − α u over all tensors taken as one long vector; where u is 0, g."""
    along = sum((a * b).sum() for a, b in zip(g, u))
    length = sum(b.square().sum() for b in u)
    share = along / torch.clamp(torch.as_tensor(length), min=torch.finfo(u[0].dtype).tiny)
    return [a - (share + alpha) * b for a, b in zip(g, u)]


def check_arguments(weight: float, criterion: str) -> None:
    """Raise ValueError if the weight is negative or the criterion unknown."""
    checked_criterion(criterion)
    if weight < 0:
        raise ValueError(f"the adversary's weight is {weight}; expected 0 or more")
