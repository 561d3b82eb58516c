"""Masks: their connected pieces, distances to their edge, and how well two of them agree. Batched, on any device.

    Dice        D = 2 |P ∩ M| / (|P| + |M|), a number a picture; 1 where both are empty
    soft Dice   1 − (2 Σ p m + s) / (Σ p² + Σ m² + s)                  p: probabilities, m: the mask, s: smoothing
    Hausdorff   max( q-percentile of d(a, ∂M) over a ∈ ∂P,  the same with P and M exchanged )
    lesions     a lesion is a connected piece of M; it is found where P touches it. A piece of P that touches no lesion
                is a false positive.

Dice counts pixels, so one large lesion hides ten small ones: recall and false positives are counted a lesion.

Sources: L. Dice, "Measures of the Amount of Ecologic Association Between Species" (1945); F. Milletari and others,
"V-Net" (2016): soft Dice with squares; A. Reinke and others, "Understanding Metric-Related Pitfalls in Image Analysis
Validation" (2024); the separable distance: P. Felzenszwalb and D. Huttenlocher, "Distance Transforms of Sampled
Functions" (2012).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from labkit.shapes import Float, Int, Masks, PerSample, Scalar, readable

FAR = 1e6  # pixels: farther than any picture is wide
NEAR = 3.0  # pixels: up to here a mask is moved about
AT_ONCE = 2**16
"""Pixels whose distances are worked out at a time: a quarter of a megabyte."""

CROSS = ((-1, 0), (0, -1), (0, 1), (1, 0))
RING = (*CROSS, (-1, -1), (-1, 1), (1, -1), (1, 1))


def masks(mask: Tensor, *, name: str = "mask") -> Tensor:
    """``mask``, if it is a batch of masks: bool (B, H, W).

    Raises:
        ValueError: saying what it is instead.
    """
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.ndim != 3:
        what = f"{mask.dtype} {tuple(mask.shape)}" if isinstance(mask, Tensor) else f"a {type(mask).__name__}"
        raise ValueError(f"{name} is bool (B, H, W); this is {what}")
    return mask


def same_masks(predicted: Tensor, mask: Tensor) -> None:
    """Refuse two batches of masks that don't fit.

    Raises:
        ValueError: if one is no batch of masks, or their shapes differ.
    """
    if masks(predicted, name="predicted").shape != masks(mask).shape:
        raise ValueError(
            f"predicted has shape {tuple(predicted.shape)}, mask {tuple(mask.shape)}; expected the same shape"
        )


def components(mask: Masks, *, diagonal: bool = False) -> Int[Tensor, "b h w"]:
    """The connected pieces of each mask, numbered from 1 in reading order within a picture; 0 is outside.

    Each pixel takes the smallest number among itself and its neighbours, and then the number of *that* pixel, until
    nothing changes: a few rounds, since the paths halve.

    Args:
        mask: (B, H, W).
        diagonal: whether pixels that touch at a corner belong together.

    Raises:
        ValueError: if it isn't bool (B, H, W).

    >>> components(torch.tensor([[[1, 0, 1], [1, 0, 0], [0, 1, 1]]]).bool())
    tensor([[[1, 0, 2],
             [1, 0, 0],
             [0, 3, 3]]])
    """
    b, h, w = masks(mask).shape
    outside = b * h * w
    place = torch.arange(outside, device=mask.device).view(b, h, w)
    root = torch.where(mask, place, outside)
    while True:
        least = root
        for dy, dx in RING if diagonal else CROSS:
            least = torch.minimum(least, _neighbour(root, dy, dx, outside))
        least = torch.where(mask, least, outside)
        flat = torch.cat([least.flatten(), least.new_tensor([outside])])
        jumped = flat[flat[least.flatten()]].view(b, h, w)
        if torch.equal(jumped, root):
            break
        root = jumped
    first = (root == place) & mask
    rank = first.flatten(1).cumsum(1)
    number = torch.cat([rank.flatten(), rank.new_zeros(1)])
    return number[root]


def _neighbour(x: Tensor, dy: int, dx: int, fill: int) -> Tensor:
    """What stands ``(dy, dx)`` away from each pixel, ``fill`` beyond the edge."""
    h, w = x.shape[1:]
    padded = functional.pad(x, (1, 1, 1, 1), value=fill)
    return padded[:, 1 + dy : 1 + dy + h, 1 + dx : 1 + dx + w]


def largest_component(mask: Masks, *, least: int = 1) -> Masks:
    """The largest connected piece of each mask, the first of equals; nothing where it has fewer than ``least`` pixels.

    Raises:
        ValueError: if it isn't bool (B, H, W).

    >>> largest_component(torch.tensor([[[1, 0, 1, 1]]]).bool()).int()
    tensor([[[0, 0, 1, 1]]], dtype=torch.int32)
    """
    number = components(mask)
    area = piece_areas(number)
    best = area.argmax(1, keepdim=True) + 1
    return (number == best[:, :, None]) & (area.amax(1) >= least)[:, None, None]


def piece_areas(number: Int[Tensor, "b h w"]) -> Int[Tensor, "b n"]:
    """The pixels of each numbered piece, (B, N) with N the most pieces in a picture, at least one column."""
    b = len(number)
    most = max(int(number.max()), 1) if number.numel() else 1
    area = number.new_zeros(b, most + 1)
    area.scatter_add_(1, number.flatten(1), torch.ones_like(number).flatten(1))
    return area[:, 1:]


def distance_transform(mask: Masks, *, limit: float = math.inf) -> Float[Tensor, "b h w"]:
    """The Euclidean distance of each pixel of the mask to the nearest pixel outside it, in pixels; 0 outside.

    What lies beyond the picture's edge counts for nothing. Where a mask covers the whole picture there is no outside,
    and the distance is infinite.

    Args:
        mask: bool (B, H, W).
        limit: distances above it are infinite, too. A small one costs a fraction of the time.

    Raises:
        ValueError: if it isn't bool (B, H, W), or the limit is negative.

    >>> distance_transform(torch.tensor([[[0, 1, 1, 1, 0]]]).bool())
    tensor([[[0., 1., 2., 1., 0.]]])
    """
    if not limit >= 0:
        raise ValueError(f"limit is {limit:g}; expected a number of pixels not below 0")
    # On the CPU a few masks at a time: a step is one pass over what lies in the cache.
    step = max(1, AT_ONCE // max(1, mask[:1].numel())) if readable(masks(mask)) else max(1, len(mask))
    return torch.cat([_distance(some, limit) for some in mask.split(step)])


def _distance(mask: Tensor, limit: float) -> Tensor:
    """Along the rows, and then from row to row."""
    h, w = mask.shape[1:]
    along = mask.to(torch.float32).mul_(FAR)
    for k in range(max(w - 1, 0).bit_length()):
        # Each number of steps is a sum of powers of two.
        _lower(along, 2, 2**k, 2**k)
    nearest = along.square_().clone()
    farthest = min(h - 1, math.floor(min(limit, FAR)))
    for d in range(1, h):
        # A row d away lowers nothing that is nearer than d. (To look costs as much as a step: at 1, 2, 4, 8, ...)
        if d & (d - 1) == 0:
            farthest = min(farthest, _reach(nearest))
        if d > farthest:
            break
        for to, of in ((nearest[:, d:], along[:, :-d]), (nearest[:, :-d], along[:, d:])):
            torch.minimum(to, of + d * d, out=to)
    distance = nearest.sqrt_()
    return distance.masked_fill_(distance > min(limit, FAR / 2), torch.inf)


def _lower(x: Tensor, dim: int, step: int, cost: float) -> None:
    """Each entry to what stands ``step`` before or behind it plus a cost, where that is less; in place."""
    n = x.shape[dim] - step
    before, behind = x.narrow(dim, 0, n), x.narrow(dim, step, n)
    torch.minimum(behind, before + cost, out=behind)
    torch.minimum(before, behind + cost, out=before)


def beyond(mask: Masks, *, distance: float) -> Masks:
    """The pixels that are farther than ``distance`` pixels from every pixel of the mask.

    Raises:
        ValueError: if it isn't bool (B, H, W), or the distance is negative.

    >>> beyond(torch.tensor([[[0, 0, 0, 1, 0]]]).bool(), distance=1.0)
    tensor([[[ True,  True, False, False, False]]])
    """
    if not 0 <= distance < NEAR:
        return distance_transform(~masks(mask), limit=distance) > distance
    h, w = masks(mask).shape[1:]
    reach = math.floor(distance)
    # So near it is cheaper to move the mask than to know how far it is.
    near = mask.clone()
    step = torch.arange(-reach, reach + 1)
    disc = (step[:, None].square() + step.square()).float().sqrt() <= distance
    for dy, dx in (disc.nonzero() - reach).tolist():
        if abs(dy) < h and abs(dx) < w:
            near[:, max(dy, 0) : h + min(dy, 0), max(dx, 0) : w + min(dx, 0)] |= mask[
                :, max(-dy, 0) : h + min(-dy, 0), max(-dx, 0) : w + min(-dx, 0)
            ]
    return near.logical_not_()


def _reach(squared: Tensor) -> int:
    """How far the farthest pixel is from the edge at most, in whole pixels; masks without any outside are left out."""
    if not squared.numel() or not readable(squared):
        return int(FAR)
    farthest = squared.flatten(1).amax(1)
    nearest = squared.flatten(1).amin(1)
    # The least distance is above 0 only where all of the picture is covered.
    return math.floor(float(torch.where(nearest > 0, 0, farthest).amax()) ** 0.5)


def signed_distance(mask: Masks, *, limit: float = math.inf) -> Float[Tensor, "b h w"]:
    """Negative inside, positive outside: the distance to the other side. All ``inf`` for an empty mask.

    Args:
        mask: bool (B, H, W).
        limit: as in ``distance_transform``, on both sides.

    Raises:
        ValueError: if it isn't bool (B, H, W), or the limit is negative.

    >>> signed_distance(torch.tensor([[[0, 0, 1, 1, 1]]]).bool())
    tensor([[[ 2.,  1., -1., -2., -3.]]])
    """
    return torch.where(mask, -distance_transform(mask, limit=limit), distance_transform(~mask, limit=limit))


def dice(predicted: Masks, mask: Masks) -> PerSample:
    """2 |P ∩ M| / (|P| + |M|) of each picture, (B,) from 0 to 1; 1 where both are empty.

    Raises:
        ValueError: if they are no masks, or their shapes differ.

    >>> dice(torch.tensor([[[1, 1, 0, 0]]]).bool(), torch.tensor([[[0, 1, 1, 0]]]).bool())
    tensor([0.5000])
    """
    same_masks(predicted, mask)
    both = (predicted & mask).sum((1, 2))
    total = predicted.sum((1, 2)) + mask.sum((1, 2))
    return torch.where(total > 0, 2 * both / total.clamp_min(1), 1.0)


def soft_dice_loss(logits: Float[Tensor, "b 1 h w"], mask: Masks, *, smooth: float = 1.0) -> Scalar:
    """1 − the mean over the pictures of (2 Σ p m + s) / (Σ p² + Σ m² + s), with p the sigmoid of the logits.

    Args:
        logits: (B, 1, H, W).
        mask: bool (B, H, W).
        smooth: s, in pixels: the loss of an empty mask is then a number, and small where p is small.

    Raises:
        ValueError: if mask is no mask, the shapes differ, or smooth is not above 0.

    >>> mask = torch.ones(1, 2, 2, dtype=torch.bool)
    >>> soft_dice_loss(torch.zeros(1, 1, 2, 2), mask, smooth=1.0)
    tensor(0.1667)
    """
    if logits.shape != (masks(mask).shape[0], 1, *mask.shape[1:]) or smooth <= 0:
        raise ValueError(
            f"logits have shape (B, 1, H, W) for a mask {tuple(mask.shape)}, and smooth is above 0; "
            f"these have {tuple(logits.shape)}, and smooth is {smooth:g}"
        )
    p, m = logits[:, 0].sigmoid(), mask.to(logits.dtype)
    over, under = 2 * (p * m).sum((1, 2)) + smooth, p.square().sum((1, 2)) + m.sum((1, 2)) + smooth
    return 1 - (over / under).mean()


def hausdorff(predicted: Masks, mask: Masks, *, percentile: float = 100.0) -> PerSample:
    """The Hausdorff distance of the edges of two masks in pixels, (B,): how far the worst pixel of an edge is off.

    The edge of a mask is its pixels with a neighbour outside it, beyond the picture included. 0 where both are empty,
    infinite where one is.

    Args:
        predicted, mask: bool (B, H, W).
        percentile: 95 leaves out the worst twentieth of each edge.

    Raises:
        ValueError: if they are no masks, their shapes differ, or the percentile is not from 0 to 100.

    >>> a, b = torch.zeros(2, 1, 5, 9, dtype=torch.bool)
    >>> a[0, 2, 1], b[0, 2, 7] = True, True
    >>> hausdorff(a, b)
    tensor([6.])
    """
    same_masks(predicted, mask)
    if not 0 <= percentile <= 100:
        raise ValueError(f"percentile is {percentile:g}; expected a number from 0 to 100")
    ours, theirs = edge(predicted), edge(mask)
    there = _percentile(distance_transform(~theirs), ours, percentile)
    back = _percentile(distance_transform(~ours), theirs, percentile)
    one_empty = ours.any(2).any(1) != theirs.any(2).any(1)
    return torch.where(one_empty, torch.inf, torch.maximum(there, back).nan_to_num(0.0))


def edge(mask: Masks) -> Masks:
    """The pixels of a mask that have a neighbour (above, below, left, right) outside it or beyond the picture."""
    number = mask.long()
    beside = torch.stack([_neighbour(number, dy, dx, 0) for dy, dx in CROSS])
    return mask & (beside.amin(0) == 0)


def _percentile(distance: Tensor, where: Tensor, percentile: float) -> Tensor:
    """A percentile of the distances at some pixels of each picture; nan where there are none or all are infinite."""
    values = torch.where(where & distance.isfinite(), distance, torch.nan)
    return values.flatten(1).nanquantile(percentile / 100, dim=1)


class Detection(NamedTuple):
    """How many lesions of a batch were found, of how many; false alarms, and the number of pictures."""

    found: int
    lesions: int
    false: int
    pictures: int

    @property
    def recall(self) -> float:
        """The share of the lesions that were found; nan where there are none."""
        return self.found / self.lesions if self.lesions else float("nan")

    @property
    def false_positives(self) -> float:
        """False alarms a picture."""
        return self.false / self.pictures


def lesion_detection(predicted: Masks, mask: Masks, *, least: int = 1) -> Detection:
    """Lesions found and false alarms, counted as connected pieces.

    Args:
        predicted, mask: bool (B, H, W), B at least 1.
        least: predicted pieces of fewer pixels are left out first.

    Raises:
        ValueError: if they are no masks, their shapes differ or there are none.

    >>> mask = torch.tensor([[[1, 1, 0, 1, 0, 0, 0]]]).bool()
    >>> lesion_detection(torch.tensor([[[0, 1, 0, 0, 0, 1, 1]]]).bool(), mask)
    Detection(found=1, lesions=2, false=1, pictures=1)
    """
    same_masks(predicted, mask)
    if len(mask) == 0:
        raise ValueError("there are no pictures; expected at least one")
    pieces = components(predicted)
    if least > 1:
        area = functional.pad(piece_areas(pieces), (1, 0))
        predicted = predicted & (area.gather(1, pieces.flatten(1)).view(pieces.shape) >= least)
        pieces = components(predicted)
    truth = components(mask)
    found, lesions = _touched(truth, predicted)
    right, alarms = _touched(pieces, mask)
    return Detection(found, lesions, alarms - right, len(mask))


def _touched(number: Tensor, other: Tensor) -> tuple[int, int]:
    """How many numbered pieces share a pixel with the other mask, and how many there are."""
    met = piece_areas(torch.where(other, number, 0))
    return int((met > 0).sum()), int((piece_areas(number) > 0).sum())
