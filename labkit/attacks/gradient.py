"""The input gradient, and the one loop that climbs along it.

    J(θ, x, y) = −log p_y(x)          cross-entropy; or the margin  max_{k≠y} z_k − z_y  of the logits z
    g = ∇ₓ Σ_b J(θ, x_b, y_b)         each sample's own gradient, whatever the size of the batch

Goodfellow, Shlens and Szegedy, "Explaining and Harnessing Adversarial Examples" (2015); Kurakin, Goodfellow and
Bengio, "Adversarial Examples in the Physical World" (2017); Madry and others, "Towards Deep Learning Models Resistant
to Adversarial Attacks" (2018); the margin from Carlini and Wagner, "Towards Evaluating the Robustness" (2017).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from labkit import logits as logits_of
from labkit.attacks.balls import Ball, Bounds, Inputs, Size, ball, checked, size
from labkit.logits import two_logits
from labkit.nets import eval_mode
from labkit.shapes import Labels, Logits, PerSample, finite, labels

Loss = Callable[[Tensor, Tensor], Tensor]
"""From logits (B, k) and classes (B,) to a loss for each sample (B,): what an attack makes large."""


def cross_entropy(logits: Logits, y: Labels) -> PerSample:
    """``−log softmax(logits)_y`` of each sample; one logit (B, 1) is that of class 1 of two."""
    return logits_of.cross_entropy(logits, y, reduction="none")


def margin(logits: Logits, y: Labels) -> PerSample:
    """How far the strongest other class stands above class y: above 0 where the model does not answer y.

    Unlike the cross-entropy it has a gradient where the model is so sure that the softmax rounds to 1.
    """
    logits = two_logits(logits)
    y = labels(y, len(logits), classes=logits.shape[1])
    own = logits.gather(1, y[:, None])[:, 0]
    others = logits.scatter(1, y[:, None], -torch.inf).amax(1)
    return others - own


def input_gradient(model: nn.Module, x: Inputs, y: Labels, *, loss: Loss = cross_entropy) -> Inputs:
    """The gradient of each sample's loss with respect to its input: how to change the picture, not the weights.

    Args:
        model: from x to logits (B, k); runs in evaluation mode and is left as it was.
        x: (B, ...), any values.
        y: the classes (B,).
        loss: for each sample.

    Returns:
        (B, ...) with x's dtype and device; its scale does not depend on B.

    Raises:
        ValueError: if x is not a float batch, or there is not one class for each sample.
    """
    checked(x, (-torch.inf, torch.inf))
    y = labels(y, len(x))
    with attack_mode(model):
        return _gradient(model, x.detach(), y, loss)


def pgd(
    model: nn.Module,
    x: Inputs,
    y: Labels,
    *,
    eps: float | Tensor,
    alpha: float | Tensor | None = None,
    steps: int = 40,
    norm: str = "linf",
    targeted: bool = False,
    random_start: bool = True,
    restarts: int = 1,
    loss: Loss = cross_entropy,
    bounds: Bounds = (0.0, 1.0),
    generator: Generator | None = None,
) -> Inputs:
    """Projected gradient descent on the negative loss: steps of size ``alpha`` within a ball of radius ``eps``.

    Args:
        model: from x to logits (B, k); runs in evaluation mode and is left as it was.
        x: inputs (B, ...) within ``bounds``.
        y: the true classes (B,), which the result shall not get; with ``targeted`` the classes that it shall get.
        eps: the radius in the units of x, one or one a sample.
        alpha: the size of a step, likewise; ``2.5 eps / steps`` if it is not given, enough to reach any border.
        steps: their number.
        norm: ``"linf"`` or ``"l2"``.
        targeted: go downhill towards class y.
        random_start: begin at a random point of the ball instead of x.
        restarts: how often to begin; of each sample the end with the largest margin stays.
        loss: for each sample, which is made large.
        bounds: what values an input may have.
        generator: of the random starts.

    Returns:
        Inputs (B, ...) of x's dtype and device within ``eps`` of x and within ``bounds``.

    Raises:
        ValueError: if an argument is not as above, or restarts have no random start to differ by.
    """
    if steps < 1 or restarts < 1:
        raise ValueError(f"there are {steps} steps and {restarts} restarts; expected 1 or more of each")
    if restarts > 1 and not random_start:
        raise ValueError(f"{restarts} restarts without a random start end alike; set random_start=True")
    eps_ball = ball(x.detach(), eps=eps, norm=norm, bounds=bounds)
    x = eps_ball.x
    y = labels(y, len(x))
    step = eps_ball.eps * (2.5 / steps) if alpha is None else size(alpha, x, name="alpha")
    step = -step if targeted else step
    with attack_mode(model):
        best, best_margin = x, None
        for _ in range(restarts):
            z = _climb(model, eps_ball.start(generator) if random_start else x, y, eps_ball, step, steps, loss)
            if restarts == 1:
                return z
            best, best_margin = _keep_best(model, z, y, best, best_margin, targeted)
        return best


def fgsm(
    model: nn.Module,
    x: Inputs,
    y: Labels,
    *,
    eps: float | Tensor,
    norm: str = "linf",
    targeted: bool = False,
    loss: Loss = cross_entropy,
    bounds: Bounds = (0.0, 1.0),
) -> Inputs:
    """The fast gradient (sign) method ``x + eps d(∇ₓ J)``: ``pgd`` in a single step as long as the ball is wide.

    Raises:
        ValueError: as ``pgd``.
    """
    attack = partial(pgd, alpha=eps, steps=1, random_start=False)
    return attack(model, x, y, eps=eps, norm=norm, targeted=targeted, loss=loss, bounds=bounds)


def bim(
    model: nn.Module,
    x: Inputs,
    y: Labels,
    *,
    eps: float | Tensor,
    alpha: float | Tensor | None = None,
    steps: int = 10,
    norm: str = "linf",
    targeted: bool = False,
    loss: Loss = cross_entropy,
    bounds: Bounds = (0.0, 1.0),
) -> Inputs:
    """The basic iterative method: ``pgd`` that begins at x, and so has no chance in it.

    Raises:
        ValueError: as ``pgd``.
    """
    attack = partial(pgd, alpha=alpha, steps=steps, random_start=False)
    return attack(model, x, y, eps=eps, norm=norm, targeted=targeted, loss=loss, bounds=bounds)


def jacobian_augment(model: nn.Module, x: Inputs, y: Labels, *, lambda_: float, bounds: Bounds = (0.0, 1.0)) -> Inputs:
    """New questions for a black box: ``x + λ sign(∇ₓ p_y(x))`` of the substitute ``model`` (Papernot and others 2017).

    Args:
        model: the substitute.
        x: the questions asked so far.
        y: the black box's answers to them.
        lambda_: how far to go.
        bounds: what values an input may have.

    Raises:
        ValueError: as ``input_gradient``.
    """

    def answer(logits: Tensor, y: Tensor) -> Tensor:
        return logits.softmax(1).gather(1, y[:, None])[:, 0]

    return (x.detach() + lambda_ * input_gradient(model, x, y, loss=answer).sign()).clamp_(*bounds)


@contextmanager
def attack_mode(model: nn.Module) -> Iterator[None]:
    """Within the block the model is in evaluation mode, its parameters need no gradients, and gradients are on.

    Frozen parameters save time and memory: autograd keeps only what leads back to the input. Afterwards every mode
    and flag is as it was.
    """
    modules = list(model.modules())
    trainable = [p for m in modules for p in m._parameters.values() if p is not None and p.requires_grad]
    mode = eval_mode(model) if any(m.training for m in modules) else nullcontext()
    with torch.inference_mode(False), torch.enable_grad(), mode:
        try:
            for p in trainable:
                p.requires_grad_(False)
            yield
        finally:
            for p in trainable:
                p.requires_grad_(True)


def _gradient(model: nn.Module, z: Tensor, y: Tensor, loss: Loss) -> Tensor:
    """The input gradient at z, which is detached."""
    # A tensor born in inference mode can't be part of a graph; a copy can.
    z = z.clone() if z.is_inference() else z.detach()
    y = y.clone() if y.is_inference() else y
    logits = model(z.requires_grad_(True))
    if logits.ndim != 2 or len(logits) != len(z):
        raise ValueError(f"the model gives {tuple(logits.shape)} for {len(z)} samples; expected logits (B, k)")
    logits = finite(two_logits(logits), name="the model's answer")
    labels(y, classes=logits.shape[1])
    # The same sum in one operation less.
    total = functional.cross_entropy(logits, y, reduction="sum") if loss is cross_entropy else loss(logits, y).sum()
    return torch.autograd.grad(total, z)[0]


def _climb(model: nn.Module, z: Tensor, y: Tensor, eps_ball: Ball, alpha: Size, steps: int, loss: Loss) -> Tensor:
    """The loop: a step along the steepest direction, back into the ball."""
    for _ in range(steps):
        z = eps_ball.step(z, eps_ball.direction(_gradient(model, z, y, loss)), alpha)
    return z


def _keep_best(
    model: nn.Module, z: Tensor, y: Tensor, best: Tensor, best_margin: Tensor | None, targeted: bool
) -> tuple[Tensor, Tensor]:
    """Of each sample the end beyond the boundary, or the nearest to it, and its margin."""
    with torch.no_grad():
        beyond = margin(finite(model(z), name="the model's answer"), y) * (-1 if targeted else 1)
    if best_margin is None:
        return z, beyond
    better = (beyond > best_margin).view(-1, *[1] * (z.ndim - 1))
    return torch.where(better, z, best), torch.maximum(beyond, best_margin)
