"""Cut and paste: a lesion of one picture in another, where a lesion may be, with a test for what was learned.

    TumorCP    x̃ = (1 − a) x_b + a T(x_a),     ỹ = y_b ∪ T(y_a)          a: T(y_a) with a soft edge
    CarveMix   x̃ = x_a inside c, x_b outside,   ỹ likewise               c = {p: d(p) ≤ λ}

T moves the lesion of picture a to a place in picture b, drawn from all places at which every pixel of it lies in the
organ and away from other lesions. d is the signed distance to the lesion's edge (negative inside), and λ is drawn as
½ U(−½ D, 0) + ½ U(0, D) with D the largest depth: sometimes less than the lesion, sometimes more. CarveMix moves
nothing: the patch stays at the place it was cut from.

A pasted lesion has an edge that no lesion of a patient has. A network may learn that edge. The control is a patch of
*healthy* tissue of a lesion's shape, pasted in the same way and not labelled: it must not be called a lesion.

Sources: J. Yang and others, "TumorCP: A Simple but Effective Object-Level Data Augmentation for Tumor Segmentation"
(2021); X. Zhang and others, "CarveMix: A Simple Data Augmentation Method for Brain Lesion Segmentation" (2021).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from labkit.augment.arguments import describe, member, probability
from labkit.augment.medical.regions import LARGE, a_place, cut_out, fitting, moved, put_back, shift, soft_edge, windows
from labkit.augment.transform import Params, Transform
from labkit.draws import chance, uniform
from labkit.masks import beyond, distance_transform
from labkit.shapes import Images, Masks, PerSample, images, readable

WHERE = ("organ", "anywhere")
WHAT = ("lesion", "healthy")


def paste(x: Images, mask: Masks, *, donor: Images, donor_mask: Masks, width: float = 0.0) -> tuple[Images, Masks]:
    """The donor where its mask is, with a soft edge, and the union of the masks.

    Args:
        x, mask: the pictures (B, C, H, W) and their lesions, bool (B, H, W).
        donor, donor_mask: what is pasted, already in its place. Where a donor's mask is empty nothing is pasted.
        width: of the soft edge in pixels, see ``soft_edge``. Beyond it not a bit changes.

    Raises:
        ValueError: if pictures and masks don't fit.

    >>> x, donor = torch.zeros(1, 1, 1, 3), torch.ones(1, 1, 1, 3)
    >>> mask, there = torch.tensor([[[1, 0, 0]]]).bool(), torch.tensor([[[0, 0, 1]]]).bool()
    >>> paste(x, mask, donor=donor, donor_mask=there)
    (tensor([[[[0., 0., 1.]]]]), tensor([[[ True, False,  True]]]))
    """
    here = fitting(mask, x, name="mask")
    there = fitting(donor_mask, x, name="donor_mask")
    return blend(x, donor, there, width), here | there


def blend(x: Images, donor: Images, where: Masks, width: float) -> Images:
    """``(1 − a) x + a donor`` with a the soft edge of ``where``; bit-equal to x where a is 0."""
    if donor.shape != x.shape:
        raise ValueError(f"donor has the shape of x, {tuple(x.shape)}; this has {tuple(donor.shape)}")
    if width == 0:
        return torch.where(where[:, None], donor, x)
    watched = torch.is_grad_enabled() and (x.requires_grad or donor.requires_grad)
    if len(x) and where[0].numel() >= LARGE and readable(x) and not watched:
        return _blend_around(x, donor, where, width)
    return _softly(x, donor, where, width)


def _softly(x: Tensor, donor: Tensor, where: Masks, width: float) -> Tensor:
    a = soft_edge(where, width=width, dtype=x.dtype)[:, None]
    return torch.where(a > 0, torch.lerp(x, donor, a), x)


def _blend_around(x: Tensor, donor: Tensor, where: Masks, width: float) -> Tensor:
    """``_softly`` where something is pasted and as far around it as the edge reaches; a copy of x elsewhere."""
    boxes = windows(where, math.ceil(3 * width) + 1)
    blended = _softly(cut_out(x, boxes), cut_out(donor, boxes), cut_out(where, boxes), width)
    return put_back(blended, boxes, x.clone())


def carvemix(
    x: Images, mask: Masks, *, donor: Images, donor_mask: Masks, lambda_: float | PerSample
) -> tuple[Images, Masks]:
    """The donor, mask and all, within the distance λ of its lesion: (x̃, ỹ) as in the module's equation.

    Args:
        x, mask: the pictures (B, C, H, W) and their lesions, bool (B, H, W).
        donor, donor_mask: those of the partners. A donor without a lesion gives nothing.
        lambda_: in pixels, below 0 for less than the lesion; one number, or one a sample (B,).

    Raises:
        ValueError: if pictures and masks don't fit.

    >>> x, donor = torch.zeros(1, 1, 1, 5), torch.ones(1, 1, 1, 5)
    >>> mask, there = torch.zeros(1, 1, 5, dtype=torch.bool), torch.tensor([[[1, 1, 0, 0, 0]]]).bool()
    >>> carvemix(x, mask, donor=donor, donor_mask=there, lambda_=1.0)
    (tensor([[[[1., 1., 1., 0., 0.]]]]), tensor([[[ True,  True, False, False, False]]]))
    """
    here, there = fitting(mask, x, name="mask"), fitting(donor_mask, x, name="donor_mask")
    carved = _carved(there, torch.as_tensor(lambda_, dtype=torch.float32, device=x.device).expand(len(x)))
    return blend(x, donor, carved, 0.0), torch.where(carved, there, here)


def _carved(lesion: Masks, limit: PerSample) -> Masks:
    """Where the signed distance to a lesion is at most its limit."""
    if not (len(lesion) and readable(limit) and limit.isfinite().all()):
        return _within(lesion, limit, math.inf)
    boxes = windows(lesion, math.ceil(max(float(limit.max()), 0)) + 1)
    return put_back(_within(cut_out(lesion, boxes), limit, float(limit.abs().max())), boxes, torch.zeros_like(lesion))


def _within(lesion: Masks, limit: PerSample, farthest: float) -> Masks:
    limit = limit[:, None, None]
    more = limit >= 0
    # With more than the lesion all distances inside are small enough, with less all outside are too large.
    distance = distance_transform(lesion ^ more, limit=farthest)
    return torch.where(more, distance <= limit, distance >= -limit)


def carve_limits(donor_mask: Masks, *, generator: Generator | None = None) -> PerSample:
    """λ for each sample, (B,): a fair coin between U(−½ D, 0) and U(0, D), with D the depth of the lesion; 0 without.

    >>> bool(carve_limits(torch.ones(1, 3, 3).bool().index_fill(1, torch.tensor([0]), False)).abs() <= 2)
    True
    """
    known = len(donor_mask) and readable(donor_mask)
    distance = distance_transform(cut_out(donor_mask, windows(donor_mask, 1)) if known else donor_mask)
    depth = torch.where(distance.isfinite(), distance, 0).flatten(1).amax(1)
    u = uniform((2, len(depth)), like=depth, generator=generator)
    return torch.where(u[0] < 0.5, -0.5 * depth * u[1], depth * u[1])


class _FromPartner(Transform):
    """What both transforms share: lesions and organs as one mask, partners from the batch, and a probability."""

    depends_on = ("mask",)
    p: float

    def examine(self, x: Any, annotations: Mapping[str, Any]) -> None:
        """Refuse masks that don't fit.

        Raises:
            ValueError: saying what was expected.
        """
        mask = annotations.get("mask")
        b, _, h, w = images(x).shape
        fits = isinstance(mask, Tensor) and mask.dtype == torch.bool and mask.shape in ((b, h, w), (b, 2, h, w))
        if mask is not None and not fits:
            raise ValueError(
                f"mask is bool ({b}, {h}, {w}), or ({b}, 2, {h}, {w}) with the lesion and the organ; "
                f"this is {describe(mask)}"
            )
        super().examine(x, {name: value for name, value in annotations.items() if name != "mask"})

    def regions(self, x: Tensor, mask: Tensor | None) -> tuple[Masks, Masks | None]:
        """The lesions, and the organs where they are given."""
        if mask is None:
            raise ValueError(f"{type(self).__name__} needs to know the lesions: call it with mask=…")
        return (mask, None) if mask.ndim == 3 else (mask[:, 0], mask[:, 1])

    def partners(self, x: Tensor, generator: Generator | None) -> Tensor:
        """A partner for each, any of the batch, itself included: (B,)."""
        return (uniform((len(x),), like=x, generator=generator) * len(x)).long().clamp_max(max(len(x) - 1, 0))

    def apply_mask(self, mask: Tensor, x: Tensor, params: Params) -> Tensor:
        """The lesions as they are afterwards; the organ stays."""
        if mask.ndim == 3:
            return self.lesions(mask, x, params)
        return torch.stack([self.lesions(mask[:, 0], x, params), mask[:, 1]], 1)

    def lesions(self, mask: Masks, x: Tensor, params: Params) -> Masks:
        """The lesions as they are afterwards."""
        raise NotImplementedError


@dataclass(frozen=True)
class PasteLesion(_FromPartner):
    """The lesion of a partner in the batch pasted somewhere else, with probability ``p``; the mask follows.

    Call it with ``mask``: bool (B, 2, H, W), the lesion and the organ, or (B, H, W), the lesion. A picture whose
    partner has no lesion, or in which there is no place for it, stays as it is.

    Args:
        where: ``organ``, or ``anywhere`` in the picture, the control.
        what: ``lesion``, or ``healthy`` tissue of the partner in the lesion's shape, which is not labelled: a control.
        width: of the soft edge in pixels.
        gap: the least number of pixels between what is pasted and any lesion that is there.
        transform: applied to the donor and its mask before it is cut out; none by default.
        p: the probability for each picture.

    Raises:
        ValueError: if a word is unknown, a number negative, or p no probability; in a call, without a fitting mask.
    """

    where: str = "organ"
    what: str = "lesion"
    width: float = 0.7
    gap: float = 1.0
    transform: Transform | None = None
    p: float = 1.0

    def __post_init__(self) -> None:
        member(self.where, WHERE, name="where")
        member(self.what, WHAT, name="what")
        probability(self.p)
        if self.width < 0 or self.gap < 0:
            raise ValueError(f"width is {self.width} and gap {self.gap}; expected numbers of pixels not below 0")

    def make_params(self, x: Any, *, generator: Generator | None = None, mask: Tensor | None = None) -> Params:
        """``donor`` (B, C, H, W) and ``pasted`` (B, H, W), both in their place, and ``labelled`` (B,)."""
        lesion, organ = self.regions(x, mask)
        partner = self.partners(x, generator)
        donor, shape = x.index_select(0, partner), lesion.index_select(0, partner)
        site = None if organ is None else organ.index_select(0, partner)
        if self.transform is not None:
            transformed = self.transform(donor, mask=shape, generator=generator)
            donor, shape = transformed.x, transformed.mask
        allowed = self._allowed(lesion, organ)
        if self.what == "healthy":
            start, there = a_place(shape, self._allowed(shape, site), generator=generator)
            shape = moved(shape[:, None], start)[:, 0] & there[:, None, None]
        offset, there = a_place(shape, allowed, generator=generator)
        there = there & chance(self.p, x, generator=generator)
        pasted = moved(shape[:, None], offset)[:, 0] & there[:, None, None]
        labelled = torch.full_like(there, self.what == "lesion")
        return {"donor": shift(donor, offset), "pasted": pasted, "labelled": labelled}

    def _allowed(self, lesion: Masks, organ: Masks | None) -> Masks:
        """Where a lesion may go: far enough from those that are there, and inside the organ unless anywhere will do."""
        free = beyond(lesion, distance=self.gap)
        if self.where == "anywhere":
            return free
        if organ is None:
            raise ValueError("PasteLesion in the organ needs a mask (B, 2, H, W): the lesion and the organ")
        return free & organ

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``paste``."""
        return blend(images(x), params["donor"], params["pasted"], self.width)

    def lesions(self, mask: Masks, x: Tensor, params: Params) -> Masks:
        """With the pasted one, where it is a lesion."""
        return mask | (params["pasted"] & params["labelled"][:, None, None])


@dataclass(frozen=True)
class CarveMix(_FromPartner):
    """A partner's lesion with more or less around it, at the same place, with probability ``p``: see ``carvemix``.

    Call it with ``mask``, bool (B, H, W), or (B, 2, H, W) whose second layer stays as it is.
    """

    p: float = 1.0

    def __post_init__(self) -> None:
        probability(self.p)

    def make_params(self, x: Any, *, generator: Generator | None = None, mask: Tensor | None = None) -> Params:
        """``donor`` (B, C, H, W), ``donor_mask`` (B, H, W), and ``lambda_`` (B,)."""
        lesion, _ = self.regions(x, mask)
        partner = self.partners(x, generator)
        theirs = lesion.index_select(0, partner) & chance(self.p, x, generator=generator)[:, None, None]
        limits = carve_limits(theirs, generator=generator)
        return {"donor": x.index_select(0, partner), "donor_mask": theirs, "lambda_": limits}

    def apply_all(self, x: Any, params: Params, annotations: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Picture and mask together: what is carved is worked out once."""
        mask = annotations.get("mask")
        if mask is None:
            return super().apply_all(x, params, annotations)
        y, lesion = carvemix(images(x), mask if mask.ndim == 3 else mask[:, 0], **params)
        others = {name: self._moved(name, value, x, params) for name, value in annotations.items() if name != "mask"}
        return y, {"mask": lesion if mask.ndim == 3 else torch.stack([lesion, mask[:, 1]], 1), **others}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``carvemix``."""
        return carvemix(images(x), torch.zeros_like(params["donor_mask"]), **params)[0]

    def lesions(self, mask: Masks, x: Tensor, params: Params) -> Masks:
        """Theirs where it was carved, else its own."""
        return carvemix(x, mask, **params)[1]
