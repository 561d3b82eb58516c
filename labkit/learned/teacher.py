"""Augmentation trained against a teacher: as hard as possible for the network, and still easy for its teacher.

    max_φ  L(f_w(T_φ(x, z)), y) − L(f_ŵ(T_φ(x, z)), y),       ŵ ← d ŵ + (1 − d) w  after each step of the network

The first term alone (adversarial augmentation) runs away until nobody can read the picture; the second stops it, since
a picture whose class is gone is hard for the teacher ŵ too. The network w then goes down its loss on the augmented
pictures. Suzuki, "TeachAugment" (CVPR 2022); its regularisers of colour and label smoothing are left out.
"""

import torch
from torch import Generator, Tensor, nn

from labkit import nets, train
from labkit.learned.networks import AugmentationNetwork
from labkit.logits import cross_entropy
from labkit.shapes import Images, Labels, Scalar
from labkit.train import LabelledBatch


def teach_loss(model: nn.Module, teacher: nn.Module | None, x: Images, y: Labels) -> Scalar:
    """What the augmentation minimises: the teacher's loss less the network's. Without a teacher: −L(model) alone.

    The gradient reaches ``x``; the caller moves nothing else by it.

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> teach_loss(net, net, torch.rand(3, 1, 2, 2), torch.tensor([0, 1, 1])).item()
    0.0
    """
    hard = cross_entropy(model(x), y)
    return -hard if teacher is None else cross_entropy(teacher(x), y) - hard


class TeachStep:
    """A step for ``train.fit``: the augmentation moves against the network, the network learns, the teacher follows.

    Args:
        model: of logits; best without batch norm, whose statistics the augmented pictures would enter twice.
        teacher: the same network with weights that follow slowly, or None for adversarial augmentation.
        augmenter: the augmentation network.
        optimizer: of the model.
        optimizer_a: of the augmenter.
        decay: d of the teacher's moving mean.
        generator: of the codes.

    >>> import copy
    >>> model = nets.MLP(64, 2, hidden=(8,))
    >>> net = AugmentationNetwork(1, code=2)
    >>> optimizers = [torch.optim.Adam(m.parameters()) for m in (model, net)]
    >>> step = TeachStep(model, copy.deepcopy(model), net, *optimizers)
    >>> sorted(step((torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 0, 1]))))
    ['loss', 'teacher']
    """

    def __init__(
        self, model: nn.Module, teacher: nn.Module | None, augmenter: AugmentationNetwork,
        optimizer: torch.optim.Optimizer, optimizer_a: torch.optim.Optimizer, *, decay: float = 0.99,
        generator: Generator | None = None,
    ) -> None:  # fmt: skip
        self.model, self.teacher, self.augmenter = model, teacher, augmenter
        self.optimizer, self.optimizer_a, self.decay, self.generator = optimizer, optimizer_a, decay, generator

    def __call__(self, batch: LabelledBatch) -> dict[str, Tensor]:
        """One update of each: the losses of network and teacher on pictures augmented anew."""
        x, y = batch
        self.model.train()
        hard = self.augmenter.augment(x, generator=self.generator)
        wanted = teach_loss(self.model, self.teacher, hard, y)
        mine = list(self.augmenter.parameters())
        for p, slope in zip(mine, torch.autograd.grad(wanted, mine)):
            p.grad = slope
        self.optimizer_a.step()
        with torch.no_grad():
            hard = self.augmenter.augment(x, generator=self.generator)
        loss = cross_entropy(self.model(hard), y)
        train.descend(self.optimizer, loss)
        if self.teacher is None:
            return {"loss": loss.detach()}
        nets.ema_update(self.teacher, self.model, decay=self.decay)
        with torch.no_grad():
            return {"loss": loss.detach(), "teacher": cross_entropy(self.teacher(hard), y)}
