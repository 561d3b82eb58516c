"""The experiments behind ``benchmarks.membership``: each returns rows."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.kit import Row, real_data, seeded
from labkit import data, membership, metrics, nets, train
from labkit.device import device
from labkit.membership import MemberBatches, StackedModels, stacked_step, subsets

TARGETS = 5  # on each side: ten targets in all, each attacked by the five networks of the other side
Trainer = Callable[[Tensor, Tensor, Tensor, int], list[Callable[[Tensor], Tensor]]]


def digits() -> tuple[Tensor, Tensor]:
    """All 1,797 digits."""
    every = data.digits()
    return every.x, every.y


def cifar() -> tuple[Tensor, Tensor]:
    """The 10,000 training images of the CIFAR-10 subset in LABKIT_DATA."""
    with np.load(real_data("cifar10", "cifar10_subset.npz"), allow_pickle=False) as held:
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
        g = seeded(1000 * seed + i)
        step = train.supervised_step(model, torch.optim.Adam(model.parameters(), lr=1e-3))
        train.fit(step, train.Minibatches(x[row], y[row], batch_size=32, generator=g), epochs=epochs)
        models.append(lambda x, model=model: metrics.predict(model, x))
    return models


def all_at_once(x: Tensor, y: Tensor, members: Tensor, seed: int, *, epochs: int = 60) -> list[Any]:
    """Perceptrons, all trained together."""
    torch.manual_seed(seed)
    stack = StackedModels([nets.MLP(64, 10, hidden=(64,)) for _ in members])
    g = seeded(seed)
    step = stacked_step(stack, torch.optim.Adam(stack.parameters(), lr=5e-3), x, y)
    train.fit(step, MemberBatches(members, batch_size=32, generator=g), epochs=epochs)
    return [lambda x, model=model: metrics.predict(model, x) for model in stack.unstack()]


def figure4(x: Tensor, y: Tensor, n: int, trainer: Trainer, *, seed: int = 0) -> list[Row]:
    """Shokri's attack at one size of the training set: a row for each target.

    The records are cut in two sides. On each, five networks learn from n records; every network is a target, and the
    five of the other side are the shadow models of its attack: no record is on both sides.
    """
    g = seeded(seed)
    sides = torch.randperm(len(x), generator=g).to(x.device).chunk(2)
    chosen, models, answers = [], [], []
    for side, index in enumerate(sides):
        chosen.append(subsets(len(index), models=TARGETS, size=n, generator=g).to(x.device))
        models.append(trainer(x[index], y[index], chosen[side], 10 * seed + side))
        answers.append(torch.stack([model(x[index]) for model in models[side]]))
    rows: list[Row] = []
    for side, index in enumerate(sides):
        other = 1 - side
        attack = membership.shadow_attack(answers[other], chosen[other], y[sides[other]], generator=g)
        for i in range(TARGETS):
            own = attacked(answers[side][i], y[index], chosen[side][i], attack, g)
            rows.append({"target": len(rows)} | own)
    return rows


def attacked(logits: Tensor, y: Tensor, member: Tensor, attack: membership.ShadowAttack, g: torch.Generator) -> Row:
    """The attacks' figures on one target: its members and as many others."""
    inside = member.nonzero()[:, 0]
    outside = (~member).nonzero()[:, 0]
    outside = outside[torch.randperm(len(outside), generator=g)[: len(inside)].to(outside.device)]
    index = torch.cat([inside, outside])
    z, y, member = logits[index], y[index], member[index]
    shokri = attack.scores(z, y)
    guess = membership.threshold_attack(shokri, tau=0.0)
    losses = membership.loss(z, y)
    yeom = membership.evaluate_guesses(membership.loss_attack(z, y, mean_loss=losses[member].mean()), member)
    by_class = membership.precision_by_class(guess, member, y, classes=10)
    return {
        "train": metrics.accuracy(z[member], y[member]),
        "test": metrics.accuracy(z[~member], y[~member]),
        "by_class": by_class.tolist(),
        "precision": float(by_class.nanmedian()),
        "recall": membership.evaluate_guesses(guess, member).recall,
        "auc": metrics.roc_auc(shokri, member),
        "yeom_precision": yeom.precision,
        "yeom_recall": yeom.recall,
        "loss_auc": metrics.roc_auc(-losses, member),
    }


# ── overfitting is a privacy breach ───────────────────────────────────────────────────────────────────────────────────


def trained(
    x: Tensor, y: Tensor, members: Tensor, seed: int, *, epochs: int = 60, hidden: int = 64, **knobs: Any
) -> StackedModels:
    """Perceptrons on digits, all at once; knobs of AdamW."""
    torch.manual_seed(seed)
    stack = StackedModels([nets.MLP(64, 10, hidden=(hidden,)) for _ in members])
    optimizer = torch.optim.AdamW(stack.parameters(), **{"lr": 5e-3, "weight_decay": 0.0} | knobs)
    batches = MemberBatches(members, batch_size=32, generator=seeded(seed))
    train.fit(stacked_step(stack, optimizer, x, y), batches, epochs=epochs)
    return stack


def gap_and_leak(logits: Tensor, y: Tensor, member: Tensor) -> Row:
    """The gap of one network, and what two attacks gain."""
    inside, outside = (metrics.accuracy(logits[m], y[m]) for m in (member, ~member))
    losses = membership.loss(logits, y)
    return {
        "gap": inside - outside,
        "gap_attack": membership.evaluate_guesses(membership.gap_attack(logits, y), member).advantage,
        "loss_attack": membership.evaluate_guesses(
            membership.loss_attack(logits, y, mean_loss=losses[member].mean()), member
        ).advantage,
        "best": membership.advantage(-losses, member),
        "auc": metrics.roc_auc(-losses, member),
    }


def line(n: int, epochs: int, noise: float) -> list[Row]:
    """The gap of five networks, and the advantage of attacks on them."""
    x, y = digits()
    seed = n + epochs + round(100 * noise)
    g = seeded(seed)
    members = subsets(len(x), models=5, size=n, generator=g)
    labels = noisy(y, noise, g)
    logits = trained(x, labels, members, seed, epochs=epochs)(x)
    return [{"model": i} | gap_and_leak(z, labels, m) for i, (z, m) in enumerate(zip(logits, members))]


def noisy(y: Tensor, share: float, g: torch.Generator) -> Tensor:
    """Labels of which a share is drawn anew."""
    other = torch.randint(10, y.shape, generator=g)
    return torch.where(torch.rand(y.shape, generator=g) < share, other, y)


# ── LiRA ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

MODELS, ASKED = 66, 6
LIRA = ("AUC", "advantage", "TPR at .1 % FPR", "TPR at 1 % FPR")


def lira(noise: float, seed: int) -> list[Row]:
    """Attacks on networks that learned half of 1,796 digits: a row each, the mean over six targets."""
    every, g, start = digits(), seeded(seed), time.process_time()
    x = every[0][:1796]
    y = noisy(every[1][:1796], noise, g)
    members = membership.paired_halves(len(x), models=MODELS, generator=g)
    logits = trained(x, y, members, seed, epochs=40)(x)
    phi = torch.stack([membership.scaled_confidence(z, y) for z in logits])
    targets: dict[str, list[Tensor]] = {}
    for i in range(ASKED):
        for attack, scores in lira_scores(i, logits, phi, members, y, g).items():
            targets.setdefault(attack, []).append(figures(scores, members[i]))
    rows = [{"attack": attack} | dict(zip(LIRA, torch.stack(own).mean(0).tolist())) for attack, own in targets.items()]
    rows[0]["seconds"] = time.process_time() - start
    return rows


def lira_scores(
    i: int, logits: Tensor, phi: Tensor, members: Tensor, y: Tensor, g: torch.Generator
) -> dict[str, Tensor]:
    """The scores of all attacks on network i; the others are its shadow models."""
    others = torch.arange(len(phi)) != i
    shadow, seen = phi[others], members[others]
    scores = {
        "confidence": membership.confidence(logits[i]),
        "loss": -membership.loss(logits[i], y),
        "shadow models (Shokri), 16": membership.shadow_attack(
            logits[others][:16], seen[:16], y, generator=g
        ).scores(logits[i], y),
    }  # fmt: skip
    for m in (8, 16, 64):
        scores[f"LiRA on line, {m}"] = membership.lira(phi[i], shadow[:m], seen[:m], pooled=True)
        scores[f"LiRA off line, {m}"] = membership.lira_offline(phi[i], shadow[:m], seen[:m], pooled=True)
    scores["LiRA on line, 64, own variances"] = membership.lira(phi[i], shadow[:64], seen[:64], pooled=False)
    return scores


def figures(scores: Tensor, member: Tensor) -> Tensor:
    """What ``LIRA`` names."""
    attack = membership.assess(scores, member)
    return torch.tensor([attack.auc, attack.advantage, attack.tpr_at_01, attack.tpr_at_1])


# ── GANs ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

NOISE, WIDTH, SAMPLES = 16, 128, 2000
BATCH = 32


def generators(x: Tensor, members: Tensor, *, steps: int, seed: int) -> tuple[StackedModels, list[nn.Module], Tensor]:
    """A GAN for each row of ``members``, all trained at once: generators, discriminators, 2,000 samples of each."""
    torch.manual_seed(seed)
    m, g = len(members), seeded(seed)
    make = StackedModels([nn.Sequential(nets.MLP(NOISE, 64, hidden=(WIDTH, WIDTH), mean=0.0, std=1.0), nn.Sigmoid())
                  for _ in range(m)])  # fmt: skip
    judge = StackedModels([nets.MLP(64, 1, hidden=(2 * WIDTH, 2 * WIDTH)) for _ in range(m)])
    slow, fast = (torch.optim.Adam(s.parameters(), lr=1e-3, betas=(0.5, 0.99)) for s in (make, judge))
    rows = members.nonzero()[:, 1].view(m, -1)

    def step(_: int) -> dict[str, Tensor]:
        real = x[rows.gather(1, torch.randint(rows.shape[1], (m, BATCH), generator=g))]
        fake = make.forward_each(torch.randn(m, BATCH, NOISE, generator=g))
        both = judge.forward_each(torch.cat([real, fake.detach()], dim=1)).squeeze(2)
        on_real, on_fake = both[:, :BATCH], both[:, BATCH:]
        loss = nn.functional.softplus(-on_real).mean(1).sum() + nn.functional.softplus(on_fake).mean(1).sum()
        fast.zero_grad()
        loss.backward()
        fast.step()
        fooled = nn.functional.softplus(-judge.forward_each(fake).squeeze(2)).mean(1).sum()
        slow.zero_grad()
        fooled.backward()
        slow.step()
        return {"D": loss.detach() / m, "G": fooled.detach() / m}

    train.fit(step, range(steps), epochs=1)
    return make, judge.unstack(), make(torch.randn(SAMPLES, NOISE, generator=g))


def gan(n: int, steps: int, draws: int) -> list[Row]:
    """GANs that learned n digits each, trained at once, attacked with D and by their samples alone: a row each."""
    every = digits()[0].flatten(1)
    start = time.process_time()
    orders = torch.stack([torch.randperm(len(every), generator=seeded(s)) for s in range(draws)])
    members = torch.zeros_like(orders, dtype=torch.bool).scatter_(1, orders[:, :n], value=True)
    _, judges, samples = generators(every, members, steps=steps, seed=0)
    rows: list[Row] = []
    others, asked = 400, min(n, 400)
    for seed, order in enumerate(orders):
        x = torch.cat([every[order[:asked]], every[order[n : n + others]]])
        fresh = every[order[n + others : n + others + 500]]
        torch.manual_seed(seed)
        own = membership.own_discriminator(
            nets.MLP(64, 1, hidden=(WIDTH,)), samples[seed], fresh, epochs=40, weight_decay=0.1, generator=seeded(seed)
        )
        near = membership.nearest_sample_scores(x, samples[seed])
        scores = {
            "with D": membership.discriminator_scores(judges[seed], x),
            "own D on samples and 500 fresh digits": own(x),
            "nearest sample": near,
            "nearest sample less nearest fresh digit": near - membership.nearest_sample_scores(x, fresh),
            "control: own D on fresh digits against other fresh ones": control(every, order, n, others, seed)(x),
        }
        member = torch.arange(len(x)) < asked
        to_members, to_others = (membership.nearest_sample_scores(samples[seed], every[order[a:b]]).mean()
                                 for a, b in ((0, asked), (n, n + asked)))  # fmt: skip
        rows.append({"seed": seed} | {attack: metrics.roc_auc(values, member) for attack, values in scores.items()} | {
            "distance of a sample to the nearest member": -float(to_members),
            "to the nearest of as many others": -float(to_others),
        })  # fmt: skip
    rows[0]["seconds"] = time.process_time() - start
    return rows


def control(every: Tensor, order: Tensor, n: int, others: int, seed: int) -> Callable[[Tensor], Tensor]:
    """Eve's attack where the "synthetic" digits are fresh ones too, so that nothing can leak."""
    rest = every[order[n + others :]]
    half = len(rest) // 2
    torch.manual_seed(seed)
    return membership.own_discriminator(
        nets.MLP(64, 1, hidden=(WIDTH,)), rest[:half][:500], rest[half:][:500], epochs=40, weight_decay=0.1,
        generator=seeded(seed),
    )  # fmt: skip
