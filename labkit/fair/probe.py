"""The test that most demonstrations leave out: a *new* adversary, trained on the finished representation.

The adversary of training has been beaten by a representation that was made against it. That says little: another
one, started anew and trained to the end, may find what is left (Elazar and Goldberg, "Adversarial Removal of
Demographic Attributes from Text Data", 2018). Its balanced accuracy BA bounds what any decision could do with h:

    parity gap of any decision made from h  ≤  2 BA* − 1,       BA* that of the best adversary there is

(Madras et al. 2018, section 3). A probe gives a lower bound of BA*: finding nothing is no proof that nothing is there.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from labkit import metrics
from labkit.fair.adversary import cell_mean
from labkit.nets import MLP, seeded_weights
from labkit.shapes import Float, Int, labels
from labkit.train import Minibatches, descend, fit


class Probe(NamedTuple):
    """How well a fresh adversary tells the groups apart on samples it has not seen.

    Attributes:
        balanced: mean of its accuracies on the groups; 0.5 is chance.
        auc: the probability that it ranks a sample of group 1 above one of group 0; 0.5 is chance.
    """

    balanced: float
    auc: float


def probe(
    h: Float[Tensor, "n d"],
    a: Int[Tensor, " n"],
    h_test: Float[Tensor, "m d"],
    a_test: Int[Tensor, " m"],
    *,
    generator: torch.Generator,
    hidden: Sequence[int] = (64, 64),
    epochs: int = 20,
    batch_size: int = 128,
    lr: float = 3e-3,
) -> Probe:
    """Train a fresh adversary on a frozen representation and return how much it finds.

    Args:
        h: representations (or anything else: raw applications, decisions (n, 1)) to train on.
        a: their groups, 0 or 1.
        h_test, a_test: held-back samples to measure on.
        generator: the source of its start and of the order of samples, on the CPU.
        hidden: widths of its layers; empty for a linear probe.
        epochs, batch_size, lr: of its training with Adam.

    Raises:
        ValueError: if a set lacks one of the groups, or the groups are not 0 and 1.
    """
    a, a_test = (labels(groups, name=name, values=False) for name, groups in (("a", a), ("a_test", a_test)))
    for name, groups in (("a", a), ("a_test", a_test)):
        if groups.unique().tolist() != [0, 1]:
            raise ValueError(f"{name} holds the groups {groups.unique().tolist()}; expected both 0 and 1")
    h, h_test = h.detach(), h_test.detach()
    std, mean = torch.std_mean(h, dim=0)
    with seeded_weights(generator):
        net = MLP(h.shape[1], 1, hidden=hidden, mean=mean.tolist(), std=std.clamp_min(1e-6).tolist()).to(h)
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)

    def step(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        part, group = batch
        each = functional.binary_cross_entropy_with_logits(net(part)[:, 0], group.to(part.dtype), reduction="none")
        loss = cell_mean(each, group)
        descend(optimizer, loss)
        return {"loss": loss.detach()}

    fit(step, Minibatches(h, a, batch_size=batch_size, generator=generator), epochs=epochs)
    score = metrics.predict(net, h_test)[:, 0]
    guess = (score > 0).long()
    balanced = sum(float((guess == a_test)[a_test == group].double().mean()) for group in (0, 1)) / 2
    return Probe(balanced, metrics.roc_auc(score, a_test))
