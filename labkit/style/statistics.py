"""What is left of feature maps when the places are summed out: the statistics that stand for a style.

    F (N, M)                    N maps of M = H·W places, each row one map
    G = F Fᵀ / M                the Gram matrix: which features occur together, whatever the place
    E = ‖G − A‖²/(4 N²)         the distance of two styles in one layer, A being the Gram matrix of the style picture
    μ, σ                        the mean and the deviation of each map: the smaller statistic of AdaIN and MixStyle

Gatys writes ``G = F Fᵀ`` and ``E = ‖G − A‖²/(4 N² M²)``, which is the same for two pictures of one size. With the mean
over places in G the two pictures may differ in size. Johnson divides by N·M. A weight that was chosen for one of these
conventions is wrong for another by a factor of M², N² or both, so each function says which it uses.

With columns x_i, y_j of the two pictures' maps as samples and the kernel k(x, y) = (xᵀy)²,

    ‖G − A‖² = mean k(x, x') + mean k(y, y') − 2 mean k(x, y) = MMD²

(Li, Wang, Liu and Hou 2017): to match Gram matrices is to match the distribution of the features up to its second
moments. The maps themselves, with their places, are the content.

Gatys, Ecker and Bethge, "Image Style Transfer Using Convolutional Neural Networks" (CVPR 2016); Johnson, Alahi and Li,
"Perceptual Losses for Real-Time Style Transfer and Super-Resolution" (ECCV 2016); Li, Wang, Liu and Hou, "Demystifying
Neural Style Transfer" (IJCAI 2017).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from labkit.shapes import Float, PerSample

Maps = Float[Tensor, "b c h w"]
StyleMaps = Float[Tensor, "n c h2 w2"]
"""Maps of style pictures: as many as there are of content or one for all, of any size."""

Grams = Float[Tensor, "b c c"]

DIVISORS = ("positions", "all", "none")


def maps(features: Tensor, *, name: str = "features") -> Tensor:
    """``features``, if they are feature maps: float, (B, C, H, W), with at least one place.

    Raises:
        ValueError: saying what they are instead.
    """
    if not isinstance(features, Tensor) or features.ndim != 4 or not features.is_floating_point():
        what = f"{features.dtype} {tuple(features.shape)}" if isinstance(features, Tensor) else type(features).__name__
        raise ValueError(f"{name} are float maps (B, C, H, W); this is {what}")
    if 0 in features.shape[1:]:
        raise ValueError(f"{name} have shape {tuple(features.shape)}; expected at least one channel and one place")
    return features


def gram(features: Maps, *, divide: str = "positions") -> Grams:
    """The Gram matrix of each sample's maps: the mean product of two features over all places.

    Args:
        features: maps (B, C, H, W).
        divide: the divisor of ``F Fᵀ``: ``"positions"`` H·W, ``"all"`` C·H·W (Johnson), ``"none"`` (Gatys's G).

    Returns:
        (B, C, C), symmetric and positive semi-definite.

    Raises:
        ValueError: if these are no feature maps, or there is no such divisor.

    >>> import torch
    >>> gram(torch.tensor([[[[1.0, 0.0]], [[2.0, 2.0]]]]))
    tensor([[[0.5000, 1.0000],
             [1.0000, 4.0000]]])
    """
    if divide not in DIVISORS:
        raise ValueError(f"divide is {divide!r}; expected one of {', '.join(DIVISORS)}")
    f = maps(features).flatten(2)
    divisor = {"positions": f.shape[2], "all": f.shape[1] * f.shape[2], "none": 1}[divide]
    return torch.bmm(f, f.transpose(1, 2)) / divisor


def gram_distance(a: Grams, b: Float[Tensor, "n c c"]) -> PerSample:
    """E = ‖G − A‖²/(4 N²) of Gram matrices that were divided by the number of places.

    Args:
        a: (B, N, N).
        b: (B, N, N), or (1, N, N) for all.

    Returns:
        (B,), 0 where the statistics are the same.

    Raises:
        ValueError: if these are not as many matrices of the same size, or one for all.

    >>> import torch
    >>> gram_distance(torch.eye(2)[None], torch.zeros(1, 2, 2))
    tensor([0.1250])
    """
    if a.ndim != 3 or a.shape[1:] != b.shape[1:] or len(b) not in (1, len(a)):
        raise ValueError(
            f"Gram matrices are (B, N, N), alike or one for all; these are {tuple(a.shape)}, {tuple(b.shape)}"
        )
    return (a - b).square().sum((1, 2)) / (4 * a.shape[1] ** 2)


def moments(features: Maps, *, eps: float = 1e-5) -> tuple[Float[Tensor, "b c 1 1"], Float[Tensor, "b c 1 1"]]:
    """Mean and deviation of each map over its places.

    Args:
        features: maps (B, C, H, W).
        eps: added to the variance before the root, as instance normalisation does: a map that is the same everywhere
            has deviation √eps, and a gradient.

    Returns:
        μ and σ = √(variance + eps), each (B, C, 1, 1). The variance is the mean squared deviation (divided by H·W).

    Raises:
        ValueError: if these are no feature maps, or ``eps`` is negative.

    >>> import torch
    >>> mean, std = moments(torch.tensor([[[[1.0, 3.0]]]]), eps=0.0)
    >>> mean.item(), std.item()
    (2.0, 1.0)
    """
    if not eps >= 0:
        raise ValueError(f"eps is {eps}; expected 0 or more")
    var, mean = torch.var_mean(maps(features), dim=(2, 3), keepdim=True, correction=0)
    return mean, (var + eps).sqrt()


def squared_mmd(a: Maps, b: Float[Tensor, "b c h2 w2"]) -> PerSample:
    """MMD² with the kernel (xᵀy)² between the features at the places of ``a`` and of ``b``: slow, a specification.

    It equals ‖gram(a) − gram(b)‖². Memory grows with the square of the number of places.

    Args:
        a: maps (B, C, H, W).
        b: maps (B, C, H', W').

    Raises:
        ValueError: if these are no feature maps, or differ in samples or channels.

    >>> import torch
    >>> g = torch.Generator().manual_seed(0)
    >>> a, b = torch.rand(1, 3, 4, 4, generator=g), torch.rand(1, 3, 5, 2, generator=g)
    >>> torch.allclose(squared_mmd(a, b), (gram(a) - gram(b)).square().sum((1, 2)))
    True
    """
    x, y = (maps(v).flatten(2).transpose(1, 2) for v in (a, b))
    if x.shape[0] != y.shape[0] or x.shape[2] != y.shape[2]:
        raise ValueError(f"both have as many samples and channels; these are {tuple(a.shape)} and {tuple(b.shape)}")

    def kernel(u: Tensor, v: Tensor) -> Tensor:
        return torch.bmm(u, v.transpose(1, 2)).square().mean((1, 2))

    return kernel(x, x) + kernel(y, y) - 2 * kernel(x, y)


def style_of(encoded: Sequence[Tensor], layers: Sequence[int]) -> list[Tensor]:
    """The Gram matrices of some layers, without history: a target that no gradient reaches."""
    return [gram(encoded[i]).detach() for i in layers]
