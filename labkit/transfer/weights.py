"""Instance transfer: weights that make a sample of the source count as if it came from the target.

    E_T[L(x)] = E_S[w(x) L(x)],      w(x) = p_T(x) / p_S(x)                          (Shimodaira 2000)
    w(x) = P(T|x) / P(S|x) · n_S / n_T                              from a classifier of domains (Bickel 2007)
    n_eff = (Σ w)² / Σ w²                                           how many equally weighted samples they are worth
    w^τ, 0 ≤ τ ≤ 1;   min(w, c)                                     less variance for some bias

It needs p_S > 0 wherever p_T > 0, and P(Y|X) to be the same in both domains (covariate shift). A right model needs no
weights, they only cost variance; a misspecified one fits where the weight is.

H. Shimodaira, "Improving Predictive Inference under Covariate Shift by Weighting the Log-Likelihood Function", 2000;
S. Bickel, M. Brückner and T. Scheffer, "Discriminative Learning for Differing Training and Test Distributions", 2007;
L. Kish, Survey Sampling, 1965 (the effective sample size).
"""

import math

import torch
from torch import Tensor, nn

from labkit.shapes import Float, PerSample, Scalar
from labkit.transfer import inputs
from labkit.transfer.learners import logistic_regression, polynomial


def importance_weights(logits: PerSample, *, n_source: int, n_target: int) -> PerSample:
    """The density ratio from what a classifier of domains says of samples of the source.

    Args:
        logits: (n,), the logit of "from the target"; from probabilities p it is log(p / (1 − p)).
        n_source, n_target: how many samples of each domain the classifier was trained on: its prior.

    Returns:
        Weights (n,), w = e^logit · n_source / n_target. Their mean over the source is about 1.

    Raises:
        ValueError: if the logits are not (n,), or a domain has no sample.

    >>> importance_weights(torch.tensor([0.0, 0.6931472]), n_source=300, n_target=100)
    tensor([3., 6.])
    """
    if logits.ndim != 1 or not logits.is_floating_point():
        raise ValueError(f"logits holds one float a sample, (n,); this is {logits.dtype} {tuple(logits.shape)}")
    if min(n_source, n_target) < 1:
        raise ValueError(f"there are {n_source} source and {n_target} target samples; expected 1 or more of each")
    return torch.exp(logits + math.log(n_source / n_target))


def domain_classifier(
    source: Float[Tensor, "n d"], target: Float[Tensor, "m d"], *, degree: int = 1, l2: float = 1.0
) -> nn.Module:
    """A logistic regression that tells the target from the source: it maps (b, d) to logits (b,).

    Between two Gaussians of one covariance the log-ratio is linear (degree 1); of two it is quadratic, but for the
    products of columns (degree 2).

    Args:
        source, target: features of both domains.
        degree: of the polynomial of each column.
        l2: of ``logistic_regression``.

    Raises:
        ValueError: if the domains have other columns, or a number is out of range.

    >>> g = torch.Generator().manual_seed(0)
    >>> source, target = torch.randn(500, 1, generator=g), 1 + torch.randn(500, 1, generator=g)
    >>> logits = domain_classifier(source, target)(torch.tensor([[0.0], [1.0]]))
    >>> bool(logits[0] < 0 < logits[1])
    True
    """
    inputs.domains(source, target)
    both = torch.cat([source, target.to(source)])
    std, mean = torch.std_mean(both, dim=0, correction=0)
    scale = torch.where(std > 0, std, torch.ones_like(std))
    y = torch.cat([both.new_zeros(len(source)), both.new_ones(len(target))]).long()
    model = logistic_regression(polynomial((both - mean) / scale, degree), y, l2=l2)
    return _Domains(mean, scale, model, degree)


class _Domains(nn.Module):
    """Standardise, take powers, and say how much more likely the target is."""

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, scale: Tensor, model: nn.Linear, degree: int) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.model, self.degree = model, degree

    def forward(self, x: Float[Tensor, "b d"]) -> PerSample:
        logits = self.model(polynomial((x - self.mean) / self.scale, self.degree))
        return logits[:, 1] - logits[:, 0]


def classifier_weights(
    source: Float[Tensor, "n d"], target: Float[Tensor, "m d"], *, degree: int = 1, l2: float = 1.0
) -> Float[Tensor, " n"]:
    """The weights of the source's samples by a classifier of domains: ``domain_classifier``, ``importance_weights``.

    Raises:
        ValueError: as ``domain_classifier``.

    >>> source, target = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[2.0], [3.0]])
    >>> w = classifier_weights(source, target)
    >>> bool(w[0] < w[1] < w[2])
    True
    """
    logits = domain_classifier(source, target, degree=degree, l2=l2)(source)
    return importance_weights(logits, n_source=len(source), n_target=len(target))


def gaussian_ratio(
    x: Float[Tensor, "n d"],
    *,
    source: tuple[Tensor, Tensor],
    target: tuple[Tensor, Tensor],
) -> Float[Tensor, " n"]:
    """The exact ratio p_T(x) / p_S(x) where both are Gaussian: what every estimate is compared with.

    Args:
        x: where.
        source, target: mean (d,) and covariance (d, d) of each.

    Raises:
        ValueError: if x is no table of features, or a covariance is not positive definite.

    >>> one = torch.eye(1)
    >>> gaussian_ratio(torch.tensor([[0.5]]), source=(torch.zeros(1), one), target=(torch.ones(1), one))
    tensor([1.])
    """
    inputs.features(x)
    at = x.double()
    try:
        logs = [
            torch.distributions.MultivariateNormal(mean.to(at), covariance.to(at)).log_prob(at)
            for mean, covariance in (target, source)
        ]
    except (ValueError, RuntimeError) as error:
        d = x.shape[1]
        raise ValueError(
            f"expected a mean ({d},) and a positive definite covariance ({d}, {d}) of each domain"
        ) from error
    return (logs[0] - logs[1]).exp().to(x)


def effective_sample_size(w: Float[Tensor, " n"]) -> Scalar:
    """How many samples of equal weight these are worth: (Σ w)² / Σ w², from 1 to n. Differentiable.

    Raises:
        ValueError: if a weight is negative or all are 0.

    >>> float(effective_sample_size(torch.tensor([1.0, 1.0, 0.0, 0.0])))
    2.0
    """
    inputs.weights(w)
    # Divided by the largest first: the squares of huge or tiny weights would overflow or vanish.
    scaled = w / w.detach().amax()
    return scaled.sum().square() / scaled.square().sum()


def clip_weights(w: Float[Tensor, " n"], *, most: float) -> Float[Tensor, " n"]:
    """Weights of mean 1, none of which was above ``most`` times the mean before: ``min(w / mean, most)`` over its mean.

    Args:
        w: weights (n,).
        most: the cap in units of the mean; ``inf`` cuts nothing.

    Raises:
        ValueError: if a weight is negative, all are 0, or ``most`` is not above 0.

    >>> clip_weights(torch.tensor([0.0, 1.0, 1.0, 6.0]), most=2.0)
    tensor([0.0000, 0.6667, 0.6667, 2.6667])
    """
    inputs.weights(w)
    if not most > 0:
        raise ValueError(f"most is {most}; expected a number above 0")
    cut = (w / w.mean()).clamp(max=most)
    return cut / cut.mean()


def flatten_weights(w: Float[Tensor, " n"], *, tau: float) -> Float[Tensor, " n"]:
    """``w^τ`` scaled to mean 1: τ = 1 leaves the weights, τ = 0 makes them all 1 (Shimodaira 2000).

    Raises:
        ValueError: if a weight is negative, all are 0, or τ is not from 0 to 1.

    >>> flatten_weights(torch.tensor([1.0, 9.0]), tau=0.5)
    tensor([0.5000, 1.5000])
    """
    inputs.weights(w)
    if not 0 <= tau <= 1:
        raise ValueError(f"tau is {tau}; expected a number from 0 to 1")
    flat = w**tau
    return flat / flat.mean()
