"""Callbacks for a training: what a student looks at while two networks play.

A GAN's losses don't say whether it learns: they are those of a game. Samples do, and the alarm goes off when all of
them become alike.
"""

import torch

from labkit.gan.evaluate import diversity
from labkit.gan.nets import Generator
from labkit.gan.sampling import noise
from labkit.nets import eval_mode
from labkit.shapes import Images
from labkit.train import Callback, History


class Samples(Callback):
    """Keeps what the generator makes of the same noise after every epoch: see it learn.

    Args:
        G: the generator, or an average of it.
        n: how many samples; with classes their labels go 0, 1, 2, … and begin again.
        every: after every so many epochs, and after the first.
        generator: where the noise comes from.

    Attributes:
        epochs: the epochs that were kept.
        images: a tensor (n, C, H, W) on the CPU for each of them.

    Raises:
        ValueError: if ``n`` or ``every`` is below 1.
    """

    def __init__(self, G: Generator, n: int = 10, *, every: int = 1, generator: torch.Generator | None = None) -> None:
        if n < 1 or every < 1:
            raise ValueError(f"n is {n} and every {every}; expected 1 or more of each")
        device = next(G.parameters()).device
        self.G, self.every = G, every
        self.z, _ = noise(G, n, generator=generator, device=device)
        self.y = torch.arange(n, device=device) % G.classes if G.classes else None
        self.epochs: list[int] = []
        self.images: list[Images] = []

    def __call__(self, history: History) -> None:
        """Keep this epoch's samples, if it is their turn."""
        if history.epoch == 1 or history.epoch % self.every == 0:
            with eval_mode(self.G), torch.no_grad():
                self.images.append(self.G(self.z, self.y).cpu())
            self.epochs.append(history.epoch)


class CollapseAlarm(Callback):
    """Warns when all samples are alike, or copies of a few: mode collapse.

    The statistic is ``diversity``: the mean distance from a sample to the nearest other one, relative to real samples.
    It is about 0 for a generator that ignores its noise, 0.5 to 1 for one that works.

    Args:
        G: the generator.
        real: real samples to compare with, about a hundred; as many are generated.
        below: the alarm's threshold.
        patience: how many epochs in a row it must be below: a generator's first samples are all alike.
        stop: whether to end training when it goes off.
        generator: where the noise comes from.

    Attributes:
        values: the statistic after each epoch.
        epoch: when it went off, counted from 1; None if it did not.

    Raises:
        ValueError: if there are fewer than two real samples, or ``patience`` is below 1.
    """

    def __init__(
        self,
        G: Generator,
        real: Images,
        *,
        below: float = 0.25,
        patience: int = 3,
        stop: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        if len(real) < 2 or patience < 1:
            raise ValueError(f"there are {len(real)} real samples and patience is {patience}; expected 2 and 1 or more")
        self.G, self.real, self.below, self.patience, self.stop = G, real, below, patience, stop
        self.z, self.y = noise(G, len(real), generator=generator, device=real.device)
        self.values: list[float] = []
        self.epoch: int | None = None

    def __call__(self, history: History) -> bool:
        """Measure; ``True`` if the alarm is on and training is to end."""
        with eval_mode(self.G), torch.no_grad():
            self.values.append(diversity(self.G(self.z, self.y), self.real))
        last = self.values[-self.patience :]
        if self.epoch is None and len(last) == self.patience and max(last) < self.below:
            self.epoch = history.epoch
        if self.stop and self.epoch is not None:
            history.stop(f"samples have been all alike since epoch {self.epoch}: their diversity is {last[-1]:.2f}")
        return history.stopped
