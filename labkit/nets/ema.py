"""The exponential moving average of a network's weights: mean teachers, FixMatch's results, a GAN's samples.

    θ' ← decay θ' + (1 − decay) θ

Sources: A. Tarvainen and H. Valpola, "Mean Teachers Are Better Role Models" (2017); Y. Yazıcı and others, "The Unusual
Effectiveness of Averaging in GAN Training" (2019).
"""

import torch
from torch import nn


@torch.no_grad()
def ema_update(teacher: nn.Module, model: nn.Module, *, decay: float) -> None:
    """One step of the average, in place.

    Running statistics (of batch normalisation) are averaged alike: those of other weights would not fit. Whole
    numbers are copied.

    Args:
        teacher: the average θ', a copy of the model at first.
        model: θ, which is trained.
        decay: how much of the average stays, from 0 to 1.

    Raises:
        ValueError: if ``decay`` is not from 0 to 1, or the two networks differ.
    """
    if not 0 <= decay <= 1:
        raise ValueError(f"decay is {decay}; expected a number from 0 to 1")
    ours, theirs = ({**dict(net.named_parameters()), **dict(net.named_buffers())} for net in (teacher, model))
    if {n: v.shape for n, v in ours.items()} != {n: v.shape for n, v in theirs.items()}:
        raise ValueError("the two networks have different parameters; expected the teacher to be a copy of the model")
    for name, mine in ours.items():
        if mine.is_floating_point():
            mine.lerp_(theirs[name], 1 - decay)
        else:
            mine.copy_(theirs[name])
