"""Where tensors live, and the seed."""

import random

import numpy as np
import pytest
import torch

from labkit import device as devices


@pytest.fixture
def machine(monkeypatch):
    """A machine that has what the test says it has."""
    monkeypatch.delenv("LABKIT_DEVICE", raising=False)

    def has(*kinds, gpus=1):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in kinds)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus if "cuda" in kinds else 0)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in kinds)

    return has


@pytest.mark.parametrize(
    ("kinds", "chosen"), [((), "cpu"), (("mps",), "mps"), (("cuda",), "cuda"), (("cuda", "mps"), "cuda")]
)
def test_the_best_there_is(machine, kinds, chosen):
    machine(*kinds)
    assert devices.device() == devices.device("auto") == torch.device(chosen)
    assert [kind for kind in devices.KINDS if devices.available(kind)] == [
        kind for kind in devices.KINDS if kind in (*kinds, "cpu")
    ]


def test_the_name_goes_before_the_environment_and_that_before_the_machine(machine, monkeypatch):
    machine("cuda", gpus=2)
    monkeypatch.setenv("LABKIT_DEVICE", "cpu")
    assert devices.device() == torch.device("cpu")
    assert devices.device("cuda:1") == devices.device(torch.device("cuda", 1)) == torch.device("cuda:1")
    assert devices.device("auto") == torch.device("cuda")
    assert devices.device("CUDA:0 ") == torch.device("cuda:0")
    assert devices.device("cpu:0").type == "cpu"
    monkeypatch.setenv("LABKIT_DEVICE", "")
    assert devices.device() == torch.device("cuda")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("gpu", "'gpu'; expected one of auto, cuda, mps, cpu"),
        ("cuda:x", "'cuda:x'; expected one of"),
        ("cuda:", "'cuda:'; expected one of"),
        ("cpu:1", "there are 1 of its kind"),
        ("mps", "this machine has no mps; expected cpu or auto"),
        ("cuda:2", "there are 2 of its kind; they are counted from 0"),
    ],
)
def test_a_bad_name_gets_a_sentence(machine, monkeypatch, name, sentence):
    machine("cuda", gpus=2)
    with pytest.raises(ValueError, match=sentence):
        devices.device(name)
    monkeypatch.setenv("LABKIT_DEVICE", name)
    with pytest.raises(ValueError, match=sentence):
        devices.device()


def test_a_machine_without_cuda_says_so(machine):
    machine()
    with pytest.raises(ValueError, match="this machine has no cuda"):
        devices.device("cuda")


def test_an_unknown_kind_is_not_available():
    assert not devices.available("tpu")
    assert devices.available("cpu")


def draws(generator):
    return (
        random.random(),
        np.random.rand(3).tolist(),
        torch.rand(3).tolist(),
        torch.rand(3, generator=generator, device=generator.device).tolist(),
    )


def test_one_seed_covers_everything_that_is_random(device):
    first, again, other = (draws(devices.seed(value, device=device)) for value in (7, 7, 8))
    assert first == again
    assert all(a != b for a, b in zip(first, other))


def test_the_generator_stands_apart_from_what_runs_beside_it(device):
    alone = devices.seed(3, device=device)
    expected = torch.rand(4, generator=alone, device=device)
    beside = devices.seed(3, device=device)
    torch.rand(100)
    assert torch.equal(torch.rand(4, generator=beside, device=device), expected)
    assert beside.device.type == device.type


@pytest.mark.parametrize("value", [0, 2**32 - 1])
def test_the_whole_range_of_seeds_works(value):
    assert devices.seed(value).initial_seed() == value


@pytest.mark.parametrize("value", [-1, 2**32])
def test_a_seed_that_numpy_refuses_gets_a_sentence(value):
    with pytest.raises(ValueError, match=f"the seed is {value}; expected a whole number from 0 to 4294967295"):
        devices.seed(value)


def test_threads_are_as_many_as_asked_for_and_then_as_before():
    before = torch.get_num_threads()

    def stop_within_one():
        with devices.threads(1):
            assert torch.get_num_threads() == 1
            raise RuntimeError("stop")

    with devices.threads(2):
        assert torch.get_num_threads() == 2
        with pytest.raises(RuntimeError, match="stop"):
            stop_within_one()
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == before
