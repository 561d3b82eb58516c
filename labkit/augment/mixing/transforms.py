"""The second layer: what draws λ, partners and boxes for a batch, and mixes inputs and labels by them.

Each is called with labels, and returns both mixed::

    mixed = Mixup(alpha=1.0, classes=10)(x, y=y, generator=g)
    mixed.x, mixed.y

``y`` is classes (B,), which come back as probabilities (B, K), or probabilities, or targets of a regression. Where a
transform is one of several in a pipeline (``OneOf``, ``Sometimes``), hand probabilities in: all parts must return
the same. For "with probability p" use the field ``p``: the other samples keep all of their own.

``mask`` belongs to pictures. Mixed, classes (B, H, W) come back as probabilities (B, K, H, W), a bool mask as the
probability of True, and floats as they are mixed; the loss is ``soft_cross_entropy``. ``CutMix`` pastes the partner's
part of the mask, whatever it holds, and the mask stays what it is: a label to be ignored stays one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from labkit.augment.arguments import describe, probability
from labkit.augment.image.erasing import boxes_of_mask
from labkit.augment.image.transform import refuse_mask
from labkit.augment.mixing import blend, pairs, regions
from labkit.augment.transform import Params, Transform
from labkit.draws import chance, uniform, wide
from labkit.shapes import images


@dataclass(frozen=True)
class _Mix(Transform):
    """What all share: λ from Beta(α, α) with probability p, else 1, and labels that follow."""

    alpha: float = 1.0
    classes: int | None = None
    p: float = 1.0

    keeps = ()

    def __post_init__(self) -> None:
        pairs.beta(0, alpha=self.alpha, like=torch.empty(0))
        probability(self.p)
        if self.classes is not None and self.classes < 1:
            raise ValueError(f"classes is {self.classes}; expected at least 1, or None for targets")

    def examine(self, x: Any, annotations: Mapping[str, Any]) -> None:
        """Refuse labels that are no tensor, or not as many as there are samples.

        Raises:
            ValueError: saying what they are.
        """
        if annotations.get("mask") is not None:
            self.examine_mask(annotations["mask"], x)
        y = annotations.get("y")
        if y is None:
            return
        if not isinstance(y, Tensor) or y.ndim == 0:
            raise ValueError(f"labels to be mixed are a tensor, one a sample; this is {describe(y)}")
        if len(y) != len(x):
            raise ValueError(f"there are {len(x)} samples and {len(y)} labels; expected as many")

    def examine_mask(self, mask: Any, x: Any) -> None:
        """Refuse a mask that doesn't fit the pictures.

        Raises:
            ValueError: saying which shape was expected.
        """
        refuse_mask(mask, images(x))

    def lambdas(self, x: Tensor, generator: Generator | None) -> Tensor:
        """λ for each sample, (B,)."""
        drawn = pairs.beta(len(x), alpha=self.alpha, like=blend.batch(x), generator=generator)
        return drawn if self.p == 1 else torch.where(chance(self.p, x, generator=generator), drawn, 1.0)

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``partner`` (B,) and ``lambda_`` (B,)."""
        partner = pairs.any_partners(blend.batch(x), generator=generator)
        return {"partner": partner, "lambda_": self.lambdas(x, generator)}

    def _given(self, y: Tensor | None) -> Tensor:
        """The labels, which partners are chosen by."""
        if y is None:
            raise ValueError(f"{type(self).__name__} chooses partners by their labels: call it with y=…")
        return y

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``mixup``."""
        return blend.mixup(x, **params)

    def apply_y(self, y: Tensor, x: Tensor, params: Params) -> Tensor:
        """The labels, as floats, mixed with the same partner and λ."""
        return blend.mixup(blend.labels_as(y, classes=self.classes, dtype=wide(x.dtype)), **params)

    def apply_mask(self, mask: Tensor, x: Tensor, params: Params) -> Tensor:
        """The mask as floats, mixed with the same partner and λ."""
        return blend.mixup(blend.mask_as(mask, classes=self.classes, dtype=wide(x.dtype)), **params)


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

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``partner`` (B,), and ``boxes`` (B, 4), which are empty where nothing is mixed."""
        size = (int(images(x).shape[2]), int(x.shape[3]))
        mixture = super().make_params(x, generator=generator)
        u = uniform((len(x), 2), like=x, generator=generator)
        # The product may round up to the size itself.
        width_height = torch.tensor([size[1], size[0]], device=u.device)
        centres = torch.minimum((u * width_height).long(), width_height - 1)
        boxes = regions.cutmix_boxes(mixture["lambda_"], centres=centres, size=size)
        return {"partner": mixture["partner"], "boxes": boxes}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``cutmix``."""
        return regions.cutmix(x, **params)

    def apply_y(self, y: Tensor, x: Tensor, params: Params) -> Tensor:
        """The labels mixed by area."""
        lambda_ = regions.share_kept(params["boxes"], size=(x.shape[2], x.shape[3]))
        return super().apply_y(y, x, {"partner": params["partner"], "lambda_": lambda_})

    def apply_mask(self, mask: Tensor, x: Tensor, params: Params) -> Tensor:
        """The mask with the same box of its partner's."""
        other = mask.index_select(0, blend.partners(params["partner"], mask))
        return torch.where(boxes_of_mask(params["boxes"], x, mask), other, mask)


@dataclass(frozen=True)
class CMixup(_Mix):
    """For regression: partners are drawn by the similarity of their targets. (Yao et al. 2022.)

    Args:
        alpha, p: as ``Mixup``; the paper's α is 0.5 to 2.
        sigma: the bandwidth, in units of the targets: see ``similarity``. Scale the targets first.

    Raises:
        ValueError: as ``Mixup``, and if ``sigma`` isn't above 0; in a call, if there is no ``y``.
    """

    sigma: float = 1.0

    depends_on = ("y",)

    def __post_init__(self) -> None:
        super().__post_init__()
        pairs.similarity(torch.zeros(1), sigma=self.sigma)

    def make_params(self, x: Any, *, generator: Generator | None = None, y: Tensor | None = None) -> Params:
        """``partner`` (B,), drawn by ``similar_partners``, and ``lambda_`` (B,)."""
        partner = pairs.similar_partners(self._given(y), sigma=self.sigma, generator=generator)
        return {"partner": partner, "lambda_": self.lambdas(x, generator)}


@dataclass(frozen=True)
class SameClass(_Mix):
    """The deck's first function on a batch: partners are of the same class, whose label stays what it is.

    Args and Raises: as ``Mixup``, and in a call, if there is no ``y``. The labels are classes (B,), and come back as
    they were.
    """

    depends_on = ("y",)

    def make_params(self, x: Any, *, generator: Generator | None = None, y: Tensor | None = None) -> Params:
        """``partner`` (B,), drawn by ``same_class_partners``, and ``lambda_`` (B,)."""
        partner = pairs.same_class_partners(self._given(y), generator=generator)
        return {"partner": partner, "lambda_": self.lambdas(x, generator)}

    def apply_y(self, y: Tensor, x: Tensor, params: Params) -> Tensor:
        """The labels as they are, or as probabilities where ``classes`` is given."""
        return y if self.classes is None else blend.labels_as(y, classes=self.classes, dtype=wide(x.dtype))
