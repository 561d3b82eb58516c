"""Distances that are taken again and again from the same rows."""

import pytest
import torch

from labkit import distances


def rows(n, d, seed, *, dtype=torch.float64, offset=0.0):
    return (torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + offset).to(dtype)


@pytest.mark.parametrize("offset", [0.0, 1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_nearest_is_that_of_a_slow_loop(dtype, offset):
    x, others = rows(300, 5, 0, dtype=dtype, offset=offset), rows(9, 5, 1, dtype=dtype, offset=offset)
    others[7] = x[3]
    slow = (x[:, None].double() - others.double()).square().sum(2)
    kept = distances.Rows(x)
    torch.testing.assert_close(kept.squared_distances(others).T, slow.to(dtype), rtol=1e-5, atol=0)
    assert torch.equal(kept.nearest(others), slow.argmin(1))


def test_of_equally_near_ones_the_first_is_taken_and_copies_are_at_no_distance():
    x = torch.tensor([[1e4, 0.0], [1e4, 3.0]])
    assert distances.Rows(x).nearest(x.flip(0).repeat(2, 1)).tolist() == [1, 0]
    assert distances.Rows(x).squared_distances(x).diagonal().tolist() == [0.0, 0.0]


def test_half_precision_comes_back_as_it_was():
    x = rows(20, 4, 0, dtype=torch.float16)
    assert distances.Rows(x).squared_distances(x[:3]).dtype == torch.float16


def test_gradients_are_those_of_the_difference():
    a, b = rows(6, 3, 0).requires_grad_(), rows(5, 3, 1)
    b[2] = a[1].detach() + 1e-9
    weight = rows(6, 5, 2)
    fast = torch.autograd.grad((distances.squared_distances(a, b) * weight).sum(), a)[0]
    slow = torch.autograd.grad(((a[:, None] - b).square().sum(2) * weight).sum(), a)[0]
    torch.testing.assert_close(fast, slow)


class TestRows:
    """Rows that many are compared with."""

    @pytest.mark.parametrize("d", [1, 3, 40])
    def test_the_nearest_and_their_sums_are_those_of_the_slow_loop(self, d):
        x = torch.randn(30_000, d, generator=torch.Generator().manual_seed(0)).round(decimals=1)
        a = torch.cat([x[:4], x[:1], 9 + x[:1]])  # two of them equal, one far from all
        distance = (x[:, None].double() - a.double()).square().sum(2)
        sums = torch.zeros_like(a)
        which = distances.Rows(x).nearest(a, sums=sums)
        # Multiples of 0.1 are rounded: of two centres that are as near, either may be a little nearer.
        chosen = distance.gather(1, which[:, None])[:, 0]
        torch.testing.assert_close(chosen, distance.amin(1), rtol=1e-5, atol=1e-4)
        assert (which != 4).all()
        for k in range(len(a)):
            torch.testing.assert_close(sums[k], x[which == k].double().sum(0).float(), atol=2e-3, rtol=1e-5)

    def test_of_equally_near_ones_it_is_the_first(self):
        x = torch.tensor([[0.0, 5.0], [0.0, -5.0], [1.0, 4.0]])
        a = torch.tensor([[9.0, 9.0], [3.0, 0.0], [3.0, 0.0]])
        assert distances.Rows(x).nearest(a).tolist() == [1, 1, 1]
