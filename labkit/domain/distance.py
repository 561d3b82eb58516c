"""How far apart two domains are, measured by how well they can be told apart.

    d_A = 2 (1 − 2 ε)          ε: the error of a fresh classifier that predicts which domain a sample is from

d_A is 0 where this classifier does no better than chance, and 2 where it is never wrong. The distance limits how much a
classifier's error can grow from the source to the target, *if* some classifier is good on both. (The error of that one
can't be measured without target labels.) Source: S. Ben-David and others, "Analysis of Representations for Domain
Adaptation" (2006).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from labkit import metrics
from labkit.domain.losses import check_features, domain_loss
from labkit.nets import MLP, Normalize, seeded_weights
from labkit.shapes import Float
from labkit.train import Minibatches, descend, fit


def a_distance(error: float) -> float:
    """d_A of an error from 0 to 1; an error above ½ counts as chance and gives 0.

    Raises:
        ValueError: if an error is not from 0 to 1.
    """
    if not 0 <= error <= 1:
        raise ValueError(f"the error is {error}; expected a share from 0 to 1")
    return max(0.0, 2 * (1 - 2 * error))


def proxy_a_distance(
    source: Float[Tensor, "n d"],
    target: Float[Tensor, "m d"],
    *,
    generator: torch.Generator,
    hidden: Sequence[int] = (),
    epochs: int = 20,
    batch_size: int = 64,
    lr: float = 1e-2,
) -> float:
    """Train a fresh classifier on half of each domain, test it on the other half, and return d_A.

    Both domains weigh the same, whatever their sizes. The result is a lower bound of what the best classifier would
    give.

    Args:
        source, target: features, or flattened samples.
        generator: draws the halves, the first weights and the order of the samples; on the CPU.
        hidden: widths of hidden layers; none for a linear classifier, as in the paper (there an SVM).
        epochs, batch_size, lr: how the classifier is trained with Adam; a batch has ``batch_size`` samples of each
            domain.

    Raises:
        ValueError: if the widths differ or a domain has fewer than four samples.
    """
    check_features(source, target, least=4)
    (a, b), (c, d) = (split_in_half(part.detach().float(), generator) for part in (source, target))
    with seeded_weights(generator):
        net = MLP(a.shape[1], 1, hidden=hidden, mean=0.0, std=1.0)
    net.normalize = Normalize.of(torch.cat([a, c]))
    net, optimizer = net.to(a.device), torch.optim.Adam(net.parameters(), lr=lr)

    def step(batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        loss = domain_loss(net(a[batch[0]]), net(c[batch[1]]))
        descend(optimizer, loss)
        return {"loss": loss.detach()}

    n = max(len(a), len(c))
    rows = [torch.arange(n, device=a.device) % len(part) for part in (a, c)]
    fit(step, Minibatches(*rows, batch_size=batch_size, generator=generator), epochs=epochs)
    wrong = (metrics.predict(net, b) > 0).float().mean(), (metrics.predict(net, d) <= 0).float().mean()
    return a_distance(float(wrong[0] + wrong[1]) / 2)


def split_in_half(x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Split the samples into two random halves."""
    order = torch.randperm(len(x), generator=generator).to(x.device)
    return x[order[: len(x) // 2]], x[order[len(x) // 2 :]]
