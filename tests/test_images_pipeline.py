"""Compose, OneOf and Sometimes: each sample its own way, annotations with it, the same seed the same pictures."""

from dataclasses import dataclass

import pytest
import torch

from labkit.augment import Compose, Identity, OneOf, Sometimes, Transform, image


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(b=8, c=3, h=14, w=18):
    return torch.rand(b, c, h, w, generator=seeded(1)) * 0.8 + 0.1


PIPELINES = [
    Compose([image.Rotate(20)]),
    Compose([image.HorizontalFlip(), image.Rotate(20), image.ColorJitter(), image.RandomErasing()]),
    Compose([image.RandomCrop((10, 12), padding=2), image.Elastic(10, 3), image.PoissonNoise()]),
    Compose([image.Rotate(20, expand=True), image.Resize((14, 18))]),
    OneOf([image.Invert(), image.GaussianBlur(), Identity()]),
    OneOf([image.RandomCrop((9, 9)), image.Resize((9, 9))], weights=[3, 1]),
    Sometimes(image.Rotate(90), 0.3),
    Sometimes(Compose([image.Perspective(), image.GaussianNoise()]), 0.6),
    Compose([Sometimes(OneOf([image.Hue(), image.Solarize()])), Sometimes(Sometimes(image.Cutout(5)))]),
]
over_pipelines = pytest.mark.parametrize("pipeline", PIPELINES, ids=range(len(PIPELINES)))


@over_pipelines
def test_the_same_seed_gives_the_same_pictures_and_another_does_not(pipeline):
    x = pictures()
    first = pipeline(x, generator=seeded())
    assert torch.equal(first, pipeline(x, generator=seeded()))
    assert not torch.equal(first, pipeline(x, generator=seeded(1)))


@over_pipelines
def test_a_draw_can_be_applied_again(pipeline):
    x = pictures()
    drawn = pipeline.make_params(x, generator=seeded())
    assert torch.equal(pipeline.apply(x, drawn), pipeline(x, generator=seeded()))


@over_pipelines
def test_annotations_pass_through(pipeline):
    x = pictures()
    mask = torch.arange(14 * 18).view(1, 14, 18).expand(8, -1, -1)
    points = torch.rand(8, 2, 2, generator=seeded(2)) * 12
    result = pipeline(x, generator=seeded(), mask=mask, keypoints=points)
    assert isinstance(result, image.Annotated)
    assert torch.equal(result.image, pipeline(x, generator=seeded()))
    assert result.boxes is None
    assert result.mask.shape == (8, *result.image.shape[2:])
    drawn = pipeline.make_params(x, generator=seeded())
    followed = pipeline.replay(x, drawn, mask=mask, keypoints=points)
    assert torch.equal(followed.mask, result.mask)
    assert torch.equal(followed.keypoints, result.keypoints)


@over_pipelines
def test_nothing_that_is_given_is_changed(pipeline):
    x = pictures()
    before = x.clone()
    pipeline(x, generator=seeded())
    assert torch.equal(x, before)


@over_pipelines
def test_an_empty_batch_passes(pipeline):
    assert len(pipeline(pictures(0), generator=seeded())) == 0


def test_compose_is_one_after_the_other():
    x, g = pictures(), seeded(5)
    parts = [image.Rotate(20), image.Hue(), image.Cutout(5)]
    step = x
    for part in parts:
        step = part(step, generator=g)
    assert torch.equal(Compose(parts)(x, generator=seeded(5)), step)


def test_each_sample_takes_its_own_way():
    x = pictures(2000, 1, 4, 4)
    y = OneOf([image.Invert(), Identity(), image.Solarize((0.0, 0.0))], weights=[0.5, 0.3, 0.2])(x, generator=seeded())
    same = (y == x).flatten(1).all(1)
    assert same.float().mean().item() == pytest.approx(0.3, abs=0.03)
    torch.testing.assert_close(y[~same], 1 - x[~same])
    assert same[:50].any()
    assert not same[:50].all()


@pytest.mark.parametrize("p", [0.0, 0.25, 1.0])
def test_sometimes_is_as_often_as_it_says(p):
    x = pictures(2000, 1, 4, 4)
    changed = (Sometimes(image.Invert(), p)(x, generator=seeded()) != x).flatten(1).any(1)
    assert changed.float().mean().item() == pytest.approx(p, abs=0.03 if 0 < p < 1 else 0)


def test_annotations_go_the_way_of_their_sample():
    x = pictures(32)
    mask = torch.rand(32, 14, 18, generator=seeded(3)) < 0.5
    result = Sometimes(image.HorizontalFlip(1.0))(x, generator=seeded(), mask=mask)
    flipped = (result.image != x).flatten(1).any(1)
    assert 5 < flipped.sum() < 27
    assert torch.equal(result.mask, torch.where(flipped[:, None, None], mask.flip(2), mask))


def test_gradients_pass_through_a_pipeline():
    x = pictures().requires_grad_()
    pipeline = Compose([image.Rotate(20), OneOf([image.Brightness(), image.GaussianBlur()]), Sometimes(image.Invert())])
    pipeline(x, generator=seeded()).sum().backward()
    assert (x.grad.flatten(1).abs().sum(1) > 0).all()


def test_a_pipeline_follows_its_device(device):
    x = pictures().to(device)
    pipeline = Compose([image.Rotate(20), Sometimes(image.Hue()), OneOf([image.Invert(), Identity()])])
    y = pipeline(x, generator=seeded())
    assert y.device == x.device
    torch.testing.assert_close(y.cpu(), pipeline(pictures(), generator=seeded()), rtol=0, atol=1e-4)


def test_samples_that_come_back_in_different_shapes_are_refused():
    with pytest.raises(ValueError, match="must return the same shape"):
        Sometimes(image.RandomCrop((5, 5)))(pictures(), generator=seeded())


def test_an_annotation_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="no annotation 'depth'"):
        Compose([image.Invert()])(pictures(), depth=torch.zeros(8))


@pytest.mark.parametrize(
    "build",
    [
        lambda: Compose([]),
        lambda: Compose([image.Invert(), image.invert]),
        lambda: OneOf([]),
        lambda: OneOf([image.Invert()], weights=[1, 2]),
        lambda: OneOf([image.Invert(), Identity()], weights=[-1, 2]),
        lambda: OneOf([image.Invert(), Identity()], weights=[0, 0]),
        lambda: Sometimes(image.Invert(), 1.5),
        lambda: Sometimes(image.invert),
    ],
)
def test_a_pipeline_that_makes_no_sense_is_refused_at_once(build, unchecked):
    with pytest.raises(ValueError, match=r"expected|needs|combines"):
        build()


def test_a_pipeline_is_a_value():
    assert Compose([image.Rotate(20), Sometimes(image.Hue(), 0.2)]) == Compose(
        (image.Rotate(20), Sometimes(image.Hue(), 0.2))
    )
    assert "Rotate" in repr(Sometimes(image.Rotate(20)))


@dataclass(frozen=True)
class Shout(Transform):
    """A transform of another kind of data: sentences, as a list."""

    def make_params(self, x, *, generator=None):
        """How loud, for each sentence."""
        return {"marks": torch.randint(1, 4, (len(x),), generator=generator)}

    def apply(self, x, params):
        """The sentences in capitals."""
        return [s.upper() + "!" * n for s, n in zip(x, params["marks"].tolist(), strict=True)]


def test_other_kinds_of_data_compose_alike():
    sentences = [f"sentence {i}" for i in range(40)]
    pipeline = Compose([Sometimes(Shout(), 0.5)])
    result = pipeline(sentences, generator=seeded())
    loud = [s.isupper() for s in result]
    assert 8 < sum(loud) < 32
    assert all(after.upper().startswith(before.upper()) for before, after in zip(sentences, result, strict=True))
    assert result == pipeline(sentences, generator=seeded())
    assert pipeline.apply(sentences, pipeline.make_params(sentences, generator=seeded())) == result
