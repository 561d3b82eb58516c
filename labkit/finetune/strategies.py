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

import torch

from labkit.finetune.network import Network, base_model, freeze, new_head, stages
from labkit.finetune.tuning import cached_features, fine_tune, reset_parameters, train_head
from labkit.nets import Classifier
from labkit.shapes import Images, Labels

STRATEGIES = ("scratch", "features", "last block", "full")


def adapt(
    model: Classifier,
    x: Images,
    y: Labels,
    *,
    classes: int,
    strategy: str | int,
    generator: torch.Generator,
    steps: int = 150,
    lr: float = 2e-3,
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
        lr: the head's rate in fine-tuning, and the rate of everything from scratch.
        factor: see ``discriminative_rates``.
        weight_decay: of the head's weights, see ``train_head``.
        statistics: of batch normalisation while pretrained stages learn, see ``freeze``.

    Returns:
        The model, in evaluation mode.

    Raises:
        ValueError: if there is no such strategy, or as the six steps.
    """
    if isinstance(strategy, str) and strategy not in STRATEGIES:
        raise ValueError(f"strategy is {strategy!r}; expected one of {', '.join(STRATEGIES)}, or a depth")
    new = new_head(freeze(base_model(model)), classes, generator=generator)
    epochs = max(1, round(steps / -(-len(x) // 32)))
    if strategy == "scratch":
        reset_parameters(new.body, generator=generator)
        fine_tune(freeze(new, 0), x, y, lr=lr, factor=1.0, epochs=epochs, generator=generator)
        return new.eval()
    train_head(new, cached_features(new, x), y, weight_decay=weight_decay)
    whole = len(stages(new))
    depth = {"features": whole, "last block": whole - 1, "full": 0}[strategy] if isinstance(strategy, str) else strategy
    if depth != whole:
        freeze(new, depth, statistics=statistics)
        fine_tune(new, x, y, lr=lr, factor=factor, epochs=epochs, generator=generator)
    return new.eval()
