"""Defences against membership attacks, each with its control; and what training together saves."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import kit
from benchmarks.kit import Row, seeded
from benchmarks.membership_experiments import digits, small_cnn, trained
from labkit import membership, metrics, nets, train
from labkit.membership import MemberBatches, StackedModels, paired_halves, stacked_step, subsets

MODELS, POOL, EPOCHS, PRIVATE = 12, 400, 60, 30
Defence = Callable[[Tensor, Tensor, Tensor, int], Tensor]
C, SIGMA, Q = 1.0, 3.0, 0.25
SIZE = 32


def plain(x: Tensor, y: Tensor, members: Tensor, seed: int, **knobs: Any) -> Tensor:
    """Logits for all of x, after training on the members."""
    return trained(x[:POOL], y[:POOL], members, seed, epochs=EPOCHS, **knobs)(x)


def stopped(x: Tensor, y: Tensor, members: Tensor, seed: int, **knobs: Any) -> tuple[Tensor, float]:
    """Early stopping: each network as it was after the epoch with its least loss on 200 held-back digits."""
    torch.manual_seed(seed)
    stack = StackedModels([nets.MLP(64, 10, hidden=(64,)) for _ in members])
    step = stacked_step(stack, torch.optim.Adam(stack.parameters(), lr=5e-3), x, y)
    held = slice(POOL, POOL + 200)
    least = torch.full((len(members),), float("inf"))
    kept, when = stack(x), torch.zeros(len(members))

    def look(history: train.History) -> None:
        nonlocal least, kept, when
        logits = stack(x)
        loss = torch.stack([functional.cross_entropy(z[held], y[held]) for z in logits])
        better = loss < least
        kept = torch.where(better[:, None, None], logits, kept)
        least, when = torch.minimum(loss, least), torch.where(better, float(history.epoch), when)

    batches = MemberBatches(members, batch_size=32, generator=seeded(seed))
    train.fit(step, batches, epochs=EPOCHS, on_epoch=look)
    return kept, float(when.mean())


def mixed(x: Tensor, y: Tensor, members: Tensor, seed: int, *, inputs: bool) -> Tensor:
    """mixup with α = 1; or its control, which mixes the labels by the same shares and leaves the pictures alone."""
    torch.manual_seed(seed)
    stack = StackedModels([nets.MLP(64, 10, hidden=(64,)) for _ in members])
    optimizer = torch.optim.Adam(stack.parameters(), lr=5e-3)
    g = seeded(seed)

    def step(index: Tensor) -> dict[str, Tensor]:
        m, b = index.shape
        share = torch.rand(m, b, 1, generator=g)  # Beta(1, 1)
        share = torch.maximum(share, 1 - share)
        partner = index.gather(1, torch.rand(m, b, generator=g).argsort(1))
        target = share * functional.one_hot(y[index], 10) + (1 - share) * functional.one_hot(y[partner], 10)
        pictures = x[index].flatten(2)
        if inputs:
            pictures = share * pictures + (1 - share) * x[partner].flatten(2)
        loss = -(target * stack.forward_each(pictures).log_softmax(2)).sum(2).mean(1)
        optimizer.zero_grad()
        loss.sum().backward()
        optimizer.step()
        return {"loss": loss.detach().mean()}

    train.fit(step, MemberBatches(members, batch_size=32, generator=g), epochs=EPOCHS)
    return stack(x)


def private(x: Tensor, y: Tensor, members: Tensor, seed: int, *, sigma: float, lr: float = 0.3) -> Tensor:
    """DP-SGD; with σ = 0 clipping alone."""
    answers = []
    for i, row in enumerate(members):
        torch.manual_seed(100 * seed + i)
        model = nets.MLP(64, 10, hidden=(64,))
        g = seeded(100 * seed + i)
        batches = membership.PoissonBatches(x[:POOL][row], y[:POOL][row], q=Q, generator=g)
        optimizer = torch.optim.SGD(model.parameters(), lr=lr)
        step = membership.private_step(model, optimizer, C=C, sigma=sigma, expected=batches.expected, generator=g)
        train.fit(step, batches, epochs=PRIVATE)
        answers.append(metrics.predict(model, x))
    return torch.stack(answers)


def cooled(undefended: Tensor, defended: Tensor) -> Tensor:
    """Undefended logits divided by the temperature at which they are as unsure as the defended ones, on average."""
    low, high = torch.tensor(0.1), torch.tensor(100.0)
    wanted = defended[:, :POOL].softmax(2).amax(2).mean()
    for _ in range(40):
        middle = (low * high).sqrt()
        sure = (undefended[:, :POOL] / middle).softmax(2).amax(2).mean() > wanted
        low, high = torch.where(sure, middle, low), torch.where(sure, high, middle)
    return undefended / middle


def defences(seed: int) -> list[Row]:
    """All of them on one draw of 400 digits, with twelve networks each that learned 200 of them: a row a defence."""
    every, g = digits(), seeded(seed)
    order = torch.randperm(len(every[0]), generator=g)
    x, y = every[0][order], every[1][order]
    members = paired_halves(POOL, models=MODELS, generator=g)
    none = plain(x, y, members, seed)
    early, when = stopped(x, y, members, seed)
    decayed = plain(x, y, members, seed, weight_decay=3.0)
    answers = {
        "none": none,
        "early stopping": early,
        "control: smaller steps, as far in all": plain(x, y, members, seed, lr=5e-3 * when / EPOCHS),
        "weight decay": decayed,
        "control: a temperature afterwards, as unsure": cooled(none, decayed),
        "mixup": mixed(x, y, members, seed, inputs=True),
        "control: the labels mixed, the pictures not": mixed(x, y, members, seed, inputs=False),
        f"DP-SGD, σ = {SIGMA}": private(x, y, members, seed, sigma=SIGMA),
        "control: clipping alone": private(x, y, members, seed, sigma=0.0),
    }
    steps = PRIVATE * round(1 / Q)
    eps = membership.epsilon(sigma=SIGMA, q=Q, steps=steps, delta=1e-3)
    more: dict[str, Row] = {"early stopping": {"epochs": when}, f"DP-SGD, σ = {SIGMA}": {"steps": steps, "ε": eps}}
    return [{"defence": name} | leaks(logits, y, members) | more.get(name, {}) for name, logits in answers.items()]


def leaks(logits: Tensor, y: Tensor, members: Tensor) -> dict[str, float]:
    """What a defence costs and what it keeps: means over the networks."""
    phi = torch.stack([membership.scaled_confidence(z[:POOL], y[:POOL]) for z in logits])
    rows = []
    for i, member in enumerate(members):
        z, others = logits[i], torch.arange(len(members)) != i
        losses = membership.loss(z[:POOL], y[:POOL])
        ratio = membership.lira(phi[i], phi[others], members[others], pooled=True)
        accuracy = metrics.accuracy(z[POOL + 200 :], y[POOL + 200 :])
        rows.append([
            accuracy, metrics.accuracy(z[:POOL][member], y[:POOL][member]) - accuracy,
            metrics.roc_auc(-losses, member), metrics.roc_auc(ratio, member),
            metrics.tpr_at_fpr(ratio, member, fpr=0.01), membership.advantage(-losses, member),
        ])  # fmt: skip
    names = ("accuracy", "gap", "loss_auc", "lira_auc", "lira_tpr", "advantage")
    return dict(zip(names, torch.tensor(rows).mean(0).tolist()))


# ── speed ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def networks() -> dict[str, tuple[Callable[[], torch.nn.Module], tuple[int, ...]]]:
    """How each is made, and the shape of its inputs."""
    small = lambda: nets.CNN(1, 10, width=16, depth=2, batch_norm=False)  # noqa: E731
    return {
        "MLP 64-64-10, 1×8×8": (lambda: perceptron(64), (1, 8, 8)),
        "MLP 64-256-256-10, 1×8×8": (lambda: perceptron(256, 256), (1, 8, 8)),
        "MLP 64-512-512-10, 1×8×8": (lambda: perceptron(512, 512), (1, 8, 8)),
        "MLP 64-1024-1024-10, 1×8×8": (lambda: perceptron(1024, 1024), (1, 8, 8)),
        "CNN of 2 layers, 1×8×8": (small, (1, 8, 8)),
        "CNN of 2 layers, 1×28×28": (small, (1, 28, 28)),
        "CNN of figure 4, 3×32×32": (small_cnn, (3, 32, 32)),
    }


def speed(kind: str, models: int, *, epochs: int = 5) -> Row:
    """Processor seconds to train networks together and one after another: the best of three, in turn."""
    make, shape = networks()[kind]
    torch.manual_seed(0)
    alike = [make() for _ in range(models)]
    x, y = torch.rand(512, *shape), torch.randint(10, (512,))
    members = subsets(512, models=models, size=256, generator=seeded(0))

    def run(*, stacked: bool) -> None:
        membership.train_networks(
            alike, members, x, y, epochs=epochs, batch_size=SIZE, optimizer=partial(torch.optim.Adam, lr=1e-3),
            generator=seeded(1), stacked=stacked,
        )  # fmt: skip

    calls = {"together": partial(run, stacked=True), "alone": partial(run, stacked=False)}
    best = {how: min(times) for how, times in kit.race(calls, rounds=3, least=0).items()}
    return {"steps": epochs * 256 // SIZE, **best, "operations": operations(alike[0], x[:SIZE])}


def perceptron(*hidden: int) -> torch.nn.Module:
    """A perceptron for digits."""
    return nets.MLP(64, 10, hidden=hidden)


def operations(model: torch.nn.Module, x: Tensor) -> int:
    """Floating-point operations for the answers to x."""
    with FlopCounterMode(display=False) as count:
        model(x)
    return count.get_total_flops()
