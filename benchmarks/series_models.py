"""The small models of the benchmark of series: a classifier, a detector with its opponents, a regressor."""

from collections.abc import Callable

import torch
from sklearn.ensemble import IsolationForest
from torch import Tensor, nn
from torch.nn import functional

from benchmarks import kit
from labkit import nets, train
from labkit.augment import Transform, series

Score = Callable[[Tensor], Tensor]
TAUGHT = ("spike", "level", "trend", "stuck")
OTHERS = ("noise", "gap", "frequency", "drift", "missing")


def classifier(x: Tensor, y: Tensor, policy: Transform | None, seed: int, *, classes: int, steps: int) -> nn.Module:
    """Two convolutions and a linear layer, trained on all of ``x`` at once; Adam 3e-3."""
    g, width = kit.seeded(seed), 32 * (x.shape[2] // 16)
    with nets.seeded_weights(seed):
        net = nn.Sequential(
            nets.Normalize.of(x), nn.Conv1d(x.shape[1], 16, 7, padding=3), nn.ReLU(), nn.MaxPool1d(4),
            nn.Conv1d(16, 32, 5, padding=2), nn.ReLU(), nn.MaxPool1d(4), nn.Flatten(), nn.Linear(width, classes),
        )  # fmt: skip
    draw = None if policy is None else lambda x: policy(x, generator=g)
    step = train.supervised_step(net, torch.optim.Adam(net.parameters(), 3e-3), augment=draw)
    train.fit(step, [(x, y)] * steps, epochs=1)
    return net.eval()


def balanced_loss(logits: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy by step; the anomaly of a series weighs as much as the rest of it, however short it is."""
    each = functional.binary_cross_entropy_with_logits(logits[:, 0], mask, reduction="none")
    inside, outside = ((each * m).sum(1) / m.sum(1).clamp(min=1) for m in (mask, 1 - mask))
    return (inside + outside).mean()


def broken(
    x: Tensor, kinds: tuple[str, ...], g: torch.Generator, *, strength: tuple[float, float] = (3, 6),
    length: tuple[float, float] = (0.05, 0.2),
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Series with an anomaly each, and where it is."""
    t = series.InjectAnomaly(kinds=kinds, strength=strength, length=length)
    hurt = t(x, mask=torch.zeros(len(x), x.shape[2], dtype=torch.bool), generator=g)
    return hurt.x, hurt.mask


def detector(normal: Tensor, seed: int, *, steps: int = 250, kinds: tuple[str, ...] = TAUGHT) -> Score:
    """Three convolutions, trained to name the steps of injected anomalies; Adam 5e-3, 32 series a batch."""
    g = kit.seeded(seed)
    with nets.seeded_weights(seed):
        net = nn.Sequential(
            nets.Normalize.of(normal), nn.Conv1d(normal.shape[1], 24, 9, padding=4), nn.ReLU(),
            nn.Conv1d(24, 24, 9, padding=8, dilation=2), nn.ReLU(), nn.Conv1d(24, 1, 1),
        )  # fmt: skip
    step = train.supervised_step(net, torch.optim.Adam(net.parameters(), 5e-3), loss=balanced_loss)
    for _ in range(steps):
        chosen = normal[torch.randint(len(normal), (32,), generator=g)]
        x, mask = broken(chosen, kinds, g, strength=(2, 8), length=(0.02, 0.25))
        step((x, mask.float()))
    return lambda x: net(x).detach()[:, 0]


def discords(normal: Tensor, seed: int, *, length: int = 16, stride: int = 3) -> Score:
    """Distances to the nearest normal window: nothing is trained."""
    return lambda x: series.discord_scores(x, normal, length=length, stride=stride)


def forest(normal: Tensor, seed: int) -> Score:
    """scikit-learn's isolation forest on the nine steps around each step."""

    def around(x: Tensor) -> Tensor:
        return functional.pad(x, (4, 4), mode="replicate").unfold(2, 9, 1).permute(0, 2, 1, 3).flatten(2)

    trees = IsolationForest(n_estimators=50, random_state=seed).fit(around(normal)[:, ::8].flatten(0, 1).numpy())
    return lambda x: torch.from_numpy(-trees.score_samples(around(x).flatten(0, 1).numpy())).view(len(x), -1)


def random_scores(normal: Tensor, seed: int) -> Score:
    """The control."""
    return lambda x: torch.rand(len(x), x.shape[2], generator=kit.seeded(seed))


METHODS: dict[str, Callable[..., Score]] = {
    "trained on injected": detector,
    "discords": discords,
    "isolation forest": forest,
    "random scores": random_scores,
}


def life(x: Tensor, y: Tensor, policy: Transform | None, seed: int, *, cap: float, steps: int = 250) -> Score:
    """One convolution and two linear layers for windows (B, C, 30); Adam 2e-3, 64 windows a batch."""
    g = kit.seeded(seed)
    with nets.seeded_weights(seed):
        net = nn.Sequential(
            nets.Normalize.of(x), nn.Conv1d(x.shape[1], 16, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2),
            nn.Flatten(), nn.Linear(16 * (x.shape[2] // 2), 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0),
        )  # fmt: skip
    draw = None if policy is None else lambda z: policy(z, generator=g)
    optimizer = torch.optim.Adam(net.parameters(), 2e-3)
    step = train.supervised_step(net, optimizer, loss=lambda a, b: functional.mse_loss(a, b / cap), augment=draw)
    picks = (torch.randint(len(x), (64,), generator=g) for _ in range(steps))
    train.fit(step, [(x[i], y[i]) for i in picks], epochs=1)
    net.eval()
    return lambda z: (cap * net(z).detach()).clamp(0, cap)
