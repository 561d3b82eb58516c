"""The memory of the discriminator: images that earlier refiners made.

    D's refined batch = {m fresh images} ∪ {m drawn from the past},      then m of the past are replaced by the fresh

all draws uniform and without replacement. Without it D forgets what R did before, and R may bring old flaws back.
Shrivastava and others (2017), section 2.3.
"""

import torch
from torch import Tensor

from labkit.shapes import Float

ImageStack = Float[Tensor, " m *rest"]


def mix(
    fresh: ImageStack, past: Float[Tensor, " n *rest"], *, generator: torch.Generator
) -> tuple[Float[Tensor, " k *rest"], Float[Tensor, " n *rest"]]:
    """Half a batch from the past, and the past renewed.

    Args:
        fresh: m images, as the refiner makes them now.
        past: the buffer, n ≥ m images.
        generator: where the draws come from.

    Returns:
        The batch (2m, …): the fresh images, then m of the past; and the new past (n, …), in which m others, or the
        same, have been replaced by the fresh ones. Nothing is changed in place.

    Raises:
        ValueError: if the past holds fewer images than are fresh, or images of another shape.
    """
    m, n = len(fresh), len(past)
    if fresh.shape[1:] != past.shape[1:] or m > n:
        raise ValueError(
            f"fresh has shape {tuple(fresh.shape)}, the past {tuple(past.shape)}; expected images of one shape, "
            "and at least as many in the past"
        )
    drawn, replaced = (
        torch.randperm(n, generator=generator, device=generator.device)[:m].to(past.device) for _ in range(2)
    )
    return torch.cat([fresh, past[drawn]]), past.index_copy(0, replaced, fresh)


class ImageHistoryBuffer:
    """The buffer: it fills with what it is given, and from then on keeps its size.

    Args:
        capacity: how many images it holds.

    Attributes:
        images: what it holds, None before the first batch.

    Raises:
        ValueError: if ``capacity`` is below 1.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"capacity is {capacity}; expected 1 image or more")
        self.capacity = capacity
        self.images: Tensor | None = None

    def __len__(self) -> int:
        return 0 if self.images is None else len(self.images)

    def query(self, fresh: ImageStack, *, generator: torch.Generator) -> Float[Tensor, " k *rest"]:
        """Fresh images (m, …) with as many of the past, (2m, …); the past takes the fresh ones in.

        As long as the past holds fewer than m, the batch is the fresh ones alone.

        Raises:
            ValueError: if there are more fresh images than the buffer can hold, or their shape changes.
        """
        fresh = fresh.detach()
        if len(fresh) > self.capacity:
            raise ValueError(f"there are {len(fresh)} fresh images; the buffer holds {self.capacity}")
        if self.images is None:
            self.images = fresh.clone()
            return fresh
        room = self.capacity - len(self.images)
        if len(self.images) >= len(fresh):
            batch, renewed = mix(fresh, self.images, generator=generator)
        else:
            batch, renewed = fresh, self.images
        self.images = renewed if room == 0 else torch.cat([self.images, fresh[:room]])
        return batch
