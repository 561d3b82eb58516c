"""The network of the paper for digits, in three parts.

    f = body((x − mean) / std)      convolution 5×5 to 32, pool, convolution 5×5 to 48, pool
    label:  768 – 100 – 100 – 10            domain: 768 – 100 – 1

Y. Ganin and others (2016), figure 4a. No batch normalisation, no dropout: images of a batch never see each other.
"""

from collections.abc import Sequence

from torch import nn

from labkit.nets import MLP, Classifier, Normalize


class DigitNet(Classifier):
    """The paper's classifier for MNIST → MNIST-M. Its features come after the second pooling, 768 of them at 28×28.

    Args:
        channels: the number of channels of the images.
        classes: the number of logits.
        size: the side of the images, 16 or more.
        widths: the numbers of channels of the two convolutions.
        hidden: the width of the two hidden layers of the label's head.
        mean: the mean of the images, for each channel; it is subtracted.
        std: the standard deviation of the images; they are divided by it. The paper does not mention a scale.

    Raises:
        ValueError: if ``size`` is below 16.
    """

    def __init__(
        self,
        channels: int = 3,
        classes: int = 10,
        *,
        size: int = 28,
        widths: tuple[int, int] = (32, 48),
        hidden: int = 100,
        mean: float | Sequence[float] = 0.5,
        std: float | Sequence[float] = 1.0,
    ) -> None:
        if size < 16:
            raise ValueError(f"size is {size}; expected images of 16 pixels a side or more")
        body = nn.Sequential(
            nn.Conv2d(channels, widths[0], 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(widths[0], widths[1], 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        )  # fmt: skip
        width = widths[1] * (((size - 4) // 2 - 4) // 2) ** 2
        super().__init__(Normalize(mean, std), body, width=width, classes=classes)
        self.head = nn.Sequential(
            nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, classes)
        )


def domain_discriminator(width: int, *, hidden: Sequence[int] = (100,)) -> MLP:
    """The domain's head: from features (B, width) to one logit (B, 1), above 0 for "target"."""
    return MLP(width, 1, hidden=hidden, mean=0.0, std=1.0)
