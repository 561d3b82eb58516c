"""MNIST → MNIST-M with the paper's networks and schedule: the part ``mnist`` of ``benchmarks.domain``."""

import os
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks import kit
from benchmarks.kit import Row
from labkit import data, domain, metrics, train

TITLE = "MNIST → MNIST-M, the paper's network and schedule"
ADDED = "DANN, the domains' losses added"
BATCH, RATE, MOMENTUM = 128, 0.01, 0.9
STANDARD, PLAIN = "standardised", "minus their mean"


def photographs(split: str) -> dict[str, Tensor]:
    """BSDS500's, from ``$LABKIT_DATA/bsds500``; the bundled ones, the same for both splits, where there are none."""
    folder = Path(os.environ.get("LABKIT_DATA", "")) / "bsds500" / split
    return data.pictures(folder) if folder.is_dir() else data.photographs()


def mnist_m(split: str, generator: torch.Generator, device: torch.device) -> data.Dataset:
    """MNIST's digits over patches of photographs; test digits lie over photographs of their own."""
    plain = data.mnist(split, download=False)
    x = data.over_photographs(plain.x, photographs(split), generator=generator)
    return data.Dataset(x, plain.y, plain.classes, plain.about).to(device)


def pooled(source: Tensor, target: Tensor) -> tuple[list[float], list[float]]:
    """Mean and deviation of the images of both domains together, for each channel of the target."""
    both = [torch.stack([x.mean((0, 2, 3)).expand(3), x.square().mean((0, 2, 3)).expand(3)]) for x in (source, target)]
    mean, square = (both[0] + both[1]) / 2
    return mean.tolist(), (square - mean.square()).sqrt().tolist()


def shorten(parameters: list[nn.Parameter], longest: float, *_: Any) -> None:
    """Before a step: the gradient of all weights together is made no longer than this."""
    nn.utils.clip_grad_norm_(parameters, longest)


def run(method: str, seed: int, *, steps: int, inputs: str, clip: float, device: torch.device) -> Row:
    """Train once and measure on both test sets, at the end and nowhere else."""
    generator = torch.Generator().manual_seed(seed)
    target, test = (mnist_m(split, generator, device) for split in ("train", "test"))
    source, plain = (data.mnist(split, download=False, device=device) for split in ("train", "test"))
    x, y = source.x.expand(-1, 3, -1, -1), source.y
    if method == "taught on the target":
        x, y = target.x, target.y
    torch.manual_seed(seed)
    mean, std = pooled(source.x, target.x)
    model = domain.DigitNet(mean=mean, std=std if inputs == STANDARD else 1.0)
    model = model.to(device, memory_format=torch.channels_last)
    discriminator = domain.domain_discriminator(model.width).to(device)
    # The paper's equation 9 adds the domains' mean losses, open implementations and labkit halve the sum. To have its
    # weights, double λ and the discriminator's rate.
    weight = 2 if method == ADDED else 1
    groups = [{"params": model.parameters(), "lr": RATE}, {"params": discriminator.parameters(), "lr": weight * RATE}]
    optimizer = torch.optim.SGD(groups, lr=RATE, momentum=MOMENTUM)
    if clip:
        optimizer.register_step_pre_hook(partial(shorten, [*model.parameters(), *discriminator.parameters()], clip))
    if method in ("DANN", ADDED):
        step = domain.dann(
            model, discriminator, optimizer, lambda_=weight * domain.lambda_schedule(domain.progress(steps))
        )
    else:
        step = domain.source_only(model, optimizer)
    decay = domain.anneal_lr(optimizer, steps=steps)
    pairs = domain.DomainBatches(x, y, target.x, batch_size=BATCH, generator=generator)
    counted, begin, epochs = iter(range(steps)), time.process_time(), -(-steps // len(pairs))

    def batches() -> Any:
        return ([t.contiguous() for t in batch] for batch, _ in zip(pairs, counted))

    history = train.fit(step, batches, epochs=epochs, on_step=decay)
    seconds = time.process_time() - begin
    with torch.no_grad():
        some = slice(0, 2000)
        f, h = (model.features(part.contiguous()) for part in (plain.x.expand(-1, 3, -1, -1)[some], test.x[some]))
    return {
        "target": metrics.accuracy(metrics.predict(model, test.x), test.y),
        "source": metrics.accuracy(metrics.predict(model, plain.x.expand(-1, 3, -1, -1)), plain.y),
        "distance": domain.proxy_a_distance(f, h, generator=generator),
        "discriminator": history.get("domain", [None])[-1], "loss": history["loss"][-1], "seconds": round(seconds, 1),
    }  # fmt: skip


def mnist(
    runs: kit.Runs, *, method: str = "", steps: int = 12000, control_steps: int = 2500, inputs: str = STANDARD,
    clip: float = 3.0,
) -> None:  # fmt: skip
    """DANN, and the two ends that need fewer steps; or the one method that is named.

    Args:
        runs: where they are kept.
        method: as the table calls it.
        steps: of DANN.
        control_steps: of the two ends.
        inputs: ``"standardised"``, or ``"minus their mean"``: images in [0, 1] less their mean, not divided.
        clip: the longest gradient of all weights together; 0: any.
    """
    kit.real_data("MNIST")
    for seed in runs.seeds:
        for name in [method] if method else ["DANN", "source only", "taught on the target"]:
            length = steps if name in ("DANN", ADDED) else control_steps
            runs.once(partial(run, device=runs.device), method=name, seed=seed, steps=length, inputs=inputs, clip=clip)
