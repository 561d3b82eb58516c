"""Who is mixed with whom, and with which weight.

    λ ~ Beta(α, α):   α → 0 mixes nothing, α = 1 is uniform, α → ∞ is ½ for every pair
    P(j | i) ∝ exp(−‖y_i − y_j‖² / 2σ²)                                C-Mixup: partners with similar targets
    λ_y = 0 if n_i ≥ κ n_j and λ < τ;  1 if n_j ≥ κ n_i and 1 − λ < τ;  else λ       Remix: the label leans to the rare

Everything is drawn on the generator's device, as everywhere in ``labkit.augment``.

Sources: H. Zhang et al., mixup: Beyond Empirical Risk Minimization (2018); H. Yao et al., C-Mixup: Improving
    Generalization in Regression (2022); H.-P. Chou et al., Remix: Rebalanced Mixup (2020).
"""

import math

import torch
from torch import Generator, Tensor

from labkit.augment.mixing.blend import weights
from labkit.distances import squared_distances
from labkit.draws import beta as beta
from labkit.draws import uniform
from labkit.shapes import Float, Int, Labels, PerSample, labels


def any_partners(x: Tensor, *, generator: Generator | None = None) -> Int[Tensor, " b"]:
    """A random permutation of the batch: each sample is the partner of exactly one, perhaps of itself. (B,)"""
    device = generator.device if generator is not None else x.device
    return torch.randperm(x.shape[0], generator=generator, device=device).to(x.device, non_blocking=True)


def same_class_partners(y: Labels, *, generator: Generator | None = None) -> Int[Tensor, " b"]:
    """For each sample one of the same class, drawn uniformly and with replacement; itself where it is alone. (B,)

    Raises:
        ValueError: if the labels are not classes (B,).
    """
    y = labels(y)
    by_class, order = y.sort(stable=True)
    first = torch.searchsorted(by_class, y)
    count = torch.searchsorted(by_class, y, right=True) - first
    u = uniform((len(y),), like=torch.empty(0, dtype=torch.float64, device=y.device), generator=generator)
    return order[first + torch.minimum((u * count).long(), count - 1)]


def similarity(y: Float[Tensor, " b *t"], *, sigma: float) -> Float[Tensor, "b b"]:
    """P(j | i) ∝ exp(−‖y_i − y_j‖² / 2σ²): row i holds the probabilities of i's partners, itself included.

    Args:
        y: targets (B,) or (B, T). Scale them first: σ is in their units.
        sigma: the bandwidth σ. Large: any partner, plain mixup. Small: none but itself, no mixing.

    Raises:
        ValueError: if the targets aren't float, or σ isn't above 0.
    """
    if not y.is_floating_point() or y.ndim == 0:
        raise ValueError(f"targets are float (B,) or (B, T); these are {y.dtype} with shape {tuple(y.shape)}")
    if not 0 < sigma < math.inf:
        raise ValueError(f"sigma is {sigma:g}; expected a number above 0, in units of the targets")
    flat = y.reshape(len(y), -1)
    return torch.softmax(-squared_distances(flat, flat) / (2 * sigma**2), dim=1)


def similar_partners(
    y: Float[Tensor, " b *t"], *, sigma: float, generator: Generator | None = None
) -> Int[Tensor, " b"]:
    """For each sample a partner drawn from ``similarity``: (B,). Memory and time grow with B².

    Raises:
        ValueError: as ``similarity``.
    """
    if len(y) == 0:
        return torch.empty(0, dtype=torch.int64, device=y.device)
    device = generator.device if generator is not None else y.device
    probabilities = similarity(y, sigma=sigma).to(device)
    return torch.multinomial(probabilities, 1, generator=generator)[:, 0].to(y.device, non_blocking=True)


def rebalanced_lambda(
    lambda_: float | Tensor,
    *,
    y: Labels,
    partner: Int[Tensor, " b"],
    counts: Tensor,
    kappa: float = 3.0,
    tau: float = 0.5,
) -> PerSample:
    """λ for the *labels* of a mixture, given to the rarer class of the two where they differ much in size (Remix).

    Args:
        lambda_: λ of the inputs: one number, or (B,).
        y: classes (B,).
        partner: (B,).
        counts: (K,) how many samples of each class the training set has.
        kappa: κ: from which ratio of sizes on.
        tau: τ: and only where the rarer one makes up more than 1 − τ of the mixture.

    Raises:
        ValueError: if λ or τ leaves [0, 1], or κ is below 1.
    """
    if kappa < 1 or not 0 <= tau <= 1:
        raise ValueError(f"kappa is {kappa:g} and tau {tau:g}; expected at least 1, and 0 to 1")
    y = labels(y, classes=len(counts))
    partner = labels(partner, len(y), classes=len(y), name="partner")
    if counts.ndim != 1:
        raise ValueError(f"counts have shape {tuple(counts.shape)}; expected one a class, (K,)")
    counts = counts.to(y.device, torch.get_default_dtype())
    kept = weights(lambda_, counts.new_empty(len(y)), name="lambda_")
    own, other = counts[y], counts[y[partner]]
    kept = torch.where((own >= kappa * other) & (kept < tau), torch.zeros_like(kept), kept)
    return torch.where((other >= kappa * own) & (1 - kept < tau), torch.ones_like(kept), kept)
