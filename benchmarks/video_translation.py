"""A GAN that translates clips, one frame at a time: with and without a loss on flicker."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks import kit
from benchmarks.kit import Row
from labkit import nets, refine
from labkit.augment import video
from labkit.data import simulate
from labkit.nets import frozen
from labkit.train import descend

FRAMES, SIZE, THRESHOLD = 6, 32, 0.12
WEIGHTS = (0.0, 3000.0, 10000.0)
LAMBDA = 0.05


def films(n: int, seed: int, *, drawn: bool) -> Tensor:
    """Clips (n, T, 1, H, W) of moving shapes; ``drawn`` ones are hatched, by lines that stand still in a clip."""
    g = kit.seeded(seed)
    x = simulate.moving(n, generator=g, frames=FRAMES, size=SIZE, noise=0.03).x
    if not drawn:
        return x
    at = torch.arange(float(SIZE))
    phase = 6.3 * torch.rand(n, 1, 1, 1, 1, generator=g)
    lines = torch.sin(1.1 * (at[:, None] + at) + phase)
    return (x * (0.75 + 0.25 * lines) + 0.08 * lines).clamp(0, 1)


def frames(x: Tensor) -> Tensor:
    """All frames of the clips as pictures."""
    return x.flatten(0, 1)


def trained(temporal: float, seed: int, steps: int) -> Callable[[Tensor], Tensor]:
    """The refiner of topic 13, which sees one frame at a time; its loss has one more term, on clips."""
    g, plain, real = kit.seeded(seed), films(60, 100 + seed, drawn=False), frames(films(60, 200 + seed, drawn=True))
    with nets.seeded_weights(seed):
        refiner = refine.Refiner(1, width=16, blocks=2)
        discriminator = refine.LocalDiscriminator(1, widths=(24, 24), strides=(2, 1))
    buffer = refine.ImageHistoryBuffer(200)
    optimizer = torch.optim.Adam(refiner.parameters(), 2e-3, betas=(0.5, 0.999))
    optimizer_d = torch.optim.Adam(discriminator.parameters(), 5e-4, betas=(0.5, 0.999))
    for _ in range(steps):
        clips = plain[torch.randint(len(plain), (4,), generator=g)]
        x, y = frames(clips), real[torch.randint(len(real), (4 * FRAMES,), generator=g)]
        refined = refiner(x)
        with frozen(discriminator):
            loss = refine.refiner_loss(discriminator(refined), refined, x, lambda_=LAMBDA)
        still = video.static_mask(clips, threshold=THRESHOLD)
        change = video.temporal_loss(refined.unflatten(0, clips.shape[:2]), mask=still)
        descend(optimizer, loss + temporal * change)
        both = discriminator(torch.cat([buffer.query(refined.detach(), generator=g), y]))
        descend(optimizer_d, refine.discriminator_loss(both[: len(x)], both[len(x) :]))
    return lambda clips: refine.refine_images(refiner, frames(clips)).unflatten(0, clips.shape[:2])


class Hatching:
    """How drawn a frame looks: the mean Gram matrix of random filters, against that of drawn clips."""

    def __init__(self) -> None:
        bank = torch.randn(32, 1, 7, 7, generator=kit.seeded(7))
        self.bank = F.normalize((bank - bank.mean((1, 2, 3), keepdim=True)).flatten(1)).view_as(bank)
        self.target = self.gram(films(60, 6000, drawn=True))

    def gram(self, clips: Tensor) -> Tensor:
        """The mean over all frames (32, 32)."""
        features = F.relu(F.conv2d(frames(clips), self.bank)).flatten(2)
        return (features @ features.transpose(1, 2) / features.shape[2]).mean(0)

    def distance(self, clips: Tensor) -> float:
        """0 for drawn clips, 1 for blank ones."""
        return float((self.gram(clips) - self.target).square().mean() / self.target.square().mean())


def translate(arm: str, seed: int, steps: int) -> Row:
    """One run on clips that were not trained on; the two controls are these clips as they were, and drawn ones."""
    plain, clips = films(60, 5000, drawn=False), films(60, 5000, drawn=arm == "drawn clips")
    if arm.startswith("translated"):
        clips = trained(float(arm.split()[-1]), seed, steps)(plain)
    return {
        "flicker": float(video.flicker(clips, plain, threshold=THRESHOLD)),
        "distance": Hatching().distance(clips),
        "change": float((clips - plain).abs().mean()),
    }


ARMS = ("clips as they were", "drawn clips", *(f"translated, temporal weight {weight:g}" for weight in WEIGHTS))


def measure_translation(runs: kit.Runs, *, steps: int = 250) -> None:
    """Controls and three weights."""
    for seed in runs.seeds:
        for arm in ARMS:
            runs.once(translate, arm=arm, seed=seed, steps=steps)


def show_translation(rows: list[Row]) -> str:
    """Flicker beside style: a line an arm."""
    columns = {"flicker": "flicker", "distance from drawn clips": "distance", "mean change of a pixel": "change"}
    return (
        "A GAN that translates: the refiner of topic 13 and its local discriminator learn, from single frames that "
        "belong to no pairs, to make simulated clips look like hatched drawings. A refiner sees one frame at a time. "
        "With a weight on flicker its loss has one more term: what changes from frame to frame where nothing moved "
        "(the same sum as above). The distance is that of mean Gram matrices of random filters, relative to the "
        "drawn clips' own. Clips that were not trained on, five seeds; the learning rates were chosen on another.\n\n"
        + kit.means(rows, "arm", columns, digits=3)
    )
