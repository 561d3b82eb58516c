"""The gradient of a *validation* loss with respect to an augmentation, through the step of training that it guided.

    min_φ L_val(w*(φ)),   w*(φ) = argmin_w L_train(w, φ)
    one step:   w′ = w − η ∇_w L_train(w, φ),     dL_val(w′)/dφ = −η ∇²_{φw} L_train · ∇L_val(w′)

φ are the numbers of the augmentation, w the network's weights, η the rate of its step. The training loss itself can't
train φ: it is least where the augmentation does nothing. ``unrolled_hypergradient`` is exact (``torch.func`` goes
through the steps); ``darts_hypergradient`` needs no second derivatives,

    dL_val/dφ ≈ −η (∇_φ L_train(w⁺, φ) − ∇_φ L_train(w⁻, φ)) / 2ε,     w^± = w ± ε ∇L_val(w′)

Mounsaveng and others, "Learning Data Augmentation with Online Bilevel Optimization" (WACV 2021): one unrolled step.
Liu, Simonyan and Yang, "DARTS" (ICLR 2019): the difference. Weights are dictionaries, as ``torch.func`` has them, so
that nothing of the network itself changes, batch norm's running statistics included.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from labkit.shapes import Labels, Scalar

Weights = dict[str, Tensor]
TrainLoss = Callable[[Weights, Any], Scalar]
ValidationLoss = Callable[[Weights], Scalar]


class Hypergradient(NamedTuple):
    """The gradient with respect to φ (a tensor or a dictionary, as φ is), and the validation loss after the steps."""

    gradient: Any
    loss: Scalar


def weights_of(model: nn.Module) -> Weights:
    """A network's weights as ``torch.func`` takes them: detached, and not copied."""
    return {name: p.detach() for name, p in model.named_parameters()}


def loss_with(model: nn.Module, weights: Weights, x: Tensor, y: Labels) -> Scalar:
    """The cross-entropy of ``model`` with other weights; buffers are read from a copy, so that none changes.

    >>> net = nn.Linear(2, 3)
    >>> loss_with(net, weights_of(net), torch.zeros(4, 2), torch.tensor([0, 1, 2, 0])).shape
    torch.Size([])
    """
    buffers = {name: b.detach().clone() for name, b in model.named_buffers()}
    return functional.cross_entropy(torch.func.functional_call(model, (weights, buffers), (x,)), y)


def descended(train_loss: TrainLoss, weights: Weights, phi: Any, lr: float) -> Weights:
    """The weights after one step of gradient descent."""
    slope = torch.func.grad(train_loss)(weights, phi)
    return {name: w - lr * slope[name] for name, w in weights.items()}


def unrolled_hypergradient(
    train_loss: TrainLoss,
    validation_loss: ValidationLoss,
    weights: Weights,
    phi: Any,
    *,
    lr: float,
    steps: int = 1,
) -> Hypergradient:
    """The exact gradient of the validation loss after ``steps`` steps of training, with respect to φ.

    Args:
        train_loss: of weights and φ; a scalar. Its draws (codes, angles) are fixed by the caller.
        validation_loss: of weights; a scalar.
        weights: by name; see ``weights_of``.
        phi: the augmentation's numbers, a tensor or a dictionary of tensors.
        lr: η of the steps.
        steps: how many are unrolled.

    Raises:
        ValueError: if ``lr`` is not above 0 or ``steps`` is below 1.

    >>> w, phi = {"w": torch.tensor(1.0)}, torch.tensor(2.0)
    >>> unrolled_hypergradient(lambda w, p: (w["w"] - p) ** 2, lambda w: w["w"] ** 2, w, phi, lr=0.1).gradient
    tensor(0.4800)
    """
    refuse_rate(lr)
    if steps < 1:
        raise ValueError(f"steps is {steps}; expected 1 or more")

    def after(numbers: Any) -> Tensor:
        current = weights
        for _ in range(steps):
            current = descended(train_loss, current, numbers, lr)
        return validation_loss(current)

    gradient, loss = torch.func.grad_and_value(after)(phi)
    return Hypergradient(gradient, loss)


def darts_hypergradient(
    train_loss: TrainLoss,
    validation_loss: ValidationLoss,
    weights: Weights,
    phi: Any,
    *,
    lr: float,
    radius: float = 0.01,
) -> Hypergradient:
    """The same for one step by a central difference along the validation gradient: three more gradients, no Hessian.

    Args:
        train_loss, validation_loss, weights, phi, lr: as in ``unrolled_hypergradient``.
        radius: ε times the length of the validation gradient.

    Raises:
        ValueError: if ``lr`` or ``radius`` is not above 0.

    >>> w, phi = {"w": torch.tensor(1.0)}, torch.tensor(2.0)
    >>> darts_hypergradient(lambda w, p: (w["w"] - p) ** 2, lambda w: w["w"] ** 2, w, phi, lr=0.1).gradient
    tensor(0.4800)
    """
    refuse_rate(lr)
    if not radius > 0:
        raise ValueError(f"radius is {radius}; expected a length above 0")
    slope, loss = torch.func.grad_and_value(validation_loss)(descended(train_loss, weights, phi, lr))
    length = torch.stack([g.square().sum() for g in slope.values()]).sum().sqrt()
    eps = radius / length.clamp_min(torch.finfo(length.dtype).tiny)
    ends = []
    for way in (1, -1):
        moved = {name: w + way * eps * slope[name] for name, w in weights.items()}
        ends.append(torch.func.grad(train_loss, argnums=1)(moved, phi))

    def difference(up: Tensor, down: Tensor) -> Tensor:
        return -lr * (up - down) / (2 * eps)

    if isinstance(phi, Tensor):
        return Hypergradient(difference(*ends), loss)
    return Hypergradient({name: difference(ends[0][name], ends[1][name]) for name in phi}, loss)


def refuse_rate(lr: float) -> None:
    """Refuse a rate that is not above 0."""
    if not lr > 0:
        raise ValueError(f"lr is {lr}; expected a rate above 0")
