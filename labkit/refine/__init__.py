"""Simulated+Unsupervised learning: make a simulator's images look real without losing what they are labelled with.

Given are synthetic images x_i, whose labels are known, and real images y_j, whose labels are not. A refiner R with
weights θ makes x̃_i = R_θ(x_i), and a discriminator D with weights φ gives the probability that an image is *refined*::

    L_R(θ) = Σ_i  −log(1 − D_φ(R_θ(x_i)))  +  λ ‖ψ(R_θ(x_i)) − ψ(x_i)‖₁         realism + self-regularisation
    L_D(φ) = Σ_i  −log D_φ(R_θ(x_i))  +  Σ_j −log(1 − D_φ(y_j))                 cross-entropy, two classes

Term by term: ``−log(1 − D(R(x)))`` is small where D takes the refined image for a real one; ``λ ‖ψ(R(x)) − ψ(x)‖₁`` is
small where the image is still itself, in pixels (ψ the identity) or in features ψ, so that its label is still true;
``−log D(R(x))`` and ``−log(1 − D(y))`` are small where D tells the two apart. R is trained with φ held, D with θ held.

D answers for patches: it returns a map of logits, one for each place, and every ``−log`` above is summed over the map
(the *local* adversarial loss). Half of D's refined images come from a buffer of earlier refiners' work.

Shrivastava, Pfister, Tuzel, Susskind, Wang and Webb, "Learning from Simulated and Unsupervised Images through
Adversarial Training" (CVPR 2017); deck 004 shows its objective with λ read as 2, θ as e and the two losses run
together.

``losses``    the objective, each term a function
``networks``  the refiner, the local discriminator, and a global one to compare with
``buffer``    images of earlier refiners
``steps``     K_g updates of R and K_d of D for ``labkit.train.fit``, and the pretraining of both
``bundled``   refiners of eyes that come with labkit, for several λ
``measure``   what became of the labels, and whether the images can still be told from real ones
"""

from labkit.refine.buffer import ImageHistoryBuffer, mix
from labkit.refine.bundled import pretrained
from labkit.refine.losses import (
    discriminator_loss,
    patch_cross_entropy,
    realism,
    refiner_loss,
    self_regularisation,
)
from labkit.refine.measure import Drift, classifier_two_sample_test, drift, pupil_centre, refine_images
from labkit.refine.networks import GlobalDiscriminator, LocalDiscriminator, Refiner, patch_size
from labkit.refine.steps import RefineBatch, RefineBatches, pretrain_discriminator, pretrain_refiner, simgan

__all__ = [
    "Drift",
    "GlobalDiscriminator",
    "ImageHistoryBuffer",
    "LocalDiscriminator",
    "RefineBatch",
    "RefineBatches",
    "Refiner",
    "classifier_two_sample_test",
    "discriminator_loss",
    "drift",
    "mix",
    "patch_cross_entropy",
    "patch_size",
    "pretrain_discriminator",
    "pretrain_refiner",
    "pretrained",
    "pupil_centre",
    "realism",
    "refine_images",
    "refiner_loss",
    "self_regularisation",
    "simgan",
]
