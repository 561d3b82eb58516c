"""Networks that predict how each prototype must be transformed to look like an image, and the two models around them.

    minimise  Σ_i ℓ(x_i, {T_{f_1(x_i)}(c_1), …, T_{f_k(x_i)}(c_k)})      over prototypes c_j and networks f_j

k-means has ℓ = min_j ‖x − T_j c_j‖² / n, where a picture has n numbers; the Gaussian mixture has
ℓ = −log Σ_j π_j N(x; T_j c_j, T_j Σ_j). All f_j share an encoder. Each f_j also has small networks of its own, one for
each transformation. Their last layer is zero at first, so that learning begins at the identity. Source: T. Monnier,
T. Groueix and M. Aubry, "Deep Transformation-Invariant Clustering" (2020).
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from labkit.dti.transforms import Family, family
from labkit.shapes import Features, Float, Images, Labels

AT_ONCE = 2**20
"""Numbers of the transformed prototypes that are made at a time."""

Reconstructions = Float[Tensor, "b k c p q"]


class Encoder(nn.Module):
    """The encoder of f: one linear layer on the pixels of an image, and ReLU.

    It is this simple for two reasons. f must know *where* things are, and pooling over the picture would lose that.
    Nothing is normalised over the batch, so an image's transformation does not depend on the other images. On
    scikit-learn's digits and on MNIST it clusters better than small convolutional networks with the same number of
    steps, and takes less time.

    Args:
        channels: the number of channels of the images.
        size: the size (h, w) that it sees; larger images are averaged down to it.
        features: how many numbers it gives for an image.
    """

    def __init__(self, channels: int, size: tuple[int, int], *, features: int = 128) -> None:
        super().__init__()
        self.size = tuple(size)
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(channels * size[0] * size[1], features), nn.ReLU())
        self.width = features

    def forward(self, x: Images) -> Float[Tensor, "b n"]:
        return self.body(pooled(x, self.size))


def pooled(x: Images, size: Sequence[int]) -> Float[Tensor, "b c p q"]:
    """Images averaged down to (h, w), unless they have that size already."""
    h, w = size
    return x if x.shape[-2:] == (h, w) else functional.adaptive_avg_pool2d(x, (h, w))


class Heads(nn.Module):
    """k networks of two hidden layers side by side: features (b, n) → β (k, b, parameters), zero at first.

    Args:
        k: the number of networks.
        inputs: the number of features of an image.
        outputs: the number of parameters of the transformation.
        hidden: the width of both hidden layers.
    """

    def __init__(self, k: int, inputs: int, outputs: int, *, hidden: int = 128) -> None:
        super().__init__()
        widths = [inputs, hidden, hidden, outputs]
        self.weights = nn.ParameterList(nn.Parameter(torch.zeros(k, n, m)) for n, m in pairwise(widths))
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(k, 1, m)) for m in widths[1:])
        for weight, bias in zip(self.weights[:-1], self.biases[:-1]):
            # As torch.nn.Linear begins.
            bound = 1 / math.sqrt(weight.shape[1])
            nn.init.uniform_(weight, -bound, bound)
            nn.init.uniform_(bias, -bound, bound)

    def forward(self, features: Float[Tensor, "b n"]) -> Float[Tensor, "k b d"]:
        y = features.expand(len(self.biases[0]), -1, -1)
        last = len(self.weights) - 1
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            y = torch.baddbmm(bias, y, weight)
            y = y if i == last else functional.relu(y)
        return y


class Transformer(nn.Module):
    """T_{f(x)}: a sequence of transformations, of which the first ``active`` are applied.

    Args:
        k: the number of prototypes.
        families: the transformations in their order; none for the identity.
        encoder: images → (b, encoder.width).
        hidden: width of the heads' hidden layers.

    Attributes:
        active: how many transformations of the sequence are applied; the curriculum raises it.
    """

    def __init__(self, k: int, families: Sequence[Family], encoder: nn.Module, *, hidden: int = 128) -> None:
        super().__init__()
        self.families = tuple(families)
        self.encoder = encoder if families else nn.Identity()
        width = int(getattr(encoder, "width", 0))
        self.heads = nn.ModuleList(Heads(k, width, f.parameters, hidden=hidden) for f in families)
        self.active = len(self.families)

    def betas(self, x: Images) -> list[Tensor]:
        """The parameters of each active transformation: (k, b, parameters)."""
        if not self.active:
            return []
        features = self.encoder(x)
        # A list of all modules first: a ModuleList's slice would be a new module.
        return [head(features) for head in list(self.heads)[: self.active]]

    def transform(self, z: Images, betas: Sequence[Tensor], *, spatial: bool = False) -> Float[Tensor, "k m c h w"]:
        """Prototypes (k, c, h, w) → (k, b, c, h, w), or (k, 1, c, h, w) where nothing is active.

        ``spatial`` leaves out the transformations that change values rather than places; variances need that.
        """
        out = z[:, None]
        for kind, beta in zip(self.families, betas):
            if kind.spatial or not spatial:
                out = kind.apply(out, beta)
        return out


class DTIKMeans(nn.Module):
    """Prototypes and their transformations; with no transformation it is k-means.

    Images larger than the prototypes are averaged down to their size before they are compared; ``refine`` gives the
    prototypes more pixels.

    Args:
        prototypes: the first prototypes, (k, C, H, W).
        transforms: names of families in their order, see ``transforms``; the identity comes before them all.
        encoder: images → (b, width), with an attribute ``width``; an ``Encoder`` if None.
        hidden: width of the heads' hidden layers.
        kernel, control: the sizes of morphology and thin_plate, see ``family``.
        features: compare features of the picture instead of its pixels: (n, C, H, W) → (n, …), differentiable.
    """

    def __init__(
        self,
        prototypes: Images,
        transforms: Sequence[str],
        *,
        encoder: nn.Module | None = None,
        hidden: int = 128,
        kernel: int = 7,
        control: int = 4,
        features: Features | None = None,
    ) -> None:
        super().__init__()
        k, c, h, w = prototypes.shape
        families = [family(name, channels=c, kernel=kernel, control=control) for name in transforms]
        self.prototypes = nn.Parameter(prototypes.detach().clone())
        self.transformer = Transformer(k, families, encoder or Encoder(c, (h, w)), hidden=hidden).to(prototypes.device)
        self.features = features

    @property
    def k(self) -> int:
        """The number of prototypes."""
        return len(self.prototypes)

    def clusters(self) -> list[nn.Parameter]:
        """The parameters that belong to clusters rather than to networks; their first dimension is k."""
        return [self.prototypes]

    def reconstruct(self, x: Images) -> Reconstructions:
        """Every prototype, transformed to look like every image."""
        z = self.transformer.transform(self.prototypes, self.transformer.betas(x)).transpose(0, 1)
        return z.expand(len(x), *z.shape[1:])

    def distances(self, x: Images) -> Float[Tensor, "b k"]:
        """The mean squared difference of each image and each prototype transformed for it."""
        return self._distances(x, self.transformer.betas(x))

    def _distances(self, x: Images, betas: Sequence[Tensor]) -> Float[Tensor, "b k"]:
        """The distances for given parameters."""
        return self._in_groups(self._distance, x, betas).T.expand(len(x), -1)

    def _distance(self, x: Images, betas: Sequence[Tensor], some: slice) -> Float[Tensor, "k n"]:
        """The distances of the prototypes in ``some``."""
        return self._compare(self.transformer.transform(self.prototypes[some], [beta[some] for beta in betas]), x)

    def _in_groups(self, function: Callable[..., Tensor], x: Images, betas: Sequence[Tensor]) -> Float[Tensor, "k n"]:
        """What a function of (x, betas, some) gives for the prototypes, group by group.

        Where there are several groups their pictures aren't kept: a gradient makes them again.
        """
        step = max(1, AT_ONCE // (len(x) * self.prototypes[0].numel()))
        groups = [slice(i, i + step) for i in range(0, self.k, step)]
        if torch.is_grad_enabled() and len(groups) > 1:
            function = partial(checkpoint, function, use_reentrant=False, preserve_rng_state=False)
        return torch.cat([function(x, betas, some) for some in groups])

    def _compare(self, z: Float[Tensor, "k m c p q"], x: Images) -> Float[Tensor, "k n"]:
        """The mean squared difference of transformed prototypes and images, of pixels or of features."""
        x = pooled(x, z.shape[-2:])
        if self.features is None:
            return (z - x).square().flatten(2).mean(2)
        seen = self.features(z.flatten(0, 1)).flatten(1).unflatten(0, z.shape[:2])
        return (seen - self.features(x).flatten(1)).square().mean(2)

    def costs(self, x: Images) -> Float[Tensor, "b k"]:
        """The distances: an image is assigned to the prototype with the smallest one."""
        return self.distances(x)

    def loss(self, costs: Float[Tensor, "b k"]) -> Float[Tensor, ""]:
        """The mean over images of the smallest distance."""
        return costs.amin(1).mean()

    def objective(self, x: Images) -> tuple[Float[Tensor, ""], Float[Tensor, "b k"]]:
        """``loss(costs(x))`` with its gradient, to be minimised, and the costs without theirs."""
        if type(self) is not DTIKMeans:
            costs = self.costs(x)
            return self.loss(costs), costs.detach()
        # Of the k reconstructions of an image only the nearest one has a gradient: only that one is made with it.
        betas = self.transformer.betas(x)
        with torch.no_grad():
            costs = self._distances(x, betas)
        z = self._transformed(costs.argmin(1), betas)
        return self._compare(z[None], x).mean(), costs

    @torch.no_grad()
    def refine(self, size: tuple[int, int]) -> None:
        """Interpolate the prototypes to (h, w) pixels; ``clusters`` holds new tensors afterwards."""
        self.prototypes = _finer(self.prototypes, size)

    @torch.no_grad()
    def predict(self, x: Images, *, batch_size: int = 500) -> tuple[Labels, Float[Tensor, " b"]]:
        """The nearest prototype of each image, and its cost."""
        parts = [self.costs(part).min(1) for part in x.split(batch_size)]
        return torch.cat([p.indices for p in parts]), torch.cat([p.values for p in parts])

    @torch.no_grad()
    def aligned(self, x: Images) -> Float[Tensor, "b c p q"]:
        """The nearest prototype of each image, transformed to look like it: what the model thinks the image is."""
        return self._transformed(self.costs(x).argmin(1), self.transformer.betas(x))

    def _transformed(self, which: Labels, betas: Sequence[Tensor]) -> Float[Tensor, "b c p q"]:
        """One prototype for each image, transformed for that image alone."""
        n = len(which)
        pair = which * n + torch.arange(n, device=which.device)
        own = [beta.flatten(0, 1).index_select(0, pair)[:, None] for beta in betas]
        return self.transformer.transform(self.prototypes.index_select(0, which), own)[:, 0]


class DTIGMM(DTIKMeans):
    """Prototypes with a variance for every pixel and mixing weights; the transformations move both.

    Σ_j = σ_j² + v_min, pixel by pixel. The transformations that move places act on σ as they do on the prototype.

    Args:
        prototypes, transforms, encoder, hidden, kernel, control: as for ``DTIKMeans``.
        sigma: the first deviation of every pixel (σ₀).
        least: v_min; no prototype can become quite certain of a pixel.
    """

    def __init__(
        self,
        prototypes: Images,
        transforms: Sequence[str],
        *,
        encoder: nn.Module | None = None,
        hidden: int = 128,
        kernel: int = 7,
        control: int = 4,
        sigma: float = 0.5,
        least: float = 0.25**2,
    ) -> None:
        super().__init__(prototypes, transforms, encoder=encoder, hidden=hidden, kernel=kernel, control=control)
        self.sigmas = nn.Parameter(torch.full_like(prototypes, sigma))
        self.mixing = nn.Parameter(prototypes.new_zeros(len(prototypes)))
        self.least = least

    def clusters(self) -> list[nn.Parameter]:
        """Prototypes, deviations and logits of the mixing weights."""
        return [self.prototypes, self.sigmas, self.mixing]

    @torch.no_grad()
    def refine(self, size: tuple[int, int]) -> None:
        """Interpolate the prototypes and their deviations to (h, w) pixels."""
        super().refine(size)
        self.sigmas = _finer(self.sigmas, size)

    def costs(self, x: Images) -> Float[Tensor, "b k"]:
        """−log π_j − log N(x; T_j c_j, T_j Σ_j), in nats."""
        betas = self.transformer.betas(x)
        return self._in_groups(self._surprise, x, betas).T - self.mixing.log_softmax(0)

    def _surprise(self, x: Images, betas: Sequence[Tensor], some: slice) -> Float[Tensor, "k n"]:
        """−log N(x; T_j c_j, T_j Σ_j) for the prototypes j in ``some``."""
        own = [beta[some] for beta in betas]
        mean = self.transformer.transform(self.prototypes[some], own)
        variance = self.transformer.transform(self.sigmas[some], own, spatial=True).square() + self.least
        each = (pooled(x, mean.shape[-2:]) - mean).square() / variance + variance.log() + math.log(2 * math.pi)
        return 0.5 * each.flatten(2).sum(2)

    def loss(self, costs: Float[Tensor, "b k"]) -> Float[Tensor, ""]:
        """The mean over images of −log p(x)."""
        return -(-costs).logsumexp(1).mean()


def _finer(picture: Tensor, size: tuple[int, int]) -> nn.Parameter:
    return nn.Parameter(functional.interpolate(picture, size=size, mode="bilinear", align_corners=False))
