"""Did the labels survive, and do the images pass for real?

    d_i = e(R(x_i)) − e(x_i),     shift = mean d,     scatter = √ mean ‖d − shift‖²

with e an estimator of the label that has never seen a refined image: here one that nobody trained, which finds a
pupil as the place that looks most like a dark disc. A shift that all share could be subtracted; scatter is lost
information.

Images pass where a classifier, trained afresh on half of them and of the real ones, guesses on the other half.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from labkit import metrics, nets
from labkit.shapes import Float, Images, images
from labkit.train import Minibatches, fit, supervised_step

Estimates = Float[Tensor, "b k"]


class Drift(NamedTuple):
    """How labels moved: what all share, what is left without it, and the mean distance, in the labels' unit."""

    shift: Float[Tensor, " k"]
    scatter: Float[Tensor, ""]
    distance: Float[Tensor, ""]


def drift(before: Estimates, after: Estimates) -> Drift:
    """What refinement did to a label, as an independent estimator reads it before and after.

    The estimator is compared with itself, not with the truth: its own errors cancel where they stay the same.

    Args:
        before: estimates (B, k) for synthetic images.
        after: estimates for the same images, refined.

    Raises:
        ValueError: if the two differ in shape, or there is none.
    """
    if before.shape != after.shape or len(before) == 0:
        raise ValueError(
            f"before has shape {tuple(before.shape)}, after {tuple(after.shape)}; expected the same, one or more images"
        )
    moved = after - before
    shift = moved.mean(0)
    scatter = (moved - shift).square().sum(1).mean().sqrt()
    return Drift(shift, scatter, moved.norm(dim=1).mean())


def pupil_centre(x: Images, *, radius: float, sharpness: float = 30.0) -> Float[Tensor, "b 2"]:
    """Where the pupil is, as x, y in pixels from the middle of the image, y down, from the picture alone.

    Each place is correlated with a dark disc on a bright ring of twice its area, both normalised, so that brightness
    and contrast don't matter; the answer is the mean place, weighted by e^(sharpness · correlation).

    Args:
        x: grey images.
        radius: of the disc in pixels; the iris, which is more than the pupil and hardly hidden, is a good one.
        sharpness: how much the best place outweighs others.

    Raises:
        ValueError: if ``radius`` is not above 0, or x is not grey.
    """
    if radius <= 0:
        raise ValueError(f"radius is {radius}; expected pixels above 0")
    images(x, channels=1)
    height, width = x.shape[-2:]
    reach = int(radius * 3**0.5 + 1)
    offset = torch.arange(-reach, reach + 1, dtype=x.dtype, device=x.device)
    r = torch.hypot(offset[:, None], offset[None])
    inside = (radius + 0.5 - r).clamp(0, 1)
    window = (radius * 3**0.5 + 0.5 - r).clamp(0, 1)
    template = window * (-inside + (inside * window).sum() / window.sum())
    kernels = torch.stack([template, window])[:, None]
    # Around their mean squares lose fewer digits.
    padded = functional.pad(x - x.mean((2, 3), keepdim=True), [reach] * 4, mode="replicate")
    dot, mean = functional.conv2d(padded, kernels).unbind(1)
    square = functional.conv2d(padded.square(), kernels[1:])[:, 0]
    area = window.sum()
    spread = (square - mean.square() / area).clamp_min(1e-6 * area)
    match = dot / (spread.sqrt() * template.square().sum().sqrt())
    weight = functional.softmax(sharpness * match.flatten(1), dim=1).view_as(match)
    across = torch.arange(width, dtype=x.dtype, device=x.device) - (width - 1) / 2
    down = torch.arange(height, dtype=x.dtype, device=x.device) - (height - 1) / 2
    return torch.stack([(weight.sum(1) * across).sum(1), (weight.sum(2) * down).sum(1)], dim=1)


def refine_images(refiner: nn.Module, x: Images) -> Images:
    """R(x) for many images, in evaluation mode, without gradients, clipped to [0, 1]."""
    return metrics.predict(refiner, x).clamp(0, 1)


def classifier_two_sample_test(
    fake: Images, real: Float[Tensor, "n c h w"], *, epochs: int = 10, width: int = 16, generator: torch.Generator
) -> float:
    """How well a fresh network tells the two sets apart: ½ if they can't be, 1 if they always can.

    Half of each set trains it, the other half is judged, and both sets weigh the same. It starts from weights of the
    generator's choice and looks at whole images.

    Args:
        fake: refined (or synthetic) images.
        real: real images.
        epochs: of its training, Adam 2e-3, batches of 32.
        width: of the convolutional network.
        generator: of the halves, the weights and the batches; on the CPU.

    Raises:
        ValueError: if one of the sets has fewer than four images.
    """
    if min(len(fake), len(real)) < 4:
        raise ValueError(f"there are {len(fake)} and {len(real)} images; expected four or more of each")
    halves = []
    for x in (fake, real):
        order = torch.randperm(len(x), generator=generator).to(x.device)
        halves.append((x[order[::2]], x[order[1::2]]))
    parts = [torch.cat([f, r]) for f, r in zip(*halves)]
    labels = [torch.arange(2, device=fake.device).repeat_interleave(torch.tensor([len(f), len(r)], device=fake.device))
              for f, r in zip(*halves)]  # fmt: skip
    with nets.seeded_weights(generator):
        net = nets.CNN(fake.shape[1], 2, width=width, depth=3 if min(fake.shape[-2:]) >= 16 else 2).to(fake)
    weights = 1 / torch.bincount(labels[0]).to(fake)

    def loss(z: Tensor, y: Tensor) -> Tensor:
        return functional.cross_entropy(z, y, weight=weights)

    step = supervised_step(net, torch.optim.Adam(net.parameters(), lr=2e-3), loss=loss)
    fit(step, Minibatches(parts[0], labels[0], batch_size=32, generator=generator), epochs=epochs)
    chosen = metrics.predict(net, parts[1]).argmax(1)
    return (metrics.sensitivity(chosen, labels[1]) + metrics.specificity(chosen, labels[1])) / 2
