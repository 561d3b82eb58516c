"""Steps for ``train.fit``: a batch is (x, y, z): source images with labels, and target images without.

    min over f, g   max over q      L_y(g(f(x)), y) − λ L_d(q(f(x)), q(f(z)))

f is the body of the model, g its head, q the discriminator. The reversal R stands between f and q. So one backward pass
does both: every part minimises the sum of the two losses, but f receives −λ times the gradient that q sends back.

λ may be one number, or one number a step (``lambda_schedule(progress(steps))``); later steps use the last one. At λ = 0
the model's weights equal those of ``source_only``, bit by bit: source and target pass the body one after the other, so
that neither changes the other's rounding. (With dropout they differ: it draws for both domains. Batch normalisation
also sees each domain by itself; its running statistics are then those of both: ``adapt_batch_norm`` puts the target's
in their place.)
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
from labkit.train.shares import ClassShares

DomainBatch = tuple[Tensor, Tensor, Tensor]
"""Source samples x, their labels y, and target samples z."""

Lambda = float | Float[Tensor, " n"]

RAMP = 1000
"""Steps of λ's ramp where nothing is said."""


class DomainBatches:
    """Batches (x, y, z), half of each domain, in a new random order in every epoch.

    An epoch goes through the source once. The target is repeated as often as needed, in a new order each time. The last
    source samples are left out if they don't fill half a batch.

    Args:
        x, y: source samples and their labels.
        z: target samples.
        batch_size: an even number; half of the batch is from each domain.
        generator: draws the orders; on the CPU.

    Raises:
        ValueError: if x and y differ in length, or ``batch_size`` is odd, below 2, or more than twice the size of a
            domain.
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
    """Learn from the labelled domain as if there were no other: the baseline of adaptation."""
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

    It makes the features of both domains alike, so both domains should have the classes in similar shares. Where they
    don't, it forces some of the target into wrong classes, and ``source_only`` is better by far; the step warns of
    that. ``choose_lambda`` tries several λ without target labels, 0 among them. CDAN with ``entropy`` was ahead of DANN
    in most worlds of the results page, and never behind.

    A model with batch normalisation predicts better with the target's own statistics: call
    ``adapt_batch_norm(model, z)`` after training. On six pairs of handwritings it added 0.4 to 8.4 points, and 2.1 to
    16.2 without DANN.

    Args:
        model: its ``features`` are f, its ``head`` gives the logits.
        discriminator: q: from features (B, d), for CDAN from (B, d·k), to one logit (B, 1), above 0 for "target".
        optimizer: the optimiser of the parameters of both.
        lambda_: λ, one number, or one number a step. It scales the gradient that the features receive, not what the
            discriminator learns. The default is ``lambda_schedule`` over the first 1,000 steps, and 1 from then on.
        conditional: use CDAN: the discriminator sees ``multilinear_map(f, logits)``.
        entropy: use CDAN+E: samples that the classifier is sure of weigh up to twice as much.
        max_norm: the largest norm of the gradient of all weights together; one spike can ruin the training.

    Returns:
        A step that reports ``loss`` (of the labels), ``domain`` (the discriminator's; log 2 = 0.69 at chance) and
        ``lambda_``.

    Warns:
        UserWarning: once, if the model is good on the source, but the shares of the classes that it sees in the target
            differ from those of the source.

    Raises:
        ValueError: if a λ is negative, or ``entropy`` is asked for without ``conditional``.
    """
    lambda_ = lambda_schedule(progress(RAMP)) if lambda_ is None else lambda_
    series = checked_series(lambda_, "the features would help the discriminator")
    if entropy and not conditional:
        raise ValueError("entropy weights are CDAN's; expected conditional=True with them")
    return DomainAdversarialStep(model, discriminator, optimizer, series, conditional, entropy, max_norm)


def checked_series(lambda_: Lambda, harm: str) -> list[float]:
    """λ for each update as a list; a single number gives a list of one.

    Raises:
        ValueError: if a λ is negative.
    """
    series = torch.as_tensor(lambda_, dtype=torch.float64).reshape(-1).tolist()
    if min(series) < 0:
        raise ValueError(f"λ is negative: {harm}; expected 0 or more")
    return series


@dataclass(eq=False)
class DomainAdversarialStep:
    """The step of ``dann``. ``updates`` counts the updates that are done; it selects λ from its series."""

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
    """Warns once if the classes seem to have different shares in the target and in the source.

    Every few updates it looks at the shares of the source's labels, and at the shares of the classes that the model
    sees in the target. It keeps moving averages of both. They are compared while the model is right about the source,
    and before alignment itself has made the shares alike.

    Attributes:
        apart: ½ Σ |share in the target − share in the source|, at the last look; 0 before the first.
    """

    EVERY, MEMORY, LOOKS, GOOD, LIMIT = 2, 0.9, 8, 0.8, 0.35
    WAITS = 16  # looks between two that an accelerator is waited for

    def __init__(self) -> None:
        self.calls, self.apart, self.warned = 0, 0.0, False
        # What a model sees that does not know the source yet is not remembered.
        self.shares = ClassShares(memory=self.MEMORY, restart_below=self.GOOD)

    def __call__(self, head: nn.Module, logits: Tensor, y: Tensor, h: Tensor) -> None:
        """Look at a batch: the source's logits and labels, and the target's features."""
        self.calls += 1
        if self.warned or self.calls % self.EVERY:
            return
        with torch.no_grad(), eval_mode(head):
            seen = head(h).argmax(1)
        self.shares.add(logits.argmax(1) == y, y, seen, classes=logits.shape[1])
        if logits.device.type == "cpu" or self.calls // self.EVERY % self.WAITS == 0:
            look = self.shares.look()
            if look.batches >= self.LOOKS and look.right >= self.GOOD:
                self.apart = look.apart
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
    """Minimise L_y + λ · distance of the two domains' features, without a discriminator.

    With ``mmd`` it is DAN, with ``coral`` Deep CORAL.

    Args:
        model, optimizer: as for ``dann``.
        distance: gets two sets of features and returns a scalar with a gradient.
        lambda_: λ, one number, or one number a step.
        max_norm: the largest norm of the gradient, see ``train.descend``.

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
    """The step of ``alignment_step``. ``updates`` counts the updates that are done; it selects λ from its series."""

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
