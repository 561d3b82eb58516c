"""What ε the noise of DP-SGD is worth: Rényi accounting of the subsampled Gaussian mechanism.

One step adds noise of σ times the clipping length, and each example is in the batch with probability q. Its Rényi
divergence of order α > 1 is ρ(α) = log A(α) / (α − 1), with z ~ N(0, σ²) and

    A(α) = E[((1 − q) + q e^{(2z − 1)/2σ²})^α]

For a whole α the binomial theorem gives the sum  A = Σ_{k=0}^{α} C(α, k) (1 − q)^{α−k} q^k e^{(k² − k)/2σ²}.
For any other α the expectation is cut at z₀ = σ² log(1/q − 1) + ½, where both summands are equal; on either side
one of them is expanded in powers of the other. With Φ the normal distribution function and m = α − k,

    A = Σ_{k=0}^{∞} C(α, k) [ (1 − q)^m q^k e^{(k² − k)/2σ²} Φ((z₀ − k)/σ)
                            + (1 − q)^k q^m e^{(m² − m)/2σ²} Φ((m − z₀)/σ) ]

From k > α on the terms shrink and change their sign, so that what is left out is less than the first term left out:
that much is added, and ρ stays an upper bound. (I. Mironov, K. Talwar and L. Zhang, "Rényi Differential Privacy of the
Sampled Gaussian Mechanism", 2019, section 3.3.)

T steps have Tρ(α), and ε = min_α Tρ(α) + log((α − 1)/α) − (log δ + log α)/(α − 1) (B. Balle and others, "Hypothesis
Testing Interpretations and Rényi Differential Privacy", 2020). Where σ is small, the best order lies just above 1.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor

TERMS = 1024  # of the series, beyond the order itself
FRACTIONAL = (*(1 + k / 100 for k in (1, 2, 3, 5, 7)), *(1 + k / 10 for k in range(1, 100) if k % 10))
ORDERS = (*FRACTIONAL, *range(2, 64), 72, 80, 96, 128, 192, 256, 512)
"""The orders α that ``epsilon`` takes the least of."""


def epsilon(*, sigma: float, q: float, steps: int, delta: float) -> float:
    """ε of (ε, δ)-differential privacy after ``steps`` of DP-SGD, by Rényi accounting; infinite without noise.

    Args:
        sigma: the noise multiplier.
        q: the probability with which a sample is in a batch.
        steps: updates in all.
        delta: δ, well below 1/N.

    Raises:
        ValueError: if a number lies outside its range.

    >>> f"{epsilon(sigma=1.0, q=0.01, steps=1000, delta=1e-5):.2f}"
    '2.10'
    """
    if not sigma >= 0 or not 0 < q <= 1 or not steps >= 0 or not 0 < delta < 1:
        raise ValueError(
            f"sigma {sigma}, q {q}, steps {steps}, delta {delta}; expected σ ≥ 0, 0 < q ≤ 1, steps ≥ 0, 0 < δ < 1"
        )
    if sigma == 0:
        return math.inf if steps else 0.0
    bounds = [
        steps * renyi(a, sigma=sigma, q=q) + math.log1p(-1 / a) - (math.log(delta) + math.log(a)) / (a - 1)
        for a in ORDERS
    ]
    return max(0.0, min(bounds)) if steps else 0.0


@lru_cache(maxsize=4 * len(ORDERS))
def renyi(order: float, *, sigma: float, q: float) -> float:
    """ρ(α) of one step, for an order α > 1: exact for whole orders, for others a close upper bound.

    Raises:
        ValueError: if the order is not above 1.
    """
    if not order > 1:
        raise ValueError(f"the order is {order}; expected a number above 1")
    if q == 1:
        return order / (2 * sigma**2)
    log_moment = _whole(int(order), sigma, q) if order == int(order) else _fractional(order, sigma, q)
    # A step that takes some of the examples discloses no more than one that takes all.
    return min(max(0.0, log_moment) / (order - 1), order / (2 * sigma**2))


def _whole(order: int, sigma: float, q: float) -> float:
    """log A(α) by the binomial theorem."""
    k = torch.arange(order + 1, dtype=torch.float64)
    choose = math.lgamma(order + 1) - torch.lgamma(k + 1) - torch.lgamma(order - k + 1)
    return float((choose + _powers(k, order - k, sigma, q)).logsumexp(0))


def _fractional(order: float, sigma: float, q: float) -> float:
    """log A(α) by the two series, with the first term that is left out as the allowance for all that are."""
    k = torch.arange(math.ceil(order) + TERMS, dtype=torch.float64)
    m = order - k
    cut = sigma**2 * math.log(1 / q - 1) + 0.5
    choose = math.lgamma(order + 1) - torch.lgamma(k + 1) - torch.lgamma(m + 1)
    # Γ(x) is negative for x in (−1, 0), (−3, −2), …
    positive = (m + 1 > 0) | ((m + 1).floor() % 2 == 0)
    # Beyond the cut the exponents cancel but for what both series share.
    shared = order * math.log1p(-q) - cut**2 / (2 * sigma**2)
    terms = [
        choose + _tail((k - cut) / sigma, _powers(k, m, sigma, q), shared),
        choose + _tail((cut - m) / sigma, _powers(m, k, sigma, q), shared),
    ]
    both, signs = torch.cat(terms), positive.repeat(2)
    plus = torch.cat([both[signs], *(t[-1:] for t in terms)]).logsumexp(0)
    minus = both[~signs].logsumexp(0)
    return float(plus + torch.log1p(-(minus - plus).exp()))


def _powers(k: Tensor, m: Tensor, sigma: float, q: float) -> Tensor:
    """The logarithm of (1 − q)^m q^k e^{(k² − k)/2σ²}."""
    return m * math.log1p(-q) + k * math.log(q) + (k * k - k) / (2 * sigma**2)


def _tail(t: Tensor, powers: Tensor, shared: float) -> Tensor:
    """``powers`` + log Φ(−t): where t > 0 by the scaled complementary error function, so that nothing cancels."""
    beyond = shared + torch.log(torch.special.erfcx(t.clamp_min(0) / math.sqrt(2)) / 2)
    return torch.where(t > 0, beyond, powers + torch.special.log_ndtr(t.clamp_max(0).neg()))
