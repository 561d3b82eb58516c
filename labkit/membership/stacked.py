"""Many networks of one shape trained at once: ``torch.func.vmap`` over models.

Weights θ_1 … θ_m are stacked, (m, …) for each layer, and one call computes all m networks, each on its own batch. The
loss that is minimised is the *sum* over networks, of which each weight's gradient is that of its own network alone;
and since SGD and Adam work number by number, one optimiser of the stacked weights does what m optimisers would do.
(Clipping by the norm of all gradients would couple them.)

What it is for: LiRA and Shokri's attack need tens of models trained on different parts of a data set.
"""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional

from labkit.shapes import Bool, Float, Int
from labkit.train import Step, descend


class StackedModels:
    """Networks of one architecture as one: call it for the logits of all of them.

    The networks given are copied; ``unstack`` gives them back with the weights as they are then. Dropout draws anew
    for each network; batch normalisation keeps statistics for each.

    Args:
        models: modules of one class and shape on one device.

    Raises:
        ValueError: if there is none, or their parameters differ in name or shape.
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        check_same_architecture(models)
        copies = [copy.deepcopy(model).train() for model in models]
        stacked, self._buffers = stack_module_state(copies)
        self._parameters = {name: _as_gradients_come(p) for name, p in stacked.items()}
        self._code = copies[0]  # only its code is used: every weight is passed in

    def __len__(self) -> int:
        return len(next(iter(self._parameters.values())))

    def parameters(self) -> list[Tensor]:
        """The stacked weights, (m, …) each: what the optimiser gets."""
        return list(self._parameters.values())

    def forward_each(self, x: Float[Tensor, "m b *rest"], *, training: bool = True) -> Float[Tensor, "m b k"]:
        """Outputs of each network on its own batch.

        Raises:
            ValueError: if there are not as many batches as networks.
        """
        if len(x) != len(self):
            raise ValueError(f"there are {len(x)} batches for {len(self)} networks; expected one for each")
        return self._run(x, 0, training)

    def __call__(self, x: Float[Tensor, " b *rest"], *, batch_size: int = 512) -> Float[Tensor, "m b k"]:
        """Outputs of all networks on the same ``x``, in evaluation mode and without gradients.

        Raises:
            ValueError: if ``batch_size`` is below 1 or ``x`` is empty.
        """
        if batch_size < 1 or len(x) < 1:
            raise ValueError(f"there are {len(x)} samples in batches of {batch_size}; expected 1 or more of each")
        with torch.no_grad():
            return torch.cat([self._run(part, None, False) for part in x.split(batch_size)], dim=1)

    def _run(self, x: Tensor, dim: int | None, training: bool) -> Tensor:
        self._code.train(training)

        def one(parameters: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor) -> Tensor:
            return functional_call(self._code, (parameters, buffers), (x,))

        return vmap(one, in_dims=(0, 0, dim), randomness="different")(self._parameters, self._buffers, x)

    def unstack(self) -> list[nn.Module]:
        """The networks one by one, in evaluation mode, with the weights they have now."""
        models = []
        for i in range(len(self)):
            model = copy.deepcopy(self._code).eval()
            state = {name: value[i].detach().clone() for name, value in {**self._parameters, **self._buffers}.items()}
            model.load_state_dict(state, strict=False)  # buffers that no state dict holds are in `state`, too
            models.append(model)
        return models


def check_same_architecture(models: Sequence[nn.Module]) -> None:
    """Refuse networks of different shapes, and none at all.

    Raises:
        ValueError: if there is none, or their parameters differ in name or shape.
    """
    shapes = [{name: p.shape for name, p in model.named_parameters()} for model in models]
    if not models or any(s != shapes[0] for s in shapes):
        raise ValueError(f"there are {len(models)} models, not all alike; expected one or more of one architecture")


def _as_gradients_come(p: Tensor) -> Tensor:
    """The same numbers, a matrix column by column in memory: so its gradient comes, and needs no copy turned around."""
    return p.detach().mT.contiguous().mT.requires_grad_(p.requires_grad) if p.dim() == 3 else p


def paired_halves(n: int, *, models: int, generator: torch.Generator) -> Bool[Tensor, "m n"]:
    """Training sets for LiRA: each model gets half of n records, each record is in half of the models.

    Models come in pairs: a random half, and the other half.

    Raises:
        ValueError: if ``models`` or ``n`` is odd or below 2.
    """
    if models < 2 or models % 2 or n < 2 or n % 2:
        raise ValueError(f"models is {models} and n {n}; expected even numbers from 2, for halves that come in pairs")
    first = subsets(n, models=models // 2, size=n // 2, generator=generator)
    return torch.stack([first, ~first], dim=1).reshape(models, n)


def subsets(n: int, *, models: int, size: int, generator: torch.Generator) -> Bool[Tensor, "m n"]:
    """For each model a training set of ``size`` of n records, drawn on its own.

    Raises:
        ValueError: if ``size`` is not from 1 to n.
    """
    if not 1 <= size <= n:
        raise ValueError(f"size is {size} of {n} records; expected 1 to {n}")
    chance = torch.rand(models, n, generator=generator, device=generator.device)
    return torch.zeros_like(chance, dtype=torch.bool).scatter_(1, chance.topk(size, dim=1).indices, value=True)


class MemberBatches:
    """Batches of indices (m, b): a row for each network, each from its own training set, in its own random order.

    Args:
        members: (m, n), which of n records each network learns from; all have the same number of them.
        batch_size: records a batch; the last one holds what is left.
        generator: where the orders come from.

    Raises:
        ValueError: if the networks have training sets of different sizes, or ``batch_size`` is below 1.
    """

    def __init__(self, members: Bool[Tensor, "m n"], *, batch_size: int, generator: torch.Generator) -> None:
        counts = members.sum(1)
        if batch_size < 1 or int(counts.min()) < 1 or int(counts.min()) != int(counts.max()):
            raise ValueError(
                f"training sets have {int(counts.min())} to {int(counts.max())} records in batches of {batch_size}; "
                "expected as many for every network, and 1 or more"
            )
        self.index = members.nonzero()[:, 1].view(len(members), -1)
        self.batch_size, self.generator = batch_size, generator

    def __len__(self) -> int:
        return -(-self.index.shape[1] // self.batch_size)

    def __iter__(self) -> Iterator[Int[Tensor, "m b"]]:
        chance = torch.rand(self.index.shape, generator=self.generator, device=self.generator.device)
        yield from self.index.gather(1, chance.argsort(1).to(self.index.device)).split(self.batch_size, dim=1)


def stacked_step(
    stack: StackedModels,
    optimizer: torch.optim.Optimizer,
    x: Float[Tensor, " n *rest"],
    y: Int[Tensor, " n"],
    **knobs: Any,
) -> Step[Tensor]:
    """A step for ``fit``: every network goes downhill on its own batch, cross-entropy, mean over the batch.

    Args:
        stack: the networks.
        optimizer: of ``stack.parameters()``, one that works number by number, such as SGD or Adam.
        x: the records that batches of indices refer to.
        y: their classes.
        knobs: of ``torch.nn.functional.cross_entropy``, say ``label_smoothing``.
    """

    def step(index: Tensor) -> dict[str, Tensor]:
        logits, target = stack.forward_each(x[index]), y[index]
        each = functional.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="none", **knobs)
        value = each.view(target.shape).mean(1)
        descend(optimizer, value.sum())
        return {"loss": value.detach().mean(), "accuracy": (logits.argmax(2) == target).float().mean()}

    return step
