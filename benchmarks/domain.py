"""Domain adaptation: what it gains, what it costs, and where it harms.

    python -m benchmarks.domain [moons] [lamp] [fails] [classes] [reverse] [mnist] [defaults] [pairs] [statistics]
                               [speed]

``mnist``, ``pairs`` and ``statistics`` need LABKIT_DATA. ``speed`` measures pytorch-adapt beside labkit where it is
installed.
"""

import time
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks import domain_mnist, domain_pairs, domain_statistics, kit
from benchmarks import domain_tables as tables
from benchmarks.kit import Row, seeded
from labkit import data, domain, metrics, nets, train
from labkit.data import simulate


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
    decay = None if recipe.adam else domain.anneal_lr(optimizer, steps=steps)
    train.fit(step, pairs, epochs=recipe.epochs, on_step=decay)
    return model


def measure(recipe: Recipe, world: World, method: str, seed: int, *, lambda_: float = 1.0) -> Row:
    """Train once: accuracy on the target's test set, proxy A-distance of the features, seconds of computing."""
    begin = time.process_time()
    x, y = (world.z, world.hidden) if method == "taught on the target" else (world.x, world.y)
    try:
        model = learned(recipe, method, seed, x, y, world.z, lambda_=lambda_)
    except FloatingPointError:
        return {"accuracy": None, "seconds": time.process_time() - begin}
    seconds = time.process_time() - begin
    accuracy = metrics.accuracy(metrics.predict(model, world.test), world.truth)
    with torch.no_grad():
        f, h = model.features(world.x), model.features(world.z)
    return {
        "seconds": seconds,
        "accuracy": accuracy,
        "distance": domain.proxy_a_distance(f, h, generator=seeded(seed)),
    }


Worlds = Mapping[str, Callable[[int], World]]


def compare(worlds: Worlds, recipe: Recipe, methods: tuple[str, ...]) -> Callable[[kit.Runs], None]:
    """A part of the benchmark: all methods in all worlds."""

    def run(world: str, method: str, seed: int, lambda_: float) -> Row:
        return measure(recipe, worlds[world](seed), method, seed, lambda_=lambda_)

    def part(runs: kit.Runs) -> None:
        for world in worlds:
            for seed in runs.seeds:
                for method in methods:
                    runs.once(run, world=world, method=method, seed=seed, lambda_=1.0)

    return part


LAMBDAS = (0.0, 0.3, 1.0, 3.0)


def reverse(runs: kit.Runs) -> None:
    """λ chosen by reverse validation, under the lamp and at the window, beside what each λ gives."""
    worlds: Worlds = {"lamp": lamp, "window": window}

    def run(world: str, method: str, seed: int, lambda_: float) -> Row:
        here, recipe = worlds[world](seed), DIGITS._replace(epochs=60)
        learn = partial(learned, recipe, method, seed, lambda_=lambda_)
        try:
            risk = domain.reverse_validation_risk(learn, here.x, here.y, here.z, generator=seeded(seed))
        except FloatingPointError:
            risk = 1.0
        return {"risk": risk, **measure(recipe, here, method, seed, lambda_=lambda_)}

    for world in worlds:
        for seed in runs.seeds:
            for lambda_ in LAMBDAS:
                runs.once(run, world=world, method="DANN", seed=seed, lambda_=lambda_)


# ── what dann warns of ────────────────────────────────────────────────────────────────────────────────────────────────

WATCHED: Worlds = {"0–2 only": three, "lamp": lamp, "window": window, "5–9 ten times rarer": unequal}


def watched(world: str, seed: int) -> Row:
    """What DANN gains over source only, and whether its step warned."""
    here, recipe, right = WATCHED[world](seed), DIGITS._replace(epochs=30), {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for method in ("source only", "DANN"):
            model = learned(recipe, method, seed, here.x, here.y, here.z)
            right[method] = metrics.accuracy(metrics.predict(model, here.test), here.truth)
    one = any("other shares" in str(w.message) for w in caught)
    return {**right, "gain": right["DANN"] - right["source only"], "warned": one}


def defaults(runs: kit.Runs) -> None:
    """Draws that served to choose nothing."""
    for world in WATCHED:
        for seed in range(60, 60 + len(runs.seeds)):
            runs.once(watched, world=world, seed=seed)


def show_defaults(rows: list[Row]) -> str:
    """A line a world."""
    lines = [
        [
            world,
            *(kit.mean(same, figure, percent=True, digits=1) for figure in ("source only", "DANN", "gain")),
            f"{sum(row['warned'] for row in same)} of {len(same)}",
        ]
        for (world,), same in kit.groups(rows, "world").items()
    ]
    words = """
        The step of `dann` warns where the target seems to hold the classes in other shares than the source, which it
        judges while the pull is weak. The recipe of the lamp, 30 epochs; the limit was chosen on other draws of these
        worlds.
        """
    return f"{kit.flow(words)}\n\n{kit.table(['', 'source only', 'DANN', 'gain', 'warned'], lines)}"


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


def speed(runs: kit.Runs, *, rounds: int = 5, steps: int = 20) -> None:
    """CPU seconds a step of 64 + 64 images with the paper's network: best of alternating repeats."""
    g = seeded(0)
    batch = torch.rand(64, 3, 28, 28, generator=g), torch.arange(64) % 10, torch.rand(64, 3, 28, 28, generator=g)

    def turn(step: Callable[..., Any]) -> None:
        for _ in range(steps):
            step(batch)

    def all_of_them() -> list[Row]:
        calls: dict[str, Callable[[], None]] = {}
        for name in ("labkit", "pytorch-adapt"):
            torch.manual_seed(0)
            model, discriminator = domain.DigitNet(), domain.domain_discriminator(768)
            optimizer = torch.optim.SGD([*model.parameters(), *discriminator.parameters()], lr=0.01, momentum=0.9)
            step = domain.dann(model, discriminator, optimizer) if name == "labkit" else theirs(model, discriminator)
            if step is not None:
                calls[name] = partial(turn, step)
        seconds = kit.race(calls, rounds=rounds, least=0)
        return [
            {"what": name, "seconds": min(seconds[name]) / steps if name in seconds else None}
            for name in ("labkit", "pytorch-adapt")
        ]

    runs.once(all_of_them)


ENDS = ("source only", "DANN", "taught on the target")
CLASSES = ("source only", "DANN", "CDAN", "MMD (DAN)", "taught on the target")
BENCHMARK = kit.Benchmark(
    "domain",
    "Domain adaptation, measured",
    tables.ABOUT,
    [
        kit.Part(
            "moons",
            compare({f"{r}°": partial(moons, rotation=r) for r in (30, 45)}, MOONS, ENDS),
            tables.worlds,
            "Two moons",
            seeds=10,
        ),
        kit.Part("lamp", compare({"lamp": lamp}, DIGITS, METHODS), tables.worlds, "Where it gains", seeds=10),
        kit.Part(
            "fails",
            compare({"window": window, "rendered → real": rendered}, DIGITS, METHODS),
            tables.worlds,
            "Where it gains little",
        ),
        kit.Part(
            "classes",
            compare({"0–2 only": three, "5–9 ten times rarer": unequal}, DIGITS, CLASSES),
            tables.worlds,
            "Where the classes differ",
        ),
        kit.Part("reverse", reverse, tables.reverse, "λ by reverse validation", seeds=3),
        kit.Part("mnist", domain_mnist.mnist, tables.mnist, domain_mnist.TITLE, seeds=3),
        kit.Part("defaults", defaults, show_defaults, "Defaults"),
        kit.Part(
            "pairs", domain_pairs.each(domain_pairs.measured), domain_pairs.show_pairs, "One handwriting to another"
        ),
        kit.Part(
            "statistics",
            domain_pairs.each(domain_statistics.measured),
            domain_statistics.show,
            "Batch normalisation by domain",
        ),
        kit.Part("speed", speed, tables.speed, "Speed"),
    ],
)

if __name__ == "__main__":
    BENCHMARK.main()
