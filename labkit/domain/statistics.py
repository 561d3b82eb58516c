"""Batch normalisation with the statistics of one domain.

In training, the steps of this package pass source and target through the model one after the other: each is normalised
by its own mean and variance. Predictions use the running statistics, which are then those of both. Adaptive batch
normalisation puts those of the target in their place. Source: Y. Li and others, "Adaptive Batch Normalization for
practical domain adaptation" (2018).
"""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from labkit.nets import eval_mode


def adapt_batch_norm(model: nn.Module, z: Tensor, *, batch_size: int = 256) -> None:
    """Give a model's batch normalisation the mean and variance of a domain, in place. No weight changes.

    Args:
        model: with some layers of batch normalisation.
        z: samples of the domain, (N, ...), at least two; their labels aren't needed.
        batch_size: about how many samples pass the model at a time. A layer's statistics are the mean of the batches'.

    Raises:
        ValueError: if no layer has running statistics, there are fewer than two samples, or batches would have fewer.

    >>> model = nn.Sequential(nn.BatchNorm1d(1), nn.Linear(1, 2))
    >>> adapt_batch_norm(model, torch.tensor([[3.0], [5.0]]))
    >>> model[0].running_mean, model[0].running_var
    (tensor([4.]), tensor([2.]))
    """
    layers = [layer for layer in model.modules() if isinstance(layer, _BatchNorm) and layer.track_running_stats]
    if not layers:
        raise ValueError("the model has no batch normalisation with running statistics: there is nothing to adapt")
    if min(len(z), batch_size) < 2:
        raise ValueError(f"there are {len(z)} samples, {batch_size} a batch; expected at least two, to have a variance")
    momenta = [layer.momentum for layer in layers]
    with eval_mode(model), torch.no_grad():
        try:
            for layer in layers:
                layer.reset_running_stats()
                layer.momentum = None  # the mean of all batches
                layer.train()
            for batch in z.tensor_split(max(1, len(z) // batch_size)):
                model(batch)
        finally:
            for layer, momentum in zip(layers, momenta):
                layer.momentum = momentum
