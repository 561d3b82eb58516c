"""Transfer with convolutional networks, in the six steps of deck 003.

    model   = load("resnet50")                    1  load a pretrained model
    model   = base_model(model)                   2  create a base model: f, everything before the head
    model   = freeze(model)                       3  freeze layers: all of them, or the first few
    model   = new_head(model, 2)                  4  add new trainable layers: logits = g(f(x))
    model   = train_head(model, h, y)             5  train the new layers on h = cached_features(model, x): once
    history = fine_tune(model, x, y, lr=1e-4)     6  fine-tune some or all at a low rate, after freeze(model, depth)

``zoo``         pretrained networks: the deck's five and SqueezeNet, downloaded
``bundled``     a small one that comes with the course, what it has learned from, and two new tasks for it
``network``     the network of all six steps: stages, freezing, statistics that are held, heads
``tuning``      features once, the convex problem of a linear head, rates by depth, gradual unfreezing
``parameters``  how many parameters, trainable and frozen, and where the deck's (Keras's) numbers differ
``strategies``  the deck's table of decisions as four strategies
"""

from labkit.finetune.bundled import handwriting, small_cnn, source_task, textures
from labkit.finetune.network import Network, adapt_input, base_model, feature_maps, freeze, new_head, stages
from labkit.finetune.parameters import ParameterReport, parameter_report
from labkit.finetune.strategies import STRATEGIES, adapt, default_rate
from labkit.finetune.tuning import (
    cached_features,
    discriminative_rates,
    fine_tune,
    parameter_groups,
    train_head,
    unfreeze,
)
from labkit.finetune.zoo import ZOO, load

__all__ = [
    "STRATEGIES",
    "ZOO",
    "Network",
    "ParameterReport",
    "adapt",
    "adapt_input",
    "base_model",
    "cached_features",
    "default_rate",
    "discriminative_rates",
    "feature_maps",
    "fine_tune",
    "freeze",
    "handwriting",
    "load",
    "new_head",
    "parameter_groups",
    "parameter_report",
    "small_cnn",
    "source_task",
    "stages",
    "textures",
    "train_head",
    "unfreeze",
]
