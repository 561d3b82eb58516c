"""Shadow models by the dozen: all at once where that saves time, one after another where it doesn't.

A training step of a small network is mostly overhead, which a stack pays once for all of its networks. A network that
fills a processor core by itself gains nothing from company: a stack of it is too large for the cache, and convolutions
in groups are slower than by themselves. On the CPU the two meet at 1 to 2·10⁷ floating-point operations for one
network's answers to one batch, for perceptrons and convolutions alike (``benchmarks/results/membership.md``).
"""

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from labkit import train
from labkit.membership.stacked import MemberBatches, StackedModels, check_same_architecture, stacked_step
from labkit.shapes import Bool, Float, Int

OVERHEAD_UP_TO = 1e7


def stacking_is_faster(model: nn.Module, x: Float[Tensor, " b *rest"]) -> bool:
    """Whether networks like this one are trained faster together than one after another on batches like ``x``.

    On a GPU it says yes. On the CPU yes up to 10⁷ floating-point operations for ``model(x)``; a multiplication with
    its addition counts as two.
    """
    if x.device.type != "cpu":
        return True
    with FlopCounterMode(display=False) as count, torch.no_grad():
        copy.deepcopy(model).eval()(x)
    return bool(count.get_total_flops() <= OVERHEAD_UP_TO)


def train_networks(
    models: Sequence[nn.Module],
    members: Bool[Tensor, "m n"],
    x: Float[Tensor, " n *rest"],
    y: Int[Tensor, " n"],
    *,
    optimizer: Callable[[list[Tensor]], torch.optim.Optimizer],
    epochs: int,
    batch_size: int,
    generator: torch.Generator,
    stacked: bool | None = None,
    **knobs: Any,
) -> list[nn.Module]:
    """Train each network on its own part of the records, as shadow models are.

    Either way each network sees the same batches in the same order, and ends with the same weights but for rounding
    (and dropout, which draws its own numbers).

    Args:
        models: m networks of one architecture, which are left as they are.
        members: which of n records each network learns from: as many for each.
        x: the records.
        y: their classes.
        optimizer: makes one from a list of weights, say ``functools.partial(torch.optim.Adam, lr=1e-3)``; one that
            works number by number, such as SGD or Adam.
        epochs: how often each network sees its records.
        batch_size: records a batch.
        generator: of the order of the records.
        stacked: together (true) or one after another (false); by default as ``stacking_is_faster`` says.
        knobs: of ``torch.nn.functional.cross_entropy``, say ``label_smoothing``.

    Returns:
        The trained networks, in evaluation mode.

    Raises:
        ValueError: if there are not as many networks as rows of ``members``, or they are not alike.
    """
    if len(models) != len(members):
        raise ValueError(f"there are {len(models)} models for {len(members)} training sets; expected one for each")
    batches = MemberBatches(members, batch_size=batch_size, generator=generator)
    if stacking_is_faster(models[0], x[:batch_size]) if stacked is None else stacked:
        stack = StackedModels(models)
        train.fit(stacked_step(stack, optimizer(stack.parameters()), x, y, **knobs), batches, epochs=epochs)
        return stack.unstack()
    check_same_architecture(models)
    orders = [list(batches) for _ in range(epochs)]
    return [_alone(model, [[index[i] for index in order] for order in orders], x, y, optimizer, knobs)
            for i, model in enumerate(models)]  # fmt: skip


def _alone(
    model: nn.Module, orders: list[list[Tensor]], x: Tensor, y: Tensor, optimizer: Callable[..., Any], knobs: Any
) -> nn.Module:
    """A copy of one network, trained on an order of batches for every epoch."""
    model = copy.deepcopy(model)
    step = train.supervised_step(
        model, optimizer(list(model.parameters())), loss=partial(functional.cross_entropy, **knobs)
    )
    left = iter(orders)
    train.fit(step, lambda: ((x[index], y[index]) for index in next(left)), epochs=len(orders))
    return model.eval()
