"""VideoMix: a block of the partner's clip pasted into each, and labels mixed by volume.

    x̃ = x_j inside the block, x_i outside      ỹ = λ' y_i + (1 − λ') y_j      λ' = 1 − volume of the block / (T H W)

The block is a box over all frames (*spatial*), whole frames of a span of time (*temporal*), or both (*cube*); λ from
Beta(α, α) sets the volume asked for, and labels take what is left of it after cutting off at the edges.

Source: S. Yun et al., VideoMix: Rethinking Data Augmentation for Video Classification (arXiv 2012.03457).
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from labkit.augment.arguments import describe, member
from labkit.augment.mixing import Mixup
from labkit.augment.transform import Params
from labkit.augment.video._args import Clips, clips
from labkit.draws import uniform
from labkit.shapes import Int, PerSample

Blocks = Int[Tensor, "b 6"]
"""(first frame, top, left, after the last frame, bottom, right) of the block in each clip."""

KINDS = {"spatial": (0, 2), "temporal": (1, 1), "cube": (1, 3)}
"""For each kind: whether its span of time is limited, and over how many sides the volume is shared."""


def block_masks(blocks: Blocks, x: Clips) -> Tensor:
    """True inside each clip's block: bool (B, T, 1, H, W)."""
    sides = [torch.arange(n, device=x.device) for n in (x.shape[1], x.shape[3], x.shape[4])]
    edges = blocks.to(x.device)
    t, h, w = ((n >= edges[:, k, None]) & (n < edges[:, k + 3, None]) for k, n in enumerate(sides))
    return t[:, :, None, None, None] & h[:, None, None, :, None] & w[:, None, None, None, :]


def videomix(x: Clips, *, partner: Int[Tensor, " b"], blocks: Blocks) -> Clips:
    """Each clip with a block of its partner's in the same place and at the same time.

    Args:
        x: clips (B, T, C, H, W).
        partner: (B,) whose block each gets.
        blocks: (B, 6), whole numbers: ``x[t0:t1, :, top:bottom, left:right]`` from (t0, top, left, t1, bottom, right).

    Raises:
        ValueError: if x isn't a batch of clips, or there isn't a partner and a block for each.

    >>> x = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1, 1).expand(2, 3, 1, 1, 1)
    >>> blocks = torch.tensor([[1, 0, 0, 3, 1, 1], [0, 0, 0, 0, 1, 1]])
    >>> videomix(x, partner=torch.tensor([1, 0]), blocks=blocks).flatten(1)
    tensor([[0., 1., 1.],
            [1., 1., 1.]])
    """
    b = len(clips(x))
    if not isinstance(partner, Tensor) or partner.shape != (b,) or blocks.shape != (b, 6):
        raise ValueError(f"partner is ({b},) and blocks ({b}, 6); these are {describe(partner)} and {describe(blocks)}")
    return torch.where(block_masks(blocks, x), x[partner.to(x.device)], x)


def volume_kept(blocks: Blocks, *, size: tuple[int, int, int]) -> PerSample:
    """λ', the share of each clip of ``size`` (T, H, W) that lies outside its block: (B,).

    >>> volume_kept(torch.tensor([[0, 0, 0, 2, 1, 4]]), size=(4, 2, 4))
    tensor([0.7500])
    """
    whole = torch.tensor([*size, *size], device=blocks.device)
    inside = blocks.minimum(whole).clamp(min=0).float()
    return 1 - (inside[:, 3:] - inside[:, :3]).clamp(min=0).prod(1) / (size[0] * size[1] * size[2])


@dataclass(frozen=True)
class VideoMix(Mixup):
    """Every clip with a block of a random other one, labels by volume. ``kind``: spatial, temporal or cube.

    A mask (B, T, H, W) or (B, T, K, H, W) gets the same block.

    Args and Raises: as ``mixing.Mixup``; x is clips.

    >>> g = torch.Generator().manual_seed(0)
    >>> mixed = VideoMix(classes=3)(torch.rand(4, 6, 1, 8, 8), y=torch.tensor([0, 1, 2, 0]), generator=g)
    >>> mixed.x.shape, mixed.y.sum(1)
    (torch.Size([4, 6, 1, 8, 8]), tensor([1., 1., 1., 1.]))
    """

    kind: str = "spatial"

    def __post_init__(self) -> None:
        super().__post_init__()
        member(self.kind, tuple(KINDS), name="kind")

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``partner`` (B,) and ``blocks`` (B, 6), which are empty where nothing is mixed."""
        mixture = super().make_params(clips(x), generator=generator)
        in_time, sides = KINDS[self.kind]
        share = (1 - mixture["lambda_"]).clamp(min=0) ** (1 / sides)
        middle = uniform((len(x), 3), like=x, generator=generator)
        size = torch.tensor([x.shape[1], x.shape[3], x.shape[4]], device=x.device)
        limited = torch.tensor([bool(in_time), self.kind != "temporal", self.kind != "temporal"], device=x.device)
        half = share[:, None] * size / 2
        low = torch.where(limited, middle * size - half, 0).round().clamp(min=0)
        high = torch.where(limited, middle * size + half, size.to(half)).round().minimum(size.to(half))
        some = (mixture["lambda_"] < 1)[:, None]
        blocks = torch.cat([low, torch.where(some, high, low)], 1).long()
        return {"partner": mixture["partner"], "blocks": blocks}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``videomix``."""
        return videomix(x, **params)

    def apply_y(self, y: Tensor, x: Tensor, params: Params) -> Tensor:
        """The labels mixed by volume."""
        kept = volume_kept(params["blocks"], size=(x.shape[1], x.shape[3], x.shape[4]))
        return super().apply_y(y, x, {"partner": params["partner"], "lambda_": kept.to(x.device)})

    def examine_mask(self, mask: Any, x: Any) -> None:
        """Refuse a mask that isn't (B, T, H, W) or (B, T, K, H, W).

        Raises:
            ValueError: saying which shape was expected.
        """
        b, t, _, h, w = clips(x).shape
        fits = isinstance(mask, Tensor) and mask.ndim in (4, 5) and mask.shape[:2] == (b, t)
        if not fits or mask.shape[-2:] != (h, w):
            raise ValueError(
                f"a mask of clips is ({b}, {t}, {h}, {w}) or ({b}, {t}, K, {h}, {w}); this is {describe(mask)}"
            )

    def apply_mask(self, mask: Tensor, x: Tensor, params: Params) -> Tensor:
        """The mask with the same block of its partner's; it stays what it is."""
        inside = block_masks(params["blocks"], x)
        other = mask[params["partner"].to(mask.device)]
        return torch.where(inside if mask.ndim == 5 else inside[:, :, 0], other, mask)
