"""DP-SGD: no single example may move the model by more than the noise hides.

    g_i = ∇_θ ℓ(θ, x_i, y_i),   ḡ_i = g_i · min(1, C/‖g_i‖)
    g̃ = (Σ_{i ∈ batch} ḡ_i + σC·N(0, 1)) / (qN)

with every example in the batch with probability q, independently (Poisson). M. Abadi and others, "Deep Learning with
Differential Privacy" (2016). What ε that is, ``accountant`` says. σ = 0 is clipping alone: it gives no guarantee
(ε = ∞) and is the control that tells what the noise itself is good for.

Batch normalisation mixes the samples of a batch, so that none has a gradient of its own. Where its averages come from
public data, it may stay: ``freeze_batch_norm`` normalises by them and leaves them as they are. (Its scale and shift
are parameters like any others.)
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from labkit.logits import cross_entropy
from labkit.shapes import Float, Labels, PerSample, labels
from labkit.train import LabelledBatch, Step

Gradients = dict[str, Tensor]


def per_sample_gradients(
    model: nn.Module,
    x: Float[Tensor, " b *rest"],
    y: Labels,
    *,
    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy,
) -> Gradients:
    """The gradient of each sample's own loss: (B, …) for each trainable parameter by name.

    Args:
        model: gives logits; its mode is left as it is. Samples must not see each other in it.
        x: the samples.
        y: their targets.
        loss: of a batch; it is called with batches of one.

    Raises:
        ValueError: if the model normalises over the batch, so that no sample has a gradient of its own (batch
            normalisation in evaluation mode doesn't, unless it keeps no averages), or y holds no label for each sample.
    """
    y = y if y.is_floating_point() else labels(y, len(x))
    if any(part.training or part.running_mean is None for part in _batch_norms(model)):
        raise ValueError("the model normalises over the batch, where no sample has a gradient of its own; expected one "
                         "without, say CNN(..., batch_norm=False), or frozen averages: freeze_batch_norm")  # fmt: skip
    parameters = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}
    if len(x) == 0:
        return {name: p.new_zeros(0, *p.shape) for name, p in parameters.items()}

    def one(parameters: Gradients, x: Tensor, y: Tensor) -> Tensor:
        return loss(functional_call(model, parameters, (x[None],)), y[None])

    return vmap(grad(one), in_dims=(None, 0, 0), randomness="different")(parameters, x, y)


def gradient_norms(gradients: Gradients) -> PerSample:
    """‖g_i‖ of each sample over all parameters together."""
    return torch.stack([g.flatten(1).square().sum(1) for g in gradients.values()]).sum(0).sqrt()


def clip(gradients: Gradients, *, C: float) -> Gradients:
    """Every sample's gradient, over all parameters together, shortened to length ``C`` where it is longer.

    Raises:
        ValueError: if ``C`` is not above 0.
    """
    if not C > 0:
        raise ValueError(f"C is {C}; expected a length above 0")
    factor = (C / gradient_norms(gradients).clamp_min(1e-12)).clamp_max(1)
    return {name: g * factor.view(-1, *[1] * (g.ndim - 1)) for name, g in gradients.items()}


def private_gradient(
    gradients: Gradients, *, C: float, sigma: float, expected: float, generator: torch.Generator
) -> Gradients:
    """g̃: clipped, summed, noise added, divided by the batch size that is *expected*.

    Args:
        gradients: of each sample, as ``per_sample_gradients`` gives them; an empty batch gives noise alone.
        C: the longest gradient allowed.
        sigma: the noise multiplier σ: the noise of each number has standard deviation σC.
        expected: qN. Dividing by the true size would give it away.
        generator: of the noise.

    Raises:
        ValueError: if ``sigma`` is negative, ``expected`` or ``C`` not above 0.
    """
    if not sigma >= 0 or not expected > 0:
        raise ValueError(f"sigma is {sigma} and expected {expected}; expected sigma ≥ 0 and a batch size above 0")
    summed = {name: g.sum(0) for name, g in clip(gradients, C=C).items()}
    if sigma:
        for name, g in summed.items():
            noise = torch.randn(g.shape, generator=generator, device=generator.device, dtype=g.dtype)
            summed[name] = g + sigma * C * noise.to(g.device)
    return {name: g / expected for name, g in summed.items()}


class PoissonBatches:
    """One epoch is round(1/q) batches; every sample is in each with probability q, independently.

    Args:
        x: samples.
        y: their classes.
        q: the probability.
        generator: decides.

    Raises:
        ValueError: if ``q`` is not above 0 and at most 1.
    """

    def __init__(self, x: Float[Tensor, " b *rest"], y: Labels, *, q: float, generator: torch.Generator) -> None:
        if not 0 < q <= 1:
            raise ValueError(f"q is {q}; expected a probability above 0")
        self.x, self.y, self.q, self.generator = x, y, q, generator

    @property
    def expected(self) -> float:
        """qN, the mean size of a batch."""
        return self.q * len(self.x)

    def __len__(self) -> int:
        return round(1 / self.q)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for _ in range(len(self)):
            chosen = torch.rand(len(self.x), generator=self.generator, device=self.generator.device) < self.q
            chosen = chosen.to(self.x.device)
            yield self.x[chosen], self.y[chosen]


def private_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    C: float,
    sigma: float,
    expected: float,
    generator: torch.Generator,
    freeze_batch_norm: bool = False,
) -> Step[LabelledBatch]:
    """A step of DP-SGD for ``fit`` (or DP-Adam: what follows the noisy gradient costs no privacy).

    Args:
        model: gives logits.
        optimizer: of its parameters.
        C, sigma, expected, generator: see ``private_gradient``; ``PoissonBatches`` knows its ``expected``.
        freeze_batch_norm: batch normalisation stays in evaluation mode: it takes the averages that it has, and no
            private sample changes them.

    Returns:
        A step on batches (x, y) that reports the share of gradients that were ``clipped``.
    """
    named = dict(model.named_parameters())

    def step(batch: LabelledBatch) -> dict[str, Tensor]:
        model.train()
        for part in _batch_norms(model) if freeze_batch_norm else ():
            part.eval()
        gradients = per_sample_gradients(model, *batch)
        for name, g in private_gradient(gradients, C=C, sigma=sigma, expected=expected, generator=generator).items():
            named[name].grad = g
        optimizer.step()
        long = (gradient_norms(gradients) > C).sum()
        return {"clipped": long / max(len(batch[0]), 1)}

    return step


def _batch_norms(model: nn.Module) -> list[Any]:
    """The layers of batch normalisation."""
    return [part for part in model.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
