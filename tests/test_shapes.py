"""The checks that name a bad tensor."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from labkit import metrics, shapes


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_images_are_handed_back_as_they_are(dtype, device):
    x = torch.zeros(2, 3, 4, 5, dtype=dtype, device=device)
    assert shapes.images(x) is x
    assert shapes.images(x, channels=3) is x
    assert shapes.images(x[:0]).shape == (0, 3, 4, 5)


@pytest.mark.parametrize(
    ("x", "channels", "sentence"),
    [
        (np.zeros((1, 1, 2, 2)), None, "this is a ndarray"),
        ([0.5], None, "this is a list"),
        (torch.zeros(3, 4, 5), None, r"shape \(B, C, H, W\); this has shape \(3, 4, 5\)"),
        (torch.zeros(1, 1, 3, 4, 5), None, r"this has shape \(1, 1, 3, 4, 5\)"),
        (torch.zeros(1, 1, 2, 2, dtype=torch.uint8), None, "torch.uint8: divide by 255"),
        (torch.zeros(1, 4, 2, 2), 3, "need 3 channels; they have 4"),
    ],
)
def test_what_is_not_images_gets_a_sentence(x, channels, sentence):
    # Past the type checker of the test run, as in a notebook.
    images = getattr(shapes.images, "__wrapped__", shapes.images)
    with pytest.raises(ValueError, match=sentence):
        images(x, channels=channels)


@given(st.floats(-10, 10, width=32), st.integers(1, 5))
def test_a_number_holds_for_every_sample(value, batch):
    x = torch.zeros(batch, 2, dtype=torch.float64)
    for given_value in (value, torch.tensor(value), torch.tensor([value])):
        result = shapes.per_sample(given_value, x, name="angle")
        assert result.shape == (batch,)
        assert result.dtype == x.dtype
        assert result.tolist() == [value] * batch


def test_one_number_a_sample_follows_dtype_and_device(device):
    x = torch.zeros(3, 1, 2, 2, dtype=torch.float64, device=device)
    result = shapes.per_sample(torch.tensor([1, 2, 3]), x, name="angle")
    assert (result.dtype, result.device.type, result.tolist()) == (torch.float64, device.type, [1.0, 2.0, 3.0])


def test_gradients_reach_the_parameter(device):
    angle = torch.tensor(2.0, requires_grad=True, device=device)
    shapes.per_sample(angle, torch.zeros(4, 1, device=device), name="angle").sum().backward()
    assert angle.grad == 4


def test_a_number_for_whole_numbers_is_a_float(device):
    x = torch.zeros(3, dtype=torch.long, device=device)
    for value in (0.5, torch.tensor(0.5)):
        assert shapes.per_sample(value, x, name="rate").tolist() == [0.5] * 3


@pytest.mark.parametrize("shape", [(2,), (4,), (3, 1), (1, 1), (0,)])
def test_another_number_of_values_gets_a_sentence(shape):
    with pytest.raises(ValueError, match="angle is one number or one for each of the 3 samples"):
        shapes.per_sample(torch.zeros(shape), torch.zeros(3, 1, 2, 2), name="angle")


def test_the_test_run_verifies_shapes_at_every_call():
    with pytest.raises(TypeCheckError, match="y"):
        metrics.accuracy(torch.zeros(3, 2), torch.zeros(3, 2, dtype=torch.long))
