"""A small GAN in a few seconds, and those that come with the course.

``train_small_gan`` trains one on what it is given; ``pretrained`` loads one that ``benchmarks/gan.py`` has trained:
weights in half precision, and beside them a file that says on what, with which seed, how long, and how good it is.
"""

import copy
import json
from dataclasses import dataclass
from functools import partial
from importlib.resources import as_file, files
from itertools import chain
from typing import Any, NamedTuple

import torch

from labkit import train
from labkit.gan.diffaugment import DiffAugment
from labkit.gan.nets import Discriminator, Generator
from labkit.gan.steps import gan_step
from labkit.nets import seeded_weights
from labkit.shapes import Images, Labels


class TrainedGAN(NamedTuple):
    """A generator to sample from (an average of weights), the discriminator, and how training went."""

    generator: Generator
    discriminator: Discriminator
    history: train.History


@dataclass(frozen=True)
class GANRecipe:
    """How a small GAN is made and trained; ``dataclasses.replace`` gives variants.

    Attributes:
        steps: updates of either player, at least one epoch.
        latent: the length of z.
        width: of both networks.
        batch_size: images a batch; all, where there are fewer.
        lr: Adam's step size for the generator; β = (0.5, 0.999), as in DCGAN.
        lr_d: for the discriminator; larger ones are Heusel and others' two time scales (2017).
        game: one of ``losses.GAMES``.
        norm: the discriminator's.
        class_weight: of AC-GAN's class terms.
        class_on_fakes: whether D learns classes from fakes too.
        decay: of the average of the generator's weights.
        augment: of all that D sees, for data of few images.
    """

    steps: int = 600
    latent: int = 32
    width: int = 16
    batch_size: int = 32
    lr: float = 1e-3
    lr_d: float = 1e-3
    game: str = "non-saturating"
    norm: str = "batch"
    class_weight: float = 1.0
    class_on_fakes: bool = True
    decay: float = 0.99
    augment: DiffAugment | None = None


FEW_IMAGES = GANRecipe(width=14, class_on_fakes=False, augment=DiffAugment(("translation",)))
"""For a class of some dozens of images: D sees them moved about, and learns classes from real ones alone."""


def train_small_gan(
    x: Images,
    y: Labels | None = None,
    recipe: GANRecipe | None = None,
    *,
    classes: int = 0,
    seed: int = 0,
    on_epoch: train.EpochCallback | None = None,
) -> TrainedGAN:
    """Train a GAN on images of 8², 16² or 32²; an AC-GAN where labels are given. Seconds on one core.

    Args:
        x: images in [0, 1].
        y: their labels, for an AC-GAN.
        recipe: how; ``GANRecipe()`` if None.
        classes: of the labels; one more than the largest, if not given.
        seed: of everything random.
        on_epoch: a callback. An epoch goes through the images once, or fifty times ``batch_size`` of them if that is
            more.

    Raises:
        ValueError: if the images are not squares of 8, 16, 32, … pixels, or ``steps`` is below 1.
    """
    recipe = recipe or GANRecipe()
    steps, width = recipe.steps, recipe.width
    if x.shape[-1] != x.shape[-2] or steps < 1:
        raise ValueError(f"images are {tuple(x.shape[-2:])} and steps {steps}; expected squares and 1 step or more")
    kinds = 0 if y is None else classes or int(y.max()) + 1
    g = torch.Generator(device=x.device).manual_seed(seed)
    with seeded_weights(seed):
        G = Generator(x.shape[-1], x.shape[1], latent=recipe.latent, width=width, classes=kinds).to(x.device)
        D = Discriminator(x.shape[-1], x.shape[1], width=width, classes=kinds, norm=recipe.norm).to(x.device)
    average = copy.deepcopy(G).requires_grad_(False)
    adam = partial(torch.optim.Adam, betas=(0.5, 0.999))
    step = gan_step(
        G, D, adam(G.parameters(), lr=recipe.lr), adam(D.parameters(), lr=recipe.lr_d), generator=g, game=recipe.game,
        augment=train.identity if recipe.augment is None else partial(recipe.augment, generator=g),
        class_weight=recipe.class_weight, class_on_fakes=recipe.class_on_fakes, average=average, decay=recipe.decay,
    )  # fmt: skip
    tensors, batch_size = (x,) if y is None else (x, y), min(recipe.batch_size, len(x))
    batches = train.Minibatches(*tensors, batch_size=batch_size, generator=g, drop_last=True)
    rounds = max(1, min(50, steps) // len(batches))
    epochs = max(1, round(steps / (rounds * len(batches))))
    history = train.fit(step, lambda: chain.from_iterable([batches] * rounds), epochs=epochs, on_epoch=on_epoch)
    return TrainedGAN(average, D, history)


class PretrainedGAN(NamedTuple):
    """A generator and a discriminator in evaluation mode, and what is known of their training."""

    generator: Generator
    discriminator: Discriminator
    about: dict[str, Any]


FOLDER = "labkit.gan.weights"


def pretrained_names() -> tuple[str, ...]:
    """The names that ``pretrained`` knows."""
    return tuple(sorted(f.name.removesuffix(".json") for f in files(FOLDER).iterdir() if f.name.endswith(".json")))


def pretrained(name: str) -> PretrainedGAN:
    """A GAN that comes with the course, in float32 on the CPU, in a few milliseconds.

    Args:
        name: ``"lesions"``: the liver-lesion simulator's 182 images at 32²; ``"digits"``: scikit-learn's at 8²;
            ``"mnist"`` at 16²; ``"brain"``: simulated slices at 32².

    Raises:
        ValueError: if there is none of that name.
    """
    if name not in pretrained_names():
        raise ValueError(f"no GAN is called {name!r}; there are {', '.join(pretrained_names())}")
    from safetensors.torch import load_file

    about = json.loads((files(FOLDER) / f"{name}.json").read_text(encoding="utf-8"))
    with as_file(files(FOLDER) / f"{name}.safetensors") as path:
        weights = {key: value.float() if value.is_floating_point() else value for key, value in load_file(path).items()}
    G, D = Generator(**about["generator"]), Discriminator(**about["discriminator"])
    for prefix, module in (("G.", G), ("D.", D)):
        module.load_state_dict({k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)})
        module.eval().requires_grad_(False)
    return PretrainedGAN(G, D, about)
