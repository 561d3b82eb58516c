"""Domain adaptation: what it gains, what it costs, and where it harms.

    python -m benchmarks.domain [--only moons lamp fails classes reverse speed] [--seeds 10]

Each part writes its numbers, one row a training, into ``results/domain.json`` as they come; ``results/domain.md`` is
made from them and from ``results/domain_mnist.json``, which ``python -m benchmarks.domain_mnist`` writes. ``speed``
measures pytorch-adapt beside labkit where it is installed, and says where it is not.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from labkit import data, domain, metrics, nets, train
from labkit.data import simulate

RESULTS = Path(__file__).parent / "results"
Row = dict[str, Any]


class World(NamedTuple):
    """Source with labels, target (whose labels only "taught on the target" may see), and a test set of the target."""

    x: Tensor
    y: Tensor
    z: Tensor
    hidden: Tensor
    test: Tensor
    truth: Tensor


class Recipe(NamedTuple):
    """Networks and training."""

    model: Callable[[], nets.Classifier]
    discriminator: tuple[int, ...]
    lr: float
    epochs: int
    batch_size: int = 64
    adam: bool = False
    classes: int = 10


def seeded(seed: int) -> torch.Generator:
    """A generator."""
    return torch.Generator().manual_seed(seed)


# ── worlds ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def moons(seed: int, *, rotation: float) -> World:
    """300 points of two moons; the same turned; 1,000 to test."""
    g = seeded(seed)
    a = simulate.moons(300, generator=g)
    b, c = (simulate.moons(n, generator=g, rotation=rotation) for n in (300, 1000))
    return World(a.x, a.y, b.x, b.y, c.x, c.y)


def halves(seed: int) -> tuple[data.Dataset, data.Dataset, data.Dataset, torch.Generator]:
    """scikit-learn's digits: two disjoint halves of the 1,297 for training, and the 500 for tests."""
    g = seeded(seed)
    every, test = data.digits("train", seed=seed), data.digits("test", seed=seed)
    a, b = every.split(test=0.5, generator=g)
    return a, b, test, g


def lamp(seed: int) -> World:
    """Real digits of 8×8; others under a lamp, whose light falls elsewhere on each."""
    a, b, test, g = halves(seed)
    return World(a.x, a.y, data.under_lamp(b.x, generator=g), b.y, data.under_lamp(test.x, generator=g), test.y)


def window(seed: int) -> World:
    """Real digits; others with the light of a window: it grows from left to right, more for some than for others."""
    a, b, test, g = halves(seed)

    def lit(x: Tensor) -> Tensor:
        return x + (0.5 + torch.rand(len(x), 1, 1, 1, generator=g)) * torch.linspace(0, 1, 8)

    return World(a.x, a.y, lit(b.x), b.y, lit(test.x), test.y)


def rendered(seed: int) -> World:
    """2,000 rendered glyphs at 8×8; real digits."""
    made = simulate.glyphs(2000, generator=seeded(seed), size=32)
    real, test = data.digits("train", seed=seed), data.digits("test", seed=seed)
    return World(functional.avg_pool2d(made.x, 4), made.y, real.x, real.y, test.x, test.y)


def some(world: World, keep: Callable[[Tensor], Tensor]) -> World:
    """The same world, but the target holds only samples whose label is kept."""
    here, there = keep(world.hidden), keep(world.truth)
    return World(world.x, world.y, world.z[here], world.hidden[here], world.test[there], world.truth[there])


def three(seed: int) -> World:
    """Under the lamp, and of the digits only 0 to 2 occur in the target."""
    return some(lamp(seed), lambda y: y < 3)


def unequal(seed: int) -> World:
    """Under the lamp, and digits from 5 are ten times rarer in the target."""
    return some(lamp(seed), lambda y: (y < 5) | (torch.arange(len(y)) % 10 == 0))


# ── trainings ─────────────────────────────────────────────────────────────────────────────────────────────────────────

MOONS = Recipe(
    lambda: nets.MLP(2, 2, hidden=(64, 64), mean=[0.5, 0.25], std=1.0), (64, 64), 3e-3, 150, 128, adam=True, classes=2
)
DIGITS = Recipe(lambda: nets.MLP(64, 10, hidden=(100, 100), mean=0.3, std=0.4), (64,), 0.01, 100)
METHODS = ("source only", "DANN", "CDAN", "CDAN+E", "MMD (DAN)", "CORAL", "taught on the target")


def learned(
    recipe: Recipe, method: str, seed: int, x: Tensor, y: Tensor, z: Tensor, *, lambda_: float = 1.0
) -> nets.Classifier:
    """Train a model of the recipe; λ follows the paper's ramp up to ``lambda_``, SGD's rate the paper's decay."""
    torch.manual_seed(seed)
    model = recipe.model()
    discriminator = domain.domain_discriminator(
        model.width * (recipe.classes if method.startswith("CDAN") else 1), hidden=recipe.discriminator
    )
    parameters = [*model.parameters(), *discriminator.parameters()]
    optimizer: torch.optim.Optimizer = (
        torch.optim.Adam(parameters, recipe.lr) if recipe.adam else torch.optim.SGD(parameters, recipe.lr, momentum=0.9)
    )
    pairs = domain.DomainBatches(x, y, z, batch_size=recipe.batch_size, generator=seeded(seed))
    steps = len(pairs) * recipe.epochs
    series = lambda_ * domain.lambda_schedule(domain.progress(steps))
    if method in ("MMD (DAN)", "CORAL"):
        distance = domain.mmd if method.startswith("MMD") else domain.coral
        step = domain.alignment_step(model, optimizer, distance=distance, lambda_=series)
    elif method in ("source only", "taught on the target"):
        step = domain.source_only(model, optimizer)
    else:
        step = domain.dann(
            model, discriminator, optimizer, lambda_=series, conditional=method != "DANN", entropy=method == "CDAN+E"
        )
    train.fit(step if recipe.adam else domain.anneal_lr(step, optimizer, steps=steps), pairs, epochs=recipe.epochs)
    return model


def measure(recipe: Recipe, world: World, method: str, seed: int, *, lambda_: float = 1.0) -> Row:
    """Train once: accuracy on the target's test set, proxy A-distance of the features, seconds of computing."""
    begin = time.process_time()
    x, y = (world.z, world.hidden) if method == "taught on the target" else (world.x, world.y)
    row: Row = {"method": method, "seed": seed, "lambda_": lambda_}
    try:
        model = learned(recipe, method, seed, x, y, world.z, lambda_=lambda_)
    except FloatingPointError:
        return {**row, "accuracy": None, "seconds": time.process_time() - begin}
    row["seconds"] = time.process_time() - begin
    row["accuracy"] = metrics.accuracy(metrics.predict(model, world.test), world.truth)
    with torch.no_grad():
        f, h = model.features(world.x), model.features(world.z)
    row["distance"] = domain.proxy_a_distance(f, h, generator=seeded(seed))
    return row


def table(worlds: dict[str, Callable[[int], World]], recipe: Recipe, methods: tuple[str, ...]) -> Callable[..., Any]:
    """A part of the benchmark: all methods in all worlds."""

    def rows(seeds: int) -> Iterator[Row]:
        for name, world in worlds.items():
            for seed in range(seeds):
                for method in methods:
                    yield {"world": name, **measure(recipe, world(seed), method, seed)}

    return rows


LAMBDAS = (0.0, 0.3, 1.0, 3.0)


def reverse(seeds: int) -> Iterator[Row]:
    """λ chosen by reverse validation, under the lamp and at the window, beside what each λ gives."""
    for name, make in (("lamp", lamp), ("window", window)):
        for seed in range(seeds):
            world = make(seed)
            for lambda_ in LAMBDAS:
                learn = partial(learned, DIGITS._replace(epochs=60), "DANN", seed, lambda_=lambda_)
                try:
                    risk = domain.reverse_validation_risk(learn, world.x, world.y, world.z, generator=seeded(seed))
                except FloatingPointError:
                    risk = 1.0
                yield {
                    "world": name,
                    "risk": risk,
                    **measure(DIGITS._replace(epochs=60), world, "DANN", seed, lambda_=lambda_),
                }


# ── speed ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def theirs(model: nets.Classifier, discriminator: nn.Module) -> Callable[[tuple[Tensor, Tensor, Tensor]], Any] | None:
    """The same update by pytorch-adapt, or None where it is not installed."""
    try:
        from pytorch_adapt.hooks import DANNHook  # type: ignore[import-not-found]
    except ImportError:
        return None
    body = nn.Sequential(model.normalize, model.body)
    parts = {"G": body, "C": model.head, "D": nn.Sequential(discriminator, nn.Flatten(0))}
    hook = DANNHook([torch.optim.SGD(part.parameters(), lr=0.01, momentum=0.9) for part in parts.values()])

    def step(batch: tuple[Tensor, Tensor, Tensor]) -> Any:
        x, y, z = batch
        zeros = torch.zeros(len(x))
        return hook({**parts, "src_imgs": x, "src_labels": y, "target_imgs": z, "src_domain": zeros,
                     "target_domain": zeros + 1})  # fmt: skip

    return step


def speed(_: int, *, steps: int = 20, repeats: int = 5) -> Iterator[Row]:
    """CPU seconds a step of 64 + 64 images with the paper's network: best of alternating repeats."""
    g = seeded(0)
    batch = torch.rand(64, 3, 28, 28, generator=g), torch.arange(64) % 10, torch.rand(64, 3, 28, 28, generator=g)
    runs: dict[str, Callable[..., Any]] = {}
    for name in ("labkit", "pytorch-adapt"):
        torch.manual_seed(0)
        model, discriminator = domain.DigitNet(), domain.domain_discriminator(768)
        optimizer = torch.optim.SGD([*model.parameters(), *discriminator.parameters()], lr=0.01, momentum=0.9)
        step = domain.dann(model, discriminator, optimizer) if name == "labkit" else theirs(model, discriminator)
        if step is not None:
            step(batch)
            runs[name] = step
    best: dict[str, float] = {}
    for _ in range(repeats):
        for name, step in runs.items():
            begin = time.process_time()
            for _ in range(steps):
                step(batch)
            best[name] = min(best.get(name, 1e9), (time.process_time() - begin) / steps)
    for name in ("labkit", "pytorch-adapt"):
        yield {"what": name, "seconds": best.get(name)}


PARTS: dict[str, Callable[[int], Iterator[Row]]] = {
    "moons": table({f"{r}°": partial(moons, rotation=r) for r in (30, 45)}, MOONS,
                   ("source only", "DANN", "taught on the target")),
    "lamp": table({"lamp": lamp}, DIGITS, METHODS),
    "fails": table({"window": window, "rendered → real": rendered}, DIGITS, METHODS),
    "classes": table({"0–2 only": three, "5–9 ten times rarer": unequal}, DIGITS,
                     ("source only", "DANN", "CDAN", "MMD (DAN)", "taught on the target")),
    "reverse": reverse,
    "speed": speed,
}  # fmt: skip
FEWER = {"fails": 5, "classes": 5, "reverse": 3}


def main() -> None:
    """Run the parts that were asked for and write the tables."""
    from benchmarks.domain_tables import markdown

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    store = RESULTS / "domain.json"
    for part in options.only:
        rows: list[Row] = []
        for row in PARTS[part](min(options.seeds, FEWER.get(part, options.seeds))):
            rows.append({k: round(v, 5) if isinstance(v, float) else v for k, v in row.items()})
            every = (json.loads(store.read_text()) if store.exists() else {}) | {part: rows}
            store.write_text(json.dumps(every, indent=0, ensure_ascii=False) + "\n")
    mnist = RESULTS / "domain_mnist.json"
    every = json.loads(store.read_text()) if store.exists() else {}
    (RESULTS / "domain.md").write_text(markdown(every, json.loads(mnist.read_text()) if mnist.exists() else []))


if __name__ == "__main__":
    main()
