"""Logits of k classes, or the one logit of a model with two: what every loss and every metric does with them.

    one logit z stands for the two logits (0, z):  p_1 = σ(z),  −log p_y = softplus((1 − 2y) z)

So a binary network with one output needs nothing special anywhere.
"""

import torch
from torch import Tensor
from torch.nn import functional

from labkit import shapes
from labkit.shapes import Float, Int, Labels, Logits

NOBODY = -(2**40)
"""No label: torch leaves out the samples that are labelled -100, without a word."""


def two_logits(logits: Logits) -> Float[Tensor, "b k2"]:
    """``logits`` (B, k) as they are for two classes or more; one logit z (B, 1) as (0, z).

    Raises:
        ValueError: if they are no floats (B, k).

    >>> two_logits(torch.tensor([[3.0], [-1.0]]))
    tensor([[ 0.,  3.],
            [ 0., -1.]])
    """
    if logits.ndim != 2 or logits.shape[1] == 0 or not logits.is_floating_point():
        raise ValueError(f"logits are float (B, k); these are {logits.dtype} with shape {tuple(logits.shape)}")
    return torch.cat([torch.zeros_like(logits), logits], 1) if logits.shape[1] == 1 else logits


def decide(logits: Logits) -> Int[Tensor, " b"]:
    """The likeliest class of each sample.

    Raises:
        ValueError: as ``two_logits``; also if one is nan, for then there is no likeliest class.

    >>> decide(torch.tensor([[3.0], [-1.0]]))
    tensor([1, 0])
    """
    logits = two_logits(logits)
    if shapes.readable(logits) and bool(logits.isnan().any()):
        bad = int(logits.isnan().any(1).sum())
        raise ValueError(f"the model's answer is nan for {bad} of {len(logits)} samples; expected numbers")
    return logits.argmax(1)


def cross_entropy(logits: Logits, y: Labels | Float[Tensor, "b k"], *, reduction: str = "mean") -> Tensor:
    """−log p_y of classes ``y`` (B,), or −Σ y log p of probabilities (B, k).

    Args:
        logits: (B, k), or (B, 1) of a model with one output for two classes.
        y: whole numbers from 0 to k − 1, each of them a class: no number means "leave this sample out".
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        ValueError: as ``two_logits`` and ``shapes.labels``.

    >>> cross_entropy(torch.tensor([[0.0], [0.0]]), torch.tensor([0, 1]))
    tensor(0.6931)
    """
    logits = two_logits(logits)
    if y.is_floating_point() and y.shape == logits.shape:
        return functional.cross_entropy(logits, y, reduction=reduction)
    # The values are left to torch, which looks at them anyway: a training loop must not wait for them.
    y = shapes.labels(y, len(logits), values=False)
    try:
        return functional.cross_entropy(logits, y, reduction=reduction, ignore_index=NOBODY)
    except IndexError:
        shapes.labels(y, classes=logits.shape[1])
        raise


def straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    """The values of ``hard`` with the gradient of ``soft``: what makes a rounding differentiable.

    The estimator of Bengio, Léonard and Courville (2013): biased, and better than the zero of a step.

    Raises:
        ValueError: if their shapes differ.

    >>> x = torch.tensor([0.3, 0.8], requires_grad=True)
    >>> y = straight_through(x.round(), x)
    >>> y.detach(), torch.autograd.grad(y.sum(), x)[0]
    (tensor([0., 1.]), tensor([1., 1.]))
    """
    if hard.shape != soft.shape:
        raise ValueError(f"hard has shape {tuple(hard.shape)} and soft {tuple(soft.shape)}; expected the same")
    return hard.detach() + (soft - soft.detach())


def relaxed_choice(
    scores: Float[Tensor, " *rest"], *, temperature: float, hard: bool = True
) -> Float[Tensor, " *rest"]:
    """The largest of k scores as a one-hot row, with the gradient of the softmax of scores / τ (or that softmax).

    With Gumbel noise in the scores it is a draw: ``gan.gumbel_softmax``, ``learned.gumbel_softmax``.

    >>> relaxed_choice(torch.tensor([[1.0, 3.0, 2.0]]), temperature=1.0)
    tensor([[0., 1., 0.]])
    """
    soft = (scores / temperature).softmax(-1)
    if not hard:
        return soft
    return straight_through(functional.one_hot(soft.argmax(-1), soft.shape[-1]).to(soft.dtype), soft)
