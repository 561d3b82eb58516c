"""Parameter transfer: tasks that share weights, all of them (hard) or nearly (soft).

    hard     f_t(x) = h_t(g(x))               one body g, one head h_t for each task
    soft     J = Σ_t L_t + λ Σ_l |W_a^l − W_b^l|²        a body for each task, drawn towards each other

λ = 0 is learning alone; as λ → ∞ the bodies become one. R. Caruana, "Multitask Learning", 1997 (hard); L. Duong and
others, "Low Resource Dependency Parsing: Cross-lingual Parameter Sharing in a Neural Network Parser", 2015 (soft).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from labkit.shapes import Float, Logits, Scalar
from labkit.train import descend
from labkit.train.loop import Step

TaskBatches = Sequence[tuple[Tensor, Tensor]]
"""For each task a batch (x, y), which may be of any size."""


class MultiTask(nn.Module):
    """Hard sharing: one body, a linear head for each task.

    Args:
        body: from samples to features (B, width).
        width: the number of features.
        classes: of each task.

    >>> model = MultiTask(nn.Linear(4, 3), width=3, classes=[2, 5])
    >>> model(torch.zeros(1, 4), task=1).shape
    torch.Size([1, 5])
    """

    def __init__(self, body: nn.Module, *, width: int, classes: Sequence[int]) -> None:
        super().__init__()
        self.body = body
        self.heads = nn.ModuleList(nn.Linear(width, k) for k in classes)

    def forward(self, x: Float[Tensor, " b *rest"], task: int) -> Logits:
        """The logits of one task.

        Raises:
            ValueError: if there is no such task.
        """
        if not 0 <= task < len(self.heads):
            raise ValueError(f"the task is {task}; expected 0 to {len(self.heads) - 1}")
        return self.heads[task](self.body(x))


def soft_sharing(a: nn.Module, b: nn.Module, *, lambda_: float) -> Scalar:
    """λ Σ |W_a − W_b|² over all parameters of two modules that are built alike; a gradient flows into both.

    Raises:
        ValueError: if the modules' parameters differ in number or shape, or λ is negative.

    >>> a, b = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    >>> _ = nn.init.constant_(a.weight, 3.0), nn.init.constant_(b.weight, 1.0)
    >>> float(soft_sharing(a, b, lambda_=0.5).detach())
    2.0
    """
    ours, theirs = list(a.parameters()), list(b.parameters())
    shapes = [[tuple(p.shape) for p in side] for side in (ours, theirs)]
    if shapes[0] != shapes[1] or not ours:
        raise ValueError(f"the modules have parameters of shapes {shapes[0]} and {shapes[1]}; expected the same, some")
    if not lambda_ >= 0:
        raise ValueError(f"lambda_ is {lambda_}; expected 0 or more")
    return lambda_ * torch.stack([(p - q).square().sum() for p, q in zip(ours, theirs)]).sum()


def multi_task_step(
    model: MultiTask, optimizer: torch.optim.Optimizer, *, weights: Sequence[float] | None = None
) -> Step[TaskBatches]:
    """One update on a batch of every task at once.

    Args:
        model: from a batch and the number of a task to logits.
        optimizer: of its parameters.
        weights: of the tasks' losses; all 1 if not given.

    Returns:
        A step for ``train.fit`` that reports ``loss 0``, ``loss 1``, …, each the mean cross-entropy of a task.

    Raises:
        ValueError: if there is not one weight a task.

    >>> model = MultiTask(nn.Linear(2, 2), width=2, classes=[2, 2])
    >>> step = multi_task_step(model, torch.optim.SGD(model.parameters(), 0.1))
    >>> batch = (torch.ones(3, 2), torch.tensor([0, 1, 1]))
    >>> sorted(step([batch, batch]))
    ['loss 0', 'loss 1']
    """
    shares = [1.0] * len(model.heads) if weights is None else list(weights)
    if len(shares) != len(model.heads):
        raise ValueError(f"there are {len(shares)} weights for {len(model.heads)} tasks; expected one for each")

    def step(batches: TaskBatches) -> dict[str, Tensor]:
        model.train()
        losses = [functional.cross_entropy(model(x, task), y) for task, (x, y) in enumerate(batches)]
        descend(optimizer, torch.stack([w * loss for w, loss in zip(shares, losses)]).sum())
        return {f"loss {i}": loss.detach() for i, loss in enumerate(losses)}

    return step


def soft_sharing_step(
    a: nn.Module,
    b: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    lambda_: float,
    shared: tuple[nn.Module, nn.Module] | None = None,
) -> Step[TaskBatches]:
    """One update of two networks on a batch of a task each, with their ``shared`` parts drawn towards each other.

    Args:
        a, b: the networks, from samples to logits.
        optimizer: of the parameters of both.
        lambda_: λ.
        shared: the parts, built alike; ``(a.body, b.body)`` if not given.

    Returns:
        A step for ``train.fit`` that reports ``loss a``, ``loss b`` and ``distance``, Σ |W_a − W_b|².

    Raises:
        ValueError: if the shared parts are not built alike, or λ is negative.

    >>> from labkit import nets
    >>> a, b = nets.MLP(2, 2, hidden=(4,)), nets.MLP(2, 3, hidden=(4,))
    >>> step = soft_sharing_step(a, b, torch.optim.SGD([*a.parameters(), *b.parameters()], 0.1), lambda_=0.01)
    >>> batch = (torch.ones(3, 2), torch.tensor([0, 1, 1]))
    >>> sorted(step([batch, batch]))
    ['distance', 'loss a', 'loss b']
    """
    ours, theirs = (a.get_submodule("body"), b.get_submodule("body")) if shared is None else shared
    soft_sharing(ours, theirs, lambda_=lambda_)  # refused now rather than in the first step

    def step(batches: TaskBatches) -> dict[str, Tensor]:
        (x, y), (z, v) = batches
        a.train(), b.train()
        own, other = functional.cross_entropy(a(x), y), functional.cross_entropy(b(z), v)
        apart = soft_sharing(ours, theirs, lambda_=1.0)
        descend(optimizer, own + other + lambda_ * apart)
        return {"loss a": own.detach(), "loss b": other.detach(), "distance": apart.detach()}

    return step
