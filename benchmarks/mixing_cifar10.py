"""CIFAR-10 with and without mixing, as far as a processor goes: a part of ``benchmarks.mixing``.

A part of the training images and a small residual network; the papers use all 50,000 and far larger networks.
Images are flipped and moved by up to 4 pixels in every arm.
"""

import numpy as np
import torch
from torch import Tensor

from benchmarks.kit import real_data, seeded
from labkit import metrics, nets, train
from labkit.augment import image, mixing
from labkit.augment.pipeline import Compose

ARMS = {
    "plain": None,
    "mixup": mixing.Mixup(alpha=1.0, classes=10),
    "CutMix": mixing.CutMix(alpha=1.0, classes=10, p=0.5),
}
GEOMETRY = Compose([image.HorizontalFlip(p=0.5), image.Translate(dx=4, dy=4)])


def load(samples: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The first training images, and 1,000 official test images: float in [0, 1]."""
    with np.load(real_data("cifar10", "cifar10_subset.npz"), allow_pickle=False) as held:
        x, y = held["x_train"][:samples], held["y_train"][:samples]
        official = held["test_is_official"].astype(bool)
        x_test, y_test = held["x_test"][official], held["y_test"][official]

    def images(array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).permute(0, 3, 1, 2).float().div(255).contiguous().to(device)

    return images(x), torch.from_numpy(y).long().to(device), images(x_test), torch.from_numpy(y_test).long().to(device)


def error(arm: str, seed: int, *, samples: int, epochs: int, blocks: int, width: int, device: torch.device) -> float:
    """The test error after training one arm under one seed."""
    x, y, x_test, y_test = load(samples, device)
    g = seeded(seed)
    torch.manual_seed(seed)
    model = nets.ResNet(3, 10, blocks=blocks, width=width, mean=[0.491, 0.482, 0.447], std=[0.247, 0.243, 0.262])
    model = model.to(device, memory_format=torch.channels_last)
    batches = train.Minibatches(x, y, batch_size=32, generator=g, drop_last=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=epochs * len(batches))
    mix = ARMS[arm]

    def step(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        inputs = GEOMETRY(batch[0], generator=g)
        targets = mixing.one_hot(batch[1], classes=10)
        if mix is not None:
            mixed = mix(inputs, y=targets, generator=g)
            inputs, targets = mixed.x, mixed.y
        model.train()
        loss = mixing.soft_cross_entropy(model(inputs.contiguous(memory_format=torch.channels_last)), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        return {"loss": loss.detach()}

    train.fit(step, batches, epochs=epochs)
    return 1 - metrics.accuracy(metrics.predict(model, x_test), y_test)
