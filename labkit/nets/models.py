"""The networks."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from labkit.shapes import Float, Images, Logits, images


class Normalize(nn.Module):
    """``(x - mean) / std``, a channel (or feature, dimension 1) at a time; the first layer of every model.

    Args:
        mean: one number, or one a channel.
        std: likewise; above zero.

    Raises:
        ValueError: if a ``std`` is not above zero, or ``mean`` and ``std`` disagree about the channels.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, mean: float | Sequence[float] | Tensor = 0.5, std: float | Sequence[float] | Tensor = 0.5
    ) -> None:
        super().__init__()
        mean, std = (v.tolist() if isinstance(v, Tensor) else v for v in (mean, std))
        self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.get_default_dtype()).reshape(-1))
        self.register_buffer("std", torch.as_tensor(std, dtype=torch.get_default_dtype()).reshape(-1))
        # Looks at the arguments: the buffers may be on the meta device.
        numbers = [float(s) for s in std] if isinstance(std, Sequence) else [float(std)]
        if len(self.mean) != len(self.std) and 1 not in (len(self.mean), len(self.std)):
            raise ValueError(f"mean has {len(self.mean)} channels, std has {len(self.std)}; expected as many")
        if not all(number > 0 for number in numbers):
            raise ValueError(f"std is {numbers}; expected numbers above zero")

    @classmethod
    def of(cls, x: Float[Tensor, "b c *rest"]) -> "Normalize":
        """The one that gives the data ``x`` mean 0 and standard deviation 1 in each channel.

        A channel that never changes is only centred.
        """
        dims = [d for d in range(x.ndim) if d != 1]
        std, mean = torch.std_mean(x, dim=dims, correction=0)
        return cls(mean.tolist(), torch.where(std > 0, std, torch.ones_like(std)).tolist()).to(x.device)

    def forward(self, x: Float[Tensor, "b c *rest"]) -> Float[Tensor, "b c *rest"]:
        if not x.is_floating_point():
            raise ValueError(f"the model takes floats from 0 to 1; x is {x.dtype}: use x.float() / 255")
        channels = max(len(self.mean), len(self.std))
        if channels not in (1, x.shape[1]):
            raise ValueError(f"the model normalises {channels} channels; x has shape {tuple(x.shape)}")
        shape = (1, -1) + (1,) * (x.ndim - 2)
        return (x - self.mean.view(shape)) / self.std.view(shape)

    def extra_repr(self) -> str:
        return f"channels={max(len(self.mean), len(self.std))}"


class Classifier(nn.Module):
    """``head(body(normalize(x)))``: three modules that can be read, frozen and replaced one by one.

    Args:
        normalize: the first layer.
        body: turns the normalised images into features (B, width).
        width: the number of features.
        classes: the number of logits; ``head`` is one linear layer.
    """

    def __init__(self, normalize: nn.Module, body: nn.Module, *, width: int, classes: int) -> None:
        super().__init__()
        self.normalize = normalize
        self.body = body
        self.width = width
        self.head: nn.Module = nn.Linear(width, classes)

    def features(self, x: Float[Tensor, " b *rest"]) -> Float[Tensor, "b n"]:
        """What the head sees: (B, width)."""
        return self.body(self.normalize(x))

    def forward(self, x: Float[Tensor, " b *rest"]) -> Logits:
        return self.head(self.features(x))


class MLP(Classifier):
    """A multilayer perceptron with ReLU, for vectors (B, N) or images (B, C, H, W), which it flattens.

    Parameters: the sum of ``(n_in + 1) n_out`` over its layers.

    Args:
        inputs: the number of numbers in one sample, C·H·W for images.
        classes: the number of logits.
        hidden: the widths of the hidden layers; empty for a linear classifier.
        dropout: the probability of dropping a hidden unit in training.
        mean, std: of the normalisation, for each feature or channel.
    """

    def __init__(
        self,
        inputs: int,
        classes: int,
        *,
        hidden: Sequence[int] = (128, 128),
        dropout: float = 0.0,
        mean: float | Sequence[float] = 0.5,
        std: float | Sequence[float] = 0.5,
    ) -> None:
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in zip([inputs, *hidden], hidden):
            layers += [nn.Linear(before, after), nn.ReLU()]
            if dropout:
                layers.append(nn.Dropout(dropout))
        width = hidden[-1] if hidden else inputs
        super().__init__(Normalize(mean, std), nn.Sequential(*layers), width=width, classes=classes)
        self.inputs = inputs

    def features(self, x: Float[Tensor, " b *rest"]) -> Float[Tensor, "b n"]:
        """What the head sees: (B, width).

        Raises:
            ValueError: if a sample does not consist of ``inputs`` numbers.
        """
        if x.shape[1:].numel() != self.inputs:
            raise ValueError(f"this MLP takes {self.inputs} numbers a sample; x has shape {tuple(x.shape)}")
        return super().features(x)


class CNN(Classifier):
    """A small convolutional network for images of any size and shape from 2^depth pixels a side.

    ``depth`` times: convolution 3×3, batch normalisation, ReLU, maximum of each 2×2; twice as many channels
    each time. The mean over what is left of the picture makes the features. With the defaults it has about
    94,000 parameters, and learns scikit-learn's digits in seconds on a laptop.

    Parameters: ``sum_i (9 c_i c_{i+1} + 2 c_{i+1})`` with ``c_0 = channels, c_i = width 2^(i-1)``, plus the head's
    ``(c_depth + 1) classes``. Without batch normalisation the 2 (scale and shift) becomes 1 (bias).

    Args:
        channels: of the images: 1 for grey, 3 for colour.
        classes: the number of logits.
        width: the channels after the first convolution.
        depth: the number of halvings.
        batch_norm: whether to normalise over the batch; without it samples never see each other.
        dropout: the probability of dropping a feature in training.
        mean, std: of the normalisation, in pixel units.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        *,
        width: int = 32,
        depth: int = 3,
        batch_norm: bool = True,
        dropout: float = 0.0,
        mean: float | Sequence[float] = 0.5,
        std: float | Sequence[float] = 0.5,
    ) -> None:
        widths = [channels, *(width * 2**i for i in range(depth))]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers.append(nn.Conv2d(before, after, 3, padding=1, bias=not batch_norm))
            layers += [nn.BatchNorm2d(after)] if batch_norm else []
            layers += [nn.ReLU(), nn.MaxPool2d(2)]
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        layers += [nn.Dropout(dropout)] if dropout else []
        super().__init__(Normalize(mean, std), nn.Sequential(*layers), width=widths[-1], classes=classes)
        self.smallest = 2**depth

    def features(self, x: Images) -> Float[Tensor, "b n"]:
        """What the head sees: (B, width).

        Raises:
            ValueError: if x isn't a batch of images, or they are so small that nothing is left after the halvings.
        """
        if min(images(x).shape[-2:]) < self.smallest:
            raise ValueError(f"this CNN needs images of {self.smallest} pixels a side; these are {tuple(x.shape[-2:])}")
        return super().features(x)


class ResNet(Classifier):
    """The residual network for 32² images of He et al., "Deep Residual Learning" (2015), section 4.2.

    ``6 blocks + 2`` layers: one convolution, three stages of ``blocks`` residual blocks at full, half and quarter
    resolution with ``width``, ``2 width`` and ``4 width`` channels, the mean, and the head. Shortcuts have no
    parameters (their option A). Any image size from 4 pixels a side will do.

    Args:
        channels: of the images.
        classes: the number of logits.
        blocks: a stage; 3 makes the ResNet-20 of the paper, with 269,722 parameters at ten classes.
        width: the channels of the first stage.
        mean, std: of the normalisation, in pixel units.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        *,
        blocks: int = 3,
        width: int = 16,
        mean: float | Sequence[float] = 0.5,
        std: float | Sequence[float] = 0.5,
    ) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(channels, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        ]
        before = width
        for after in (width, 2 * width, 4 * width):
            for _ in range(blocks):
                layers.append(Residual(before, after))
                before = after
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        super().__init__(Normalize(mean, std), nn.Sequential(*layers), width=before, classes=classes)

    def features(self, x: Images) -> Float[Tensor, "b n"]:
        """What the head sees: (B, width).

        Raises:
            ValueError: if x isn't a batch of images.
        """
        return super().features(images(x))


class Residual(nn.Module):
    """``relu(x + g(x))`` with ``g`` two convolutions; halves the resolution where it widens."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.stride = 1 if before == after else 2
        self.widen = after - before
        self.g = nn.Sequential(
            nn.Conv2d(before, after, 3, stride=self.stride, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
        )

    def forward(self, x: Images) -> Float[Tensor, "b after h2 w2"]:
        shortcut = functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.widen))
        return functional.relu(shortcut + self.g(x))
