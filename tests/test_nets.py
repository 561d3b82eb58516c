"""The networks: shapes, counted parameters, and what they leave alone."""

import copy
from itertools import pairwise

import pytest
import torch
from torch import nn

from labkit import nets
from labkit.nets import CNN, MLP, Normalize, ResNet, eval_mode, parameter_count, parameter_table

MODELS = {
    "cnn": lambda: CNN(3, 5, width=8),
    "cnn without batch norm": lambda: CNN(3, 5, width=8, depth=2, batch_norm=False),
    "cnn with dropout": lambda: CNN(3, 5, width=8, dropout=0.5, mean=[0.4, 0.5, 0.6], std=[0.2, 0.2, 0.3]),
    "resnet": lambda: ResNet(3, 5, blocks=1, width=4),
    "mlp": lambda: MLP(3 * 16 * 12, 5, hidden=(16, 8), dropout=0.1),
    "linear": lambda: MLP(3 * 16 * 12, 5, hidden=()),
}


@pytest.fixture(params=MODELS)
def model(request, device):
    return MODELS[request.param]().to(device)


@pytest.fixture
def x(generator, device):
    """Four images that are not square."""
    return torch.rand(4, 3, 16, 12, generator=generator, device=device)


def test_logits_are_the_head_of_the_body_of_the_normalised_input(model, x):
    model.eval()
    features = model.features(x)
    assert features.shape == (4, model.width)
    torch.testing.assert_close(
        features, model.body((x - model.normalize.mean.view(-1, 1, 1)) / model.normalize.std.view(-1, 1, 1))
    )
    torch.testing.assert_close(model(x), features @ model.head.weight.T + model.head.bias)
    assert model(x).shape == (4, 5)


def test_a_sample_does_not_depend_on_its_batch_in_evaluation(model, x):
    model.eval()
    torch.testing.assert_close(model(x[1:2]), model(x)[1:2], rtol=1e-4, atol=1e-5)


def test_a_batch_of_one_can_be_trained_on(model, x):
    model(x[:1]).sum().backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in model.parameters())


def test_input_and_modes_stay_as_they_were(model, x):
    before, mode = x.clone(), [m.training for m in model.modules()]
    model(x)
    assert torch.equal(x, before)
    assert [m.training for m in model.modules()] == mode
    model.eval()
    state = copy.deepcopy(model.state_dict())
    model(x)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_it_follows_dtype_and_device(model, x):
    assert model.double()(x.double()).dtype == torch.float64
    assert model(x.double()).device.type == x.device.type


@pytest.mark.parametrize("name", MODELS)
def test_a_seed_fixes_the_weights(name):
    def built(seed):
        torch.manual_seed(seed)
        return MODELS[name]().state_dict()

    first, again, other = built(1), built(1), built(2)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


def test_a_batch_of_logits_is_differentiable_in_the_pixels(model, x):
    model.eval()
    x.requires_grad_()
    model(x).sum().backward()
    assert bool((x.grad != 0).any())


def test_the_body_freezes_and_the_head_is_exchanged(x):
    model = CNN(3, 5, width=8)
    model.body.requires_grad_(False)
    assert parameter_count(model, trainable=True) == (model.width + 1) * 5
    model.head = nn.Linear(model.width, 2)
    assert model(x.cpu()).shape == (4, 2)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("depth", [1, 3])
def test_the_cnn_has_the_parameters_of_its_formula(channels, classes, depth):
    c = [channels, *(16 * 2**i for i in range(depth))]
    for batch_norm in (True, False):
        per_channel = 2 if batch_norm else 1
        expected = sum(9 * a * b + per_channel * b for a, b in pairwise(c)) + (c[-1] + 1) * classes
        assert parameter_count(CNN(channels, classes, width=16, depth=depth, batch_norm=batch_norm)) == expected
    assert 90_000 < parameter_count(CNN(1, 10)) < 95_000


@pytest.mark.parametrize(("blocks", "millions"), [(3, 0.27), (5, 0.46), (7, 0.66), (9, 0.85), (18, 1.7)])
def test_the_resnets_have_the_parameters_of_the_paper(blocks, millions):
    # Table 6 of He et al. (2015): ResNet-20, 32, 44, 56, 110.
    with torch.device("meta"):
        count = parameter_count(ResNet(3, 10, blocks=blocks))
    assert count / 1e6 == pytest.approx(millions, abs=0.05 if millions > 1 else 0.006)
    assert blocks != 3 or count == 269_722


@pytest.mark.parametrize("hidden", [(), (7,), (7, 4, 6)])
def test_the_mlp_has_the_parameters_of_its_formula(hidden):
    sizes = [12, *hidden, 3]
    assert parameter_count(MLP(12, 3, hidden=hidden)) == sum((a + 1) * b for a, b in pairwise(sizes))


@pytest.mark.parametrize("size", [(8, 8), (9, 21), (64, 64)])
def test_convolutions_take_any_size(size, device):
    x = torch.rand(2, 1, *size, device=device)
    assert CNN(1, 4, width=4).to(device)(x).shape == ResNet(1, 4, blocks=1, width=4).to(device)(x).shape == (2, 4)


def test_residual_blocks_start_from_their_input(device):
    block = nets.models.Residual(4, 8).to(device).eval()
    nn.init.zeros_(block.g[-1].weight)
    x = torch.rand(2, 4, 7, 5, device=device)
    out = block(x)
    assert torch.equal(out[:, :4], x[:, :, ::2, ::2])
    assert not out[:, 4:].any()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: CNN(1, 2)(torch.rand(1, 1, 8, 7)), r"8 pixels a side; these are \(8, 7\)"),
        (lambda: MLP(64, 2)(torch.rand(3, 1, 8, 9)), r"64 numbers a sample; x has shape \(3, 1, 8, 9\)"),
        (lambda: Normalize(0.5, 0.0), r"std is \[0.0\]; expected numbers above zero"),
        (lambda: Normalize([0.1, 0.2], [1.0, 1.0, 1.0]), "mean has 2 channels, std has 3"),
        (lambda: Normalize([0.1, 0.2, 0.3], 1.0)(torch.rand(1, 1, 4, 4)), "normalises 3 channels"),
    ],
)
def test_bad_input_gets_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


# Normalisation


@pytest.mark.parametrize("shape", [(50, 3, 6, 4), (50, 3), (50, 3, 9)])
def test_measured_normalisation_standardises_each_channel(shape, generator, device):
    x = torch.rand(*shape, generator=generator, device=device) * torch.tensor([1.0, 2.0, 3.0], device=device).view(
        1, 3, *[1] * (len(shape) - 2)
    )
    z = Normalize.of(x)(x).transpose(0, 1).flatten(1)
    torch.testing.assert_close(z.mean(1), torch.zeros(3, device=device), atol=1e-5, rtol=0)
    torch.testing.assert_close(z.std(1, correction=0), torch.ones(3, device=device))


def test_a_constant_channel_is_only_centred():
    x = torch.full((4, 2), 3.0)
    x[:, 1] = torch.tensor([1.0, -1.0, 1.0, -1.0])
    assert Normalize.of(x)(x).tolist() == [[0, 1], [0, -1], [0, 1], [0, -1]]


def test_normalisation_is_torchvisions_and_no_parameter(x):
    from torchvision.transforms.v2 import functional

    mean, std = [0.4, 0.5, 0.6], [0.1, 0.2, 0.3]
    layer = Normalize(mean, std).to(x.device)
    torch.testing.assert_close(layer(x), functional.normalize(x, mean, std))
    assert parameter_count(layer) == 0
    assert set(layer.state_dict()) == {"mean", "std"}


# Counting

VGG16 = [1_792, 36_928, 73_856, 147_584, 295_168, 590_080, 590_080, 1_180_160] + [2_359_808] * 5
VGG16_HEAD = [102_764_544, 16_781_312, 8_194]


def test_the_table_of_vgg16_adds_up_row_by_row():
    from torchvision.models import vgg16

    with torch.device("meta"):
        model = vgg16(num_classes=2)
        rows = parameter_table(model, torch.empty(1, 3, 224, 224))
    assert [row.parameters for row in rows if row.parameters] == VGG16 + VGG16_HEAD
    assert sum(row.parameters for row in rows) == 134_268_738
    assert rows[0] == ("features.0", "Conv2d", (1, 64, 224, 224), 1_792)
    assert [row.shape[1:] for row in rows if row.kind == "MaxPool2d"] == [
        (64, 112, 112),
        (128, 56, 56),
        (256, 28, 28),
        (512, 14, 14),
        (512, 7, 7),
    ]
    assert rows[-1] == ("classifier.6", "Linear", (1, 2), 8_194)


def test_a_table_adds_up_to_the_model_and_leaves_it_alone(model, x):
    model.body.eval()
    modes = [m.training for m in model.modules()]
    state = copy.deepcopy(model.state_dict())
    rows = parameter_table(model, x[:1])
    assert sum(row.parameters for row in rows) == parameter_count(model)
    assert rows[0].layer == "normalize"
    assert rows[-1] == ("head", "Linear", (1, 5), (model.width + 1) * 5)
    assert [m.training for m in model.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert not any(m._forward_hooks for m in model.modules())


def test_a_layer_passed_twice_counts_once():
    shared = nn.Linear(3, 3)
    rows = parameter_table(nn.Sequential(shared, nn.ReLU(), shared), torch.rand(1, 3))
    assert [row.parameters for row in rows] == [12, 0, 0]


def test_a_module_with_modules_and_parameters_of_its_own_has_a_row():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale, self.inner = nn.Parameter(torch.ones(1)), nn.Linear(2, 2)

        def forward(self, x):
            return self.scale * self.inner(x)

    rows = parameter_table(Scaled(), torch.rand(5, 2))
    assert [(row.kind, row.shape, row.parameters) for row in rows] == [("Linear", (5, 2), 6), ("Scaled", (5, 2), 1)]


def test_hooks_go_away_when_the_model_fails():
    model = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(RuntimeError, match="shapes"):
        parameter_table(model, torch.rand(1, 3))
    assert not model[0]._forward_hooks
    assert model.training


def test_eval_mode_puts_every_mode_back_even_after_an_error():
    model = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(2))
    model[1].eval()

    def fail():
        with eval_mode(model) as same:
            assert same is model
            assert not any(m.training for m in model.modules())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert [m.training for m in model.modules()] == [True, True, False]


def test_frozen_parameters_get_no_gradient_and_what_was_frozen_stays_so():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model[0].requires_grad_(False)
    x = torch.randn(5, 3, requires_grad=True)
    with nets.frozen(model):
        model(x).sum().backward()
    with pytest.raises(ValueError, match="whatever"), nets.frozen(model):
        raise ValueError("whatever")
    assert x.grad is not None
    assert all(p.grad is None for p in model.parameters())
    assert [p.requires_grad for p in model.parameters()] == [False, False, True, True]


def test_seeded_weights_depend_on_the_seed_alone_and_leave_global_chance_as_it_was():
    def weights(seed):
        with nets.seeded_weights(seed):
            return nn.Linear(3, 2).weight.detach()

    before = torch.get_rng_state()
    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))
    a, b, other = (weights(torch.Generator().manual_seed(s)) for s in (5, 5, 6))
    assert torch.equal(a, b)
    assert not torch.equal(a, other)
    assert torch.equal(torch.get_rng_state(), before)
    generator = torch.Generator().manual_seed(5)
    assert not torch.equal(weights(generator), weights(generator)), "a generator goes on"
    torch.manual_seed(5)
    assert torch.equal(weights(None), a), "without one it is torch's own that goes on"
    with pytest.raises(RuntimeError, match="no"), nets.seeded_weights(0):
        raise RuntimeError("no")
