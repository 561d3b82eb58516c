"""The experiments behind ``benchmarks.membership``: each returns numbers that can be written down as JSON."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from labkit import data, membership, metrics, nets, train
from labkit.device import device
from labkit.membership import MemberBatches, Stack, subsets, together

Found = dict[str, Any]
TARGETS = 5  # on each side: ten targets in all, each attacked by the five networks of the other side
Trainer = Callable[[Tensor, Tensor, Tensor, int], list[Callable[[Tensor], Tensor]]]


def digits() -> tuple[Tensor, Tensor]:
    """All 1,797 digits."""
    every = data.digits()
    return every.x, every.y


def cifar() -> tuple[Tensor, Tensor]:
    """The 10,000 training images of the CIFAR-10 subset in LABKIT_DATA."""
    folder = os.environ.get("LABKIT_DATA")
    if not folder:
        raise SystemExit("set LABKIT_DATA to a folder with cifar10/cifar10_subset.npz")
    with np.load(Path(folder) / "cifar10" / "cifar10_subset.npz", allow_pickle=False) as held:
        x = torch.from_numpy(held["x_train"]).permute(0, 3, 1, 2).float().div(255).contiguous()
        return x.to(device()), torch.from_numpy(held["y_train"]).long().to(device())


# ── figure 4 ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def small_cnn() -> nn.Module:
    """Two convolutions with pooling and a layer of 128, as in Shokri's paper; the first one with stride 2."""
    return nn.Sequential(
        nets.Normalize([0.491, 0.482, 0.447], [0.247, 0.243, 0.262]),
        nn.Conv2d(3, 24, 5, stride=2, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(24, 48, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(768, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip


def one_after_another(x: Tensor, y: Tensor, members: Tensor, seed: int, *, epochs: int = 30) -> list[Any]:
    """Convolutional networks, each trained alone."""
    models = []
    for i, row in enumerate(members):
        torch.manual_seed(1000 * seed + i)
        model = small_cnn().to(x.device)
        g = torch.Generator().manual_seed(1000 * seed + i)
        step = train.supervised(model, torch.optim.Adam(model.parameters(), lr=1e-3))
        train.fit(step, train.Minibatches(x[row], y[row], size=32, generator=g), epochs=epochs)
        models.append(lambda x, model=model: metrics.predict(model, x))
    return models


def all_at_once(x: Tensor, y: Tensor, members: Tensor, seed: int, *, epochs: int = 60) -> list[Any]:
    """Perceptrons, all trained together."""
    torch.manual_seed(seed)
    stack = Stack([nets.MLP(64, 10, hidden=(64,)) for _ in members])
    g = torch.Generator().manual_seed(seed)
    step = together(stack, torch.optim.Adam(stack.parameters(), lr=5e-3), x, y)
    train.fit(step, MemberBatches(members, size=32, generator=g), epochs=epochs)
    return [lambda x, model=model: metrics.predict(model, x) for model in stack.unstack()]


def figure4(x: Tensor, y: Tensor, n: int, trainer: Trainer, *, seed: int = 0) -> Found:
    """Shokri's attack at one size of the training set.

    The records are cut in two sides. On each, five networks learn from n records; every network is a target, and the
    five of the other side are the shadow models of its attack: no record is on both sides.
    """
    g = torch.Generator().manual_seed(seed)
    sides = torch.randperm(len(x), generator=g).to(x.device).chunk(2)
    chosen, models, answers = [], [], []
    for side, index in enumerate(sides):
        chosen.append(subsets(len(index), models=TARGETS, size=n, generator=g).to(x.device))
        models.append(trainer(x[index], y[index], chosen[side], 10 * seed + side))
        answers.append(torch.stack([model(x[index]) for model in models[side]]))
    found: Found = {"n": n, "targets": []}
    for side, index in enumerate(sides):
        other = 1 - side
        attack = membership.shadow_attack(answers[other], chosen[other], y[sides[other]], generator=g)
        for i in range(TARGETS):
            found["targets"].append(attacked(answers[side][i], y[index], chosen[side][i], attack, g))
    return found


def attacked(logits: Tensor, y: Tensor, member: Tensor, attack: membership.ShadowAttack, g: torch.Generator) -> Found:
    """The attacks' figures on one target: its members and as many others."""
    inside = member.nonzero()[:, 0]
    outside = (~member).nonzero()[:, 0]
    outside = outside[torch.randperm(len(outside), generator=g)[: len(inside)].to(outside.device)]
    index = torch.cat([inside, outside])
    z, y, member = logits[index], y[index], member[index]
    shokri = attack.scores(z, y)
    guess = membership.threshold_attack(shokri, tau=0.0)
    losses = membership.loss(z, y)
    yeom = membership.judge(membership.loss_attack(z, y, mean_loss=losses[member].mean()), member)
    by_class = membership.precision_by_class(guess, member, y, classes=10)
    return {
        "train": metrics.accuracy(z[member], y[member]),
        "test": metrics.accuracy(z[~member], y[~member]),
        "by_class": by_class.tolist(),
        "precision": float(by_class.nanmedian()),
        "recall": membership.judge(guess, member).recall,
        "auc": metrics.roc_auc(shokri, member),
        "yeom_precision": yeom.precision,
        "yeom_recall": yeom.recall,
        "loss_auc": metrics.roc_auc(-losses, member),
    }
