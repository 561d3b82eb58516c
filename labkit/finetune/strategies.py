"""The deck's table of decisions, as something that can be measured.

===============  ==============================================================  ===============================
strategy         what learns                                                     the deck recommends it
===============  ==============================================================  ===============================
``scratch``      everything, from random weights                                 (what transfer is compared with)
``features``     the new head alone, on cached features                          similar tasks, or little data
``last block``   the head, then the last stage with it                           different, or abundant data
``full``         the head, then everything                                       very different and abundant data
===============  ==============================================================  ===============================
"""

import warnings

import torch
from torch import nn

from labkit import metrics
from labkit.finetune.network import Network, base_model, freeze, new_head, stages
from labkit.finetune.tuning import cached_features, fine_tune, reset_parameters, train_head
from labkit.logits import cross_entropy
from labkit.nets import Classifier
from labkit.shapes import Images, Labels

STRATEGIES = ("scratch", "features", "last block", "full")

FASTEST, SHALLOW = 2e-3, 4
"""The rate for a base with so many layers or fewer; see ``default_rate``."""


def default_rate(model: nn.Module) -> float:
    """Adam's rate for fine-tuning a base of L layers: 2e-3 · (4 / L)^1.5, and 2e-3 where L is 4 or less.

    Adam moves every weight by about its rate, also where the head fits already and the gradient is next to nothing.
    Through L layers the moves add up, so a deep base forgets what it knows at a rate that a shallow one bears. The
    power was chosen on two sets of images (see the results); 1.3e-4 for SqueezeNet's 25 layers.

    Args:
        model: whose tensors of weights (those with two or more dimensions) are counted.

    >>> default_rate(nn.Sequential(*[nn.Linear(2, 2) for _ in range(16)]))
    0.00025
    """
    layers = sum(p.ndim > 1 for p in model.parameters())
    return FASTEST * (SHALLOW / max(layers, SHALLOW)) ** 1.5


def adapt(
    model: Classifier,
    x: Images,
    y: Labels,
    *,
    classes: int,
    strategy: str | int,
    generator: torch.Generator,
    steps: int = 150,
    lr: float | None = None,
    factor: float = 1.0,
    weight_decay: float = 1e-2,
    statistics: str = "frozen",
) -> Network:
    """The six steps at once: from a pretrained model and a few labelled images to a model of the new task.

    No image is held back, since one example a class leaves none: the number of steps is fixed beforehand.

    Args:
        model: pretrained; it stays as it is.
        x: images of the new task.
        y: their labels.
        classes: of the new task.
        strategy: one of ``STRATEGIES``, or a depth: how many pretrained stages stay frozen.
        generator: the source of new weights and of the order of images.
        steps: of Adam with batches of 32, at least one epoch; of no interest to ``features``.
        lr: the head's rate in fine-tuning, by default ``default_rate`` of the base; and the rate of everything from
            scratch, by default 2e-3.
        factor: see ``discriminative_rates``.
        weight_decay: of the head's weights, see ``train_head``.
        statistics: of batch normalisation while pretrained stages learn, see ``freeze``.

    Returns:
        The model, in evaluation mode.

    Raises:
        ValueError: if there is no such strategy, or as the six steps.

    Warns:
        UserWarning: if fine-tuning left a larger loss on its own images than the head alone had.
    """
    if isinstance(strategy, str) and strategy not in STRATEGIES:
        raise ValueError(f"strategy is {strategy!r}; expected one of {', '.join(STRATEGIES)}, or a depth")
    new = new_head(freeze(base_model(model)), classes, generator=generator)
    epochs = max(1, round(steps / -(-len(x) // 32)))
    if strategy == "scratch":
        reset_parameters(new.body, generator=generator)
        rate = FASTEST if lr is None else lr
        fine_tune(freeze(new, 0), x, y, lr=rate, factor=1.0, epochs=epochs, generator=generator)
        return new.eval()
    train_head(new, cached_features(new, x), y, weight_decay=weight_decay)
    whole = len(stages(new))
    depth = {"features": whole, "last block": whole - 1, "full": 0}[strategy] if isinstance(strategy, str) else strategy
    if depth != whole:
        rate = default_rate(new.body) if lr is None else lr
        before = own_loss(new, x, y)
        freeze(new, depth, statistics=statistics)
        fine_tune(new, x, y, lr=rate, factor=factor, epochs=epochs, generator=generator)
        warn_if_worse(before, own_loss(new, x, y), rate)
    return new.eval()


def own_loss(model: Network, x: Images, y: Labels) -> float:
    """The cross-entropy of the images that are learned, in evaluation mode."""
    return float(cross_entropy(metrics.predict(model, x), y))


def warn_if_worse(before: float, after: float, lr: float) -> None:
    """Warn if fine-tuning raised the loss of its own images by more than a rounding: no useful rate does."""
    if not after <= before + 0.01:
        warnings.warn(
            f"fine-tuning at lr = {lr:g} raised the loss of its own images from {before:.3g} to {after:.3g}: the head "
            "alone is better, or a lower rate",
            UserWarning,
            stacklevel=3,
        )
