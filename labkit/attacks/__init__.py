"""Adversarial examples: small changes of an input, made from the model's own gradient, that change its answer.

    g = ∇ₓ J(θ, x, y)                                        the input gradient (deck 000: back to the input)
    x' = x + ε sign g                                        FGSM, Goodfellow, Shlens and Szegedy (2015)
    xᵗ⁺¹ = Π(xᵗ + α d(gᵗ)),  x⁰ = x                          BIM, Kurakin, Goodfellow and Bengio (2017)
    xᵗ⁺¹ = Π(xᵗ + α d(gᵗ)),  x⁰ random in the ball           PGD, Madry and others (2018)

``J`` is the loss, ``y`` the true class (or, ``targeted``, the one to be mistaken for: then the step goes downhill),
``d`` the steepest direction of the norm (``sign g``, or ``g / ‖g‖₂``), and ``Π`` the projection onto the ball of
radius ``ε`` about x and onto the range of pixels. They are one loop, ``pgd``; the others are its special cases.

Images have pixels in [0, 1] and normalisation is the model's first layer, so ``ε`` is in pixel units: 8/255 is
eight grey levels. An attack runs the model in evaluation mode and gives it back as it was: modes, ``requires_grad``
and the gradients of parameters are untouched.
"""

from labkit.attacks.balls import L2, Ball, Linf, ball, project, random_sign
from labkit.attacks.gradient import bim, cross_entropy, fgsm, input_gradient, jacobian_augment, margin, pgd
from labkit.attacks.measure import (
    adversarial_examples,
    logit_surface,
    probabilities_along,
    robust_accuracy,
    success_rate,
)
from labkit.attacks.training import (
    adversarial_training,
    fast_adversarial_training,
    free_adversarial_training,
    substitute_training,
)

__all__ = [
    "L2",
    "Ball",
    "Linf",
    "adversarial_examples",
    "adversarial_training",
    "ball",
    "bim",
    "cross_entropy",
    "fast_adversarial_training",
    "fgsm",
    "free_adversarial_training",
    "input_gradient",
    "jacobian_augment",
    "logit_surface",
    "margin",
    "pgd",
    "probabilities_along",
    "project",
    "random_sign",
    "robust_accuracy",
    "substitute_training",
    "success_rate",
]
