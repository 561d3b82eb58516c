"""The diagnosis names what nobody foresaw: each sign on answers that show it, and silence on those that don't."""

import random

import jaxtyping
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from labkit import checks
from labkit.checks import bank
from labkit.checks.protocol import Compare

KEYS = []


def kind(returns="the result", rows=5, reference=None, cases=None, only=None, **attributes):
    """A check of one's own, registered under a key of its own."""
    name = f"sample.k{len(KEYS)}"
    KEYS.append(name)

    class Sample(Compare):
        """A sample."""

        key = name

        def cases(self, g):
            if cases is not None:
                yield from cases(g)
                return
            yield {"case": "one", "x": torch.rand(1, 4, generator=g) + 0.2, "scale": 2.0, "shift": 0.5}
            yield {"case": "some", "x": torch.randn(rows, 4, generator=g), "scale": 3.0, "shift": 0.25}
            yield {"case": "others", "x": torch.randn(rows - 2, 4, generator=g), "scale": 0.5, "shift": -1.5}

    Sample.returns = returns
    for attribute, value in attributes.items():
        setattr(Sample, attribute, value)
    bank.reference(name, only=only)(reference)
    return Sample()


def says(check, answer):
    report = checks.examine(check, answer, seeds=[3], watch=False)
    assert report.status == "wrong", report
    return report.sentence


def plain(x, scale, shift):
    return scale * x + shift


AFFINE = {
    "the negative": (lambda x, a, b: -(a * x + b), "the result is the negative of what is expected"),
    "twice": (lambda x, a, b: 2 * (a * x + b), "the result is twice what is expected"),
    "per cent": (lambda x, a, b: 100 * (a * x + b), "per cent"),
    "a base": (lambda x, a, b: (a * x + b) / np.log(2), "base 2"),
    "the batch": (lambda x, a, b: (a * x + b) / len(x), "divided by the size of the batch"),
    "a factor": (lambda x, a, b: 1.7 * (a * x + b), "1.7 times what is expected, in every case"),
    "an argument": (lambda x, a, b: (a * x + b) * a, "multiplied by `scale`"),
    "its square": (lambda x, a, b: (a * x + b) / a**2, "divided by the square of `scale`"),
    "a root": (lambda x, a, b: (a * x + b) * x.shape[0] ** 0.5, "root of the size of the batch"),
    "an offset": (lambda x, a, b: a * x + b + 1, "too large by 1"),
    "a shift": (lambda x, a, b: a * x + b - a, "too small by `scale`"),
    "without an argument": (lambda x, a, b: a * x + 0.5, "as if `shift` were 0.5 in every case"),
    "a plain value": (lambda x, a, b: x + b, "as if `scale` were 1.0"),
    "an argument squared": (lambda x, a, b: a * x + b**2, "as if `shift` were its square"),
    "an argument inverted": (lambda x, a, b: x / a + b, "as if `scale` were one divided by it"),
    "exchanged": (lambda x, a, b: b * x + a, "`scale` and `shift` are exchanged"),
    "handed back": (lambda x, a, b: x, "it returns `x` as it came in"),
    "zeros": (lambda x, a, b: torch.zeros_like(x), "is 0 everywhere"),
    "clamped": (lambda x, a, b: (a * x + b).clamp(0, 1), "cut to [0, 1]"),
    "rounded": (lambda x, a, b: (a * x + b).round(), "rounded"),
    "rounded a little": (lambda x, a, b: (a * x + b).round(decimals=3), "rounded to three decimals"),
    "a quotient": (lambda x, a, b: (a * x + b) * x.numel() / a, "entries of `x` / `scale` times what is expected"),
    "the sign": (lambda x, a, b: (a * x + b).sign(), "only the sign is left"),
    "absolute": (lambda x, a, b: (a * x + b).abs(), "absolute value of what is expected"),
    "squared": (lambda x, a, b: (a * x + b) ** 2, "the square of what is expected"),
    "sigmoid": (lambda x, a, b: (a * x + b).sigmoid(), "sigmoid of what is expected"),
    "from right to left": (lambda x, a, b: (a * x + b).flip(1), "from right to left"),
    "off by one": (lambda x, a, b: (a * x + b).roll(1, 1), "off by one index along dimension 1"),
    "off by one, early": (lambda x, a, b: (a * x + b).roll(-1, 1), "one place too early"),
    "permuted": (lambda x, a, b: (a * x + b).flip(0), "in another order"),
    "averaged": (lambda x, a, b: (a * x + b).mean(0, keepdim=True).expand_as(x), "the mean over the batch"),
    "the first": (lambda x, a, b: (a * x + b)[:1].expand_as(x), "what the first one should have"),
    "only the first": (
        lambda x, a, b: torch.cat([(a * x + b)[:1], 7 * x[1:] ** 3 + 3]),
        "right for the first sample of a batch only",
    ),
    "a batch of one": (
        lambda x, a, b: a * x + b if len(x) == 1 else x**3 * 7 + 1,
        "right for one sample, and wrong for a batch",
    ),
    "one case": (
        lambda x, a, b: x**3 * 7 + 1 if a == 3.0 else a * x + b,
        "right on all cases but this one: some",
    ),
    "summed over the batch": (lambda x, a, b: (a * x + b).sum(0), "the sum over the batch"),
    "the mean of all": (lambda x, a, b: (a * x + b).mean(), "the mean of all entries"),
    "a dimension": (lambda x, a, b: (a * x + b)[:, None], "the values are right, but the shape is"),
    "flat": (lambda x, a, b: (a * x + b).flatten(), "the values are right, but the shape is"),
    "other dimensions": (lambda x, a, b: (a * x + b).T.contiguous(), "in another order"),
    "a dimension that is gone": (lambda x, a, b: x[:, 0], "has 1 dimension instead of 2: expected shape (1, 4)"),
    "another length": (lambda x, a, b: torch.zeros(len(x), 7), "the wrong length along dimension 1"),
    "too few": (lambda x, a, b: (a * x + b)[:-1], "the last one is missing"),
    "not finite": (lambda x, a, b: (a * x + b) / 0 * 0, "not finite"),
    "the dtype": (lambda x, a, b: (a * x + b).double(), "dtype"),
    "a list": (lambda x, a, b: (a * x + b).tolist(), "returned a list; expected a tensor"),
    "in place": (lambda x, a, b: x.mul_(a).add_(b), "changes its input `x` in place"),
    "nothing": (lambda x, a, b: None, "returned nothing"),
    "a dictionary": (lambda x, a, b: {}, "returned a dict; expected a tensor"),
}


@pytest.mark.parametrize("name", AFFINE)
def test_what_given_against_expected_shows(name):
    answer, text = AFFINE[name]
    assert text in says(kind(reference=plain), answer)


def test_an_answer_without_any_rule_is_told_that_its_values_are_wrong():
    report = checks.examine(kind(reference=plain), lambda x, a, b: torch.sin(9 * x) + x**3, seeds=[3])
    assert report.sentence == "the result has the wrong values"
    assert not report.named


def test_a_plural_has_its_verb():
    check = kind(returns="the distances", reference=plain)
    assert says(check, lambda x, a, b: torch.sin(9 * x)) == "the distances have the wrong values"
    assert "the distances are twice" in says(check, lambda x, a, b: 2 * plain(x, a, b))


@pytest.mark.parametrize(
    ("what", "many"),
    [("the loss", False), ("the gradients on the weights", True), ("the class of each sample", False),
     ("the running means after a batch", True), ("the radius", False), ("the indices", True), ("the axis", False),
     ("the probability of each sample", False), ("both losses", True), ("the weights of `model`", True)],
)  # fmt: skip
def test_plurals(what, many):
    from labkit.checks.protocol import plural

    assert plural(what) == many


def rows(g):
    yield {"case": "one", "logits": torch.randn(1, 3, generator=g), "y": torch.randint(3, (1,), generator=g)}
    yield {"case": "six", "logits": torch.randn(6, 3, generator=g), "y": torch.randint(3, (6,), generator=g)}
    yield {"case": "four", "logits": 3 * torch.randn(4, 3, generator=g), "y": torch.randint(3, (4,), generator=g)}


def cross_entropy(logits, y):
    return F.cross_entropy(logits, y)


LOSSES = {
    "each sample": (lambda z, y: F.cross_entropy(z, y, reduction="none"), "mean over the batch is missing"),
    "the sum": (lambda z, y: F.cross_entropy(z, y, reduction="sum"), "multiplied by the size of the batch"),
    "detached": (lambda z, y: cross_entropy(z, y).detach(), "no gradient reaches `logits`"),
    "a number": (lambda z, y: cross_entropy(z, y).item(), "no gradient reaches `logits`"),
    "no gradient at all": (lambda z, y: torch.no_grad()(cross_entropy)(z, y), "no gradient reaches `logits`"),
    "a gradient on one side": (
        lambda z, y: cross_entropy(torch.where(z > 0, z, z.detach()), y),
        "its value is right, but a part of the gradient for `logits` is missing",
    ),
    "a scaled gradient": (
        lambda z, y: cross_entropy(2 * z - z.detach(), y),
        "its value is right, but the gradient of the loss for `logits` is twice what is expected",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_their_gradients(name):
    answer, text = LOSSES[name]
    check = kind(returns="the loss", reference=cross_entropy, cases=rows, gradients=("logits",))
    assert text in says(check, answer)


def test_an_argument_that_the_check_makes_or_copies_must_stay_as_it_was_too():
    check = kind(returns="the loss", reference=cross_entropy, cases=rows, gradients=("logits",))

    def shifts_its_logits(z, y):
        loss = cross_entropy(z, y)
        with torch.no_grad():
            z.sub_(z.amax(1, keepdim=True))
        return loss

    assert "changes its input `logits` in place" in says(check, shifts_its_logits)


def test_modules_in_a_list_must_stay_as_they_were():
    def stages(g):
        for n in (2, 3):
            yield {"case": f"{n} layers", "layers": [torch.nn.Linear(1, 1) for _ in range(n)]}

    check = kind(returns="the number of layers", reference=len, cases=stages)
    assert says(check, lambda layers: len([m.requires_grad_(m is not layers[1]) for m in layers])) == (
        "it leaves other parameters of `layers[1]` trainable than before: put `requires_grad` back"
    )
    assert says(check, lambda layers: layers.reverse() or len(layers)).startswith("it changes the list `layers`")
    assert checks.examine(check, lambda layers: sum(1 for _ in layers)).right


def test_a_tensor_in_a_list_that_changes_is_named_and_another_order_is_not_mistaken_for_it():
    def lists(g):
        for n in (2, 3):
            yield {"case": f"{n} tensors", "layers": [torch.rand(3, generator=g) for _ in range(n)]}

    check = kind(returns="the sum", reference=sum, cases=lists, no_gradients="they are data")
    assert says(check, lambda layers: layers[1].mul_(2) / 2 + sum(layers) - layers[1]) == (
        "it changes its input `layers[1]` in place: return a new tensor"
    )
    assert says(check, lambda layers: layers.reverse() or sum(layers)).startswith("it changes the list `layers`")


def test_one_number_may_be_a_tensor_or_a_plain_one_in_the_reference_the_answer_and_the_mistakes():
    check = kind(returns="the loss", reference=lambda z, y: cross_entropy(z, y).item(), cases=rows, number=True)
    bank.mistake(check.key, "the largest of all")(lambda z, y: z.max())
    assert checks.examine(check, cross_entropy).right
    assert says(check, lambda z, y: z.max().item()) == "the largest of all"
    assert says(check, lambda z, y: z.max()) == "the largest of all"


def test_a_right_loss_written_differently_is_accepted():
    check = kind(returns="the loss", reference=cross_entropy, cases=rows, gradients=("logits",))
    assert checks.examine(check, lambda z, y: -z.log_softmax(1)[torch.arange(len(y)), y].mean()).right


def views(g):
    for n in (1, 4):
        yield {"case": f"{n} samples", "a": torch.randn(n, 3, generator=g), "b": torch.randn(n, 3, generator=g)}


def test_a_gradient_where_none_should_flow_is_refused():
    check = kind(reference=lambda a, b: (a.detach() * b).sum(), cases=views, gradients=("a", "b"))
    assert "a gradient flows to `a`, where none should" in says(check, lambda a, b: (a * b).sum())
    assert checks.examine(check, lambda a, b: (a.detach() * b).sum() + 0 * a.sum(), seeds=[3]).right


def test_where_no_gradient_flows_a_plain_number_is_accepted():
    flat = kind(reference=lambda a, b: (a * 0 + 2).sum(), cases=views, gradients=("a",))
    assert checks.examine(flat, lambda a, b: torch.tensor(2.0 * a.numel()), seeds=[3]).right


def weights(g):
    for scale in (1.0, 3.0):
        layers = [scale * torch.randn(2, 3, generator=g, dtype=torch.float64),
                  torch.randn(4, generator=g, dtype=torch.float64)]  # fmt: skip
        yield {"case": f"scale {scale:g}", "layers": layers}


def test_lists_of_tensors_are_compared_and_diagnosed():
    check = kind(returns="the weights", reference=lambda layers: [3 * v for v in layers], cases=weights)
    assert checks.examine(check, lambda layers: tuple(v + 2 * v for v in layers), seeds=[3]).right
    assert says(check, lambda layers: [6 * v for v in layers]) == "the weights are twice what is expected"
    assert "dtype" in says(check, lambda layers: [(3 * v).float() for v in layers])
    assert "of length 1; expected 2" in says(check, lambda layers: [3 * layers[0]])
    assert "its input `layers[0]` in place" in says(check, lambda layers: [v.mul_(3) for v in layers])


def vectors(g):
    yield {"case": "four", "a": torch.randn(4, generator=g), "b": torch.randn(4, generator=g)}
    yield {"case": "six", "a": torch.randn(6, generator=g), "b": torch.randn(6, generator=g)}


def test_a_silent_broadcast_is_named():
    check = kind(reference=lambda a, b: a * b, cases=vectors)
    assert "both were broadcast" in says(check, lambda a, b: a[:, None] * b)


def test_yes_and_no_exchanged():
    check = kind(reference=lambda a, b: a > b, cases=vectors)
    assert "the wrong way round" in says(check, lambda a, b: a <= b)


def tables(g):
    for n in (5, 7):
        yield {"case": f"{n} square", "x": torch.rand(2, 1, n, n, generator=g)}


def blurred(x):
    return F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)


def test_a_wrong_border_is_named():
    check = kind(returns="the picture", reference=blurred, cases=tables)
    answer = lambda x: F.avg_pool2d(x, 3, 1, padding=1)  # noqa: E731
    assert says(check, answer) == "the picture is right but for the border"
    assert "transposed" in says(check, lambda x: blurred(x).mT)


def scores(g):
    yield {"case": "three", "z": torch.randn(2, 3, generator=g)}
    yield {"case": "four", "z": torch.randn(5, 4, generator=g)}


def test_what_is_wrong_within_a_part_of_the_border_is_not_the_border():
    check = kind(reference=blurred, cases=tables)

    def in_a_corner(x):
        y = blurred(x)
        y[..., 0, 0] += 1
        return y

    assert "border" not in says(check, in_a_corner)


@pytest.mark.parametrize(
    "change",
    [lambda y: y + 1e-4, lambda y: y * (3.14 / 3.14159265), lambda y: y.half().to(y.dtype)],
    ids=["a little more", "a rounded constant", "half precision"],
)
def test_what_is_nearly_right_is_named(change):
    check = kind(reference=plain, rtol=1e-6, atol=1e-7)
    sentence = says(check, lambda x, scale, shift: change(plain(x, scale, shift) * (1 + 1e-4 * x)))
    assert "nearly right, off by at most" in sentence


def test_random_numbers_where_nothing_is_to_be_drawn_are_named():
    check = kind(reference=plain)
    jaxtyping.config.update("jaxtyping_disable", True)  # its checks draw from Python's own source
    for draw in (lambda x: torch.randn(x.shape), lambda x: np.random.randn(), lambda x: random.random()):
        sentence = says(check, lambda x, scale, shift, draw=draw: plain(x, scale, shift) * (2 + draw(x) + x.sin()))
        assert "draws random numbers of its own" in sentence
    assert "draws" not in says(check, lambda x, scale, shift: plain(x, scale, shift) * (2 + x.sin()))
    jaxtyping.config.update("jaxtyping_disable", False)


def test_a_mistake_that_ends_in_the_same_nan_is_another_one():
    def cases(g):
        yield {"case": "small", "x": torch.rand(4, generator=g) + 1}
        yield {"case": "large", "x": 1000 + torch.rand(4, generator=g)}
        yield {"case": "larger", "x": 2000 + torch.rand(4, generator=g)}

    check = kind(reference=F.softplus, cases=cases)
    bank.mistake(check.key, "it is the square")(lambda x: (x**2).exp().log() + torch.inf * (x > 900))
    assert "square" not in says(check, lambda x: (1 + x.exp()).log())


def test_softmax_twice_or_not_at_all():
    check = kind(returns="the probabilities", reference=lambda z: z.softmax(-1), cases=scores)
    assert "once too often" in says(check, lambda z: z.softmax(-1).softmax(-1))
    assert "sum of each row" in says(check, torch.exp) or "softmax is missing" in says(check, torch.exp)
    assert "logarithm" in says(check, lambda z: z.log_softmax(-1))


def lists(g):
    yield {"case": "four", "words": ["a", "red", "Fox", "jumps"]}
    yield {"case": "three", "words": ["one", "two", "three"]}


WORDS = {
    "in reverse": (lambda w: w[::-1], "reverse order"),
    "sorted": (lambda w: sorted(w, key=str.lower), "another order"),
    "the last": (lambda w: w[:-1], "the last entry of the words is missing"),
    "the first": (lambda w: w[1:], "the first entry of the words is missing"),
    "twice": (lambda w: [w[0], *w], "twice"),
    "more": (lambda w: [*w, "x"], "one entry too long"),
    "text": (lambda w: " ".join(w), "returned a str; expected a list"),
    "in place": (lambda w: w.clear() or w, "changes the list `words`"),
}


@pytest.mark.parametrize("name", WORDS)
def test_lists_of_words(name):
    answer, text = WORDS[name]
    assert text in says(kind(returns="the words", reference=list, cases=lists), answer)


def test_texts_and_dictionaries():
    check = kind(returns="the text", reference=" ".join, cases=lists)
    assert "capital letters" in says(check, lambda w: " ".join(w).upper())
    assert "blanks" in says(check, lambda w: "  ".join(w))
    count = kind(returns="the counts", reference=lambda w: {x: len(x) for x in w}, cases=lists)
    assert "is missing" in says(count, lambda w: {w[0]: len(w[0])})
    assert "too many" in says(count, lambda w: {x: len(x) for x in [*w, "more"]})
    assert checks.examine(count, lambda w: dict(zip(w, map(len, w)))).right


def arrays(g):
    yield {"case": "NumPy", "x": np.arange(6.0).reshape(2, 3)}
    yield {"case": "more of it", "x": np.linspace(-1, 2, 12).reshape(4, 3)}


def test_arrays_of_numpy_travel_as_arrays():
    check = kind(returns="the means", reference=lambda x: x.mean(axis=1), cases=arrays)
    assert checks.examine(check, lambda x: x.sum(1) / x.shape[1]).right
    assert "in place" in says(check, lambda x: np.multiply(x, 2, out=x).mean(1) / 2)
    assert "half" in says(check, lambda x: x.mean(1) / 2)


def test_a_mistake_of_the_bank_comes_before_the_diagnosis_and_only_where_it_fits_every_case():
    check = kind(reference=plain)
    bank.mistake(check.key, "the shift is missing")(lambda x, a, b: a * x)
    bank.mistake(check.key, "on large batches the shift is missing")(lambda x, a, b: a * x + (b if len(x) < 4 else 0))
    assert says(check, lambda x, a, b: x * a) == "the shift is missing"
    assert says(check, lambda x, a, b: x * a + (0 if len(x) > 3 else b)) == "on large batches the shift is missing"
    mixed = says(check, lambda x, a, b: x * a if len(x) == 1 else x**3)
    assert "shift" not in mixed


def test_an_error_is_a_mistake_only_if_it_says_the_same():
    check = kind(reference=plain)
    bank.mistake(check.key, "the table is taken for a column")(lambda x, a, b: x.squeeze(1).reshape(3, 7))
    assert says(check, lambda x, a, b: x.reshape(3, 7)) == "the table is taken for a column"
    report = checks.examine(check, lambda x, a, b: x.reshape(3, 11), seeds=[3], watch=False)
    assert report.status == "error"
    assert "shape '[3, 11]'" in report.sentence


def test_what_stops_an_answer_on_a_later_case_is_said_if_nothing_names_the_first_failure():
    check = kind(reference=plain)
    report = checks.examine(check, lambda x, a, b: torch.sin(x) if len(x) == 1 else x.reshape(3, 11), seeds=[3])
    assert report.status == "error"
    assert "shape '[3, 11]'" in report.sentence
    assert report.case.startswith("some")


def test_values_come_before_gradients_in_whatever_case():
    def zeros(g):
        yield {"case": "zeros", "logits": torch.zeros(1, 3), "y": torch.zeros(1, dtype=torch.int64)}
        yield from rows(g)

    check = kind(returns="the loss", reference=cross_entropy, cases=zeros, gradients=("logits",))
    report = checks.examine(check, lambda z, y: F.cross_entropy(torch.sin(3 * z), y), seeds=[3])
    assert report.sentence == "the loss has the wrong values"
    assert report.case.startswith("one")


def test_two_mistakes_that_no_case_tells_apart_are_not_named():
    check = kind(reference=plain)
    bank.mistake(check.key, "one story")(lambda x, a, b: torch.sin(x))
    bank.mistake(check.key, "another story")(lambda x, a, b: torch.sin(x) + 0)
    assert says(check, lambda x, a, b: torch.sin(x)) == "the result has the wrong values"


def test_an_answer_that_breaks_one_promise_alone_is_told_that_promise():
    check = kind(reference=plain, only={"one": "the small ones matter", "some": "large batches matter"})
    assert says(check, lambda x, a, b: x**3 if len(x) == 5 else plain(x, a, b)) == "large batches matter"
    assert says(check, lambda x, a, b: x**3 if len(x) == 1 else plain(x, a, b)) == "the small ones matter"
    assert "matter" not in says(check, lambda x, a, b: plain(x, a, b) if a == 0.5 else torch.sin(9 * x))
    assert "matter" not in says(check, lambda x, a, b: torch.sin(9 * x))
    bank.mistake(check.key, "cubed")(lambda x, a, b: x**3 if len(x) == 5 else plain(x, a, b))
    assert says(check, lambda x, a, b: x**3 if len(x) == 5 else plain(x, a, b)) == "cubed"


def sizes(g):
    for n in (3, 5):
        yield {"case": f"{n} rows", "x": torch.rand(n, 2, generator=g)}


@pytest.mark.parametrize(
    "form", [float, lambda v: v, torch.Tensor.double, lambda v: v.reshape(1, 1), torch.Tensor.numpy]
)
def test_a_mistake_of_a_check_for_one_number_is_named_in_whatever_form_it_comes(form):
    check = kind(returns="the spread", reference=lambda x: x.max() - x.min(), cases=sizes, number=True,
                 no_gradients="it is measured")  # fmt: skip
    bank.mistake(check.key, "this is the variance")(lambda x: x.var())
    assert says(check, lambda x: form(x.var())) == "this is the variance"
    assert checks.examine(check, lambda x: form(x.max() - x.min())).right


def test_results_in_the_wrong_order():
    check = kind(returns=("the sum", "the largest"), reference=lambda a, b: (a + b, a.max()), cases=vectors)
    assert says(check, lambda a, b: (a.max(), a + b)) == (
        "the results are in the wrong order: the sum, then the largest"
    )


def test_the_first_wrong_of_several_results_is_looked_at_alone():
    check = kind(returns=("the sum", "the difference"), reference=lambda a, b: (a + b, a - b), cases=vectors)
    bank.mistake(check.key, "the sum is doubled")(lambda a, b: (2 * (a + b), a - b))
    bank.mistake(check.key, "the difference has the wrong sign")(lambda a, b: (a + b, b - a))
    assert says(check, lambda a, b: (2 * a + 2 * b, torch.sin(a))) == "the sum is doubled"
    assert says(check, lambda a, b: (b + a, b - a)) == "the difference has the wrong sign"
    assert "sum" in says(check, lambda a, b: (torch.sin(a), b - a))
