"""What Eve computes from a model's logits z, and how far that can lead.

    confidence          max_k p_k,  p = softmax(z)                         the deck's attack: no label is needed
    loss                ℓ = −log p_y                                       Yeom's
    scaled confidence   φ = log p_y/(1 − p_y) = z_y − log Σ_{k≠y} e^{z_k}   Carlini's, see ``lira``

S. Yeom, I. Giacomelli, M. Fredrikson and S. Jha, "Privacy Risk in Machine Learning: Analyzing the Connection to
Overfitting" (2018): with a loss between 0 and B, the attack that guesses "member" with probability 1 − ℓ/B has exactly
the advantage (mean loss on others − mean loss on members)/B, the generalisation gap. With the 0–1 loss it guesses
"member" where the model is right. Their other attack compares ℓ with the mean training loss. And a training that is
(ε, δ)-differentially private bounds the advantage of every attack.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from labkit.logits import cross_entropy, decide, two_logits
from labkit.shapes import Bool, Labels, Logits, PerSample, finite, labels


def confidence(logits: Logits) -> PerSample:
    """The largest probability of each sample, from 1/k to 1."""
    return functional.softmax(two_logits(finite(logits, name="a logit")), dim=1).amax(1)


def loss(logits: Logits, y: Labels) -> PerSample:
    """The cross-entropy −log p_y of each sample, in nats; small for what was learned, so a score is its negative."""
    return cross_entropy(finite(logits, name="a logit"), y, reduction="none")


def scaled_confidence(logits: Logits, y: Labels) -> PerSample:
    """φ = log(p_y/(1 − p_y)) of each sample: nearly Gaussian over models, where p_y crowds at 1.

    Computed from the logits, so that it stays finite where p_y rounds to 1.

    Raises:
        ValueError: if a logit is not finite, or a label is no class.
    """
    logits = two_logits(finite(logits, name="a logit"))
    y = labels(y, len(logits), classes=logits.shape[1])
    own = functional.one_hot(y, logits.shape[1]).bool()
    others = logits.masked_fill(own, -math.inf)
    return logits.gather(1, y[:, None])[:, 0] - others.logsumexp(1)


def threshold_attack(scores: PerSample, *, tau: float) -> Bool[Tensor, " b"]:
    """Guess "member" where the score is at least ``tau``.

    Raises:
        ValueError: if ``tau`` or a score is nan.
    """
    if math.isnan(tau):
        raise ValueError("tau is nan; expected a number to compare the scores with")
    return finite(scores, name="a score") >= tau


def loss_attack(logits: Logits, y: Labels, *, mean_loss: float | Tensor) -> Bool[Tensor, " b"]:
    """Yeom's attack with one query: "member" where the loss is at most the mean loss of training.

    Args:
        logits: of the records.
        y: their labels, which Eve knows.
        mean_loss: what Bob published: the model's mean loss on its training set, in nats.
    """
    return loss(logits, y) <= mean_loss


def gap_attack(logits: Logits, y: Labels) -> Bool[Tensor, " b"]:
    """Guess "member" where the model is right: needs labels, no probabilities. Its advantage is the accuracy gap."""
    logits = two_logits(logits)
    return decide(logits) == labels(y, len(logits), classes=logits.shape[1])


def bounded_loss_attack(losses: PerSample, *, bound: float, generator: torch.Generator) -> Bool[Tensor, " b"]:
    """Yeom's first attack: "member" with probability 1 − ℓ/B.

    Args:
        losses: ℓ of each record, from 0 to ``bound``.
        bound: B, the largest possible loss.
        generator: decides.

    Raises:
        ValueError: if a loss lies outside 0 to B.
    """
    if not bool(((losses >= 0) & (losses <= bound)).all()):
        raise ValueError(f"losses go from {losses.min():.3g} to {losses.max():.3g}; expected 0 to the bound, {bound:g}")
    coin = torch.rand(losses.shape, generator=generator, device=generator.device, dtype=losses.dtype)
    return coin.to(losses.device) >= losses / bound


def yeom_advantage(train_loss: float, test_loss: float, *, bound: float = 1.0) -> float:
    """The advantage of Yeom's first attack (his theorem 2): (test loss − training loss)/B, from −1 to 1.

    Raises:
        ValueError: if a loss lies outside 0 to ``bound``.
    """
    if not (0 <= train_loss <= bound and 0 <= test_loss <= bound):
        raise ValueError(f"losses are {train_loss:g} and {test_loss:g}; expected 0 to the bound, {bound:g}")
    return (test_loss - train_loss) / bound


def dp_bound(eps: float, *, delta: float = 0.0) -> float:
    """No attack on an (ε, δ)-private training has a larger advantage than (e^ε − 1 + 2δ)/(e^ε + 1).

    Yeom's theorem 1 has e^ε − 1, which says nothing above ε = log 2; this is the tight form, from the hypothesis test
    that an attack is (P. Kairouz, S. Oh and P. Viswanath, "The Composition Theorem for Differential Privacy", 2015).

    Raises:
        ValueError: if ``eps`` is negative or ``delta`` no probability.
    """
    if eps < 0 or not 0 <= delta <= 1:
        raise ValueError(f"eps is {eps} and delta {delta}; expected eps ≥ 0 and delta from 0 to 1")
    # tanh(ε/2) = (e^ε − 1)/(e^ε + 1) without overflow.
    return min(1.0, math.tanh(eps / 2) + 2 * delta / (1 + math.exp(min(eps, 700.0))))
