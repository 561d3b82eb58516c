"""What is trained and tested for ``benchmarks.medical``: arms, test sets, and one run of each experiment."""

import copy
from functools import lru_cache, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import brain_mri, kit
from benchmarks.kit import Row
from labkit import metrics, nets, train
from labkit.augment import Compose, Sometimes, Transform, image, medical
from labkit.data import simulate

RADIUS = (0.06, 0.11)
BATCH = 8
LR = 2e-2  # the largest of one cycle
GEOMETRIC = medical.AffineElastic(20, (0.8, 1.25), dx=2, dy=2, flip=0.5)
INTENSITY = Compose([medical.Gamma(), medical.BiasField(0.3), medical.RicianNoise((0.0, 0.06))])
LIGHT = Compose([medical.Gamma((0.9, 1.1)), medical.RicianNoise((0.0, 0.01))])
HEAVY = Compose([medical.Gamma((0.5, 2.0)), image.Contrast(0.4), medical.RicianNoise((0.0, 0.15))])
SHIFTS = medical.AffineElastic(0, (1.0, 1.0), dx=3, dy=3, flip=0.5)


def pasted(**knobs: Any) -> Transform:
    """A paste into seven of ten pictures."""
    return Sometimes(medical.PasteLesion(**knobs), 0.7)


TUMOURS: dict[str, Transform | None] = {
    "none": None,
    "geometric": GEOMETRIC,
    "intensity": INTENSITY,
    "geometric and intensity": Compose([GEOMETRIC, INTENSITY]),
    "paste anywhere": pasted(where="anywhere"),
    "paste in the organ": pasted(),
    "paste in the organ, and healthy patches": Compose([pasted(), pasted(what="healthy", width=0.0)]),
}
DIFFERENTIAL: dict[str, Transform | None] = {
    "light everywhere": LIGHT,
    "aggressive everywhere": HEAVY,
    "aggressive inside, light outside (the deck)": medical.Differential(inside=HEAVY, outside=LIGHT),
    "light inside, aggressive outside (KeepAugment)": medical.Differential(inside=LIGHT, outside=HEAVY),
}


def slices(n: int, seed: int, *, size: int, tumour: float = 1.0) -> tuple[Tensor, Tensor]:
    """Slices (n, 1, H, W), and lesion and organ (n, 2, H, W)."""
    d = simulate.brain(n, generator=kit.seeded(seed), size=size, tumour=tumour, radius=RADIUS)
    return d.x, torch.stack([d.extra["mask"], d.extra["brain"]], 1)


def test_sets(x: Tensor, mask: Tensor, seed: int) -> dict[str, tuple[Tensor, Tensor]]:
    """The same slices from the same scanner, from another one, and in another pose: pictures and lesions."""
    g = kit.seeded(10_000 + seed)
    scanner = Compose([medical.Gamma((0.6, 1.7)), medical.BiasField(0.5), medical.RicianNoise((0.02, 0.08))])
    moved = medical.AffineElastic((15, 30), (0.8, 1.2), dx=3, dy=3)(x, mask=mask, generator=g)
    return {
        "same": (x, mask[:, 0]),
        "scanner": (scanner(x, generator=g), mask[:, 0]),
        "pose": (moved.x, moved.mask[:, 0]),
    }


def learn(
    x: Tensor, mask: Tensor, policy: Transform | None, *, steps: int, seed: int, lr: float,
    unlabelled: Tensor | None = None,    view: medical.AffineElastic | None = None, values: Transform | None = None,
) -> nets.UNet:  # fmt: skip
    """A U-Net after ``steps`` batches; a mean teacher where there are unlabelled pictures, and then the teacher."""
    g = kit.seeded(seed)
    with nets.seeded_weights(seed):
        net = nets.UNet(1, prior=0.03, mean=0.35, std=0.25)
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps + 1)
    chosen = [torch.randint(len(x), (BATCH,), generator=g) for _ in range(steps)]
    if unlabelled is None:
        step = medical.segmentation_step(net, optimizer, policy=policy, generator=g)
        train.fit(step, [(x[i], mask[i]) for i in chosen], epochs=1, on_step=schedule)
        return net
    teacher = copy.deepcopy(net)
    assert view is not None
    both = medical.MeanTeacherStep(
        net,
        teacher,
        optimizer,
        labelled=policy,
        unlabelled=view,
        values=values,
        weight=5.0,
        warm_up=steps // 2,
        generator=g,
    )
    others = [unlabelled[torch.randint(len(unlabelled), (BATCH,), generator=g)] for _ in range(steps)]
    train.fit(both, [((x[i], mask[i]), u) for i, u in zip(chosen, others, strict=True)], epochs=1, on_step=schedule)
    return teacher


def judged(net: nets.UNet, x: Tensor, mask: Tensor) -> Row:
    """Dice on slices with a tumour, recall a lesion, false positives a slice."""
    p = metrics.predict(net, x)[:, 0] > 0
    counted = metrics.lesion_detection(p, mask, least=2)
    sick = mask.flatten(1).any(1)
    return {
        "dice": float(metrics.dice(p, mask)[sick].mean()),
        "recall": counted.recall,
        "false": counted.false_positives,
    }


def fooled(net: nets.UNet, size: int, seed: int) -> float:
    """The share of healthy patches, pasted with a hard edge into healthy slices, that the network calls a lesion."""
    mask = slices(100, 30_000 + seed, size=size)[1]
    healthy = simulate.brain(100, generator=kit.seeded(30_000 + seed), size=size, tumour=1.0, radius=RADIUS).extra[
        "healthy"
    ]
    paste = medical.PasteLesion(what="healthy", width=0.0)
    params = paste.make_params(healthy, generator=kit.seeded(seed), mask=mask)
    before, after = (metrics.predict(net, v)[:, 0] > 0 for v in (healthy, paste.apply(healthy, params)))
    there = params["pasted"].flatten(1).any(1)
    called = (after & ~before & params["pasted"]).flatten(1).any(1)
    return float(called[there].double().mean())


def train_tumours(arm: str, labelled: int, steps: int, size: int, seed: int) -> Row:
    """One arm, one seed, all test sets."""
    x, mask = slices(labelled, 1000 + seed, size=size)
    net = learn(x, mask, {**TUMOURS, **DIFFERENTIAL}[arm], steps=steps, seed=seed, lr=LR)
    row: Row = {"fooled": fooled(net, size, seed)}
    for name, pair in test_sets(*slices(100, 20_000 + seed, size=size, tumour=0.7), seed).items():
        row |= {f"{name} {figure}": value for figure, value in judged(net, *pair).items()}
    return row


AGGRESSIVE = Compose([GEOMETRIC, INTENSITY])
SEMI: dict[str, Row] = {
    "labelled only, aggressive": {"policy": AGGRESSIVE},
    "labelled aggressive, unlabelled light (the deck)": {"policy": AGGRESSIVE, "view": SHIFTS},
    "labelled light, unlabelled aggressive (its reverse)": {"policy": SHIFTS, "view": GEOMETRIC, "values": INTENSITY},
}


def train_semi(arm: str, labelled: int, unlabelled: int, steps: int, size: int, seed: int) -> Row:
    """One pair of policies, one seed."""
    x, mask = slices(labelled, 1000 + seed, size=size)
    u = slices(unlabelled, 40_000 + seed, size=size)[0] if "view" in SEMI[arm] else None
    net = learn(x, mask, steps=steps, seed=seed, lr=LR, unlabelled=u, **SEMI[arm])
    row: Row = {}
    for name, pair in test_sets(*slices(100, 20_000 + seed, size=size, tumour=0.7), seed).items():
        row |= {f"{name} {figure}": value for figure, value in judged(net, *pair).items()}
    return row


def anatomy(size: int) -> tuple[Tensor, Tensor]:
    """Axial slices of the MNI template (n, 1, H, W) in [0, 1], and grey and white matter (n, 2, H, W)."""
    try:
        from nilearn import datasets
    except ImportError as error:
        raise kit.Missing("nilearn is not installed; its package holds the template") from error
    volumes = [
        torch.from_numpy(load(resolution=2).get_fdata()).float()
        for load in (datasets.load_mni152_template, datasets.load_mni152_gm_template, datasets.load_mni152_wm_template)
    ]
    picture, grey, white = (
        image.resize(v.permute(2, 1, 0)[25:70].flip(1)[:, None], size=(size, size)) for v in volumes
    )
    return (picture / picture.max()).clamp(0, 1), torch.cat([grey, white], 1) > 0.5


ANATOMY: dict[str, Transform | None] = {
    "none": None,
    "geometric": medical.AffineElastic(20, (0.8, 1.25), dx=2, dy=2),
    "intensity": INTENSITY,
    "geometric and intensity": Compose([medical.AffineElastic(20, (0.8, 1.25), dx=2, dy=2), INTENSITY]),
}


def train_anatomy(arm: str, steps: int, size: int, seed: int) -> Row:
    """Grey and white matter from four slices; tested on slices at least two away from them."""
    x, mask = anatomy(size)
    near = torch.tensor([6, 16, 26, 36]) + seed % 3
    far = torch.tensor([i for i in range(len(x)) if min(abs(i - int(k)) for k in near) >= 2])
    g = kit.seeded(seed)
    with nets.seeded_weights(seed):
        net = nets.UNet(1, 2, mean=0.35, std=0.3)
    optimizer = torch.optim.Adam(net.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-2, total_steps=steps + 1)
    policy = ANATOMY[arm]

    def step(index: Tensor) -> dict[str, Tensor]:
        pair = (x[index], mask[index])
        if policy is not None:
            moved = policy(pair[0], mask=pair[1], generator=g)
            pair = moved.x, moved.mask
        loss = medical.segmentation_loss(net(pair[0]).flatten(0, 1)[:, None], pair[1].flatten(0, 1))
        train.descend(optimizer, loss)
        return {"loss": loss.detach()}

    train.fit(step, [near[torch.randint(4, (BATCH,), generator=g)] for _ in range(steps)], epochs=1, on_step=schedule)
    g = kit.seeded(500 + seed)
    scanner = Compose([medical.Gamma((0.6, 1.7)), medical.BiasField(0.4), image.GaussianNoise((0.02, 0.06))])
    moved = medical.AffineElastic((10, 25), (0.8, 1.2), dx=3, dy=3)(x[far], mask=mask[far], generator=g)
    sets = {
        "same": (x[far], mask[far]),
        "scanner": (scanner(x[far], generator=g), mask[far]),
        "pose": (moved.x, moved.mask),
    }
    return {
        name: float(metrics.dice((metrics.predict(net, v) > 0).flatten(0, 1), m.flatten(0, 1)).mean())
        for name, (v, m) in sets.items()
    }


SCANS: dict[str, Transform | None] = {
    "none": None,
    "geometric": medical.AffineElastic(15, (0.85, 1.15), dx=4, dy=4, flip=0.5),
    "intensity": INTENSITY,
    "geometric and intensity": Compose([medical.AffineElastic(15, (0.85, 1.15), dx=4, dy=4, flip=0.5), INTENSITY]),
}


@lru_cache(1)
def scans(size: int) -> tuple[Tensor, Tensor]:
    """Real brain slices (227, 1, H, W) in [0, 1], and whether a tumour was seen in them."""
    pictures, y = zip(*brain_mri.slices())
    x = [torch.from_numpy(np.array(picture))[None, None].float() / 255 for picture in pictures]
    return torch.cat([image.resize(one, size=(size, size)).clamp(0, 1) for one in x]), torch.tensor(y)


def train_scans(arm: str, labelled: int, steps: int, size: int, seed: int) -> Row:
    """Tumour or none, from so many slices of each class; tested on all others."""
    (x, y), g, policy = scans(size), kit.seeded(seed), SCANS[arm]
    order = torch.randperm(len(y), generator=g)
    known = torch.cat([order[y[order] == k][:labelled] for k in (0, 1)])
    others = order[~torch.isin(order, known)]
    with nets.seeded_weights(seed):
        net = nets.CNN(1, 2, width=8, mean=0.2, std=0.2)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    augment = train.identity if policy is None else partial(policy, generator=g)
    step = train.supervised_step(net, optimizer, augment=augment)
    chosen = [known[torch.randint(len(known), (20,), generator=g)] for _ in range(steps)]
    train.fit(step, [(x[i], y[i]) for i in chosen], epochs=1, on_step=schedule)
    answer = metrics.predict(net, x[others]).argmax(1)
    seen, cleared = metrics.sensitivity(answer, y[others]), metrics.specificity(answer, y[others])
    return {"sensitivity": seen, "specificity": cleared, "balanced": (seen + cleared) / 2}
