"""What users reported of other libraries, tried on this one: one case for each row of ``docs/robustness.md``.

A case is named for the report, ``owner/repository#number``. It does what the report did, in labkit's terms, and asserts
what labkit does. The last test holds the page to the cases.
"""

import re
import warnings
from functools import partial
from pathlib import Path

from labkit.augment import Compose, image, mixing  # before torchvision, which labkit makes importable

# isort: split
import numpy as np
import pytest
import torch
from scipy import linalg
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from labkit import (
    attacks,
    domain,
    dti,
    fair,
    finetune,
    gan,
    learned,
    masks,
    membership,
    metrics,
    nets,
    selftrain,
    train,
)
from labkit.augment import audio, series, text

PAGE = Path(__file__).parents[1] / "docs" / "robustness.md"
CASES = {}

pytestmark = pytest.mark.usefixtures("unchecked")  # what a user meets


def report(*names):
    """Register a case under the reports that it tries."""

    def register(case):
        for name in names:
            assert name not in CASES
            CASES[name] = case
        return case

    return register


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(b=4, c=3, h=24, w=32, seed=1):
    return torch.rand(b, c, h, w, generator=seeded(seed))


def light(top, left, bottom, right, *, h=48, w=64):
    """A dark picture with a bright box, its mask, the box, and the point in its middle."""
    x = torch.zeros(1, 1, h, w)
    x[..., top:bottom, left:right] = 1
    middle = [(left + right - 1) / 2, (top + bottom - 1) / 2]
    box = torch.tensor([[[left, top, right, bottom]]], dtype=torch.float32)
    return x, x[:, 0] > 0, box, torch.tensor([[middle]], dtype=torch.float32)


def refused(says, call):
    with pytest.raises(ValueError, match=says):
        call()


def hull(mask):
    """The smallest box around the pixels of a mask (H, W)."""
    rows, columns = mask.nonzero().unbind(1)
    return torch.stack([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]).float()


def boxes_and_points_follow(transform, *, slack=1.5):
    x, mask, box, point = light(14, 20, 26, 40)
    result = transform(x, mask=mask, boxes=box, keypoints=point, generator=seeded())
    assert float((result.boxes[0, 0] - hull(result.mask[0])).abs().max()) <= slack
    rows, columns = result.mask[0].nonzero().float().unbind(1)
    centre = torch.stack([columns.mean(), rows.mean()])
    assert float((result.keypoints[0, 0] - centre).abs().max()) <= slack
    return result


# ── where things go ───────────────────────────────────────────────────────────────────────────────────────────────────


@report("kornia/kornia#1568")
def boxes_and_keypoints_turn_with_the_picture():
    x, mask, box, point = light(20, 26, 28, 38)
    result = image.Rotate((45.15, 45.15))(x, mask=mask, boxes=box, keypoints=point)
    assert float((result.boxes[0, 0] - hull(result.mask[0])).abs().max()) <= 1.5
    assert bool(result.mask[0][tuple(result.keypoints[0, 0].round().long().flip(0))])


@report("kornia/kornia#3067")
def boxes_are_mirrored():
    x = torch.tensor([[[[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]]]) / 9
    mask, box = torch.tensor([[[0, 0, 1], [0, 1, 1], [1, 1, 1]]]), torch.tensor([[[0.0, 0, 2, 2]]])
    result = Compose([image.HorizontalFlip(1.0)])(x, mask=mask, boxes=box, y=torch.tensor([1]))
    assert torch.equal(result.x, x.flip(3))
    assert torch.equal(result.mask, mask.flip(2))
    assert result.boxes.tolist() == [[[1, 0, 3, 2]]]


@report("kornia/kornia#1534")
def a_pipeline_in_a_pipeline_moves_boxes_and_points():
    inner = Compose([image.Affine((90, 90), scale=(1, 1))])
    x, mask, box, point = light(14, 20, 26, 40)
    a = Compose([inner])(x, mask=mask, boxes=box, keypoints=point)
    b = image.Rotate((90, 90))(x, mask=mask, boxes=box, keypoints=point)
    torch.testing.assert_close(a.boxes, b.boxes)
    torch.testing.assert_close(a.keypoints, b.keypoints)
    assert not torch.equal(a.boxes, box)


@report("kornia/kornia#2522")
def a_box_agrees_with_its_mask_under_scale_and_shift():
    for seed in range(5):
        transform = image.Affine(0.0, dx=6, dy=4, scale=(0.9, 1.1))
        x, mask, box, _ = light(30, 40, 48, 64)
        result = transform(x, mask=mask, boxes=box, generator=seeded(seed))
        assert float((result.boxes[0, 0] - hull(result.mask[0])).abs().max()) <= 1
        assert result.boxes[0, 0, 2] <= 64
        assert result.boxes[0, 0, 3] <= 48


@report("albumentations-team/albumentations#2018")
def keypoints_follow_a_crop_that_is_resized():
    boxes_and_points_follow(image.RandomResizedCrop((40, 90), scale=(0.8, 1.0)), slack=2.5)


@report("albumentations-team/albumentations#433")
def keypoints_follow_a_resize_with_two_factors():
    result = boxes_and_points_follow(image.Resize((96, 32)))
    assert result.keypoints[0, 0].tolist() == [14.5, 39.5]


@report("albumentations-team/albumentations#1196")
def a_mask_turns_by_the_angle_of_its_picture():
    x = (pictures(1) > 0.5).float()
    for transform in (image.Rotate(60, interpolation="nearest"), image.HorizontalFlip(), image.VerticalFlip()):
        for seed in range(4):
            result = transform(x, mask=x[:, 0], generator=seeded(seed))
            assert torch.equal(result.mask, result.x[:, 0])


@report("albumentations-team/albumentations#2195")
def a_border_has_one_value_in_the_picture_and_another_in_the_mask():
    crop = image.RandomCrop((4, 5), padding=2, value=1.0, mask_value=2)
    result = crop(torch.zeros(1, 1, 1, 3), mask=torch.zeros(1, 1, 3, dtype=torch.int64), generator=seeded())
    assert set(result.mask.flatten().tolist()) == {0, 2}
    assert torch.equal(result.mask == 2, result.x[:, 0] == 1)


@report("albumentations-team/albumentations#1955")
def a_heat_map_is_one_more_channel():
    rows, columns = torch.meshgrid(torch.arange(24.0), torch.arange(32.0), indexing="ij")
    heat = torch.exp(-((rows - 11) ** 2 + (columns - 15) ** 2) / 20)[None, None]
    both = image.Rotate((30, 30))(torch.cat([pictures(1), heat], 1))
    as_mask = image.Rotate((30, 30))(pictures(1), mask=heat[:, 0]).mask
    smooth, stepped = (v.diff(dim=-1).diff(dim=-1).abs().max() for v in (both[:, 3], as_mask))
    assert float(smooth) < float(stepped)


@report("pytorch/vision#8654")
def a_picture_that_grows_and_its_annotations_have_one_canvas():
    x, mask, box, _ = light(0, 0, 48, 64)
    for seed in range(8):
        result = image.Rotate(45, expand=True)(x, mask=mask, boxes=box, generator=seeded(seed))
        h, w = result.x.shape[-2:]
        assert result.mask.shape[-2:] == (h, w)
        assert bool((result.boxes[..., 2:] <= torch.tensor([w, h])).all())
        assert float((result.boxes[0, 0] - hull(result.mask[0])).abs().max()) <= 1.5


@report("pytorch/vision#3309", "pytorch/vision#1759")
def a_turn_takes_no_fill_one_number_or_a_colour():
    x = pictures(1) + 0.1
    corner = lambda **k: image.Rotate((45, 45), **k)(x)[0, :, 0, 0].tolist()  # noqa: E731
    assert corner() == corner(value=(0,)) == [0, 0, 0]
    assert corner(value=1) == [1, 1, 1]
    assert corner(value=(1.0, 0.5, 0.0)) == [1, 0.5, 0]
    refused("3 channels", lambda: corner(value=(1.0, 0.5)))
    refused("value is None", lambda: corner(value=None))


@report("pytorch/vision#8793")
def the_box_of_a_single_pixel_has_an_extent():
    """A box is told by the edges of pixels: (l, t, r, b) is x[..., t:b, l:r]."""
    x, mask, box, _ = light(5, 7, 6, 8)
    assert box[0, 0].tolist() == [7, 5, 8, 6] == hull(mask[0]).tolist()
    moved = image.HorizontalFlip(1.0)(x, boxes=box).boxes
    assert image.visible_boxes(moved).tolist() == [[True]]


@report("kornia/kornia#785")
def four_pictures_are_no_special_case():
    transform = image.Affine((-45, 45), scale=(0.8, 1.4), shear_x=(0, 0.15))
    x = pictures(5)
    params = transform.make_params(x, generator=seeded())
    for n in (1, 3, 4, 5):
        part = transform.apply(x[:n], {name: value[:n] for name, value in params.items()})
        torch.testing.assert_close(part, transform.apply(x, params)[:n])


@report("kornia/kornia#2317")
def pictures_without_channels_are_refused():
    refused("at least one channel", lambda: image.Affine(20)(torch.rand(2, 0, 24, 24), generator=seeded()))


@report("kornia/kornia#3388")
def a_mask_may_have_more_layers_than_there_are_pictures():
    mask = torch.rand(1, 8, 24, 32, generator=seeded()) > 0.5
    result = image.Rotate((30, 30))(pictures(1), mask=mask).mask
    for layer in range(8):
        assert torch.equal(result[:, layer], image.Rotate((30, 30))(pictures(1), mask=mask[:, layer]).mask)


@report("kornia/kornia#2812")
def channels_last_are_refused_where_the_channels_matter():
    x = pictures().permute(0, 2, 3, 1)
    refused("these have 24", lambda: image.ColorJitter()(x, generator=seeded()))
    refused("normalises 3 channels", lambda: nets.Normalize([0.4, 0.5, 0.6], 0.2)(x))
    refused("this is a ndarray", lambda: image.rotate(x.numpy(), degrees=20.0))


@report("albumentations-team/albumentations#135", "mdbloice/Augmentor#221", "huggingface/datasets#6865")
def a_mask_holds_no_class_that_it_did_not_hold():
    mask = torch.tensor([0, 7, 200], dtype=torch.uint8)[torch.randint(0, 3, (4, 24, 32), generator=seeded())]
    for transform in (
        image.Rotate(40), image.Affine(20, shear_x=20), image.Perspective(), image.Elastic(40, 3),
        image.Resize((50, 17)), image.RandomResizedCrop((30, 30)), image.Scale(0.5),
        image.Rotate(40, expand=True, fill="reflect"),
    ):  # fmt: skip
        for given in (mask, mask[:, None] == torch.tensor([0, 7, 200]).view(3, 1, 1), mask.long() * 2**40):
            moved = transform(pictures(), mask=given, generator=seeded()).mask
            assert moved.dtype == given.dtype
            assert set(moved.unique().tolist()) <= set(given.unique().tolist())
        layers = transform(pictures(), mask=mask[:, None] == torch.tensor([7, 200]).view(2, 1, 1), generator=seeded())
        assert int(layers.mask.sum(1).max()) == 1


# ── colours ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@report("pytorch/vision#3219")
def alpha_survives_a_change_of_hue():
    x = pictures(2, 4)
    y = image.hue(x, shift=0.1)
    assert torch.equal(y[:, 3], x[:, 3])
    assert not torch.equal(y[:, :3], x[:, :3])


@report("kornia/kornia#1759", "pytorch/vision#9167")
def grey_pictures_are_jittered_and_two_bands_get_a_sentence():
    grey = pictures(2, 1)
    y = image.ColorJitter(0.5, 0.5)(grey, generator=seeded())
    assert y.shape == grey.shape
    assert not torch.equal(y, grey)
    refused("these have 2", lambda: image.ColorJitter()(pictures(2, 2), generator=seeded()))
    refused("these have 5", lambda: image.contrast(pictures(2, 5), factor=1.2))
    assert image.brightness(pictures(2, 5), factor=0.5).shape == (2, 5, 24, 32)


@report("pytorch/vision#5694")
def the_hue_of_values_below_zero_is_finite():
    x = pictures(2) * 2 - 1
    y = image.hue(x, shift=0.2)
    torch.testing.assert_close(y, image.hue(x + 1, shift=0.2) - 1)


@report("pytorch/vision#680", "pytorch/vision#517")
def nothing_works_in_the_place_of_its_input():
    x, mask = pictures(), torch.ones(4, 24, 32)
    before = x.clone()
    nets.Normalize([0.4, 0.5, 0.6], 0.2)(x)
    tried = 0
    for name in image.__all__:
        kind = getattr(image, name)
        if isinstance(kind, type) and issubclass(kind, image.ImageTransform) and "transform" not in name.lower():
            transform = kind((12, 12)) if name in ("RandomCrop", "RandomResizedCrop", "Resize") else kind()
            transform(x, mask=mask, generator=seeded())
            tried += 1
            assert torch.equal(x, before), name
            assert bool((mask == 1).all()), name
    assert tried >= 30


@report("kornia/kornia#4677", "pytorch/vision#4805", "DeepVoltaire/AutoAugment#27", "4uiiurz1/pytorch-auto-augment#2")
def a_larger_magnitude_changes_more():
    x = pictures(8)
    for operation in ("posterize", "solarize", "rotate", "brightness", "translate_x"):
        index = torch.full((8,), learned.OPERATIONS.index(operation))
        change = [
            float((learned.apply_operations(x, index, magnitude=m) - x).abs().mean()) for m in (0.0, 0.3, 0.6, 1.0)
        ]
        assert change == sorted(change), operation
        assert change[0] < 0.01 < change[3], operation
    refused("from 0 to 1", lambda: image.solarize(x, threshold=256 / 255))
    refused("from 0 to 8", lambda: image.posterize(x, bits=9))


@report("open-mmlab/mmpretrain#1711")
def a_blur_blurs():
    x = torch.zeros(1, 1, 64, 64)
    x[..., 16:48, 16:48] = 1
    y = image.GaussianBlur((3, 3))(x, generator=seeded())
    assert 0.05 < float(y[0, 0, 15, 32]) < 0.95
    assert float(y.sum()) == pytest.approx(float(x.sum()), rel=1e-4)


@report("kornia/kornia#4559")
def a_picture_smaller_than_a_kernel_is_filtered():
    for h, w in ((1, 1), (1, 9), (2, 2)):
        x = pictures(2, 3, h, w)
        for function in (
            partial(image.box_blur, kernel_size=3), partial(image.gaussian_blur, sigma=2.0),
            partial(image.sharpen, factor=1.5), partial(image.motion_blur, length=5.0, degrees=45.0),
        ):  # fmt: skip
            y = function(x)
            assert y.shape == x.shape
            assert bool(y.isfinite().all())


@report("kornia/kornia#1179", "kornia/kornia#1182")
def a_picture_shrinks_by_any_factor():
    x = pictures(1, 3, 64, 192)
    for size in ((48, 144), (47, 100), (13, 191), (1, 1)):
        y = image.resize(x, size=size)
        assert y.shape[-2:] == size
        assert float(y.mean()) == pytest.approx(float(x.mean()), abs=0.01)


# ── mixing ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@report("kornia/kornia#3077")
def the_weight_of_a_label_is_the_share_of_its_picture():
    x = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 1, 16, 20) / 4
    result = mixing.CutMix(classes=4)(x, y=torch.arange(4), generator=seeded(3))
    for i in range(4):
        own = float((result.x[i] == x[i]).float().mean())
        assert float(result.y[i, i]) == pytest.approx(own, abs=1e-6)


@report("clovaai/CutMix-PyTorch#1")
def a_box_cut_off_at_the_edge_changes_the_weight():
    boxes = mixing.cutmix_boxes(torch.tensor([0.5]), centres=torch.tensor([[0, 0]]), size=(32, 32))
    kept = float(mixing.share_kept(boxes, size=(32, 32)))
    assert kept == 1 - 11 * 11 / 32**2
    assert kept > 0.5


@report("kornia/kornia#4649")
def the_probability_of_mixing_counts_once():
    for transform in (mixing.Mixup(p=0.5), mixing.CutMix(p=0.5)):
        x = pictures(4000, 1, 4, 4)
        changed = (transform(x, generator=seeded()) != x).flatten(1).any(1).float().mean()
        # A box of CutMix may be empty, and a partner one's own: a little less than half.
        assert 0.35 < float(changed) < 0.53


@report("Megvii-BaseDetection/YOLOX#275")
def mixing_leaves_pictures_and_labels_as_they_were():
    x, y, mask = pictures(), torch.eye(4), torch.ones(4, 24, 32, dtype=torch.bool)
    before = x.clone()
    for transform in (mixing.Mixup(), mixing.CutMix()):
        transform(x, y=y, mask=mask, generator=seeded())
        assert torch.equal(x, before)
        assert torch.equal(y, torch.eye(4))
        assert bool(mask.all())


@report("huggingface/pytorch-image-models#1304")
def batches_of_odd_size_and_of_one_are_mixed():
    for n in (7, 1, 0):
        result = mixing.Mixup(classes=3)(pictures(n), y=torch.arange(n) % 3, generator=seeded())
        assert result.y.shape == (n, 3)
        torch.testing.assert_close(result.y.sum(1), torch.ones(n))


@report("facebookresearch/deit#91")
def the_loss_of_mixed_labels_takes_no_classes():
    refused("soft labels are float", lambda: mixing.soft_cross_entropy(torch.zeros(4, 3), torch.arange(4) % 3))
    logits, y = torch.randn(4, 3, generator=seeded()), torch.eye(3)[torch.arange(4) % 3]
    expected = functional.cross_entropy(logits, torch.arange(4) % 3)
    torch.testing.assert_close(mixing.soft_cross_entropy(logits, y), expected)


# ── class balance ─────────────────────────────────────────────────────────────────────────────────────────────────────


@report("scikit-learn-contrib/imbalanced-learn#1036")
def smote_gives_each_new_row_its_label_and_no_nan():
    x, y = torch.randn(7, 2, generator=seeded()), torch.tensor([0] * 5 + [1] * 2)
    grown = mixing.smote(x, y, k=1, generator=seeded())
    assert bool(grown.x.isfinite().all())
    assert torch.bincount(grown.y).tolist() == [5, 5]
    a, b = x[5:]
    for row in grown.x[7:]:
        share = float((row - a).dot(b - a) / (b - a).square().sum())
        torch.testing.assert_close(row, a + share * (b - a))


@report("scikit-learn-contrib/imbalanced-learn#572", "scikit-learn-contrib/imbalanced-learn#27")
def smote_takes_fewer_neighbours_where_there_are_fewer():
    x, y = torch.randn(9, 2, generator=seeded()), torch.tensor([0] * 6 + [1] * 3)
    assert torch.bincount(mixing.smote(x, y, k=5, generator=seeded()).y).tolist() == [6, 6]
    refused("class 1 has a single sample", lambda: mixing.smote(x[:7], y[:7], generator=seeded()))


@report("scikit-learn-contrib/imbalanced-learn#428", "scikit-learn-contrib/imbalanced-learn#39")
def resampling_repeats_with_its_generator_alone():
    y = torch.tensor([0] * 20 + [1] * 5)
    for function in (mixing.oversample, mixing.undersample, partial(mixing.balanced_sample, n=30)):
        first = function(y, generator=seeded())
        torch.manual_seed(5)
        np.random.seed(5)
        assert torch.equal(first, function(y, generator=seeded()))
        assert not torch.equal(first, function(y, generator=seeded(1)))


@report("scikit-learn-contrib/imbalanced-learn#450")
def resampling_keeps_the_type_of_the_data():
    y = torch.tensor([0] * 6 + [1] * 3)
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        assert mixing.smote(torch.randn(9, 2).to(dtype), y, k=2, generator=seeded()).x.dtype == dtype


# ── loaders ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class Noisy(Dataset):
    """Items with noise, from torch's generator or from one that the data set keeps."""

    def __init__(self, generator=None):
        self.generator = generator

    def __len__(self):
        return 16

    def __getitem__(self, i):
        return image.GaussianNoise((0.1, 0.1))(torch.full((1, 1, 2, 2), 0.5), generator=self.generator)[0]


def draws(loader):
    return [tuple(x.flatten().tolist()) for batch in loader for x in batch]


@report("pytorch/pytorch#5059", "facebookresearch/fairseq#1383", "xingyizhou/CenterNet#233")
def workers_draw_different_numbers_and_other_ones_in_the_next_epoch():
    knobs = {"batch_size": 2, "num_workers": 2, "multiprocessing_context": "fork"}
    loader = DataLoader(Noisy(), generator=seeded(), **knobs)
    assert len({*draws(loader), *draws(loader)}) == 32
    with pytest.raises(ValueError, match="each worker of the DataLoader has a copy"):
        draws(DataLoader(Noisy(seeded()), **knobs))


@report("pytorch/pytorch#7882")
def a_seed_of_torch_is_the_only_one():
    def run():
        torch.manual_seed(0)
        return Compose([image.Rotate(20), image.ColorJitter(), image.RandomErasing()])(pictures())

    first = run()
    np.random.seed(1)
    assert torch.equal(first, run())


# ── attacks ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def linear(scale=1.0, classes=3):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, classes))
    with torch.no_grad():
        model[1].weight.mul_(scale)
    return model


@report("bethgelab/foolbox#602")
def pictures_out_of_bounds_are_refused():
    x, y = pictures(4, 3, 4, 4) * 4 - 2, torch.arange(4) % 3
    for attack in (attacks.fgsm, attacks.bim, attacks.pgd):
        refused("bounds", lambda attack=attack: attack(linear(), x, y, eps=0.1))
    assert attacks.fgsm(linear(), x, y, eps=0.1, bounds=(-2.0, 2.0)).shape == x.shape


@report("bethgelab/foolbox#82", "bethgelab/foolbox#681")
def a_budget_is_in_units_of_the_picture():
    x, y = pictures(4, 3, 4, 4), torch.arange(4) % 3
    model = nn.Sequential(nets.Normalize([0.4, 0.5, 0.6], [0.1, 0.2, 0.3]), linear())
    moved = attacks.pgd(model, x, y, eps=0.1, generator=seeded())
    assert float((moved - x).abs().max()) <= 0.1 + 1e-6
    assert 0 <= float(moved.min()) <= float(moved.max()) <= 1


@report("bethgelab/foolbox#674")
def success_is_what_the_model_answers_afterwards():
    x, model = pictures(60, 3, 4, 4), linear()
    y = model(x).argmax(1)
    for eps in (0.003, 0.01, 0.1):
        moved = attacks.fgsm(model, x, y, eps=eps)
        answers = model(moved).argmax(1)
        assert attacks.success_rate(y, answers, y) == float((answers != y).double().mean())
        assert attacks.robust_accuracy(model, x, y, partial(attacks.fgsm, eps=eps)) == float(
            (answers == y).double().mean()
        )


@report("bethgelab/foolbox#207")
def a_step_has_the_length_that_was_asked_for():
    x, y = pictures(4, 3, 4, 4) * 0.5 + 0.25, torch.arange(4) % 3
    for eps in (0.03, 0.04, 0.085):
        torch.testing.assert_close((attacks.fgsm(linear(), x, y, eps=eps) - x).abs(), torch.full_like(x, eps))


@report("Trusted-AI/adversarial-robustness-toolbox#824")
def a_model_that_answers_nan_is_not_robust():
    model = linear()
    with torch.no_grad():
        model[1].bias[0] = torch.nan
    for attack in (attacks.fgsm, attacks.pgd):
        refused(
            "model's answer is nan",
            lambda attack=attack: attack(model, pictures(4, 3, 4, 4), torch.arange(4) % 3, eps=0.1),
        )


@report("Trusted-AI/adversarial-robustness-toolbox#894")
def a_model_too_sure_for_a_gradient_is_attacked_by_its_margin():
    x, model = pictures(20, 3, 4, 4), linear(scale=3000.0)
    y = model(x).argmax(1)
    by_entropy, by_margin = (
        attacks.fgsm(model, x, y, eps=0.3, loss=loss) for loss in (attacks.cross_entropy, attacks.margin)
    )
    assert bool((by_entropy == x).flatten(1).all(1).any())
    assert bool((by_margin != x).flatten(1).any(1).all())
    assert attacks.success_rate(y, model(by_margin), y) > attacks.success_rate(y, model(by_entropy), y)


@report("Trusted-AI/adversarial-robustness-toolbox#696")
def every_sample_of_a_batch_is_attacked():
    x, y, model = pictures(5, 3, 4, 4), torch.arange(5) % 3, linear()
    together = attacks.bim(model, x, y, eps=0.1)
    alone = torch.cat([attacks.bim(model, x[i : i + 1], y[i : i + 1], eps=0.1) for i in range(5)])
    torch.testing.assert_close(together, alone)
    assert bool((together != x).flatten(1).any(1).all())


@report("Trusted-AI/adversarial-robustness-toolbox#512")
def a_targeted_attack_succeeds_at_its_target_alone():
    before, after = torch.tensor([0, 0, 0, 1]), torch.tensor([1, 2, 0, 1])
    y, target = torch.tensor([0, 0, 0, 1]), torch.tensor([2, 2, 2, 2])
    assert attacks.success_rate(before, after, y, target=target) == 0.25
    x, model = pictures(20, 3, 4, 4), linear()
    y = model(x).argmax(1)
    target = (y + 1) % 3
    moved = attacks.pgd(model, x, target, eps=0.5, targeted=True, restarts=2, generator=seeded())
    assert attacks.success_rate(y, model(moved), y, target=target) > 0.8


# ── figures ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@report("Lightning-AI/torchmetrics#1646")
def calibration_takes_confidences_of_0_and_1():
    p = torch.tensor([1.0, 1, 1, 1, 0])
    error = metrics.calibration_error(torch.stack([1 - p, p], 1), torch.tensor([0, 0, 1, 1, 1]), bins=2)
    assert error == pytest.approx(abs(1 - 2 / 5))


@report("Lightning-AI/torchmetrics#1393", "Lightning-AI/torchmetrics#1270", "Lightning-AI/torchmetrics#304")
def a_label_to_be_ignored_is_refused_with_what_to_do():
    predicted = torch.tensor([0, 1, 0, 3, 0, 2, 3, 1, 0, 3])
    y = torch.tensor([0, 1, 0, 3, -1, 0, 0, 1, 2, 3])
    for ignored in (-1, -100):
        y[4] = ignored
        for function in (metrics.accuracy, metrics.confusion_matrix):
            refused("leave out the samples without a label", lambda function=function: function(predicted, y))
    assert metrics.accuracy(predicted[y >= 0], y[y >= 0]) == pytest.approx(6 / 9)


@report("Lightning-AI/torchmetrics#1228")
def half_precision_gives_the_same_accuracy():
    logits, y = torch.tensor([[0.2, 0.7, 0.1], [0.1, 0.5, 0.4]]), torch.tensor([1, 2])
    assert metrics.accuracy(logits.half(), y) == metrics.accuracy(logits.bfloat16(), y) == metrics.accuracy(logits, y)


@report("scikit-learn/scikit-learn#5735")
def scores_of_nan_have_no_area():
    positive = torch.tensor([False, False, True, True])
    for value in (torch.nan, torch.inf):
        refused("nan or infinite", lambda value=value: metrics.roc_auc(torch.full((4,), value), positive))
    assert metrics.roc_auc(torch.ones(4), positive) == 0.5


@report("scikit-learn/scikit-learn#30079")
def one_class_alone_has_no_area():
    for positive in (torch.zeros(4, dtype=torch.bool), torch.ones(4, dtype=torch.bool)):
        refused("expected|both", lambda positive=positive: metrics.roc_auc(torch.rand(4), positive))


@report("oxfordinternetinstitute/oxonfair#39", "KIT-IAI/pyWATTS#154")
def a_column_is_not_compared_with_a_row():
    decision, y, group = torch.tensor([1, 0, 1, 0]), torch.tensor([1, 0, 0, 1]), torch.tensor([0, 0, 1, 1])
    for bad in (
        lambda: fair.gaps(decision[:, None], y, group), lambda: fair.gaps(decision, y[:, None], group),
        lambda: fair.gaps(decision, y, group[:, None]), lambda: metrics.accuracy(decision, y[:, None]),
        lambda: series.remaining_life_score(torch.ones(4, 1), torch.ones(4)), lambda: metrics.nmi(decision, y[:3]),
    ):  # fmt: skip
        refused("shape|labels|expected", bad)


@report("JobCollins/fairness_pipeline_dev_toolkit#29", "sunlabuiuc/PyHealth#1199")
def a_group_without_a_deserving_member_has_no_gap():
    decision, y, group = torch.tensor([1, 0, 1, 0]), torch.tensor([1, 1, 0, 0]), torch.tensor([0, 0, 1, 1])
    refused("not defined", lambda: fair.opportunity_gap(decision, y, group))
    refused("not defined", lambda: fair.parity_gap(decision, torch.tensor([0, 0, 2, 2])))
    logits = torch.tensor([2.0, -1.0, 0.5, 1.0])
    losses = [fair.adversary_loss(logits, y, group, criterion=c) for c in ("parity", "opportunity", "odds")]
    for dtype in (torch.bool, torch.uint8, torch.int32):
        assert float(fair.parity_gap(decision, group.to(dtype))) == 0
        for criterion, loss in zip(("parity", "opportunity", "odds"), losses, strict=True):
            same = fair.adversary_loss(logits, y.to(dtype), group.to(dtype), criterion=criterion)
            torch.testing.assert_close(same, loss)


@report("Project-MONAI/MONAI#9095")
def a_lesion_that_was_missed_is_infinitely_far_at_every_percentile():
    truth, nothing = torch.zeros(1, 64, 64, dtype=torch.bool), torch.zeros(1, 64, 64, dtype=torch.bool)
    truth[0, 20:28, 20:28] = True
    for percentile in (50.0, 95.0, 100.0):
        assert metrics.hausdorff(nothing, truth, percentile=percentile).item() == torch.inf
        assert metrics.hausdorff(truth, nothing, percentile=percentile).item() == torch.inf
        assert metrics.hausdorff(nothing, nothing, percentile=percentile).item() == 0


@report("Project-MONAI/MONAI#2266", "Project-MONAI/MONAI#746", "MIC-DKFZ/nnUNet#380")
def two_empty_masks_agree():
    empty, full = torch.zeros(1, 5, 5, dtype=torch.bool), torch.ones(1, 5, 5, dtype=torch.bool)
    assert masks.dice(empty, empty).item() == 1
    assert masks.dice(empty, full).item() == 0


@report("dirichletcal/experiments_dnn#3")
def a_temperature_stays_above_zero():
    y = torch.arange(60) % 3
    for sign in (3.0, -3.0):  # a model that is right, and one that is always wrong
        logits = functional.one_hot(y, 3) * sign + torch.randn(60, 3, generator=seeded())
        temperature = selftrain.fit_temperature(logits, y)
        assert 0.01 <= float(temperature) <= 100.001
        assert torch.equal(selftrain.soften(logits, temperature=temperature).argmax(1), logits.argmax(1))
    for bad in (0.0, -1.0, torch.tensor(-1.0), torch.tensor(torch.nan)):
        refused("temperature is", lambda bad=bad: selftrain.soften(logits, temperature=bad))


# ── clusters and distances ────────────────────────────────────────────────────────────────────────────────────────────


@report("uxlfoundation/scikit-learn-intelex#25", "soda-inria/sklearn-numba-dpex#28", "scikit-learn/scikit-learn#6156")
def the_inertia_is_that_of_the_assignments():
    x = torch.tensor([[-1.0001], [-0.9999], [0.9999], [1.0001]])
    result = dti.kmeans(x, 2, runs=3, generator=seeded())
    exact = (x.double() - result.centres[result.assignments].double()).square().sum()
    assert result.inertia == pytest.approx(float(exact), rel=1e-3)
    assert 3e-8 < result.inertia < 5e-8


@report("scikit-learn/scikit-learn#7705")
def centres_are_seeded_among_large_numbers_and_copies():
    x = torch.tensor([[33790.37, 14420.83, -2311.5]]) + torch.randn(60, 3, generator=seeded()) * 0.01
    assert dti.kmeans_plus_plus(x, 5, generator=seeded()).shape == (5, 3)
    assert dti.kmeans(x[:1].expand(60, -1), 5, generator=seeded()).inertia == 0


@report("mseitzer/pytorch-fid#105", "toshas/torch-fidelity#44")
def a_distance_of_a_set_to_itself_is_not_negative():
    for n, d in ((192, 64), (40, 192)):
        f = torch.randn(n, d, generator=seeded())
        assert 0 <= gan.frechet(f, f) < 1e-3


@report("bioinf-jku/TTUR#4", "mseitzer/pytorch-fid#13", "ajbrock/BigGAN-PyTorch#49")
def fewer_samples_than_features_give_a_real_distance():
    a, b = torch.randn(20, 64, generator=seeded()).double(), torch.randn(30, 64, generator=seeded(1)).double() + 0.5
    ours = gan.frechet(a, b)
    (m, s), (n, t) = ((v.mean(0).numpy(), np.cov(v.numpy().T)) for v in (a, b))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        root = linalg.sqrtm(s @ t)
    assert ours == pytest.approx(float(((m - n) ** 2).sum() + np.trace(s + t - 2 * root.real)), rel=2e-2)


@report("caogang/wgan-gp#25", "Zeleni9/pytorch-wgan#40", "eriklindernoren/PyTorch-GAN#20")
def a_penalty_takes_the_slope_of_a_whole_sample():
    for shape in ((4, 3, 8, 8), (4, 5), (4, 6, 7)):
        w = torch.randn(shape[1:], generator=seeded())
        real, fake = torch.randn(shape, generator=seeded(1)), torch.randn(shape, generator=seeded(2))
        penalty = gan.gradient_penalty(lambda x, w=w: (x * w).flatten(1).sum(1), real, fake, generator=seeded())
        torch.testing.assert_close(penalty, (w.norm() - 1).square())


@report("hwalsuklee/tensorflow-generative-model-collections#33")
def a_penalty_is_taken_at_one_point_between_two_samples():
    points = []

    def critic(x):
        points.append(x.detach())
        return x.flatten(1).sum(1)

    real, fake = torch.ones(4, 3, 5, 5), torch.zeros(4, 3, 5, 5)
    gan.gradient_penalty(critic, real, fake, generator=seeded())
    share = points[0].flatten(1)
    assert bool((share == share[:, :1]).all())
    assert len(share[:, 0].unique()) == 4


@report("thuml/DAN#3", "thuml/DAN#6", "pykale/pykale#54", "thuml/Xlearn#27")
def a_discrepancy_is_never_negative_and_has_a_gradient():
    a = torch.randn(20, 5, generator=seeded(), requires_grad=True)
    for b in (a.detach(), torch.randn(20, 5, generator=seeded(1)), a.detach() + 1e4, torch.zeros(20, 5)):
        loss = domain.mmd(a, b)
        assert float(loss.detach()) >= 0
        (slope,) = torch.autograd.grad(loss, a)
        assert bool(slope.isfinite().all())


@report("CuthbertCai/pytorch_DANN#10", "CuthbertCai/pytorch_DANN#13", "p2irc/UDA4POC#3")
def a_gradient_is_reversed_once_and_by_lambda():
    x = torch.randn(4, 3, generator=seeded(), requires_grad=True)
    for lambda_ in (0.0, 0.3, 1.0):
        (slope,) = torch.autograd.grad(nets.reverse_gradient(x, scale=lambda_).square().sum(), x)
        torch.testing.assert_close(slope, -lambda_ * 2 * x.detach())
    schedule = domain.lambda_schedule(torch.linspace(0, 1, 11))
    assert schedule[0] == 0
    assert bool((schedule.diff() > 0).all())
    assert float(schedule[-1]) < 1


# ── privacy ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@report("meta-pytorch/opacus#161")
def an_empty_batch_is_a_step_of_noise():
    batches = membership.PoissonBatches(torch.rand(5, 3), torch.arange(5) % 2, q=0.05, generator=seeded())
    model = nets.MLP(3, 2, hidden=())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    step = membership.private_step(model, optimizer, C=1.0, sigma=1.0, expected=batches.expected, generator=seeded())
    assert any(len(x) == 0 for x, _ in batches)
    history = train.fit(step, batches, epochs=1)
    assert history.epoch == 1
    assert all(bool(p.isfinite().all()) for p in model.parameters())


@report("meta-pytorch/opacus#74")
def a_sampling_rate_of_one_is_the_gaussian_mechanism():
    assert membership.accountant.renyi(5, sigma=2.0, q=1.0) == 5 / 8
    assert 0 < membership.epsilon(sigma=2.0, q=1.0, steps=1, delta=1e-5) < np.inf
    refused("q 1.5", lambda: membership.epsilon(sigma=2.0, q=1.5, steps=1, delta=1e-5))


@report("meta-pytorch/opacus#186", "meta-pytorch/opacus#157")
def the_conversion_is_the_tight_one():
    knobs = {"sigma": 1.54, "q": 1024 / 50_000, "steps": 1464, "delta": 1e-5}
    plain = min(
        1464 * membership.accountant.renyi(a, sigma=1.54, q=1024 / 50_000) - np.log(1e-5) / (a - 1)
        for a in membership.accountant.ORDERS
    )
    assert 1.5 < membership.epsilon(**knobs) < plain - 0.2


@report("meta-pytorch/opacus#604")
def a_large_epsilon_is_a_number():
    assert membership.epsilon(sigma=0.3, q=0.02, steps=5000, delta=1e-5) > 100
    assert membership.epsilon(sigma=0.0, q=0.02, steps=5000, delta=1e-5) == np.inf
    for bad in (torch.nan, -1.0):
        refused("sigma", lambda bad=bad: membership.epsilon(sigma=bad, q=0.02, steps=1, delta=1e-5))


@report("meta-pytorch/opacus#819")
def the_batch_size_that_is_divided_by_is_the_same_for_neighbouring_data_sets():
    sizes = [
        membership.PoissonBatches(torch.zeros(n, 1), torch.zeros(n).long(), q=0.3, generator=seeded()).expected
        for n in (9, 10)
    ]
    assert sizes == pytest.approx([2.7, 3.0])  # never rounded: one sample more changes it by q, and not by 1


@report("meta-pytorch/opacus#11")
def noise_grows_with_the_clipping_length():
    gradients = {"w": torch.zeros(4, 5000)}
    for C in (0.5, 3.0):
        noise = membership.private_gradient(gradients, C=C, sigma=1.5, expected=1.0, generator=seeded())["w"]
        assert float(noise.std()) == pytest.approx(1.5 * C, rel=0.05)


# ── sounds, words, series ─────────────────────────────────────────────────────────────────────────────────────────────


@report("iver56/audiomentations#64", "speechbrain/speechbrain#169", "anicolson/DeepXi#26")
def noise_that_is_silent_leaves_the_sound():
    x = torch.sin(torch.arange(800.0) / 5)[None]
    assert torch.equal(audio.add_noise(x, torch.zeros_like(x), snr=10.0), x)


@report("iver56/audiomentations#98", "speechbrain/speechbrain#354", "iver56/audiomentations#49")
def silence_stays_silence():
    x = torch.zeros(2, 2000)
    for transform in (
        audio.Reverb(), audio.AddNoise(), audio.Gain(), audio.Clip(), audio.Speed(), audio.PitchShift(),
        audio.TimeStretch(), audio.Shift(), audio.Babble(),
    ):  # fmt: skip
        y = transform(x, generator=seeded())
        assert bool(y.isfinite().all()), transform
        assert float(y.abs().max()) == 0, transform
    assert bool(audio.log_mel(x, rate=8000).isfinite().all())


@report("makcedward/nlpaug#143", "makcedward/nlpaug#313", "facebookresearch/AugLy#200")
def a_text_is_put_together_as_it_was():
    for original in (
        "This is a sentence?", "Just released version 0.0.0.16", "My IP address is 192.168.1.1. Ping it for me.",
        "un espace avant le point d'interrogation\u00a0?", "don't  stop\tnow\nhere",
        "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
    ):  # fmt: skip
        assert text.join(text.tokenize(original)) == original
        swapped = text.Typos(p=1.0, shortest=100)([text.tokenize(original)], generator=seeded())[0]
        assert text.join(swapped) == original


@report("makcedward/nlpaug#10", "makcedward/nlpaug#166")
def words_of_one_letter_and_texts_of_marks_are_augmented():
    for words in (["I", "a"], [], ["|", "4", "||", "½", "-", "1"]):
        for transform in (
            text.RandomDeletion(0.5),
            text.RandomSwap(),
            text.Typos(1.0),
            text.WordShuffle(),
            text.WordDropout(0.5),
        ):
            result = transform([words], generator=seeded())[0]
            assert isinstance(result, list)
            assert bool(result) == bool(words)


@report("stumpy-dev/stumpy#110", "stumpy-dev/stumpy#375", "stumpy-dev/stumpy#626")
def windows_that_never_change_are_alike():
    compare = torch.cat([torch.zeros(20), torch.ones(5)])
    strange = torch.tensor([0.0, 0, 0, 0, 0, 1])
    assert series.nearest_window(strange, compare, length=5).tolist() == [0, 0]
    x = torch.rand(64, generator=seeded())
    x[40:55] = 3
    profile = series.nearest_window(x, length=5)
    assert bool(profile.isfinite().all())
    assert float(profile[42:48].max()) == 0


@report("stumpy-dev/stumpy#216")
def equal_windows_of_tiny_numbers_are_nothing_apart():
    a = torch.tensor([4.97e-06, 5.06e-06, 5.17e-06, 5.3e-06, 5.57e-06, 5.14e-06, 5.02e-06])
    before = torch.tensor([4.45e-06, 4.48e-06, 4.58e-06, 4.62e-06])
    after = torch.tensor([4.99e-06, 4.82e-06, 4.82e-06, 4.76e-06, 4.68e-06])
    for scale in (1.0, 1e-20):
        distance = series.nearest_window(torch.cat([before, a, after]) * scale, a * scale, length=7)
        assert float(distance[4]) == 0
        assert float(distance[:4].min()) > 0.1


# ── training ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@report("CuriousAI/mean-teacher#9", "pytorch/ignite#2590", "lucidrains/ema-pytorch#8")
def an_average_of_weights_takes_the_statistics_with_it():
    model, teacher = nets.CNN(1, 2, width=4), nets.CNN(1, 2, width=4)
    teacher.load_state_dict(model.state_dict())
    for _ in range(3):
        model.train()(pictures(8, 1, 16, 16) * 5)
    start = {name: value.clone() for name, value in teacher.named_buffers()}
    nets.ema_update(teacher, model, decay=0.9)
    for name, value in teacher.named_buffers():
        theirs = dict(model.named_buffers())[name]
        torch.testing.assert_close(value, torch.lerp(theirs, start[name], 0.9) if value.is_floating_point() else theirs)


@report("lightly-ai/lightly#1438", "Lightning-AI/pytorch-lightning#15062", "kdexd/virtex#16", "pytorch/pytorch#86590")
def a_frozen_network_keeps_its_statistics_while_it_trains():
    model = finetune.new_head(finetune.freeze(finetune.base_model(nets.CNN(1, 5, width=4, depth=2).eval())), 2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    x, y = pictures(8, 1, 8, 8) * 3, torch.arange(8) % 2
    step = train.supervised_step(model, torch.optim.SGD(model.parameters(), lr=0.5))
    train.fit(step, [(x, y)], epochs=2)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"head.weight", "head.bias"}


@report("Lightning-AI/pytorch-lightning#1008", "Bjarten/early-stopping-pytorch#28")
def nan_is_no_improvement():
    model = nn.Linear(1, 1)
    losses = iter([1.0, torch.nan, 0.5, torch.nan, torch.nan, torch.nan])
    stopping = train.EarlyStopping(model, "val_loss", patience=3)

    def step(batch):
        with torch.no_grad():
            model.weight.add_(1)
        return {"loss": 1.0}

    history = train.fit(step, [0], epochs=6, evaluate=lambda: {"val_loss": next(losses)}, on_epoch=stopping)
    assert stopping.best == (3, 0.5)
    assert "has not improved for 3 epochs" in history.reason
    with pytest.raises(FloatingPointError, match="training diverged"):
        train.fit(lambda batch: {"loss": torch.nan}, [0], epochs=3)


@report("dpuenteramirez/Semisupervised-learning-and-instance-selection-methods#22")
def minus_one_for_no_label_is_refused_and_a_loop_says_why_it_ended():
    class Nearest:
        def fit(self, X, y):
            self.X, self.y = X, y

        def predict(self, X):
            distance, near = torch.cdist(X, self.X).min(1)
            return self.y[near], -distance

    X, y, Xu = torch.tensor([[0.0], [1.0]]), torch.tensor([0, 1]), torch.tensor([[0.1], [0.9], [9.0]])
    refused(
        "leave out the samples without a label",
        lambda: selftrain.self_train(Nearest(), X, torch.tensor([0, -1]), Xu, q=1),
    )
    assert "not sure enough" in selftrain.self_train(Nearest(), X, y, Xu, threshold=-1.0).reason
    assert "every example" in selftrain.self_train(Nearest(), X, y, Xu, q=2).reason
    assert "all 1 rounds" in selftrain.self_train(Nearest(), X, y, Xu, q=1, rounds=1).reason


# ── the page ──────────────────────────────────────────────────────────────────────────────────────────────────────────


GROUPS = {}
for name, case in CASES.items():
    GROUPS.setdefault(case, []).append(name)
LINK = re.compile(r"\[([\w.-]+/[\w.-]+)#(\d+)\]\(https://github\.com/([\w.-]+/[\w.-]+)/(?:issues|pull)/(\d+)\)")


@pytest.mark.parametrize("case", GROUPS, ids=lambda case: case.__name__)
def test_what_the_page_says_happens(case):
    case()


def test_the_page_has_a_row_for_each_case_and_no_other():
    rows = [line.split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| [")]
    assert all(len(row) == 3 for row in rows)
    linked = [LINK.findall(row[0]) for row in rows]
    assert all(a == c and b == d for row in linked for a, b, c, d in row)
    assert sorted(sorted(f"{a}#{b}" for a, b, _, _ in row) for row in linked) == sorted(map(sorted, GROUPS.values()))
    assert f"{len(CASES)} reports in {len(GROUPS)} cases" in PAGE.read_text()
    assert len({name.split("#")[0] for name in CASES}) >= 20
