"""Losses that make the features of two domains alike: a discriminator's, and two distances that need no discriminator.

    L_d    = ½ mean_s −log(1 − σ(q(f)))  +  ½ mean_t −log σ(q(f))          source 0, target 1; log 2 at chance
    MMD²   = mean k(s, s') + mean k(t, t') − 2 mean k(s, t)                k: a mean of Gaussian kernels
    CORAL  = |C_s − C_t|²_F / (4 d²)                                        C: covariances

Y. Ganin and others (2016); M. Long and others, "Learning Transferable Features with Deep Adaptation Networks" (2015);
B. Sun and K. Saenko, "Deep CORAL" (2016); M. Long and others, "Conditional Adversarial Domain Adaptation" (2018).
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from labkit.distances import squared_distances
from labkit.logits import two_logits
from labkit.shapes import Float, Logits, finite

SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)


def domain_loss(
    source: Float[Tensor, " n *rest"],
    target: Float[Tensor, "m ..."],
    *,
    source_weights: Float[Tensor, " n"] | None = None,
    target_weights: Float[Tensor, " m"] | None = None,
) -> Float[Tensor, ""]:
    """The discriminator's cross-entropy; both domains weigh the same, however many samples each has.

    (The paper's equation 9 adds the two means instead of halving their sum. So its λ is half as large for the same
    effect.)

    Args:
        source, target: the discriminator's logits of each, (n,) or (n, 1), above 0 for "target".
        source_weights, target_weights: the weights of the samples, (n,); those of each domain are scaled to a sum of 1.

    Raises:
        ValueError: if a domain has no sample, or more than one logit a sample.
    """
    if min(source.numel(), target.numel()) == 0 or source.numel() != len(source) or target.numel() != len(target):
        raise ValueError(
            f"the logits have shapes {tuple(source.shape)} and {tuple(target.shape)}; expected one a sample, (n,) or "
            "(n, 1), of at least one sample of each domain"
        )
    losses = functional.softplus(source.reshape(-1)), functional.softplus(-target.reshape(-1))
    both = [
        each.mean() if weights is None else (each * weights).sum() / weights.sum()
        for each, weights in zip(losses, (source_weights, target_weights))
    ]
    return (both[0] + both[1]) / 2


def multilinear_map(f: Float[Tensor, "b d"], logits: Logits) -> Float[Tensor, "b dk"]:
    """CDAN's input to the discriminator: all products f_i p_j of features and class probabilities, (B, d·k).

    No gradient flows into the probabilities: the classifier must not change its answers to confuse the discriminator.
    """
    p = logits.detach().softmax(1)
    return (f[:, :, None] * p[:, None, :]).flatten(1)


def entropy_weights(logits: Logits) -> Float[Tensor, " b"]:
    """CDAN+E's weight of a sample, 1 + exp(−H(p)): 2 where the classifier is sure; without a gradient."""
    log_p = two_logits(logits).detach().log_softmax(1)
    return 1 + (log_p.exp() * log_p).sum(1).exp()


def mmd(
    source: Float[Tensor, "n d"], target: Float[Tensor, "m d"], *, scales: Sequence[float] = SCALES
) -> Float[Tensor, ""]:
    """The squared maximum mean discrepancy of two samples, by several Gaussian kernels at once; 0 or more.

    k(a, b) = mean over scales of exp(−|a − b|² / (scale · w)), w the mean of |a − b|² over all pairs (of both
    domains, without a gradient).

    Args:
        source, target: features.
        scales: bandwidths in units of w, above 0.

    Raises:
        ValueError: if the widths differ, a domain has no sample, or a scale is not above 0.
    """
    check_features(source, target, least=1)
    if not scales or min(scales) <= 0:
        raise ValueError(f"scales are {tuple(scales)}; expected one or more numbers above 0")
    both = torch.cat([source, target])
    squared = squared_distances(both, both)
    w = squared.detach().mean().clamp_min(torch.finfo(both.dtype).tiny)
    k = torch.stack([torch.exp(-squared / (scale * w)) for scale in scales]).mean(0)
    n = len(source)
    # Rounding may take it a little below zero.
    return (k[:n, :n].mean() + k[n:, n:].mean() - 2 * k[:n, n:].mean()).clamp_min(0)


def coral(source: Float[Tensor, "n d"], target: Float[Tensor, "m d"]) -> Float[Tensor, ""]:
    """How far the covariances are apart: the squared Frobenius norm of their difference over 4 d².

    Raises:
        ValueError: if the widths differ, or a domain has fewer than two samples.
    """
    check_features(source, target, least=2)
    d = source.shape[1]
    return (covariance(source) - covariance(target)).square().sum() / (4 * d * d)


def covariance(x: Float[Tensor, "n d"]) -> Float[Tensor, "d d"]:
    """The sample covariance, divided by n − 1."""
    centred = x - x.mean(0)
    return centred.T @ centred / (len(x) - 1)


def check_features(source: Tensor, target: Tensor, *, least: int) -> None:
    """Raise ValueError unless both are (n, d) with the same d and ``least`` rows or more."""
    if source.ndim != 2 or target.ndim != 2 or source.shape[1] != target.shape[1]:
        raise ValueError(f"features have shapes {tuple(source.shape)} and {tuple(target.shape)}; expected the same d")
    for part, name in ((source, "source"), (target, "target")):
        if not part.is_floating_point():
            raise ValueError(f"the features of the {name} are {part.dtype}; expected floats")
        finite(part, name=name)
    if min(len(source), len(target)) < least:
        raise ValueError(f"there are {len(source)} and {len(target)} samples; expected {least} or more of each domain")
