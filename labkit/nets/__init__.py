"""Small networks that every topic uses, and what can be counted of a network.

Each is a normalisation, a body that turns x into features, and a linear head:

    z = (x - mean) / std,      f = body(z),      logits = head(f)

so that a caller deals in pixel units (an adversarial budget eps means what it says), reads the features
before the head (``model.features(x)``), freezes the body (``model.body.requires_grad_(False)``), or puts a new
head on it (``model.head = nn.Linear(model.width, classes)``).
"""

from labkit.nets.count import LayerInfo, eval_mode, frozen, parameter_count, parameter_table
from labkit.nets.ema import ema_update
from labkit.nets.models import CNN, MLP, Classifier, Normalize, ResNet
from labkit.nets.reversal import reverse_gradient
from labkit.nets.seeded import seeded_weights
from labkit.nets.unet import UNet

__all__ = [
    "CNN",
    "MLP",
    "Classifier",
    "LayerInfo",
    "Normalize",
    "ResNet",
    "UNet",
    "ema_update",
    "eval_mode",
    "frozen",
    "parameter_count",
    "parameter_table",
    "reverse_gradient",
    "seeded_weights",
]
