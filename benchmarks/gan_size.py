"""The same small GAN at 16, 32 and 64 pixels: the experiment behind the part ``size`` of ``benchmarks/results/gan.md``.

Drawings of 64×64, and the same drawings averaged to 32×32 and 16×16. All samples are judged at 16×16, where each of
them has its say, and by their details at 64×64.
"""

import time

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks import kit
from benchmarks.kit import Row, seeded
from labkit import data, gan, nets, train

WIDTHS = {16: 32, 32: 16, 64: 8}
"""The width of the largest maps by size: those of 4×4 have 64 channels in all of them."""


def drawings(n: int, seed: int) -> data.Dataset:
    """Outlines in chalk on black, nearly upright, (n, 1, 64, 64)."""
    return data.simulate.shapes(n, generator=seeded(seed), size=64, paper=0.0, rotation=(-15, 15), contrast=(0.8, 1.0))


def averaged(x: Tensor, size: int) -> Tensor:
    """Pictures made smaller, each pixel the mean of a square."""
    return functional.avg_pool2d(x, x.shape[-1] // size)


def interpolated(x: Tensor, size: int = 64) -> Tensor:
    """Pictures made larger without learning."""
    return functional.interpolate(x, size=(size, size), mode="bilinear")


class Enlarger(nn.Module):
    """Adds to an enlarged picture of 16×16 what a drawing of 64×64 has besides."""

    def __init__(self) -> None:
        super().__init__()
        self.detail = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(),
            nn.Conv2d(32, 16, 3, padding=1), nn.PixelShuffle(4),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return interpolated(x) + self.detail(x)


def enlarger(x: Tensor, *, steps: int, seed: int) -> nn.Module:
    """A network that has learned to enlarge on pairs of real drawings (16×16, 64×64), by least squares."""
    g = seeded(seed)
    with nets.seeded_weights(seed):
        net = Enlarger()
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(steps):
        real = x[torch.randint(len(x), (32,), generator=g)]
        train.descend(optimizer, functional.mse_loss(net(averaged(real, 16)), real))
    return net


def patches(x: Tensor) -> Tensor:
    """Ten thousand of the squares of 8×8 that pictures of 64×64 consist of, as rows."""
    cut = x.unfold(2, 8, 8).unfold(3, 8, 8).flatten(4).flatten(0, 3)
    return cut[torch.randperm(len(cut), generator=seeded(0))[:10_000]]


def judge(drawn: data.Dataset) -> nn.Module:
    """A classifier of real drawings at 16×16, for its features."""
    with nets.seeded_weights(0):
        net = nets.CNN(1, 4, width=8, depth=3)
    step = train.supervised_step(net, torch.optim.AdamW(net.parameters(), lr=5e-3))
    batches = train.Minibatches(averaged(drawn.x, 16), drawn.y, batch_size=32, generator=seeded(0))
    train.fit(step, batches, epochs=10)
    return net.eval()


def measures(x: Tensor, real: Tensor, net: nn.Module) -> Row:
    """Of samples: three figures at 16×16, and how far their details at 64×64 are from real ones."""
    with torch.no_grad():
        small, others = (net.features(averaged(v, 16)) for v in (x, real))
    larger = [interpolated(v) if v.shape[-1] < 64 else v for v in (x, real)]
    return {
        **gan.precision_recall(small, others)._asdict(),
        "Fréchet": gan.frechet(small, others),
        "detail": gan.frechet(*map(patches, larger)),
    }


def size(seed: int, *, steps: int = 600) -> list[Row]:
    """A row for each size at equal steps; at 64×64 also for two stages."""
    drawn, test = drawings(1500, 3 * seed), drawings(600, 3 * seed + 1)
    net = judge(drawn)
    rows: list[Row] = [{"samples": "new real drawings"} | measures(drawings(600, 3 * seed + 2).x, test.x, net)]

    def trained(pixels: int, updates: int) -> Tensor:
        recipe = gan.GANRecipe(steps=updates, width=WIDTHS[pixels])
        model = gan.train_small_gan(averaged(drawn.x, pixels), None, recipe, seed=seed)
        return gan.sample(model.generator, 600, generator=seeded(seed))

    def note(name: str, x: Tensor, begun: float) -> None:
        seconds = time.process_time() - begun
        rows.append({"samples": name} | measures(x, test.x, net) | {"cpu seconds": seconds})

    for pixels in WIDTHS:
        begun = time.process_time()
        note(f"GAN of {pixels}×{pixels}, {steps} steps", trained(pixels, steps), begun)
    begun = time.process_time()
    first = trained(16, steps - steps // 6)
    note(f"GAN of 16×16, {steps - steps // 6} steps, enlarged without learning", interpolated(first), begun)
    enlarge = enlarger(drawn.x, steps=steps // 6, seed=seed)
    with torch.no_grad():
        second = enlarge(first).clamp(0, 1)
    note(f"the same, enlarged by a network, {steps // 6} steps", second, begun)
    return rows


WORDS = """The same networks (64 channels at 4×4, a layer more for each doubling), the same drawings (four shapes, 1,500
in training), {} draws. Precision, recall and Fréchet distance are of features at 16×16, where all samples are averaged
to that size. Detail is the Fréchet distance of squares of 8×8 pixels at
64×64, where smaller pictures are interpolated. Two stages: a GAN of 16×16, and a network that learns on real drawings
to enlarge them, six hundred steps in all."""


def show_size(rows: list[Row]) -> str:
    """A line for each way to get pictures."""
    columns = {name: name for name in ("precision", "recall", "Fréchet", "detail", "cpu seconds")}
    table = kit.means(rows, "samples", columns, percent=("precision", "recall"), corner="samples")
    return f"{kit.flow(WORDS.format(len(kit.groups(rows, 'seed'))))}\n\n{table}"
