"""Masks, the U-Net and learning to segment: scipy, MONAI and torchio as oracles, and a network that learns."""

import copy
import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor, nn

from labkit import masks, metrics, nets, train
from labkit.augment import image, medical
from labkit.data import simulate

CROSS = np.array([[[0, 0, 0]] * 3, [[0, 1, 0], [1, 1, 1], [0, 1, 0]], [[0, 0, 0]] * 3])
FULL = np.array([[[0, 0, 0]] * 3, [[1, 1, 1]] * 3, [[0, 0, 0]] * 3])


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def blobs(b: int = 6, *, size: tuple[int, int] = (17, 23), seed: int = 0, share: float = 0.4) -> Tensor:
    """Ragged masks of many pieces; the first is empty, the second is full."""
    noise = image.gaussian_blur(torch.rand((b, 1, *size), generator=gen(seed)), sigma=0.8)[:, 0]
    mask = noise > noise.flatten(1).quantile(1 - share, dim=1)[:, None, None]
    mask[0] = False
    if b > 1:
        mask[1] = True
    return mask


class TestPieces:
    """Connected pieces."""

    @pytest.mark.parametrize("diagonal", [False, True])
    def test_they_are_scipys(self, device, diagonal):
        mask = blobs(8).to(device)
        number = masks.components(mask, diagonal=diagonal).cpu()
        for b in range(8):
            labels, count = ndimage.label(mask[b].cpu().numpy(), FULL[1] if diagonal else CROSS[1])
            assert int(number[b].max()) == count
            assert np.array_equal(number[b].numpy(), labels)  # both number in reading order

    def test_a_spiral_is_one_piece(self):
        rows = ["1111111", "0000001", "1111101", "1000101", "1011101", "1000001", "1111111"]
        spiral = torch.tensor([[[int(c) for c in row] for row in rows]]).bool()
        assert masks.components(spiral).unique().tolist() == [0, 1]

    def test_the_largest_is_kept_and_small_ones_are_none(self):
        mask = blobs(5)
        largest = masks.largest_component(mask)
        for b in range(5):
            labels, count = ndimage.label(mask[b].numpy())
            expected = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:]) if count else labels > 0
            assert np.array_equal(largest[b].numpy(), expected)
        assert not masks.largest_component(mask, least=17 * 23 + 1).any()
        assert masks.largest_component(mask[:0]).shape == (0, 17, 23)


class TestDistance:
    """The Euclidean distance."""

    def test_it_is_scipys(self, device):
        mask = blobs(6).to(device)
        distance = masks.distance_transform(mask).cpu()
        for limit in (0.0, 1.0, 2.5, 40.0):
            near = masks.distance_transform(mask, limit=limit).cpu()
            assert torch.equal(near, torch.where(distance > limit, torch.inf, distance))
            outside = masks.distance_transform(~mask)
            assert torch.equal(masks.beyond(mask, distance=limit), outside > limit)
        for b in range(6):
            if b == 1:
                assert distance[b].isinf().all()
                continue
            expected = ndimage.distance_transform_edt(mask[b].cpu().numpy())
            np.testing.assert_allclose(distance[b].numpy(), expected, atol=1e-5)

    def test_it_is_signed(self):
        mask = blobs(4)
        signed = masks.signed_distance(mask)
        assert (signed[mask] < 0).all()
        assert (signed[~mask] > 0).all()
        assert signed[0].isinf().all()
        assert float(signed[2][~mask[2]].min()) == 1


class TestAgreement:
    """Dice, Hausdorff, lesions."""

    def test_dice_is_the_count_and_one_where_both_are_empty(self, device):
        p, m = blobs(5, seed=1).to(device), blobs(5, seed=2).to(device)
        value = metrics.dice(p, m)
        assert value[0] == 1
        for b in range(1, 5):
            a, c = (set(map(tuple, t[b].nonzero().tolist())) for t in (p, m))
            assert float(value[b]) == pytest.approx(2 * len(a & c) / (len(a) + len(c)))
        assert metrics.dice(p[:1], m[1:2]).tolist() == [0]

    def test_dice_is_a_number_a_picture_and_not_one_of_the_batch(self):
        p, m = blobs(2, seed=1), blobs(2, seed=1)
        p[1] = False
        assert metrics.dice(p, m).tolist() == [1, 0]

    @pytest.mark.parametrize("smooth", [0.5, 1.0])
    def test_soft_dice_is_the_slow_sum(self, smooth):
        logits = torch.randn(3, 1, 4, 5, generator=gen(), dtype=torch.float64)
        mask = blobs(3, size=(4, 5))
        losses = []
        for z, m in zip(logits[:, 0], mask):
            over, under = smooth, smooth
            for v, t in zip(z.flatten().tolist(), m.flatten().tolist()):
                p = 1 / (1 + math.exp(-v))
                over, under = over + 2 * p * t, under + p * p + t * t
            losses.append(1 - over / under)
        assert float(metrics.soft_dice_loss(logits, mask, smooth=smooth)) == pytest.approx(np.mean(losses))
        assert torch.autograd.gradcheck(lambda z: metrics.soft_dice_loss(z, mask), logits.requires_grad_())

    @pytest.mark.parametrize("percentile", [100.0, 95.0, 50.0])
    def test_hausdorff_is_by_all_pairs_of_edge_pixels(self, percentile):
        p, m = blobs(6, seed=3, share=0.2), blobs(6, seed=4, share=0.2)
        value = metrics.hausdorff(p, m, percentile=percentile)
        assert value[0] == 0
        for b in range(1, 6):
            edges = [
                torch.from_numpy(t & ~ndimage.binary_erosion(t)).nonzero().double()
                for t in (p[b].numpy(), m[b].numpy())
            ]
            pairs = torch.cdist(*edges)
            expected = max(float(pairs.amin(d).quantile(percentile / 100)) for d in (0, 1))
            assert float(value[b]) == pytest.approx(expected, abs=1e-4)
        assert metrics.hausdorff(p[:1], m[2:3]).isinf().all()

    def test_lesions_are_counted_as_scipys_pieces(self):
        p, m = blobs(8, seed=5, share=0.15), blobs(8, seed=6, share=0.1)
        p[1], m[1] = False, False
        d = metrics.lesion_detection(p, m)
        found = lesions = false = 0
        for b in range(8):
            truth, count = ndimage.label(m[b].numpy())
            pieces, alarms = ndimage.label(p[b].numpy())
            lesions += count
            found += sum(bool(p[b].numpy()[truth == k].any()) for k in range(1, count + 1))
            false += sum(not m[b].numpy()[pieces == k].any() for k in range(1, alarms + 1))
        assert tuple(d) == (found, lesions, false, 8)
        assert d.recall == found / lesions
        assert d.false_positives == false / 8
        assert math.isnan(metrics.lesion_detection(p[:1], m[:1]).recall)

    def test_small_pieces_can_be_left_out(self):
        p = torch.tensor([[[1, 0, 1, 1, 0, 1]]]).bool()
        m = torch.tensor([[[1, 0, 0, 0, 0, 0]]]).bool()
        assert tuple(metrics.lesion_detection(p, m)) == (1, 1, 2, 1)
        assert tuple(metrics.lesion_detection(p, m, least=2)) == (0, 1, 1, 1)

    @pytest.mark.parametrize("measure", [metrics.dice, metrics.hausdorff, metrics.lesion_detection])
    def test_what_does_not_fit_is_refused(self, measure):
        with pytest.raises(ValueError, match="expected the same shape"):
            measure.__wrapped__(blobs(2), blobs(3))
        with pytest.raises(ValueError, match="predicted is bool"):
            measure.__wrapped__(blobs(2).float(), blobs(2))

    @pytest.mark.slow
    @pytest.mark.filterwarnings("ignore::FutureWarning")
    def test_they_are_monais(self):
        monai = pytest.importorskip("monai.metrics")
        p, m = blobs(7, seed=3, share=0.3)[2:], blobs(7, seed=4, share=0.3)[2:]
        theirs = monai.DiceMetric(reduction="none", include_background=True)(p[:, None].float(), m[:, None].float())
        torch.testing.assert_close(metrics.dice(p, m), theirs[:, 0])
        for percentile in (None, 95):
            distance = monai.compute_hausdorff_distance(
                p[:, None].float(), m[:, None].float(), include_background=True, percentile=percentile
            )
            ours = metrics.hausdorff(p, m, percentile=percentile or 100)
            torch.testing.assert_close(ours, distance[:, 0].float(), atol=1e-4, rtol=0)


class TestUNet:
    """A logit a pixel."""

    def test_odd_sizes_come_back_and_small_ones_are_refused(self, device):
        net = nets.UNet(3, 2, width=4, depth=3).to(device)
        for size in ((8, 8), (17, 30), (31, 9)):
            assert net(torch.rand(2, 3, *size, device=device)).shape == (2, 2, *size)
        with pytest.raises(ValueError, match="needs 8 pixels a side"):
            net(torch.rand(1, 3, 7, 20, device=device))
        with pytest.raises(ValueError, match="expected 1 or more"):
            nets.UNet(1, width=0)
        with pytest.raises(ValueError, match="prior is 1"):
            nets.UNet(1, prior=1.0)

    def test_a_network_begins_near_its_prior(self):
        net = nets.UNet(1, prior=0.02)
        assert float(net(torch.rand(4, 1, 16, 16, generator=gen())).detach().sigmoid().mean()) == pytest.approx(
            0.02, abs=0.02
        )

    def test_samples_do_not_see_each_other_and_parameters_are_as_said(self):
        net, x = nets.UNet(1), torch.rand(3, 1, 16, 16, generator=gen())
        torch.testing.assert_close(net(x)[1:2], net(x[1:2]), atol=1e-5, rtol=1e-4)
        assert 28_000 < nets.parameter_count(net) < 32_000


class TestLearning:
    """Steps, consistency, labels by a rule."""

    def test_consistency_of_an_equivariant_network_is_zero(self):
        """A network that looks at each pixel by itself turns its answer with the picture, up to the interpolation."""
        x = simulate.brain(4, generator=gen(), size=32).x
        x = image.gaussian_blur(x, sigma=2.0)
        net = nn.Conv2d(1, 1, 1).requires_grad_(False)
        t = medical.AffineElastic(30.0, (0.8, 1.2))
        params = t.make_params(x, generator=gen(1))
        turned = medical.consistency_loss(net(t.apply(x, params)), net(x), grid=t.grid(x, params))
        still = medical.consistency_loss(
            net(t.apply(x, params)), net(x), grid=medical.affine_elastic_grid(x, matrix=torch.eye(3).expand(4, 3, 3))
        )
        assert float(turned) < 1e-4
        assert float(still) > 20 * float(turned)

    def test_no_gradient_reaches_the_teacher_and_unseen_pixels_do_not_count(self):
        student, teacher = (torch.randn(1, 1, 4, 6, generator=gen(s), requires_grad=True) for s in (0, 1))
        matrix = torch.tensor([[[1.0, 0, 3], [0, 1, 0], [0, 0, 1]]])
        grid = medical.affine_elastic_grid(student.detach(), matrix=matrix)
        loss = medical.consistency_loss(student, teacher, grid=grid)
        expected = (student.sigmoid()[..., 3:] - teacher.sigmoid()[..., :3]).square().mean()
        torch.testing.assert_close(loss, expected)
        loss.backward()
        assert teacher.grad is None
        assert student.grad is not None
        assert float(student.grad[..., :3].abs().sum()) == 0

    def test_a_step_descends_and_the_teacher_follows(self):
        d = simulate.brain(4, generator=gen(), size=16, tumour=1.0)
        model = nets.UNet(1, width=4, depth=1)
        teacher = copy.deepcopy(model)
        before = copy.deepcopy(teacher.state_dict())
        step = medical.MeanTeacherStep(
            model,
            teacher,
            torch.optim.SGD(model.parameters(), lr=0.1),
            labelled=medical.Gamma(),
            unlabelled=medical.AffineElastic(10.0),
            values=medical.RicianNoise(),
            decay=0.75,
            warm_up=4,
            generator=gen(),
        )
        report = step(((d.x, d.extra["mask"]), d.x))
        assert set(report) == {"loss", "consistency"}
        for name, value in teacher.state_dict().items():
            torch.testing.assert_close(value, 0.75 * before[name] + 0.25 * model.state_dict()[name])

    def test_a_network_learns_to_find_tumours(self):
        """Over seeds 0 to 9 the loss falls from at least 1.03 to at most 0.24 in these 50 steps."""
        d = simulate.brain(8, generator=gen(1), size=24, tumour=1.0, radius=(0.1, 0.14))
        mask = d.extra["mask"]
        with nets.seeded_weights(1):
            net = nets.UNet(1, prior=0.03, mean=0.35, std=0.25)
        before = medical.segmentation_loss(net(d.x).detach(), mask)
        step = medical.segmentation_step(net, torch.optim.Adam(net.parameters(), lr=1e-2), generator=gen())
        train.fit(step, [(d.x, mask)] * 50, epochs=1)
        assert float(before) > 0.9
        assert float(medical.segmentation_loss(net(d.x).detach(), mask)) < 0.5

    def test_a_rule_labels_the_largest_bright_piece_of_the_organ(self):
        d = simulate.brain(40, generator=gen(), size=48, tumour=0.5, contrast=(1.0, 1.0))
        mask = medical.label_by_rule(d.x, d.extra["brain"], threshold=0.72, least=6)
        assert not (mask & ~d.extra["brain"]).any()
        healthy = d.y == 0
        assert float(mask[healthy].flatten(1).any(1).float().mean()) < 0.2
        assert float(metrics.dice(mask, d.extra["mask"])[~healthy].mean()) > 0.5
        with pytest.raises(ValueError, match="grey images"):
            medical.label_by_rule(d.x.expand(-1, 3, -1, -1), d.extra["brain"], threshold=0.5)

    def test_losses_that_do_not_fit_are_refused(self):
        with pytest.raises(ValueError, match="both networks"):
            medical.consistency_loss.__wrapped__(
                torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 5, 4), grid=torch.zeros(1, 2, 4, 4)
            )
        with pytest.raises(ValueError, match="smooth is above 0"):
            metrics.soft_dice_loss(torch.zeros(1, 1, 4, 4), torch.zeros(1, 4, 4, dtype=torch.bool), smooth=0.0)


@pytest.mark.slow
def test_torchio_moves_a_mask_of_classes_alike():
    """The same affine map: the masks agree but for pixels on the edge between two classes."""
    torchio = pytest.importorskip("torchio")
    mask = torch.zeros(1, 24, 24, dtype=torch.int64)
    mask[:, 6:18, 6:12], mask[:, 6:18, 12:18] = 2, 1
    x = image.gaussian_blur(torch.rand(1, 1, 24, 24, generator=gen()), sigma=1.0)
    subject = torchio.Subject(
        image=torchio.ScalarImage(tensor=x[0, :, :, :, None].repeat(1, 1, 1, 3)),
        label=torchio.LabelMap(tensor=mask[:, :, :, None].repeat(1, 1, 1, 3)),
    )
    moved = torchio.Affine(scales=1, degrees=(0, 0, 20), translation=0)(subject)
    theirs = moved.label.data[0, :, :, 1].long()
    assert set(theirs.unique().tolist()) <= {0, 1, 2}
    # Their axes are (across, down): a turn about the third goes the other way for (rows, columns).
    best = max(float((image.Rotate((a, a))(x, mask=mask).mask[0] == theirs).float().mean()) for a in (-20.0, 20.0))
    assert best > 0.97
