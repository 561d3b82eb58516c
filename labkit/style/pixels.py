"""Style transfer by descent on the pixels: no network learns anything, the picture itself is what is optimised.

    z ← argmin_z  α ‖F(z) − F(c)‖²/(N M) + β Σ_l w_l E_l(z, s) + γ TV(z)

from the content picture or from noise, by L-BFGS. Gatys, Ecker and Bethge (CVPR 2016). The encoder's weights are
neither moved nor given gradients. Pixels may leave [0, 1] on the way and are clamped at the end, outside of the graph:
a clamp inside would stop the gradient of every pixel that has left.
"""

from typing import NamedTuple

import torch
from torch import Generator, Tensor

from labkit import train
from labkit.shapes import Images
from labkit.style.losses import PerceptualLoss, Terms, pixels

STARTS = ("content", "noise")


class Stylized(NamedTuple):
    """The pictures in [0, 1], and the loss and its terms after each step, means over the pictures."""

    image: Images
    history: train.History


class PixelStep:
    """One iteration of L-BFGS on the pixels ``z``, for ``train.fit``: it needs no batch.

    The pictures of a batch share the length of a step; each has its own loss, and they meet nowhere else.

    Attributes:
        z: the pictures as they are now, not clamped.
    """

    def __init__(self, loss: PerceptualLoss, content: Images, start: Tensor) -> None:
        self.loss, self.kept = loss, loss.content(content)
        self.z = start.detach().clone().requires_grad_()
        # Its own tolerances end the search while the loss, a mean over many pixels, still falls.
        self.optimizer = torch.optim.LBFGS(
            [self.z], max_iter=1, max_eval=20, history_size=20, tolerance_grad=0, tolerance_change=0,
            line_search_fn="strong_wolfe",
        )  # fmt: skip

    def __call__(self, batch: object = None) -> dict[str, Tensor]:
        """One iteration: means over the pictures of the loss and its terms, from before it."""
        seen: list[Terms] = []

        def closure() -> Tensor:
            terms = self.loss(self.z, self.kept)
            total = terms.loss.sum() * self.z[0].numel()  # a mean over pixels has gradients too small to search by
            # Only the picture gets a gradient, whatever the encoder's parameters ask for.
            self.z.grad = torch.autograd.grad(total, self.z)[0]
            seen.append(Terms(*(v.detach() for v in terms)))
            return total.detach()

        self.optimizer.step(closure)
        return {name: value.mean() for name, value in seen[0]._asdict().items()}


def stylize_pixels(
    loss: PerceptualLoss,
    content: Images,
    *,
    start: str | Images = "content",
    steps: int = 30,
    generator: Generator | None = None,
) -> Stylized:
    """Pictures with the content of ``content`` and the style of ``loss``, by descent on their pixels.

    Args:
        loss: what is minimised; with ``content_weight=0`` the result is a texture as large as ``content``.
        content: (B, C, H, W) in [0, 1].
        start: ``"content"``, ``"noise"`` (uniform), or pictures of the shape of ``content``.
        steps: iterations of L-BFGS.
        generator: of the noise.

    Raises:
        ValueError: if these are no pictures in [0, 1], there is no such start, or ``steps`` is negative.

    >>> import torch
    >>> from labkit.style import FilterBank
    >>> c, s = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16)
    >>> result = stylize_pixels(PerceptualLoss(FilterBank(scales=2), s), c, steps=3)
    >>> tuple(result.image.shape), bool(result.history["loss"][-1] < result.history["loss"][0])
    ((1, 3, 16, 16), True)
    """
    pixels(content, name="content")
    if isinstance(start, Tensor):
        if start.shape != content.shape:
            raise ValueError(
                f"the start has the shape of content, {tuple(content.shape)}; this has {tuple(start.shape)}"
            )
        first = start
    elif start == "noise":
        device = content.device if generator is None else generator.device
        first = torch.rand(content.shape, dtype=content.dtype, device=device, generator=generator).to(content.device)
    elif start == "content":
        first = content
    else:
        raise ValueError(f"start is {start!r}; expected one of {', '.join(STARTS)}, or pictures")
    step = PixelStep(loss, content, first)
    history = train.fit(step, [None], epochs=steps)
    return Stylized(step.z.detach().clamp(0, 1), history)
