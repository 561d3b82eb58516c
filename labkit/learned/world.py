"""A virtual environment for policy search, whose children cost milliseconds: kernel ridge regression.

    f(x) = Σ_i c_i exp(−‖x − x_i‖²/γ),    c = (K + α I)⁻¹ Y       on training pictures and augmented copies of them

The agent chooses an operation; a child is trained on pictures that went through it, and its accuracy on the
*validation* pictures is the reward. It is what AutoAugment does with 15,000 convolutional networks, small enough for a
lecture. The test pictures belong to nobody here: judge a policy on them once, at the end, with ``accuracy``.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor
from torch.nn import functional

from labkit.augment import Transform
from labkit.distances import squared_distances
from labkit.learned.operations import OPERATIONS
from labkit.learned.policies import OneOperation
from labkit.shapes import Float, Images, Int, Labels, Logits, PerSample, finite, images, labels


def kernel_ridge(
    x: Images, y: Labels, *, classes: int, alpha: float = 0.1, gamma: float = 4.0
) -> Callable[[Tensor], Tensor]:
    """A classifier in closed form: from pictures to scores (B, K).

    Args:
        x, y: what it learns from.
        classes: K.
        alpha: the ridge.
        gamma: of the kernel exp(−‖a − b‖²/γ).

    Raises:
        ValueError: if these are no pictures with a label each, or ``alpha`` or ``gamma`` is not above 0.

    >>> x, y = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1), torch.tensor([0, 1])
    >>> kernel_ridge(x, y, classes=2)(x).argmax(1)
    tensor([0, 1])
    """
    if not alpha > 0 or not gamma > 0:
        raise ValueError(f"alpha is {alpha} and gamma {gamma}; expected numbers above 0")
    rows, y = finite(images(x), name="x").flatten(1), labels(y, len(x), classes=classes)

    def kernel(a: Tensor) -> Tensor:
        return torch.exp(-squared_distances(a, rows) / gamma)

    target = functional.one_hot(y, classes).to(x.dtype)
    ridge = alpha * torch.eye(len(x), dtype=x.dtype, device=x.device)
    weights = torch.linalg.solve(kernel(rows) + ridge, target)

    def scores(new: Images) -> Logits:
        return kernel(new.flatten(1)) @ weights

    return scores


class PolicyWorld:
    """Where a policy is tried: a child learns from augmented pictures, and answers for others.

    Args:
        x, y: the training pictures.
        x_val, y_val: those that decide on rewards.
        copies: augmented copies of the training pictures that each child sees, beside the pictures themselves.
        operations: what the agent's actions stand for.
        gamma: of the children's kernel; about the squared distance of similar pictures.
        generator: of the augmentation.

    Attributes:
        children: how many have been trained.

    Raises:
        ValueError: if pictures and labels don't fit, or ``copies`` is negative.

    >>> x, y = torch.rand(20, 1, 8, 8), torch.arange(20) % 2
    >>> world = PolicyWorld(x, y, x, y, copies=1)
    >>> world.reward(torch.tensor([0, 5])).shape, world.children
    (torch.Size([2]), 2)
    """

    def __init__(
        self, x: Images, y: Labels, x_val: Float[Tensor, "n c h w"], y_val: Int[Tensor, " n"], *, copies: int = 4,
        operations: Sequence[str] = OPERATIONS, gamma: float = 4.0, generator: Generator | None = None,
    ) -> None:  # fmt: skip
        if copies < 0:
            raise ValueError(f"copies is {copies}; expected a number not below 0")
        self.x, self.y = images(x), labels(y, len(x))
        self.x_val, self.y_val = images(x_val), labels(y_val, len(x_val))
        self.copies, self.operations, self.gamma, self.generator = copies, tuple(operations), gamma, generator
        self.classes, self.children = 1 + int(torch.cat([self.y, self.y_val]).max()), 0

    def accuracy(self, policy: Transform, x: Images | None = None, y: Labels | None = None) -> float:
        """The accuracy of a new child trained under ``policy``, on ``x`` and ``y`` (by default the validation ones)."""
        seen = [self.x, *[policy(self.x, generator=self.generator) for _ in range(self.copies)]]
        child = kernel_ridge(
            torch.cat(seen), self.y.repeat(1 + self.copies), classes=self.classes, gamma=self.gamma
        )  # fmt: skip
        self.children += 1
        x, y = (self.x_val, self.y_val) if x is None or y is None else (x, y)
        return float((child(x).argmax(1) == y).float().mean())

    def policy(self, probabilities: Sequence[float]) -> OneOperation:
        """The policy that draws one operation with these probabilities, with any magnitude."""
        return OneOperation(probabilities=probabilities, operations=self.operations, space="standard")

    def reward(self, actions: Int[Tensor, " b"]) -> PerSample:
        """The validation accuracy of a child for each action."""
        single = [OneOperation(operations=[self.operations[int(a)]], space="standard") for a in actions]
        return torch.tensor([self.accuracy(policy) for policy in single])
