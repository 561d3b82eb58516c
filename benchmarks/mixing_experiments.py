"""What mixing does to a classifier and to a regression: the experiments behind ``benchmarks/results/mixing.md``.

Real data where it says digits: scikit-learn's 1,797 handwritten ones. Every number is a mean over seeds ± one standard
deviation; a seed draws the training set, the corruption, the weights and the batches.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, nn

from benchmarks.kit import Row, seeded
from labkit import data, metrics, nets
from labkit.augment import image, mixing

Mix = Callable[..., Any] | None
STEPS = 600


def generator(seed: int) -> Generator:
    """A source of random numbers of its own; torch's global one is seeded alike, for the weights."""
    torch.manual_seed(seed)
    return seeded(seed)


def descend(
    model: nn.Module,
    loss: Callable[[Generator], Tensor],
    g: Generator,
    *,
    steps: int,
    decay: bool = True,
    lr: float = 3e-3,
) -> nn.Module:
    """Adam with the rate going down to 0: mixing makes every step noisy, and without it the last steps decide."""
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    model.train()
    for _ in range(steps):
        value = loss(g)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        if decay:
            schedule.step()
    return model


def classify(
    x: Tensor,
    y: Tensor,
    g: Generator,
    *,
    classes: int,
    mix: Mix = None,
    steps: int = STEPS,
    net: str = "MLP",
    hidden: tuple[int, ...] = (128, 128),
    balanced: bool = False,
    manifold: bool = False,
    batch_size: int = 64,
    decay: bool = True,
) -> nn.Module:
    """A small net trained on x (N, 1, 8, 8) and classes y (N,)."""
    model = nets.CNN(1, classes, width=16, depth=2) if net == "CNN" else nets.MLP(64, classes, hidden=hidden)
    stages = [model.normalize, *model.body, model.head]

    def loss(g: Generator) -> Tensor:
        chosen = (
            mixing.balanced_sample(y, n=batch_size, generator=g)
            if balanced
            else torch.randint(len(y), (batch_size,), generator=g)
        )
        inputs, labels = x[chosen], mixing.one_hot(y[chosen], classes=classes)
        if manifold:
            partner = mixing.any_partners(inputs, generator=g)
            lambda_ = mixing.beta(batch_size, alpha=1.0, like=inputs, generator=g)
            layer = int(torch.randint(len(stages) - 1, (1,), generator=g))
            logits = mixing.manifold_mixup(stages, inputs, layer=layer, partner=partner, lambda_=lambda_)
            return mixing.soft_cross_entropy(logits, mixing.mixup(labels, partner=partner, lambda_=lambda_))
        if isinstance(mix, mixing.SameClass):
            inputs = mix(inputs, y=y[chosen], generator=g).x
        elif mix is not None:
            mixed = mix(inputs, y=labels, generator=g)
            inputs, labels = mixed.x, mixed.y
        return mixing.soft_cross_entropy(model(inputs), labels)

    return descend(model, loss, g, steps=steps, decay=decay)


def judged(model: nn.Module, x: Tensor, y: Tensor) -> Row:
    """Error and calibration error on held-back samples."""
    logits = metrics.predict(model, x)
    return {"error": 1 - metrics.accuracy(logits, y), "ECE": metrics.calibration_error(logits.softmax(1), y)}


FEW: dict[str, dict[str, Any]] = {
    "plain": {},
    "same class, label kept (the deck's first function)": {"mix": mixing.SameClass()},
    "mixup, α = 0.2": {"mix": mixing.Mixup(alpha=0.2)},
    "mixup, α = 1": {"mix": mixing.Mixup(alpha=1.0)},
    "CutMix, α = 1": {"mix": mixing.CutMix(alpha=1.0)},
    "CutMix, α = 1, p = 0.5": {"mix": mixing.CutMix(alpha=1.0, p=0.5)},
    "manifold mixup, α = 1": {"manifold": True},
}


def few_labels(net: str, arm: str, seed: int) -> Row:
    """Ten labelled digits of each class."""
    train, test, g = data.digits("train"), data.digits("test"), generator(seed)
    few = train.subset(per_class=10, generator=g)
    return judged(classify(few.x, few.y, g, classes=10, net=net, **FEW[arm]), test.x, test.y)


CORRUPTED: dict[str, Mix] = {
    "plain": None,
    "mixup, α = 1": mixing.Mixup(alpha=1.0),
    "mixup, α = 8": mixing.Mixup(alpha=8.0),
    "CutMix, α = 1": mixing.CutMix(alpha=1.0),
}


def corrupted_labels(arm: str, seed: int, *, share: float = 0.4) -> Row:
    """The labels of a share of 1,297 digits replaced by random ones, for 40 epochs."""
    train, test, g = data.digits("train"), data.digits("test"), generator(seed)
    wrong = torch.rand(len(train), generator=g) < share
    y = torch.where(wrong, torch.randint(10, (len(train),), generator=g), train.y)
    model = classify(train.x, y, g, classes=10, mix=CORRUPTED[arm], steps=40 * 20, decay=False)
    fits = metrics.accuracy(metrics.predict(model, train.x[wrong]), y[wrong])
    return judged(model, test.x, test.y) | {"wrong labels learned": fits}


PRIOR = torch.tensor([1100.0, 22.0])
ALIKE = torch.ones(2)


def eights(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """1,100 digits that are no eights and 22 eights; and all the others to test on."""
    digits, g = data.digits(), seeded(seed)
    order = torch.randperm(len(digits), generator=g)
    x, y = digits.x[order], (digits.y[order] == 8).long()
    common, rare = (y == 0).nonzero()[:, 0], (y == 1).nonzero()[:, 0]
    here, there = torch.cat([common[:1100], rare[:22]]), torch.cat([common[1100:], rare[22:]])
    return x[here], y[here], x[there], y[there]


def detection(logits: Tensor, y: Tensor) -> Row:
    """How the rare class fares; calibration as if there were 50 others to each, by counting them that often."""
    rare, common = (y == 1).nonzero()[:, 0], (y == 0).nonzero()[:, 0]
    world = torch.cat([rare, common.repeat(50 * len(rare) // len(common) + 1)[: 50 * len(rare)]])
    p = logits.softmax(1)[world]
    return {
        "recall": metrics.sensitivity(logits, y),
        "false alarms": 1 - metrics.specificity(logits, y),
        "AUC": metrics.roc_auc(logits[:, 1] - logits[:, 0], y == 1),
        "ECE": metrics.calibration_error(p, y[world]),
        "mean p": float(p[:, 1].mean()),
    }


RARE: dict[str, dict[str, Any]] = {
    "plain": {},
    "class-balanced sampling": {"balanced": True},
    "SMOTE": {"grow": "smote"},
    "undersampling": {"grow": "under"},
    "mixup": {"mix": mixing.Mixup(alpha=1.0)},
    "balanced sampling, same-class mixing": {"balanced": True, "mix": mixing.SameClass()},
    "balanced sampling, mixup": {"balanced": True, "mix": mixing.Mixup(alpha=1.0)},
}


def rare_class(arm: str, seed: int) -> Row:
    """One eight to fifty other digits: as trained, and ("moved") with the other prior put in afterwards."""
    knobs = dict(RARE[arm])
    even, grow = "grow" in knobs or "balanced" in knobs, knobs.pop("grow", "")
    x, y, x_test, y_test = eights(seed)
    g = generator(seed)
    if grow == "smote":
        x, y = mixing.smote(x, y, generator=g)
    if grow == "under":
        kept = mixing.undersample(y, generator=g)
        x, y = x[kept], y[kept]
    logits = metrics.predict(classify(x, y, g, classes=2, hidden=(64,), **knobs), x_test)
    trained, prior = (ALIKE, PRIOR) if even else (PRIOR, ALIKE)
    moved = detection(mixing.with_prior(logits, trained=trained, prior=prior), y_test)
    return detection(logits, y_test) | {f"{name}, moved": value for name, value in moved.items()}


def step_data(n: int, g: Generator) -> tuple[Tensor, Tensor]:
    """y = tanh(6x): similar targets have similar inputs, or lie on the same plateau."""
    x = 2 * torch.rand(n, 1, generator=g) - 1
    return x, torch.tanh(6 * x)


def wave_data(n: int, g: Generator) -> tuple[Tensor, Tensor]:
    """y = sin(2πx): the same target far apart."""
    x = 2 * torch.rand(n, 1, generator=g) - 1
    return x, torch.sin(2 * torch.pi * x)


def turned_digits(n: int, g: Generator) -> tuple[Tensor, Tensor]:
    """Digits turned by up to 60° either way; the target is the angle over 35°, which has spread 1."""
    digits = data.digits("train" if n < 500 else "test")
    chosen = torch.isin(digits.y, torch.tensor([3, 4, 5, 7])).nonzero()[:, 0]
    chosen = chosen[torch.randperm(len(chosen), generator=g)[:n]]
    angle = 120 * torch.rand(len(chosen), generator=g) - 60
    return image.rotate(digits.x[chosen], degrees=angle), angle[:, None] / 35


REGRESSIONS = {
    "y = tanh 6x": (step_data, 40, 0.1),
    "y = sin 2πx": (wave_data, 40, 0.1),
    "angle of a turned digit, in units of 35°": (turned_digits, 300, 0.0),
}


REGRESSION: dict[str, Mix] = {
    "plain": None,
    "mixup": mixing.Mixup(alpha=1.0),
    "C-Mixup, σ = 0.1": mixing.CMixup(alpha=1.0, sigma=0.1),
}


def regression(task: str, arm: str, seed: int) -> Row:
    """Plain, mixup of any two, or C-Mixup on one of three tasks: root mean square error on clean held-back data."""
    (make, n, noise), mix, g = REGRESSIONS[task], REGRESSION[arm], generator(seed)
    x, y = make(n, g)
    y = y + noise * torch.randn(y.shape, generator=g)
    x_test, y_test = make(1000, g)
    model = nets.MLP(x[0].numel(), 1, hidden=(128, 128), mean=0.0 if x.ndim == 2 else 0.5)

    def loss(g: Generator) -> Tensor:
        chosen = torch.randint(len(x), (32,), generator=g)
        inputs, targets = x[chosen], y[chosen]
        if mix is not None:
            mixed = mix(inputs, y=targets, generator=g)
            inputs, targets = mixed.x, mixed.y
        return (model(inputs) - targets).square().mean()

    descend(model, loss, g, steps=1000)
    return {"RMSE": float((metrics.predict(model, x_test) - y_test).square().mean().sqrt())}
