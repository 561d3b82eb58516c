"""Fast style transfer: train a network by the perceptual loss once, then each picture costs one forward pass.

    θ ← argmin_θ  E_c [ α ‖F(f_θ(c)) − F(c)‖² + β Σ_l w_l E_l(f_θ(c), s) + γ TV(f_θ(c)) ]      Johnson and others 2016
    θ ← argmin_θ  E_u [ Σ_l w_l E_l(g_θ(u), s) ],  u noise                                    a texture, Ulyanov 2016

The loss is that of ``labkit.style.pixels``; what differs is who moves: there the pixels, here the weights θ.

Johnson, Alahi and Li (ECCV 2016); Ulyanov, Lebedev, Vedaldi and Lempitsky, "Texture Networks" (ICML 2016).
"""

import torch
from torch import Generator, Tensor, nn

from labkit import train
from labkit.style.losses import PerceptualLoss


def fast_style_step(
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: PerceptualLoss,
    *,
    styles: int = 1,
    generator: Generator | None = None,
) -> train.Step[tuple[Tensor, ...]]:
    """A step for ``train.fit``: the network paints a batch of content pictures, each in a style that is drawn.

    Args:
        net: from pictures (and, for several styles, an index (B,)) to pictures: a ``StyleNet``.
        optimizer: of its parameters.
        loss: with as many style pictures.
        styles: how many there are.
        generator: of the styles.

    Returns:
        A step for batches whose first entry is pictures; it reports ``loss``, ``content`` and ``style``.

    Raises:
        ValueError: if ``loss`` has another number of styles.
    """
    if len(loss.targets[0]) != styles:
        raise ValueError(f"the loss has {len(loss.targets[0])} styles, not {styles}")

    def step(batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        x = batch[0]
        index = None
        if styles > 1:
            device = x.device if generator is None else generator.device
            index = torch.randint(styles, (len(x),), generator=generator, device=device).to(x.device)
        net.train()
        z = net(x) if index is None else net(x, index)
        terms = loss(z, x, index=index)
        value = terms.loss.mean()
        train.descend(optimizer, value)
        return {"loss": value.detach(), "content": terms.content.mean().detach(), "style": terms.style.mean().detach()}

    return step


def texture_step(
    net: nn.Module, optimizer: torch.optim.Optimizer, loss: PerceptualLoss
) -> train.Step[tuple[Tensor, ...]]:
    """A step for ``train.fit``: the network turns noise into pictures whose Gram matrices are the style's.

    Args:
        net: a generator, from noise to pictures: a ``Decoder``.
        optimizer: of its parameters.
        loss: with ``content_weight=0``.

    Returns:
        A step for batches whose first entry is noise; it reports ``loss``.

    Raises:
        ValueError: if the loss asks for content.
    """
    if loss.content_weight:
        raise ValueError("a texture has no content: make the loss with content_weight=0")

    def step(batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        net.train()
        value = loss(net(batch[0])).loss.mean()
        train.descend(optimizer, value)
        return {"loss": value.detach()}

    return step
