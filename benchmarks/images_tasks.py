"""Small tasks on which image transforms are measured, the networks that learn them, and how.

Drawings are the deck's four shapes (``simulate.shapes``) at 16², each by another hand, turned by any angle; the pen,
the contrast, the size and the place differ, and each pixel has a little noise. Digits are scikit-learn's, faces are
scikit-image's. A seed draws the training set, the test set (where it can), the weights, the batches and the transforms.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from benchmarks.kit import seeded
from labkit import data, metrics, nets
from labkit.augment import image
from labkit.augment.pipeline import Compose
from labkit.train import descend

Policy = Callable[..., Tensor]
Pictures = tuple[Tensor, Tensor]
SIZE, CLASSES = 16, 4
STEPS, BATCH = 200, 32
TEST = 600
FROM_ALL_SIDES = Compose([image.HorizontalFlip(), image.Rotate(180, fill="edge")])
"""What keeps the label of a drawing: a star that is turned or mirrored is a star."""


def drawings(a_class: int, seed: int, **changed: Any) -> Pictures:
    """So many drawings of each of the four shapes; keywords as of ``simulate.shapes``."""
    drawn = data.simulate.shapes(CLASSES * a_class, generator=seeded(seed), **{"size": SIZE, "noise": 0.05, **changed})
    return drawn.x, drawn.y


def drawings_to_test(seed: int, **changed: Any) -> Pictures:
    """Drawings that no training set holds."""
    return drawings(TEST // CLASSES, 10_000 + seed, **changed)


@cache
def real(name: str, seed: int) -> tuple[Pictures, Pictures]:
    """Digits, or faces and what is none: a training set, and a test set of 50 of each class, split by the seed."""
    whole = data.digits() if name == "digits" else data.faces()
    train, test = whole.split(test=50, generator=seeded(seed))
    return (train.x, train.y), (test.x, test.y)


def first(pictures: Pictures, a_class: int) -> Pictures:
    """The first so many of each class."""
    x, y = pictures
    chosen = torch.cat([(y == k).nonzero()[:a_class, 0] for k in range(int(y.max()) + 1)])
    return x[chosen], y[chosen]


def cnn(classes: int = CLASSES, *, channels: int = 1, width: int = 8, dropout: float = 0.0) -> nn.Module:
    """Three convolutions, and the mean over all places."""
    return nets.CNN(channels, classes, width=width, depth=3, dropout=dropout)


def cnn_with_places(outputs: int = CLASSES, *, width: int = 8) -> nn.Module:
    """The same convolutions; the head sees what is where."""
    whole = nets.CNN(1, outputs, width=width, depth=3)
    kept = nn.Sequential(*list(whole.body)[:-2], nn.Flatten())
    return nets.Classifier(whole.normalize, kept, width=4 * width * (SIZE // 8) ** 2, classes=outputs)


def learn(
    pictures: Pictures,
    seed: int,
    *,
    policy: Policy | None = None,
    make: Callable[[], nn.Module] = cnn,
    loss: Callable[[nn.Module, Tensor, Tensor, Generator], Tensor] | None = None,
    steps: int = STEPS,
    lr: float = 1e-2,
    weight_decay: float = 0.0,
    balanced: bool = False,
    after_step: Callable[[nn.Module, int], None] | None = None,
) -> nn.Module:
    """A network after so many steps of Adam, at a rate that goes down to 0 as a cosine; batches are drawn at random."""
    (x, y), g = pictures, seeded(seed)
    torch.manual_seed(seed)
    model = make()
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    chance = 1 / torch.bincount(y)[y].double() if balanced else torch.ones(len(y), dtype=torch.float64)
    for step in range(steps):
        model.train()
        rows = torch.multinomial(chance, BATCH, replacement=True, generator=g)
        if loss is None:
            value = F.cross_entropy(model(x[rows] if policy is None else policy(x[rows], generator=g)), y[rows])
        else:
            value = loss(model, x[rows], rows, g)
        descend(optimizer, value)
        schedule.step()
        if after_step is not None:
            after_step(model, step + 1)
    return model


def accuracy(model: nn.Module, pictures: Pictures) -> float:
    """The share that is right."""
    return metrics.accuracy(metrics.predict(model, pictures[0]), pictures[1])


def recall(model: nn.Module, pictures: Pictures) -> list[float]:
    """The share that is right, of each class."""
    right = metrics.predict(model, pictures[0]).argmax(1) == pictures[1]
    return [float(right[pictures[1] == k].double().mean()) for k in range(int(pictures[1].max()) + 1)]
