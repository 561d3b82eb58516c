"""The loop, its history and its callbacks."""

import copy
import io
import itertools
import math
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from labkit import nets, train
from labkit.train import Callback, EarlyStopping, History, Minibatches, Progress, fit, supervised_step

scalars = st.lists(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=5), min_size=1, max_size=5)


@given(scalars, st.booleans())
def test_an_epoch_is_the_mean_over_its_batches(epochs, as_tensors):
    remaining = iter(list(epochs))
    history = fit(
        lambda value: {"loss": torch.tensor(value) if as_tensors else value},
        lambda: next(remaining),
        epochs=len(epochs),
    )
    assert history["loss"] == pytest.approx([math.fsum(values) / len(values) for values in epochs], abs=1e-4)


def test_means_are_exact_over_many_batches(device):
    # In float32 a running sum of 0.1 is off in the fourth digit after so many batches.
    value = torch.tensor(0.1, device=device)
    history = fit(lambda _: {"loss": value}, range(20_000), epochs=1)
    assert history["loss"][0] == pytest.approx(float(value), rel=1e-9)


def test_a_scalar_that_comes_now_and_then_is_averaged_over_its_own_batches():
    def step(i):
        return {"discriminator": i, "generator": torch.tensor([10.0 * i])} if i % 3 == 0 else {"discriminator": i}

    history = fit(step, range(7), epochs=1)
    assert history.last == {"discriminator": 3.0, "generator": 30.0}


def test_a_step_may_reuse_its_tensor(device):
    total = torch.zeros((), device=device)
    history = fit(lambda i: {"sum": total.add_(i)}, [1, 2, 3], epochs=1)
    assert history["sum"] == [pytest.approx((1 + 3 + 6) / 3)]


class Syncs(TorchDispatchMode):
    """Counts what makes the host wait for the device: reading a number off it, or copying from it."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.name().startswith("aten::_local_scalar_dense"):
            self.count += 1
        return func(*args, **(kwargs or {}))


@pytest.fixture
def transfers(monkeypatch):
    """The list of calls that bring a tensor's value to the host."""
    calls = []
    for name in ("item", "tolist", "cpu", "numpy", "__float__", "__bool__", "__int__", "__index__"):
        original = getattr(torch.Tensor, name)

        def counted(self, *args, _name=name, _original=original, **kwargs):
            calls.append(_name)
            return _original(self, *args, **kwargs)

        monkeypatch.setattr(torch.Tensor, name, counted)
    return calls


def test_there_is_one_transfer_an_epoch_however_many_batches(transfers, device):
    model = nn.Linear(3, 2).to(device)
    step = supervised_step(model, torch.optim.SGD(model.parameters(), lr=0.1))
    batches = [(torch.randn(4, 3, device=device), torch.zeros(4, dtype=torch.long, device=device))] * 10
    transfers.clear()
    with Syncs() as syncs:
        history = fit(step, batches, epochs=3)
    assert transfers == ["tolist"] * 3
    assert syncs.count == 0
    assert set(history) == {"loss", "accuracy"}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs cuda, which can report what it waits for")
def test_cuda_waits_once_an_epoch():
    values = torch.rand(50, device="cuda")

    def train_and_complain():
        torch.cuda.set_sync_debug_mode("warn")  # which warns that it is a prototype
        try:
            fit(lambda i: {"a": values[i], "b": values[i] * 2}, range(50), epochs=2)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    with pytest.warns(UserWarning, match="ynchroniz") as caught:
        train_and_complain()
    assert sum("called a synchronizing" in str(warning.message) for warning in caught) == 2


def test_evaluate_comes_after_each_epoch_and_may_give_tensors():
    seen = []
    history = fit(
        lambda i: seen.append("step") or {"loss": 1.0},
        [1, 2],
        epochs=2,
        evaluate=lambda: seen.append("evaluate") or {"val_loss": torch.tensor(0.5), "val_count": torch.tensor(3)},
    )
    assert seen == ["step", "step", "evaluate"] * 2
    assert history["val_loss"] == [0.5, 0.5]
    assert history["val_count"] == [3.0, 3.0]


def test_gradients_do_not_leak_into_the_history():
    w = torch.ones((), requires_grad=True)
    history = fit(lambda _: {"loss": w * 2}, [0, 1], epochs=1, evaluate=lambda: {"val": w * 3})
    assert history.last == {"loss": 2.0, "val": 3.0}
    assert type(history["val"][0]) is float


def test_training_learns_digits_and_is_reproducible():
    from sklearn.datasets import load_digits

    digits = load_digits()
    x, y = torch.tensor(digits.images / 16, dtype=torch.float32)[:400, None], torch.tensor(digits.target)[:400]

    def run():
        torch.manual_seed(3)
        model = nets.CNN(1, 10, width=8)
        step = supervised_step(model, torch.optim.Adam(model.parameters(), lr=0.01))
        return fit(step, Minibatches(x, y, batch_size=50, generator=torch.Generator().manual_seed(1)), epochs=5)

    first, second = run(), run()
    assert dict(first) == dict(second)
    assert first["accuracy"][-1] > 0.9 > first["accuracy"][0]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"epochs": -1}, "epochs is -1"),
        ({"batches": iter([1])}, "empty after one epoch"),
        ({"batches": []}, "nothing in epoch 1"),
        ({"batches": lambda: iter(())}, "nothing in epoch 1"),
        ({"step": lambda b: None}, "step returned a NoneType"),
        ({"step": lambda b: {"loss": torch.zeros(2)}}, r"'loss' of shape \(2,\)"),
        ({"step": lambda b: {"loss": "low"}}, "'loss' as a str"),
        ({"evaluate": lambda: 0.5}, "evaluate returned a float"),
        ({"evaluate": lambda: {"loss": 0.5}}, "both report 'loss'.*'val_loss'"),
        ({"on_epoch": Progress}, r"the class Progress; expected one of it: Progress\(\)"),
    ],
)
def test_bad_input_gets_a_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        fit(**({"step": lambda b: {"loss": 1.0}, "batches": [1], "epochs": 2} | arguments))


@pytest.mark.parametrize("value", [math.nan, math.inf, torch.tensor(math.nan), torch.tensor(-math.inf)])
def test_divergence_names_the_epoch_and_the_quantity(value):
    batches = iter([[1.0, 2.0], [1.0, value, 3.0]])
    with pytest.raises(FloatingPointError, match=r"'loss' is -?(nan|inf) in epoch 2"):
        fit(lambda b: {"other": 0.0, "loss": b}, lambda: next(batches), epochs=5)


def test_a_number_of_the_evaluation_may_be_infinite():
    history = fit(lambda b: {"loss": 0.0}, [1], epochs=1, evaluate=lambda: {"psnr": math.inf})
    assert history["psnr"] == [math.inf]


def test_no_epochs_give_an_empty_history():
    history = fit(lambda b: {"loss": 0.0}, [1], epochs=0)
    assert (dict(history), history.last, history.epoch) == ({}, {}, 0)


# The history


def test_a_history_is_a_mapping_of_equally_long_lists():
    history = History(planned=3)
    history.append({"loss": 3.0})
    history.append({"loss": 1.0, "val": 0.5})
    history.append({"val": 0.75})
    assert history["loss"][:2] == [3.0, 1.0]
    assert math.isnan(history["loss"][2])
    assert math.isnan(history["val"][0])
    assert list(dict(history)) == ["loss", "val"]
    assert history.last["val"] == 0.75
    assert "accuracy" not in history


def test_a_history_names_what_it_has():
    history = History(planned=1)
    with pytest.raises(KeyError, match="no epoch was finished"):
        history["loss"]
    history.append({"loss": 1.0, "val_loss": 2.0})
    with pytest.raises(KeyError, match="it has loss, val_loss"):
        history["accuracy"]
    assert repr(history) == "History(1 of 1 epochs; loss 1 → 1; val_loss 2 → 2)"


@given(
    st.lists(st.one_of(st.floats(-9, 9), st.just(math.nan)), min_size=1).filter(lambda v: not all(map(math.isnan, v)))
)
def test_best_is_the_first_of_the_best(values):
    history = History()
    for value in values:
        history.append({"q": value})
    numbers = [v for v in values if not math.isnan(v)]
    for mode, choose in (("min", min), ("max", max)):
        best = history.best("q", mode)
        assert best.value == choose(numbers)
        assert best.epoch == 1 + values.index(choose(numbers))


def test_best_of_nothing_is_an_error():
    history = History()
    history.append({"q": math.nan})
    with pytest.raises(ValueError, match="has no best"):
        history.best("q", "min")


# Callbacks


class Recorder(Callback):
    def __init__(self):
        self.heard = []

    def start(self, history):
        self.heard.append(("start", history.epoch, history.planned))

    def __call__(self, history):
        self.heard.append(("epoch", history.epoch))

    def finish(self, history):
        self.heard.append(("finish", history.epoch))


def test_callbacks_hear_of_the_start_each_epoch_and_the_end():
    recorder, functions = Recorder(), []
    fit(lambda b: {"loss": b}, [1], epochs=2, on_epoch=[recorder, lambda history: functions.append(history.last)])
    assert recorder.heard == [("start", 0, 2), ("epoch", 1), ("epoch", 2), ("finish", 2)]
    assert functions == [{"loss": 1.0}] * 2


def test_only_true_stops_and_the_others_still_hear_of_that_epoch():
    recorder = Recorder()
    history = fit(
        lambda b: {"loss": b}, [1], epochs=9, on_epoch=[lambda h: h.epoch == 3, lambda h: "a figure", recorder]
    )
    assert (history.epoch, history.stopped, history.interrupted) == (3, True, False)
    assert recorder.heard[-2:] == [("epoch", 3), ("finish", 3)]
    assert "3 of 9 epochs, stopped" in repr(history)


def test_hooks_of_steps_hear_of_each_and_of_the_start_and_the_end():
    recorder, heard = Recorder(), []
    after_step, after_epoch = lambda h: heard.append((h.epoch, h.step)), lambda h: heard.append(f"epoch {h.epoch}")
    history = fit(
        lambda b: heard.append(f"step {b}") or {"loss": b},
        [1, 2],
        epochs=2,
        on_step=[after_step, recorder],
        on_epoch=after_epoch,
    )
    one = ["step 1", (0, 1), "step 2", (0, 2), "epoch 1"]
    assert heard == [*one, "step 1", (1, 3), "step 2", (1, 4), "epoch 2"]
    assert recorder.heard == [("start", 0, 2), *[("epoch", 0)] * 2, *[("epoch", 1)] * 2, ("finish", 2)]
    assert history.step == 4


def test_a_schedule_of_the_rate_goes_on_after_each_step_or_each_epoch():
    def rates(**hook):
        optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        seen = []

        def step(_):
            seen.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            return {}

        fit(step, [0, 0], epochs=2, **{name: schedule for name in hook})
        return seen

    assert rates(on_step=True) == [1, 0.5, 0.25, 0.125]
    assert rates(on_epoch=True) == [1, 1, 0.5, 0.5]


def test_a_hook_of_steps_ends_the_epoch_where_it_is():
    epochs = []
    history = fit(
        lambda b: {"loss": b}, [1.0, 2.0, 6.0], epochs=5, evaluate=lambda: {"val": 1.0}, on_epoch=epochs.append,
        on_step=lambda h: h.step == 5,
    )  # fmt: skip
    assert history["loss"] == [3, 1.5]
    assert history["val"] == [1, 1]
    assert (history.epoch, history.step, history.stopped) == (2, 5, True)
    assert epochs == [history] * 2


def test_a_history_says_why_training_ended():
    def low(history):
        if history.last["loss"] < 2:
            history.stop(f"the loss is {history.last['loss']:g}")

    def reason(**hooks):
        values = iter([3.0, 2.0, 1.0, 1.0, 1.0])
        history = fit(lambda b: {"loss": next(values)}, [0], epochs=4, **hooks)
        return history.reason, history.stopped

    assert reason() == ("all 4 epochs are done", False)
    assert reason(on_epoch=low) == ("the loss is 1", True)
    assert reason(on_epoch=[low, lambda h: h.epoch == 3]) == ("the loss is 1", True), "the first reason counts"
    assert reason(on_step=lambda h: h.step == 2) == ("<lambda> returned True", True)
    model = nn.Linear(1, 1)
    waits = EarlyStopping(model, "loss", patience=1)
    assert reason(on_epoch=waits) == (
        "loss has not improved for 1 epochs; its best is 1, of epoch 3", True
    )  # fmt: skip
    history = History(planned=3)
    assert history.reason == ""
    history.stop("it is enough")
    assert "0 of 3 epochs, stopped: it is enough" in repr(history)


def test_an_interrupt_says_so():
    def step(_):
        raise KeyboardInterrupt

    assert fit(step, [1], epochs=1).reason == "it was interrupted"


@pytest.mark.parametrize(
    ("hook", "sentence"),
    [
        (Progress, r"on_step holds the class Progress; expected one of it: Progress\(\)"),
        ("plateau", "on_step holds a ReduceLROnPlateau; expected a function"),
    ],
)
def test_hooks_that_can_not_be_called_are_refused(hook, sentence):
    if hook == "plateau":
        optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0)
        hook = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
    with pytest.raises(ValueError, match=sentence):
        fit(lambda b: {}, [1], epochs=1, on_step=hook)


@pytest.mark.parametrize("error", [RuntimeError, FloatingPointError])
def test_callbacks_hear_of_the_end_even_when_a_step_fails(error):
    recorder = Recorder()

    def step(batch):
        raise error("no")

    with pytest.raises(error, match="no"):
        fit(step, [1], epochs=1, on_epoch=recorder)
    assert recorder.heard == [("start", 0, 1), ("finish", 0)]


def test_an_interrupt_keeps_the_epochs_that_were_finished():
    recorder, batches = Recorder(), itertools.chain([1, 2, 1, 2, 1], [KeyboardInterrupt])

    def step(_):
        value = next(batches)
        if value is KeyboardInterrupt:
            raise KeyboardInterrupt
        return {"loss": value}

    history = fit(step, [0, 0], epochs=10, on_epoch=recorder)
    assert history.interrupted
    assert history["loss"] == [1.5, 1.5]
    assert recorder.heard[-1] == ("finish", 2)
    assert "interrupted" in repr(history)


class Trained:
    """A model with a buffer whose weights follow a script, so that every epoch's weights are known."""

    def __init__(self, values):
        self.model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
        self.values, self.epoch, self.saved = values, -1, []

    def step(self, _):
        self.epoch += 1
        self.model(torch.randn(4, 2) + self.epoch)
        with torch.no_grad():
            self.model[0].weight.add_(torch.randn(2, 2))
        self.saved.append(copy.deepcopy(self.model.state_dict()))
        return {"loss": 0.0}

    def evaluate(self):
        value = self.values[self.epoch]
        if value is KeyboardInterrupt:
            raise KeyboardInterrupt
        return {"val": value}

    def holds(self, epoch):
        state = self.model.state_dict()
        return all(torch.equal(state[name], self.saved[epoch - 1][name]) for name in state)


@pytest.mark.parametrize(
    ("values", "mode", "patience", "best", "epochs"),
    [
        ([3, 2, 1, 2, 3, 4, 5], "min", 2, 3, 5),  # stopped
        ([3, 2, 1, 2, 0, 4, 5], "min", 3, 5, 7),  # finished
        ([1, 5, 4, 5, 0, 0], "max", 3, 2, 5),  # a tie is no improvement
        ([math.nan, 4, math.nan, 5], "min", 9, 2, 4),  # nor is nan
        ([3, 1, 2, KeyboardInterrupt], "min", 9, 2, 3),  # interrupted
        ([3.0, 2.95, 2.9, 2.0], "min", 9, 4, 4),
    ],
)
def test_early_stopping_restores_a_saved_copy(values, mode, patience, best, epochs):
    trained = Trained(values)
    stopper = EarlyStopping(trained.model, "val", patience=patience, mode=mode)
    history = fit(trained.step, [0], epochs=len(values), evaluate=trained.evaluate, on_epoch=stopper)
    assert history.epoch == epochs
    assert stopper.best == history.best("val", mode)
    assert stopper.best.epoch == best
    assert trained.holds(best)
    assert not trained.holds(epochs) or best == epochs


def test_min_delta_is_what_counts_as_an_improvement():
    trained = Trained([3.0, 2.95, 2.91, 2.0])
    stopper = EarlyStopping(trained.model, "val", patience=2, min_delta=0.1)
    history = fit(trained.step, [0], epochs=4, evaluate=trained.evaluate, on_epoch=stopper)
    assert (history.epoch, stopper.best.epoch) == (3, 1)
    assert trained.holds(1)


def test_early_stopping_with_nothing_but_nan_leaves_the_model_alone():
    trained = Trained([math.nan] * 5)
    stopper = EarlyStopping(trained.model, "val", patience=2)
    history = fit(trained.step, [0], epochs=5, evaluate=trained.evaluate, on_epoch=stopper)
    assert (history.epoch, stopper.best) == (2, None)
    assert trained.holds(2)


def test_early_stopping_starts_afresh_with_each_training():
    trained = Trained([1, 2, 9, 8])
    stopper = EarlyStopping(trained.model, "val", patience=5)
    for _ in range(2):
        fit(trained.step, [0], epochs=2, evaluate=trained.evaluate, on_epoch=stopper)
    assert stopper.best == train.Best(2, 8.0)
    assert trained.holds(4)


def test_early_stopping_says_what_it_cannot_watch():
    model = nn.Linear(1, 1)
    with pytest.raises(ValueError, match="watches 'val_loss', but the history has loss"):
        fit(lambda b: {"loss": 0.0}, [1], epochs=1, on_epoch=EarlyStopping(model, "val_loss", patience=1))
    with pytest.raises(ValueError, match="patience is 0"):
        EarlyStopping(model, "loss", patience=0)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar_shows_the_scalars_on_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    fit(lambda b: {"loss": 0.12345}, [1], epochs=3, on_epoch=Progress(label="digits"))
    assert "digits" in terminal.getvalue()
    assert "3/3" in terminal.getvalue()
    assert "loss=0.123" in terminal.getvalue()


def test_the_bar_is_silent_in_a_log_file(capsys):
    history = fit(lambda b: {"loss": 0.5}, [1], epochs=3, on_epoch=Progress(10))
    assert capsys.readouterr() == ("", "")
    assert history.epoch == 3


# Batches and the plain step


@given(st.integers(1, 30), st.integers(1, 12), st.booleans())
def test_minibatches_hold_every_sample_once(n, size, drop_last):
    batches = Minibatches(
        torch.arange(n),
        torch.arange(n) * 10,
        batch_size=size,
        generator=torch.Generator().manual_seed(n),
        drop_last=drop_last,
    )
    given_out = list(batches)
    assert len(batches) == len(given_out) == (n // size if drop_last else math.ceil(n / size))
    assert all(len(x) == size for x, _ in given_out[: n // size])
    assert all(torch.equal(y, 10 * x) for x, y in given_out)
    seen = sorted(int(i) for x, _ in given_out for i in x)
    assert len(seen) == len(set(seen))
    assert drop_last or seen == list(range(n))


def test_minibatches_are_shuffled_anew_each_epoch(device):
    x = torch.arange(50, device=device)
    batches = Minibatches(x, batch_size=50, generator=torch.Generator().manual_seed(0))
    (first,), (second,) = next(iter(batches)), next(iter(batches))
    assert not torch.equal(first, second)
    assert first.device == x.device
    assert [b.tolist() for (b,) in Minibatches(x[:5], batch_size=2)] == [[0, 1], [2, 3], [4]]


def test_minibatches_want_aligned_tensors():
    with pytest.raises(ValueError, match=r"\[3, 4\] samples"):
        Minibatches(torch.zeros(3), torch.zeros(4), batch_size=2)
    with pytest.raises(ValueError, match="batch_size is 0"):
        Minibatches(torch.zeros(3), batch_size=0)


def test_the_plain_step_is_the_update_by_hand(device):
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.0)).to(device).eval()
    x, y = torch.randn(6, 3, device=device), torch.randint(0, 4, (6,), device=device)
    weight, bias = (p.detach().clone().requires_grad_() for p in model[0].parameters())
    logits = 2 * x @ weight.T + bias
    loss = functional.cross_entropy(logits, y)
    by_weight, by_bias = torch.autograd.grad(loss, [weight, bias])
    step = supervised_step(model, torch.optim.SGD(model.parameters(), lr=0.5), augment=lambda x: 2 * x)
    report = step((x, y))
    torch.testing.assert_close(model[0].weight, weight - 0.5 * by_weight)
    torch.testing.assert_close(model[0].bias, bias - 0.5 * by_bias)
    torch.testing.assert_close(report["loss"], loss.detach())
    torch.testing.assert_close(report["accuracy"], (logits.argmax(1) == y).float().mean())
    assert model.training
    assert not report["loss"].requires_grad


def test_the_plain_step_of_a_regression_reports_its_loss_only():
    model = nn.Linear(2, 1)
    step = supervised_step(model, torch.optim.SGD(model.parameters(), lr=0.1), loss=functional.mse_loss)
    assert set(step((torch.randn(5, 2), torch.randn(5, 1)))) == {"loss"}


@pytest.mark.parametrize("max_norm", [None, 0.5, 100.0])
def test_the_gradient_of_all_parameters_together_is_no_longer_than_its_limit(max_norm):
    a, b = (torch.tensor(value, requires_grad=True) for value in ([1.0, 2.0], [3.0]))
    optimizer = torch.optim.SGD([{"params": [a]}, {"params": [b]}], lr=1.0)
    train.descend(optimizer, (a.square().sum() + b.square().sum()) / 2, max_norm=max_norm)
    # The gradient of half a square is the point itself.
    share = 1 if max_norm is None else min(1, max_norm / math.sqrt(14))
    moved = torch.cat([a, b]).detach()
    torch.testing.assert_close(moved, (1 - share) * torch.tensor([1.0, 2.0, 3.0]), atol=1e-5, rtol=0)


def test_a_limit_of_nothing_is_refused():
    p = torch.ones(1, requires_grad=True)
    for max_norm in (0, -1.0, math.nan):
        with pytest.raises(ValueError, match="expected a length above 0"):
            train.descend(torch.optim.SGD([p], lr=1.0), p.sum(), max_norm=max_norm)


def test_the_plain_step_passes_its_limit_on():
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    before = torch.cat([p.detach().flatten() for p in model.parameters()])
    step = supervised_step(model, torch.optim.SGD(model.parameters(), lr=1.0), max_norm=0.01)
    step((10 * torch.randn(5, 3), torch.zeros(5, dtype=torch.long)))
    after = torch.cat([p.detach().flatten() for p in model.parameters()])
    assert float((after - before).norm()) == pytest.approx(0.01, rel=1e-3)
