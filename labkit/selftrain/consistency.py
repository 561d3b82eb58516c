"""Losses for unlabelled data: the target is the model's own prediction, made again in every step.

Pseudo-label (D.-H. Lee, "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep Neural
Networks", 2013)::

    L = 1/n Σ H(y, f(x)) + α(t) 1/n' Σ H(argmax f(x'), f(x'))
    α(t) = 0 for t < T1,   α_f (t − T1)/(T2 − T1) for T1 ≤ t < T2,   α_f from T2 on

FixMatch (K. Sohn and others, "FixMatch: Simplifying Semi-Supervised Learning with Consistency and Confidence", 2020),
with a weak view a(u) and a strong view A(u) of each unlabelled u::

    L_u = 1/(μB) Σ 1[max q ≥ τ] H(argmax q, p(A(u))),    q = p(a(u)), through which no gradient flows

Mean teacher (A. Tarvainen and H. Valpola, "Mean Teachers Are Better Role Models", 2017): the target is a second network
θ' that follows the first, θ' ← γ θ' + (1 − γ) θ, and the loss is ‖p_θ(view) − p_θ'(other view)‖².
"""

import math
from typing import NamedTuple

from torch import Tensor
from torch.nn import functional

from labkit.logits import cross_entropy, decide, two_logits
from labkit.shapes import Float, Logits, finite


def linear_ramp(t: float, *, T1: float, T2: float, final: float = 3.0) -> float:
    """Lee's weight α(t) of the unlabelled loss: 0 before ``T1``, ``final`` from ``T2``, a straight line between.

    If the ramp begins too early, wrong pseudo-labels are learned. If it begins too late, nothing is left to learn.

    Args:
        t: how far training is, in the unit of ``T1`` and ``T2``.
        T1: where the ramp begins.
        T2: where it ends; the paper has 100 and 600.
        final: α_f; 3 in the paper.

    Raises:
        ValueError: if ``T2`` comes before ``T1`` or ``final`` is negative.
    """
    if T2 < T1 or final < 0:
        raise ValueError(f"T1 is {T1}, T2 {T2} and final {final}; expected T1 ≤ T2 and final ≥ 0")
    if t < T1:
        return 0.0
    return final if t >= T2 else final * (t - T1) / (T2 - T1)


def gaussian_ramp(t: float, *, length: float) -> float:
    """exp(−5 (1 − t/length)²), and 1 from ``length`` on: mean teacher's weight, after Laine and Aila (2017).

    Raises:
        ValueError: if ``t`` is negative or ``length`` is not above 0.
    """
    if t < 0 or length <= 0:
        raise ValueError(f"t is {t} and length {length}; expected t ≥ 0 and length > 0")
    return math.exp(-5 * (1 - min(t / length, 1.0)) ** 2)


def pseudo_label_loss(logits: Logits, opinion: Logits | None = None) -> Float[Tensor, ""]:
    """Cross-entropy to the likeliest class, mean over the batch; ``opinion`` chooses the class, or the logits do.

    ``opinion`` holds other logits of the same samples. No gradient flows through the choice of the class.
    """
    return cross_entropy(logits, decide((logits if opinion is None else opinion).detach()))


class Consistency(NamedTuple):
    """The loss, and the share of samples whose pseudo-label was sure enough to take part."""

    loss: Float[Tensor, ""]
    used: Float[Tensor, ""]


def fixmatch_loss(weak: Logits, strong: Logits, *, tau: float = 0.95) -> Consistency:
    """FixMatch's unlabelled loss: the strong view should give the class that the weak view is sure of.

    The mean is over *all* samples, so that its weight grows as the model gets surer. No gradient flows to ``weak``.

    Args:
        weak: logits (B, k) of the weakly changed samples.
        strong: logits (B, k) of the same samples, strongly changed, in the same order.
        tau: the least probability of a pseudo-label.

    Raises:
        ValueError: if the two differ in shape, one of them is nan, or ``tau`` is not from 0 to 1.
    """
    if weak.shape != strong.shape:
        raise ValueError(f"weak has shape {tuple(weak.shape)}, strong {tuple(strong.shape)}; expected the same")
    if not 0 <= tau <= 1:
        raise ValueError(f"tau is {tau}; expected a probability from 0 to 1")
    weak, strong = (two_logits(finite(z, name=name)) for z, name in ((weak, "weak"), (strong, "strong")))
    c, target = functional.softmax(weak.detach(), dim=1).max(1)
    mask = (c >= tau).to(strong.dtype)
    loss = (mask * functional.cross_entropy(strong, target, reduction="none")).mean()
    return Consistency(loss, mask.mean())


def consistency_loss(student: Logits, teacher: Logits) -> Float[Tensor, ""]:
    """Mean squared difference of the probabilities of student and teacher; no gradient flows to ``teacher``.

    The mean is over samples and classes, as in the authors' code.

    Args:
        student: logits (B, k).
        teacher: logits (B, k) of the same samples.

    Raises:
        ValueError: if the two differ in shape.
    """
    if student.shape != teacher.shape:
        raise ValueError(f"student has shape {tuple(student.shape)}, teacher {tuple(teacher.shape)}; expected the same")
    student, teacher = two_logits(student), two_logits(finite(teacher, name="teacher"))
    return functional.mse_loss(functional.softmax(student, 1), functional.softmax(teacher.detach(), 1))
