"""How many parameters there are, and why the deck counts others.

    deck (Keras)  =  trainable + frozen + statistics + biases − scales

The deck's numbers are Keras's, which calls the running mean and variance of batch normalisation non-trainable
*parameters*, where PyTorch calls them buffers (``statistics``, two a channel). Keras's ResNet-50 gives its convolutions
a bias although batch normalisation takes it away again (``biases``); its Inception V3 normalises without a scale γ
(``scales``). Nothing else differs: the sum is exact. torchvision's Inception V3 also has an auxiliary
classifier, which is no part of the base model.
"""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from labkit.finetune.network import base_model, freeze, new_head
from labkit.finetune.zoo import ZOO, load
from labkit.nets import parameter_count


class ParameterReport(NamedTuple):
    """The parameters of a network with a frozen base and a new linear head.

    Attributes:
        trainable: the head's.
        frozen: the base's.
        statistics: numbers that Keras counts as non-trainable parameters: running means and variances.
        biases: of convolutions, which only Keras's network has.
        scales: of batch normalisation, which only PyTorch's network has.
    """

    trainable: int
    frozen: int
    statistics: int
    biases: int
    scales: int

    @property
    def here(self) -> int:
        """All parameters as PyTorch counts them."""
        return self.trainable + self.frozen

    @property
    def keras(self) -> int:
        """All parameters as Keras, and the deck, counts them."""
        return self.here + self.statistics + self.biases - self.scales


def parameter_report(name: str, *, classes: int = 2) -> ParameterReport:
    """The account of one of the zoo's networks. No memory is needed and nothing downloaded.

    Args:
        name: of ``ZOO``.
        classes: of the new head.

    Raises:
        ValueError: as ``load``.
    """
    with torch.device("meta"):
        model = new_head(freeze(base_model(load(name, weights=None))), classes)
    entry = ZOO[name]
    norms = [layer for layer in model.body.modules() if isinstance(layer, _BatchNorm)]
    channels = sum(norm.num_features for norm in norms)
    bare = [layer for layer in model.body.modules() if isinstance(layer, nn.Conv2d) and layer.bias is None]
    trainable = parameter_count(model, trainable=True)
    return ParameterReport(
        trainable,
        parameter_count(model) - trainable,
        statistics=2 * channels,
        biases=sum(layer.out_channels for layer in bare) if entry.keras_biases else 0,
        scales=0 if entry.keras_scales else channels,
    )
