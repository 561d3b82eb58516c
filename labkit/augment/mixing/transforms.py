"""The second layer: what draws λ, partners and boxes for a batch, and mixes inputs and labels by them.

Each is called with labels, and returns both mixed::

    x2, y2 = Mixup(alpha=1.0, classes=10)(x, y=y, generator=g)

``y`` is classes (B,), which come back as probabilities (B, K), or probabilities, or targets of a regression. Where a
transform is one of several in a pipeline (``OneOf``, ``Sometimes``), hand probabilities in: all parts must return
the same. For "with probability p" use the field ``p``: the other samples keep all of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from labkit.augment.mixing import blend, pairs, regions
from labkit.augment.pipeline import Params, Transform, uniform, wide
from labkit.shapes import images


class Mixed(NamedTuple):
    """Inputs and labels, mixed alike."""

    x: Tensor
    y: Tensor


@dataclass(frozen=True)
class _Mix(Transform):
    """What all share: λ from Beta(α, α) with probability p, else 1, and labels that follow."""

    alpha: float = 1.0
    classes: int | None = None
    p: float = 1.0

    def __post_init__(self) -> None:
        pairs.beta(0, alpha=self.alpha, like=torch.empty(0))
        if not 0 <= self.p <= 1:
            raise ValueError(f"p is {self.p}; expected a probability, from 0 to 1")
        if self.classes is not None and self.classes < 1:
            raise ValueError(f"classes is {self.classes}; expected at least 1, or None for targets")

    @property
    def record(self) -> Any:
        """``Mixed``: x and y."""
        return Mixed

    def draw_lambda(self, x: Tensor, generator: Generator | None) -> Tensor:
        """λ for each sample, (B,)."""
        drawn = pairs.beta(len(x), alpha=self.alpha, like=blend.batch(x), generator=generator)
        if self.p == 1:
            return drawn
        return torch.where(uniform((len(x),), like=x, generator=generator) < self.p, drawn, torch.ones_like(drawn))

    def draw(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``partner`` (B,) and ``lambda_`` (B,)."""
        return {
            "partner": pairs.any_partners(blend.batch(x), generator=generator),
            "lambda_": self.draw_lambda(x, generator),
        }

    def apply(self, x: Any, *, partner: Tensor, lambda_: Tensor) -> Tensor:
        """See ``mixup``."""
        return blend.mixup(x, partner=partner, lambda_=lambda_)

    def follow(self, annotations: Mapping[str, Any], x: Any, *, partner: Tensor, lambda_: Tensor) -> dict[str, Any]:
        """The labels mixed with the same partner and λ."""
        return {name: self.labels(value, x, partner, lambda_) for name, value in annotations.items()}

    def labels(self, y: Tensor, x: Tensor, partner: Tensor, lambda_: Tensor) -> Tensor:
        """``y`` as floats, mixed."""
        if len(y) != len(x):
            raise ValueError(f"there are {len(x)} samples and {len(y)} labels; expected as many")
        return blend.mixup(
            blend.labels_as(y, classes=self.classes, dtype=wide(x.dtype)), partner=partner, lambda_=lambda_
        )


@dataclass(frozen=True)
class Mixup(_Mix):
    """Every sample mixed with a random other one of its batch. (Zhang et al. 2018.)

    Args:
        alpha: α of λ ~ Beta(α, α), one λ a pair. The paper uses 1 on CIFAR-10, 0.1 to 0.4 on ImageNet, and 8 to 32
            where labels are corrupted. 0 mixes nothing.
        classes: the number of classes, where labels are whole numbers; None where ``y`` is float.
        p: the probability with which a sample is mixed at all.

    Raises:
        ValueError: if α is negative, p no probability; in a call, if x isn't float, or labels don't fit.
    """


@dataclass(frozen=True)
class CutMix(_Mix):
    """Every picture with a box of a random other one, labels by area. (Yun et al. 2019: α 1, p 0.5 on CIFAR.)

    Args and Raises: as ``Mixup``; x is images (B, C, H, W).
    """

    def draw(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``partner`` (B,), and ``boxes`` (B, 4), which are empty where nothing is mixed."""
        size = (int(images(x).shape[2]), int(x.shape[3]))
        drawn = super().draw(x, generator=generator)
        u = uniform((len(x), 2), like=x, generator=generator)
        # The product may round up to the size itself.
        width_height = torch.tensor([size[1], size[0]], device=u.device)
        centres = torch.minimum((u * width_height).long(), width_height - 1)
        return {
            "partner": drawn["partner"],
            "boxes": regions.cutmix_boxes(drawn["lambda_"], centres=centres, size=size),
        }

    def apply(self, x: Any, *, partner: Tensor, boxes: Tensor) -> Tensor:  # type: ignore[override]
        """See ``cutmix``."""
        return regions.cutmix(x, partner=partner, boxes=boxes)

    def follow(self, annotations: Mapping[str, Any], x: Any, *, partner: Tensor, boxes: Tensor) -> dict[str, Any]:  # type: ignore[override]
        """The labels mixed by area."""
        lambda_ = regions.share_kept(boxes, size=(x.shape[2], x.shape[3]))
        return {name: self.labels(value, x, partner, lambda_) for name, value in annotations.items()}


@dataclass(frozen=True)
class _Chosen(_Mix):
    """Partners by the labels, which ``Compose`` hands on and ``OneOf`` doesn't: use ``p``, not ``Sometimes``."""

    def partners(self, y: Tensor, generator: Generator | None) -> Tensor:
        """A partner for each sample, (B,)."""
        raise NotImplementedError

    def draw(self, x: Any, *, generator: Generator | None = None, y: Tensor | None = None) -> Params:
        """``partner`` (B,) and ``lambda_`` (B,); the labels or targets ``y`` must be given.

        Raises:
            ValueError: if they are not.
        """
        if y is None:
            raise ValueError(f"{type(self).__name__} chooses partners by their labels: call it with y=…")
        return {"partner": self.partners(y, generator), "lambda_": self.draw_lambda(x, generator)}

    def step(
        self, x: Any, annotations: Mapping[str, Any], *, generator: Generator | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Draw with the labels, and apply."""
        return self.replay(x, self.draw(x, generator=generator, y=annotations.get("y")), annotations)


@dataclass(frozen=True)
class CMixup(_Chosen):
    """For regression: partners are drawn by the similarity of their targets. (Yao et al. 2022.)

    Args:
        alpha, p: as ``Mixup``; the paper's α is 0.5 to 2.
        sigma: the bandwidth, in units of the targets: see ``similarity``. Scale the targets first.

    Raises:
        ValueError: as ``Mixup``, and if ``sigma`` isn't above 0.
    """

    sigma: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        pairs.similarity(torch.zeros(1), sigma=self.sigma)

    def partners(self, y: Tensor, generator: Generator | None) -> Tensor:
        """See ``similar_partners``."""
        return pairs.similar_partners(y, sigma=self.sigma, generator=generator)


@dataclass(frozen=True)
class SameClass(_Chosen):
    """The deck's first function on a batch: partners are of the same class, whose label stays what it is.

    Args and Raises: as ``Mixup``. The labels are classes (B,), and come back as they were.
    """

    def partners(self, y: Tensor, generator: Generator | None) -> Tensor:
        """See ``same_class_partners``."""
        return pairs.same_class_partners(y, generator=generator)

    def labels(self, y: Tensor, x: Tensor, partner: Tensor, lambda_: Tensor) -> Tensor:
        """The labels as they are, or as probabilities where ``classes`` is given."""
        return y if self.classes is None else blend.labels_as(y, classes=self.classes, dtype=wide(x.dtype))
