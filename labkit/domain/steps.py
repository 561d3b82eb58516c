"""Steps for ``train.fit``: a batch is (x, y, z): source images with labels, and target images without.

    min over f, g   max over q      L_y(g(f(x)), y) − λ L_d(q(f(x)), q(f(z)))

f is the body of the model, g its head, q the discriminator. With the reversal R between f and q one backward pass does
both: every part goes down the sum of the two losses, q at full strength, f with −λ times what q would have wanted.

λ may be a number or one a step (``lambda_schedule(progress(steps))``); the last holds on. At λ = 0 the model's weights
are those of ``source_only``, bit by bit: source and target pass the body one after the other, so that neither touches
the other's rounding. (Dropout would draw for both, and so otherwise. Batch normalisation sees each domain by itself,
too; its running statistics are then those of both.)
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from labkit.domain.losses import domain_loss, entropy_weights, multilinear_map
from labkit.domain.schedule import at, lambda_schedule, progress
from labkit.logits import cross_entropy
from labkit.nets import Classifier, eval_mode, reverse_gradient
from labkit.shapes import Float
from labkit.train import Step, descend, supervised_step

DomainBatch = tuple[Tensor, Tensor, Tensor]
"""Source samples x, their labels y, and target samples z."""

Lambda = float | Float[Tensor, " n"]

RAMP = 1000
"""Steps of λ's ramp where nothing is said."""


class DomainBatches:
    """Batches (x, y, z), half of each domain, in a new random order every time they are gone through.

    An epoch is once through the source; the target goes round as often as that takes, in a new order each round. What
    is left of the source at the end, less than half a batch, is left out.

    Args:
        x, y: source samples and their labels.
        z: target samples.
        batch_size: even: half of it of each domain.
        generator: where the orders come from, on the CPU.

    Raises:
        ValueError: if x and y don't hold as many, or ``batch_size`` is odd, below 2, or more than twice a domain has.
    """

    def __init__(self, x: Tensor, y: Tensor, z: Tensor, *, batch_size: int, generator: torch.Generator) -> None:
        if len(x) != len(y):
            raise ValueError(f"there are {len(x)} source samples and {len(y)} labels; expected as many")
        if batch_size < 2 or batch_size % 2 or batch_size // 2 > min(len(x), len(z)):
            raise ValueError(
                f"batch_size is {batch_size} for {len(x)} source and {len(z)} target samples; expected an even number, "
                "half of it in each domain"
            )
        self.x, self.y, self.z, self.half, self.generator = x, y, z, batch_size // 2, generator
        self.targets: Iterator[Tensor] = iter(())

    def __len__(self) -> int:
        return len(self.x) // self.half

    def order(self, n: int, device: torch.device) -> tuple[Tensor, ...]:
        """All full half batches of indices of n samples, shuffled."""
        whole = n // self.half * self.half
        return torch.randperm(n, generator=self.generator)[:whole].to(device).split(self.half)

    def __iter__(self) -> Iterator[DomainBatch]:
        for here in self.order(len(self.x), self.x.device):
            there = next(self.targets, None)
            if there is None:
                self.targets = iter(self.order(len(self.z), self.z.device))
                there = next(self.targets)
            yield self.x[here], self.y[here], self.z[there]


def source_only(model: nn.Module, optimizer: torch.optim.Optimizer) -> Step[DomainBatch]:
    """Learn from the labelled domain as if there were no other: what adaptation is measured against."""
    step = supervised_step(model, optimizer)
    return lambda batch: step(batch[:2])


def dann(
    model: Classifier,
    discriminator: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    lambda_: Lambda | None = None,
    conditional: bool = False,
    entropy: bool = False,
    max_norm: float | None = None,
) -> Step[DomainBatch]:
    """Domain-adversarial training (Ganin and others 2016), or its conditional form CDAN (Long and others 2018).

    It makes the features of both domains alike, so both should hold the classes in like shares. Where they don't, it
    forces some of the target into wrong classes, and ``source_only`` is better by far; the step warns of that.
    ``choose_lambda`` tries several λ without target labels, 0 among them. CDAN with ``entropy`` was ahead of DANN in
    most worlds of the results page, and never behind.

    Args:
        model: its ``features`` are f, its ``head`` gives the logits.
        discriminator: q: from features (B, d), for CDAN from (B, d·k), to one logit (B, 1), above 0 for "target".
        optimizer: of the parameters of both.
        lambda_: λ, a number or one a step; it scales what the features receive, not what the discriminator learns. By
            default ``lambda_schedule`` over the first 1,000 steps, and 1 from then on.
        conditional: CDAN: the discriminator sees ``multilinear_map(f, logits)``.
        entropy: CDAN+E: samples that the classifier is sure of weigh up to twice as much.
        max_norm: of the gradient of all weights together: one spike of it can end the game.

    Returns:
        A step that reports ``loss`` (of the labels), ``domain`` (the discriminator's; log 2 = 0.69 at chance) and
        ``lambda_``.

    Warns:
        UserWarning: once, if the model, while it is good on the source, sees other shares of the classes in the target
            than the source has.

    Raises:
        ValueError: if a λ is negative, or ``entropy`` is asked for without ``conditional``.
    """
    lambda_ = lambda_schedule(progress(RAMP)) if lambda_ is None else lambda_
    series = checked_series(lambda_, "the features would help the discriminator")
    if entropy and not conditional:
        raise ValueError("entropy weights are CDAN's; expected conditional=True with them")
    return DomainAdversarialStep(model, discriminator, optimizer, series, conditional, entropy, max_norm)


def checked_series(lambda_: Lambda, harm: str) -> list[float]:
    """λ for each update, one for all if it is a number.

    Raises:
        ValueError: if a λ is negative.
    """
    series = torch.as_tensor(lambda_, dtype=torch.float64).reshape(-1).tolist()
    if min(series) < 0:
        raise ValueError(f"λ is negative: {harm}; expected 0 or more")
    return series


@dataclass(eq=False)
class DomainAdversarialStep:
    """The step of ``dann``; ``updates`` counts those that are done, for λ's series."""

    model: Classifier
    discriminator: nn.Module
    optimizer: torch.optim.Optimizer
    lambdas: list[float]
    conditional: bool
    entropy: bool
    max_norm: float | None
    updates: int = 0
    watch: "ClassWatch" = field(default_factory=lambda: ClassWatch())

    def __call__(self, batch: DomainBatch) -> dict[str, Tensor]:
        """One update, which reports ``loss``, ``domain`` and ``lambda_``."""
        x, y, z = batch
        self.model.train()
        self.discriminator.train()
        scale = at(self.lambdas, self.updates)
        self.updates += 1
        f, h = self.model.features(x), self.model.features(z)
        logits = self.model.head(f)
        label = cross_entropy(logits, y)
        self.watch(self.model.head, logits.detach(), y, h.detach())
        seen = [reverse_gradient(part, scale=scale) for part in (f, h)]
        weights: list[Tensor | None] = [None, None]
        if self.conditional:
            with torch.no_grad():
                both_logits = [logits.detach(), self.model.head(h)]
            seen = [multilinear_map(part, each) for part, each in zip(seen, both_logits)]
            if self.entropy:
                weights = [entropy_weights(each) for each in both_logits]
        opinions = [self.discriminator(part) for part in seen]
        domain = domain_loss(*opinions, source_weights=weights[0], target_weights=weights[1])
        descend(self.optimizer, label + domain, max_norm=self.max_norm)
        return {"loss": label.detach(), "domain": domain.detach(), "lambda_": label.new_tensor(scale)}


class ClassWatch:
    """Warns once if the target's classes seem to have other shares than the source's.

    Every few updates it takes the shares of the source's labels, and of the classes that the model sees in the target,
    as moving averages. They are compared while the model is right about the source, and as long as the pull to make
    the domains alike has not yet made the shares alike.

    Attributes:
        apart: ½ Σ |share in the target − share in the source|, at the last look; 0 before the first.
    """

    EVERY, MEMORY, LOOKS, GOOD, LIMIT = 2, 0.9, 8, 0.8, 0.35
    WAITS = 16  # looks between two that an accelerator is waited for

    def __init__(self) -> None:
        self.calls, self.apart, self.warned = 0, 0.0, False
        self._averages: Tensor | None = None
        self._looks: Tensor | None = None

    def __call__(self, head: nn.Module, logits: Tensor, y: Tensor, h: Tensor) -> None:
        """Look at a batch: the source's logits and labels, and the target's features."""
        self.calls += 1
        if self.warned or self.calls % self.EVERY:
            return
        with torch.no_grad(), eval_mode(head):
            seen = head(h).argmax(1)
        k = logits.shape[1]
        right = (logits.argmax(1) == y).to(logits.dtype).mean()
        shares = [torch.bincount(each, minlength=k)[:k].to(logits.dtype) / len(each) for each in (y, seen)]
        now = torch.cat([right[None], *shares])
        if self._averages is None or self._looks is None:
            self._averages, self._looks = now, now.new_zeros(())
        # What a model sees that does not know the source yet is not remembered.
        forget = self._averages[0] < self.GOOD
        self._averages = self.MEMORY * torch.where(forget, now, self._averages) + (1 - self.MEMORY) * now
        self._looks = torch.where(forget, 0, self._looks) + 1
        if now.device.type == "cpu" or self.calls // self.EVERY % self.WAITS == 0:
            good, *known = self._averages.tolist()
            if float(self._looks) >= self.LOOKS and good >= self.GOOD:
                self.apart = sum(abs(a - b) for a, b in zip(known[:k], known[k:])) / 2
                self._warn()

    def _warn(self) -> None:
        if self.apart > self.LIMIT:
            self.warned = True
            warnings.warn(
                f"the target seems to hold the classes in other shares than the source: {self.apart:.0%} of it would "
                "have to change class; making the features alike often harms then: compare with source_only, "
                "or let choose_lambda do it",
                UserWarning,
                stacklevel=4,
            )


def alignment_step(
    model: Classifier,
    optimizer: torch.optim.Optimizer,
    *,
    distance: Callable[[Tensor, Tensor], Tensor],
    lambda_: Lambda = 1.0,
    max_norm: float | None = None,
) -> Step[DomainBatch]:
    """No discriminator: go down L_y + λ · distance of the two domains' features.

    With ``mmd`` it is DAN, with ``coral`` Deep CORAL.

    Args:
        model, optimizer: as for ``dann``.
        distance: of two sets of features, a scalar with a gradient.
        lambda_: λ, a number or one a step.
        max_norm: of the gradient, see ``train.descend``.

    Returns:
        A step that reports ``loss``, ``distance`` and ``lambda_``.

    Raises:
        ValueError: if a λ is negative.
    """
    return AlignmentStep(
        model, optimizer, distance, checked_series(lambda_, "the domains would be pushed apart"), max_norm
    )


@dataclass(eq=False)
class AlignmentStep:
    """The step of ``alignment_step``; ``updates`` counts those that are done, for λ's series."""

    model: Classifier
    optimizer: torch.optim.Optimizer
    distance: Callable[[Tensor, Tensor], Tensor]
    lambdas: list[float]
    max_norm: float | None
    updates: int = 0

    def __call__(self, batch: DomainBatch) -> dict[str, Tensor]:
        """One update, which reports ``loss``, ``distance`` and ``lambda_``."""
        x, y, z = batch
        self.model.train()
        scale = at(self.lambdas, self.updates)
        self.updates += 1
        f, h = self.model.features(x), self.model.features(z)
        label, apart = cross_entropy(self.model.head(f), y), self.distance(f, h)
        descend(self.optimizer, label + scale * apart, max_norm=self.max_norm)
        return {"loss": label.detach(), "distance": apart.detach(), "lambda_": label.new_tensor(scale)}
