"""Generative adversarial networks: two networks play against each other, and one of them learns to make data.

``losses``       the games, as functions of logits; AC-GAN's class term; the gradient penalty
``nets``         generators and discriminators, DCGAN's, with labels AC-GAN's
``steps``        one update of both, for ``train.fit``; the average of a generator's weights
``diffaugment``  for data of few images
``sampling``     from noise to pictures; walks through the latent space
``callbacks``    samples after every epoch; an alarm for mode collapse
``gumbel``       a choice with a slope, for text
``evaluate``     copies, precision and recall, Fréchet distance, classification accuracy score
``small_gan``    a GAN in a few seconds, and those that come with the course
"""

from labkit.gan.callbacks import CollapseAlarm, Samples
from labkit.gan.diffaugment import DiffAugment, cut, recolour, shift
from labkit.gan.evaluate import (
    NearestNeighbours,
    PrecisionRecall,
    classification_accuracy_score,
    data_copying_test,
    diversity,
    frechet,
    mann_whitney,
    nearest_neighbours,
    precision_recall,
)
from labkit.gan.gumbel import gumbel_softmax
from labkit.gan.losses import GAMES, Game, class_loss, discriminator_loss, generator_loss, gradient_penalty
from labkit.gan.nets import Discriminator, Generator
from labkit.gan.sampling import lerp, noise, sample, slerp
from labkit.gan.small_gan import (
    FEW_IMAGES,
    GANRecipe,
    PretrainedGAN,
    TrainedGAN,
    pretrained,
    pretrained_names,
    train_small_gan,
)
from labkit.gan.steps import gan_step

__all__ = [
    "FEW_IMAGES",
    "GAMES",
    "CollapseAlarm",
    "DiffAugment",
    "Discriminator",
    "GANRecipe",
    "Game",
    "Generator",
    "NearestNeighbours",
    "PrecisionRecall",
    "PretrainedGAN",
    "Samples",
    "TrainedGAN",
    "class_loss",
    "classification_accuracy_score",
    "cut",
    "data_copying_test",
    "discriminator_loss",
    "diversity",
    "frechet",
    "gan_step",
    "generator_loss",
    "gradient_penalty",
    "gumbel_softmax",
    "lerp",
    "mann_whitney",
    "nearest_neighbours",
    "noise",
    "precision_recall",
    "pretrained",
    "pretrained_names",
    "recolour",
    "sample",
    "shift",
    "slerp",
    "train_small_gan",
]
