"""The data set type and the real data that come with scikit-learn and scikit-image."""

import pickle
import socket
import subprocess
import sys

import numpy as np
import pytest
import skimage.data
import torch
from sklearn.datasets import load_digits, load_sample_image
from sklearn.linear_model import LogisticRegression

from labkit import data
from labkit.data import About, DataError, Dataset, Texts, embedded

ABOUT = About("tiny", "none")


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def tiny() -> Dataset:
    """Thirty numbers, unequal classes of 15, 9 and 6; the label and the extra follow from the sample."""
    y = torch.tensor([0] * 15 + [1] * 9 + [2] * 6)[torch.randperm(30, generator=seeded(5))]
    x = torch.arange(30.0) + 100 * y
    return Dataset(x, y, ("a", "b", "c"), ABOUT, extra={"double": 2 * x})


def jittered(batch: list[tuple[torch.Tensor, torch.Tensor]]) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch with noise that is drawn in the worker."""
    x, y = torch.utils.data.default_collate(batch)
    return x + torch.rand(len(x)), y


class TestLoader:
    """A data set of labkit in torch's loader: everything once, in the loader's order, with workers of either kind."""

    @pytest.mark.parametrize("start", [None, "fork"])
    def test_everything_comes_once_with_its_label(self, tiny: Dataset, start: str | None) -> None:
        knobs = {} if start is None else {"num_workers": 2, "multiprocessing_context": start}
        loader = torch.utils.data.DataLoader(tiny, batch_size=7, shuffle=True, generator=seeded(0), **knobs)
        first, second = list(loader), list(loader)
        assert [len(y) for _, y in first] == [7, 7, 7, 7, 2]
        x, y = (torch.cat(parts) for parts in zip(*first, strict=True))
        assert torch.equal(x.sort().values, tiny.x.sort().values)
        assert torch.equal(y, (x // 100).long())
        assert not torch.equal(x, torch.cat([x for x, _ in second]))
        again = torch.utils.data.DataLoader(tiny, batch_size=7, shuffle=True, generator=seeded(0), **knobs)
        assert torch.equal(x, torch.cat([x for x, _ in again]))

    @pytest.mark.parametrize("start", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
    def test_what_workers_draw_is_distinct_and_can_be_repeated(self, tiny: Dataset, start: str) -> None:
        def draws(seed: int) -> list[torch.Tensor]:
            loader = torch.utils.data.DataLoader(
                tiny, batch_size=5, num_workers=2, multiprocessing_context=start, collate_fn=jittered,
                generator=seeded(seed), persistent_workers=True,
            )  # fmt: skip
            return [torch.cat([x for x, _ in loader]) - tiny.x for _ in range(2)]

        first, second = draws(0)
        assert len({round(v, 3) for v in first.tolist() + second.tolist()}) >= 55
        assert all(torch.equal(a, b) for a, b in zip([first, second], draws(0), strict=True))
        assert not torch.equal(first, draws(1)[0])

    @pytest.mark.usefixtures("unchecked")
    def test_one_sample_is_an_index(self, tiny: Dataset) -> None:
        x, y = tiny[-1]
        assert x == tiny.x[29]
        assert y == tiny.y[29]
        assert len(list(tiny)) == 30
        for wrong, says in ((30, "no sample 30; expected -30 to 29"), (1.0, "whole"), (torch.arange(3), "take")):
            with pytest.raises(IndexError, match=says):
                tiny[wrong]
        texts = Texts(("a", "b"), torch.tensor([0, 1]), ("x", "y"), ABOUT)
        assert texts[1] == ("b", torch.tensor(1))
        assert next(iter(torch.utils.data.DataLoader(texts, batch_size=2)))[0] == ("a", "b")

    def test_real_and_simulated_data_reach_a_spawned_worker(self) -> None:
        for dataset in (data.digits("test"), data.simulate.sentences(20, generator=seeded(0))):
            again = pickle.loads(pickle.dumps(dataset))
            assert again.about == dataset.about
            assert torch.equal(again.y, dataset.y)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("this must not touch the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_importing_data_imports_no_heavy_package() -> None:
    code = (
        "import sys, labkit.data; "
        "print([m for m in ('sklearn', 'skimage', 'torchvision', 'pooch', 'scipy', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_split_is_disjoint_complete_and_stratified(tiny: Dataset) -> None:
    train, test = tiny.split(test=1 / 3, generator=seeded(0))
    assert torch.cat([train.x, test.x]).sort().values.equal(tiny.x.sort().values)
    assert torch.bincount(test.y).tolist() == [5, 3, 2]
    assert torch.bincount(train.y).tolist() == [10, 6, 4]


def test_split_by_number_takes_as_many_of_each_class(tiny: Dataset) -> None:
    train, test = tiny.split(test=2, generator=seeded(0))
    assert torch.bincount(test.y).tolist() == [2, 2, 2]
    assert len(train) == 24


def test_samples_labels_and_extras_stay_together(tiny: Dataset) -> None:
    for part in (*tiny.split(test=0.4, generator=seeded(1)), tiny.subset(per_class=4, generator=seeded(2))):
        assert part.y.equal((part.x // 100).long())
        assert part.extra["double"].equal(2 * part.x)


def test_subset_takes_per_class_without_replacement(tiny: Dataset) -> None:
    few = tiny.subset(per_class=6, generator=seeded(3))
    assert torch.bincount(few.y).tolist() == [6, 6, 6]
    assert len(few.x.unique()) == 18


def test_split_without_classes_is_a_plain_share() -> None:
    y = torch.linspace(0, 1, 10)
    train, test = Dataset(torch.arange(10), y, (), ABOUT).split(test=0.3, generator=seeded(0))
    assert (len(train), len(test)) == (7, 3)


def test_splits_depend_on_the_seed_alone(tiny: Dataset) -> None:
    one, same, other = (tiny.split(test=0.4, generator=seeded(s))[1].x for s in (1, 1, 2))
    assert one.equal(same)
    assert not one.equal(other)


@pytest.mark.parametrize("test", [0.0, 1.0, 0.001, 6, 0])
def test_a_split_that_empties_a_class_is_refused(tiny: Dataset, test: float) -> None:
    with pytest.raises(ValueError, match="leaves every class"):
        tiny.split(test=test, generator=seeded(0))


def test_a_subset_larger_than_a_class_is_refused(tiny: Dataset) -> None:
    with pytest.raises(ValueError, match="per_class is 7; expected 1 to 6"):
        tiny.subset(per_class=7)


def test_a_class_that_does_not_occur_is_left_alone() -> None:
    hole = Dataset(torch.arange(8), torch.tensor([0, 2] * 4), ("a", "b", "c", "d"), ABOUT)
    assert torch.bincount(hole.subset(per_class=3).y).tolist() == [3, 0, 3]
    assert torch.bincount(hole.split(test=0.25)[1].y).tolist() == [1, 0, 1]


def test_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="as many labels as samples"):
        Dataset(torch.zeros(3), torch.zeros(2, dtype=torch.int64), ("a",), ABOUT)
    with pytest.raises(ValueError, match="1 texts and 2 labels"):
        Texts(("one",), torch.zeros(2, dtype=torch.int64), ("a",), ABOUT)


def test_batches_cover_everything_once_in_every_epoch(tiny: Dataset) -> None:
    batches = tiny.batches(8, generator=seeded(0))
    epochs = [[x for x, _ in batches] for _ in range(2)]
    assert [len(x) for x in epochs[0]] == [8, 8, 8, 6]
    assert len(batches) == 4
    for epoch in epochs:
        assert torch.cat(epoch).sort().values.equal(tiny.x.sort().values)
    assert not torch.cat(epochs[0]).equal(torch.cat(epochs[1]))


def test_batches_in_order_and_without_the_rest(tiny: Dataset) -> None:
    batches = tiny.batches(8, shuffle=False, drop_last=True)
    pairs = list(batches)
    assert len(pairs) == len(batches) == 3
    assert torch.cat([x for x, _ in pairs]).equal(tiny.x[:24])
    assert torch.cat([y for _, y in pairs]).equal(tiny.y[:24])
    with pytest.raises(ValueError, match="batch_size is 0"):
        tiny.batches(0)


def test_to_moves_everything(tiny: Dataset) -> None:
    moved = tiny.to("meta")
    assert {moved.x.device.type, moved.y.device.type, moved.extra["double"].device.type} == {"meta"}


def test_texts_split_like_tensors() -> None:
    texts = Texts(tuple(f"{k} {i}" for i in range(5) for k in "ab"), torch.tensor([0, 1] * 5), ("a", "b"), ABOUT)
    train, test = texts.split(test=0.4, generator=seeded(0))
    assert sorted(train.x + test.x) == sorted(texts.x)
    assert all(text[0] == test.classes[int(k)] for text, k in zip(test.x, test.y))


@pytest.mark.usefixtures("offline")
def test_digits_are_scikit_learns() -> None:
    digits, bunch = data.digits(), load_digits()
    assert digits.x.shape == (1797, 1, 8, 8)
    assert digits.x.dtype == torch.float32
    assert np.array_equal(digits.x[:, 0].numpy() * 16, bunch.images)
    assert np.array_equal(digits.y.numpy(), bunch.target)
    assert float(digits.x.min()) == 0
    assert float(digits.x.max()) == 1


def test_digits_that_were_written_to_are_nobody_elses() -> None:
    first = data.digits()
    first.x.zero_()
    first.y.zero_()
    assert np.array_equal(data.digits().x[:, 0].numpy() * 16, load_digits().images)
    assert np.array_equal(data.digits().y.numpy(), load_digits().target)


def test_digits_split_is_fixed_and_complete() -> None:
    train, test, everything = data.digits("train"), data.digits("test"), data.digits()
    assert torch.bincount(test.y).tolist() == [50] * 10
    assert len(train) == 1297
    together = torch.cat([train.x, test.x]).flatten(1).unique(dim=0, return_counts=True)
    alone = everything.x.flatten(1).unique(dim=0, return_counts=True)
    assert together[0].equal(alone[0])
    assert together[1].equal(alone[1])
    assert data.digits("test").x.equal(test.x)
    assert not data.digits("test", seed=1).x.equal(test.x)
    with pytest.raises(ValueError, match="split is 'dev'"):
        data.digits("dev")


@pytest.mark.usefixtures("offline")
def test_faces_are_scikit_images_and_can_be_told_apart() -> None:
    faces = data.faces()
    assert np.array_equal(faces.x[:, 0].numpy(), skimage.data.lfw_subset().astype(np.float32))
    assert 0 <= float(faces.x.min()) < float(faces.x.max()) <= 1
    train, test = faces.split(test=0.5, generator=seeded(0))
    model = LogisticRegression(C=0.01, max_iter=500).fit(train.x.flatten(1), train.y)
    assert model.score(test.x.flatten(1), test.y) > 0.8


PEERS = {
    "astronaut": "astronaut",
    "brick": "brick",
    "camera": "camera",
    "cat": "chelsea",
    "cell": "cell",
    "clock": "clock",
    "coffee": "coffee",
    "coins": "coins",
    "galaxies": "hubble_deep_field",
    "grass": "grass",
    "gravel": "gravel",
    "moon": "moon",
    "retina": "retina",
    "rocket": "rocket",
    "tissue": "immunohistochemistry",
}


@pytest.mark.usefixtures("offline")
def test_photographs_are_all_bundled_and_those_of_scikit_image() -> None:
    pictures = data.photographs()
    assert set(pictures) == set(data.PHOTOGRAPHS)
    for name, picture in pictures.items():
        assert picture.dtype == torch.float32
        assert picture.shape[0] == 3
        assert 0 <= float(picture.min()) < float(picture.max()) <= 1
        if name in PEERS:
            peer = getattr(skimage.data, PEERS[name])()
            peer = np.stack([peer] * 3, -1) if peer.ndim == 2 else peer
            assert np.array_equal((picture.permute(1, 2, 0) * 255).round().byte().numpy(), peer), name
        elif name in ("china", "flower"):
            ours = (picture.permute(1, 2, 0) * 255).round().byte().numpy()
            assert np.array_equal(ours, load_sample_image(f"{name}.jpg"))


def test_a_photograph_by_name() -> None:
    assert list(data.photographs("coffee", "cat")) == ["coffee", "cat"]
    assert data.photograph("cat").equal(data.photographs("cat")["cat"])
    with pytest.raises(ValueError, match=r"no photograph 'dog'; expected .*cat"):
        data.photographs("dog")


def test_what_a_package_fails_to_bring_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = embedded.Photograph("skimage.data", "gone.png", "nothing", "none")
    monkeypatch.setitem(embedded.PHOTOGRAPHS, "gone", gone)
    assert "gone" not in data.photographs()
    with pytest.raises(DataError, match=r"installed skimage, but skimage\.data has no gone\.png: reinstall"):
        data.photograph("gone")
