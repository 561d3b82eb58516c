"""Blending: every sample with a partner, one weight a pair, and the loss that takes mixed labels.

    x̃ = λ x_i + (1 − λ) x_j        ỹ = λ y_i + (1 − λ) y_j        loss = −1/B Σ_i Σ_k ỹ_ik log p_k(x̃_i)

λ: how much of sample i is kept, one number a pair; j: its partner; y: probabilities of the classes, or regression
targets. One weight a pair keeps the mixture on the line between the two samples; a weight for each pixel would not,
and a label mixed with the same weight would then say nothing of the picture.

Sources: H. Zhang, M. Cissé, Y. Dauphin and D. Lopez-Paz, mixup: Beyond Empirical Risk Minimization (2018);
    V. Verma et al., Manifold Mixup: Better Representations by Interpolating Hidden States (2019).
"""

from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor
from torch.nn import functional

from labkit import shapes
from labkit.augment.arguments import per_item
from labkit.draws import uniform, wide
from labkit.shapes import Float, Int, Labels


def mixup(
    x: Float[Tensor, " b *rest"], *, partner: Int[Tensor, " b"], lambda_: float | Tensor
) -> Float[Tensor, " b *rest"]:
    """λ x + (1 − λ) x[partner]: inputs, soft labels, targets or hidden layers alike.

    Args:
        x: a batch of anything.
        partner: (B,) which sample each is mixed with.
        lambda_: λ in [0, 1], how much of its own each keeps: one number, or (B,) with one a pair.

    Raises:
        ValueError: if x isn't a float tensor with a first dimension B, there isn't a partner for each sample, or λ is
            neither one number nor one a pair, or outside [0, 1].
    """
    weight = weights(lambda_, batch(x), name="lambda_")
    other, shaped = x.index_select(0, partners(partner, x)), per_item(weight, x)
    # Into the copy that was just made: fresh memory costs more than the arithmetic. A gradient of λ needs it as it was.
    return other.lerp(x, shaped) if shaped.requires_grad else other.lerp_(x, shaped)


def one_hot(
    y: Int[Tensor, " b"], *, classes: int, smoothing: float = 0.0, dtype: torch.dtype | None = None
) -> Float[Tensor, "b k"]:
    """Labels as probabilities: 1 for the class, 0 for the others.

    Args:
        y: (B,) classes from 0 to K − 1. What lies outside is noticed on the CPU only.
        classes: K.
        smoothing: ε: the class gets 1 − ε + ε/K, the others ε/K (Szegedy et al. 2016).
        dtype: of the result; torch's default if it is not given.

    Raises:
        ValueError: if a class is out of range, ``classes`` is below 1 or ε is not in [0, 1].
    """
    if classes < 1 or not 0 <= smoothing <= 1:
        raise ValueError(f"classes is {classes} and smoothing {smoothing:g}; expected at least 1, and 0 to 1")
    y = shapes.labels(y, classes=classes)
    other = smoothing / classes
    hard = torch.zeros(len(y), classes, dtype=dtype or torch.get_default_dtype(), device=y.device)
    return (hard + other if other else hard).scatter(1, y[:, None], 1 - smoothing + other)


def soft_cross_entropy(logits: Float[Tensor, "b k *rest"], y: Float[Tensor, "b k *rest"]) -> Float[Tensor, ""]:
    """−1/B Σ_i Σ_k y_ik log softmax(logits_i)_k: the cross-entropy with probabilities for labels.

    It is linear in y, so with y = λ y_i + (1 − λ) y_j it is λ times the loss for y_i plus 1 − λ times that for y_j.
    For masks (B, K, H, W) it is the mean over the pixels.

    Raises:
        ValueError: if the labels are not probabilities of as many classes as there are logits.
    """
    if not y.is_floating_point() or y.shape != logits.shape:
        raise ValueError(
            f"soft labels are float with the logits' shape {tuple(logits.shape)}; these are {y.dtype} with shape "
            f"{tuple(y.shape)}: see one_hot"
        )
    return -(y * functional.log_softmax(logits, dim=1)).sum(1).mean()


def synthetic_classification(
    x1: Float[Tensor, " b *rest"],
    x2: Float[Tensor, " b *rest"],
    *,
    w: float | Tensor | None = None,
    generator: Generator | None = None,
) -> Float[Tensor, " b *rest"]:
    """The deck's first function: x1·w + x2·(1 − w) of pairs assumed to belong to the same class, which it keeps.

    Args:
        x1, x2: pairs: sample i of one belongs to sample i of the other.
        w: one number, or (B,) with one a pair; drawn uniformly from [0, 1) a pair if it is not given.
        generator: where it is drawn from.

    Raises:
        ValueError: if the two batches differ in shape, or w is not one weight a pair within [0, 1].
    """
    return between(x1, x2, draw_weights(x1, w, generator))


def synthetic_regression(
    x1: Float[Tensor, " b *rest"],
    y1: Float[Tensor, " b *t"],
    x2: Float[Tensor, " b *rest"],
    y2: Float[Tensor, " b *t"],
    *,
    w: float | Tensor | None = None,
    generator: Generator | None = None,
) -> tuple[Float[Tensor, " b *rest"], Float[Tensor, " b *t"]]:
    """The deck's second function: inputs and targets of similar pairs, mixed with the same w.

    Raises:
        ValueError: as ``synthetic_classification``.
    """
    drawn = draw_weights(x1, w, generator)
    return between(x1, x2, drawn), between(y1, y2, drawn)


def between(x1: Tensor, x2: Tensor, w: Tensor) -> Tensor:
    """x1·w + x2·(1 − w) with a weight (B,) a pair.

    Raises:
        ValueError: if the batches differ in shape.
    """
    if batch(x1).shape != x2.shape:
        raise ValueError(f"pairs have one shape; these have {tuple(x1.shape)} and {tuple(x2.shape)}")
    return x2.lerp(x1, per_item(w, x1))


def draw_weights(x: Tensor, w: float | Tensor | None, generator: Generator | None) -> Tensor:
    """``w`` as (B,), or that many uniform numbers."""
    if w is None:
        return uniform((len(x),), like=batch(x), generator=generator)
    return weights(w, x, name="w")


def manifold_mixup(
    stages: Sequence[Callable[[Tensor], Tensor]],
    x: Float[Tensor, " b *rest"],
    *,
    layer: int,
    partner: Int[Tensor, " b"],
    lambda_: float | Tensor,
) -> Tensor:
    """What a network makes of x when its samples are mixed after the first ``layer`` stages: f_k(mixup(g_k(x))).

    With ``layer`` 0 it is mixup of the inputs. The paper draws the layer anew for each batch. Mix the labels with the
    same partner and λ. (Verma et al. 2019.)

    Args:
        stages: the network in pieces, as in ``[model.normalize, *model.body, model.head]``.
        x: a batch.
        layer: how many stages come before the mixing, from 0 to all.
        partner, lambda_: as in ``mixup``.

    Raises:
        ValueError: if there is no such layer, or as ``mixup``.
    """
    if not 0 <= layer <= len(stages):
        raise ValueError(f"layer is {layer}; expected 0 (the inputs) to {len(stages)} (the last output)")
    for stage in stages[:layer]:
        x = stage(x)
    x = mixup(x, partner=partner, lambda_=lambda_)
    for stage in stages[layer:]:
        x = stage(x)
    return x


def labels_as(y: Labels | Tensor, *, classes: int | None, dtype: torch.dtype) -> Tensor:
    """``y`` as floats to mix: classes (B,) as probabilities, soft labels and targets as they are.

    Raises:
        ValueError: if they are classes and their number is not given, or soft labels of another number.
    """
    if y.is_floating_point():
        if classes is not None and (y.ndim != 2 or y.shape[1] != classes):
            raise ValueError(f"soft labels of {classes} classes have shape (B, {classes}); these have {tuple(y.shape)}")
        return y
    if classes is None:
        raise ValueError("labels that are whole numbers are mixed as probabilities: say how many classes there are")
    if y.ndim != 1:
        raise ValueError(f"labels are classes (B,) or probabilities (B, {classes}); these have shape {tuple(y.shape)}")
    return one_hot(y, classes=classes, dtype=dtype)


def mask_as(mask: Tensor, *, classes: int | None, dtype: torch.dtype) -> Tensor:
    """A mask as floats to mix: classes (B, H, W) as probabilities (B, K, H, W), bool as 0 and 1, floats as they are.

    Raises:
        ValueError: if it holds classes whose number is not given, classes out of range, or layers of whole numbers.
    """
    if mask.is_floating_point():
        return mask
    if mask.dtype == torch.bool:
        return mask.to(dtype)
    if classes is None or mask.ndim != 3:
        raise ValueError(
            f"a mask of whole numbers is mixed as probabilities: it has shape (B, H, W), here {tuple(mask.shape)}, and "
            f"classes says how many there are, here {classes}"
        )
    hard = one_hot(shapes.labels(mask.flatten(), classes=classes, name="mask"), classes=classes, dtype=dtype)
    return hard.unflatten(0, mask.shape).permute(0, 3, 1, 2)


def batch(x: Tensor) -> Tensor:
    """``x``, if it is a float tensor whose first dimension counts samples.

    Raises:
        ValueError: saying what it is instead.
    """
    if x.ndim == 0 or not x.is_floating_point():
        raise ValueError(f"what is mixed is a float tensor (B, …); this is {x.dtype} with shape {tuple(x.shape)}")
    return x


def partners(partner: Tensor, x: Tensor) -> Tensor:
    """``partner``, if it holds one index for each sample of ``x``.

    Raises:
        ValueError: saying what it is instead.
    """
    return shapes.labels(partner, x.shape[0], classes=x.shape[0], name="partner").to(x.device, non_blocking=True)


def weights(value: float | Tensor, x: Tensor, *, name: str) -> Tensor:
    """``value`` as (B,) with ``x``'s dtype and device. Numbers outside [0, 1] are noticed on the CPU only.

    Raises:
        ValueError: if it is neither one number nor one a sample, or outside [0, 1].
    """
    if not isinstance(value, Tensor):
        bad = [] if 0 <= value <= 1 else [value]
    elif value.device.type == "cpu":
        held = value.detach().flatten()
        least, most = (float(bound) for bound in held.aminmax()) if len(held) else (0, 1)
        bad = [] if 0 <= least <= most <= 1 else held[~((held >= 0) & (held <= 1))].tolist()
    else:
        bad = []
    if bad:
        raise ValueError(f"{name} is {bad[0]:g}; expected a number from 0 to 1")
    like = x if x.dtype == wide(x.dtype) else x.new_empty((x.shape[0],), dtype=wide(x.dtype))
    return shapes.per_sample(value, like, name=name).to(x.dtype)
