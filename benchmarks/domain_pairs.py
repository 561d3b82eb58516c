"""One handwriting to another: where DANN may harm, and what ``domain.choose_lambda`` makes of it."""

import statistics
import warnings
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks import kit
from benchmarks.dti_sets import on_papers, shrunk, without_margin
from benchmarks.kit import Row, seeded
from labkit import data, domain, metrics, nets, train

LAMBDAS = (0.0, 0.3, 1.0)
EPOCHS = 15
Draw = Callable[[int], tuple[Tensor, Tensor]]
Network = Callable[[Tensor], nets.Classifier]


def mnist(seed: int) -> tuple[Tensor, Tensor]:
    """1,800 of MNIST's training digits."""
    every = data.mnist("train", download=False)
    some = every.take(torch.randperm(len(every), generator=seeded(seed))[:1800])
    return some.x, some.y


def whole(seed: int) -> tuple[Tensor, Tensor]:
    """MNIST with its margin, 8 × 8."""
    x, y = mnist(seed)
    return shrunk(x, 8), y


def tight(seed: int) -> tuple[Tensor, Tensor]:
    """The middle 20 × 20 pixels of MNIST, 8 × 8."""
    x, y = mnist(seed)
    return without_margin(x, 8), y


def scikit(seed: int) -> tuple[Tensor, Tensor]:
    """scikit-learn's digits, in a random order."""
    every = data.digits()
    some = every.take(torch.randperm(len(every), generator=seeded(seed)))
    return some.x, some.y


def half(x: Tensor) -> Tensor:
    """As 14 × 14 pixels."""
    return functional.adaptive_avg_pool2d(x, 14)


def white(seed: int) -> tuple[Tensor, Tensor]:
    """MNIST, 14 × 14."""
    x, y = mnist(seed + 1000)
    return half(x), y


def papers(seed: int) -> tuple[Tensor, Tensor]:
    """MNIST, 14 × 14, each digit on a paper and in an ink of its own."""
    x, y = white(seed)
    g = seeded(seed)
    paper, ink = (torch.rand(len(x), 1, 1, 1, generator=g) for _ in range(2))
    return on_papers(x, paper, ink), y


PAIRS: dict[str, tuple[Draw, Draw]] = {
    "scikit-learn's digits → MNIST": (scikit, whole),
    "MNIST → scikit-learn's digits": (whole, scikit),
    "scikit-learn's digits → MNIST without a margin": (scikit, tight),
    "MNIST without a margin → scikit-learn's digits": (tight, scikit),
    "MNIST → MNIST on papers": (white, papers),
    "MNIST on papers → MNIST": (papers, white),
}


def dense(x: Tensor) -> nets.Classifier:
    """A network of two layers of 100 for images such as x."""
    return nets.MLP(x[0].numel(), 10, hidden=(100, 100), mean=0.3, std=0.4)


def learned(x: Tensor, y: Tensor, z: Tensor, lambda_: float, *, seed: int, network: Network = dense) -> nets.Classifier:
    """Train with DANN, or on the source alone where λ is 0."""
    torch.manual_seed(seed)
    model = network(x)
    discriminator = domain.domain_discriminator(model.width, hidden=(64,))
    optimizer = torch.optim.SGD([*model.parameters(), *discriminator.parameters()], 0.01, momentum=0.9)
    pairs = domain.DomainBatches(x, y, z, batch_size=64, generator=seeded(seed))
    ramp = lambda_ * domain.lambda_schedule(domain.progress(1000))
    step = domain.source_only(model, optimizer)
    if lambda_:
        step = domain.dann(model, discriminator, optimizer, lambda_=ramp)
    decay = domain.anneal_lr(optimizer, steps=EPOCHS * len(pairs))
    train.fit(step, pairs, epochs=EPOCHS, on_step=decay)
    return model


def drawn(pair: str, seed: int) -> tuple[Tensor, ...]:
    """Of a pair: source images and their labels, target images, and others of the target with their labels."""
    (x, y), (z, w) = (draw(s) for draw, s in zip(PAIRS[pair], (seed, seed + 500)))
    return x[:1300], y[:1300], z[:1300], z[1300:], w[1300:]


def measured(pair: str, seed: int) -> Row:
    """The accuracy in the target under each λ, whether the step warned at 1, and the λ that is chosen."""
    x, y, z, test, truth = drawn(pair, seed)

    def learn(a: Tensor, b: Tensor, there: Tensor, lambda_: float) -> nets.Classifier:
        return learned(a, b, there, lambda_, seed=seed)

    row: Row = {}
    for lambda_ in LAMBDAS:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = learn(x, y, z, lambda_)
        row[f"acc{lambda_:g}"] = metrics.accuracy(metrics.predict(model, test), truth)
        row["warned"] = any("other shares" in str(one.message) for one in caught)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*other shares.*")
        choice = domain.choose_lambda(learn, x, y, z, lambdas=LAMBDAS, generator=seeded(seed))
    row |= {f"risk{lambda_:g}": risk for lambda_, risk in choice.risks.items()}
    return row | {"chosen": choice.lambda_, "acc": row[f"acc{choice.lambda_:g}"]}


def each(measure: Callable[[str, int], Row]) -> Callable[[kit.Runs], None]:
    """A part that measures something in all pairs, from every seed."""

    def part(runs: kit.Runs) -> None:
        kit.real_data("MNIST")
        for name in PAIRS:
            for seed in runs.seeds:
                runs.once(measure, pair=name, seed=seed)

    return part


def show_pairs(rows: list[Row]) -> str:
    """A line a pair."""
    lines = []
    for (name,), same in kit.groups(rows, "pair").items():
        accuracies = [kit.mean(same, f"acc{lambda_:g}", percent=True, digits=1) for lambda_ in LAMBDAS]
        chosen = ", ".join(f"{row['chosen']:g}" for row in same)
        gains = [100 * (row["acc"] - row["acc0"]) for row in same]
        lines.append(
            [
                name, *accuracies, f"{sum(row['warned'] for row in same)} of {len(same)}", chosen,
                kit.mean(same, "acc", percent=True, digits=1), f"{statistics.mean(gains):+.1f}", f"{min(gains):+.1f}",
            ]
        )  # fmt: skip
    head = ["", *(f"λ = {lambda_:g}" for lambda_ in LAMBDAS), "warned", "chosen", "right", "gain", "worst gain"]
    return f"{kit.flow(WORDS)}\n\n{kit.table(head, lines)}"


WORDS = """
    Images of 8 × 8 (14 × 14 in the last two pairs), 1,300 of each domain to learn from; per cent right of about 500
    others of the target. MLP of two layers of 100, SGD, 15 epochs (600 steps), λ on the default ramp. λ = 0 is source
    only. *Warned*: the step at λ = 1, of class shares. *Chosen*: by `domain.choose_lambda`, in which five seeds; then
    what that gives, and its gain over source only, the mean and the worst. Its rule was preferred to another (the
    largest λ that is not worse than source only) on the first four pairs; the last two served to choose nothing.
    """
