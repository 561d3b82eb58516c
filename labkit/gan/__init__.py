"""Generative adversarial networks: two networks play against each other, and one of them learns to make data.

``losses``       the games, as functions of logits; AC-GAN's class term; the gradient penalty
``nets``         generators and discriminators, DCGAN's, with labels AC-GAN's
``steps``        one update of both, for ``train.fit``; the average of a generator's weights
``diffaugment``  for data of few images
``sampling``     from noise to pictures; walks through the latent space
``watch``        samples after every epoch; an alarm for mode collapse
``evaluate``     copies, precision and recall, Fréchet distance, classification accuracy score
``small``        a GAN in a few seconds, and those that come with the course
"""

from labkit.gan.diffaugment import DiffAugment, cut, recolour, shift
from labkit.gan.evaluate import (
    Nearest,
    PrecisionRecall,
    classification_accuracy_score,
    copying,
    diversity,
    frechet,
    mann_whitney,
    nearest,
    precision_recall,
)
from labkit.gan.losses import GAMES, Game, class_loss, discriminator_loss, generator_loss, gradient_penalty
from labkit.gan.nets import Discriminator, Generator
from labkit.gan.sampling import lerp, noise, sample, slerp
from labkit.gan.small import Pretrained, Trained, available, pretrained, small
from labkit.gan.steps import adversarial
from labkit.gan.watch import CollapseAlarm, Samples

__all__ = [
    "GAMES",
    "CollapseAlarm",
    "DiffAugment",
    "Discriminator",
    "Game",
    "Generator",
    "Nearest",
    "PrecisionRecall",
    "Pretrained",
    "Samples",
    "Trained",
    "adversarial",
    "available",
    "class_loss",
    "classification_accuracy_score",
    "copying",
    "cut",
    "discriminator_loss",
    "diversity",
    "frechet",
    "generator_loss",
    "gradient_penalty",
    "lerp",
    "mann_whitney",
    "nearest",
    "noise",
    "precision_recall",
    "pretrained",
    "recolour",
    "sample",
    "shift",
    "slerp",
    "small",
]
