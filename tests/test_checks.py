"""The check protocol itself, and what every topic's checks must keep."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from labkit import checks
from labkit.checks import bank, wire
from labkit.checks.protocol import Case, Check, Compare, Outputs, Wrong, close, describe
from labkit.checks.show import Accepted, Rejected, lines
from labkit.checks.tensors import tensor
from tests import rights

SEEDS = (*checks.PUBLIC_SEEDS, 17, 2**31 + 5)
SOME_SEEDS = SEEDS[::3]
EVERY = [(topic, specification) for topic in checks.topics() for specification in checks.of(topic)]
EVERY_RIGHT = [answer for topic in checks.topics() for answer in rights.rights(topic)]
BANK = [(specification, mistake) for _, specification in EVERY for mistake in bank.answer_key(specification).mistakes]


def plain(value):
    """The numbers in a value of a case, to be compared."""
    if isinstance(value, nn.Module):
        return [v.tolist() for v in value.state_dict().values()]
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value.tolist() if isinstance(value, Tensor) else value if isinstance(value, int | float) else None


def seeds_of(specification):
    """Seeds to try a check under: fewer where a run is costly and looks at many samples."""
    return SEEDS if specification.seeds > 1 else SOME_SEEDS


def each_under_one_seed_and_under_all(answers, specification_of, name):
    """Parameters: each answer with one seed, the next answer with the next seed; with all seeds in the slow tests."""
    parameters = []
    for number, answer in enumerate(answers):
        seeds = seeds_of(specification_of(answer))
        one = seeds[number % len(seeds)]
        parameters += [pytest.param(answer, (one,), id=f"{name(answer)}:one seed"),
                       pytest.param(answer, seeds, id=f"{name(answer)}:all seeds", marks=pytest.mark.slow)]  # fmt: skip
    return parameters


@bank.reference("sample.double")
@bank.reference("sample.broken")
def double(x: Tensor) -> Tensor:
    """The right answer to the check below."""
    return 2 * x


@bank.mistake("sample.double", "it squares instead of doubling")
def square(x):
    return x**2


@pytest.fixture
def as_in_the_course(unchecked):
    """As on a student's machine: no verification of labkit's shapes, and what an answer warns of does not stop it."""
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        yield


class Double(Check):
    """A check small enough to see through."""

    key = "sample.double"
    points = 2

    def inputs(self, seed: int) -> list[Case]:
        g = torch.Generator().manual_seed(seed)
        return [
            {"case": "one number", "x": torch.randn(1, generator=g)},
            {"case": "float64", "x": torch.randn(2, 3, generator=g, dtype=torch.float64)},
        ]

    def run(self, answer, case: Case) -> Outputs:
        return {"y": tensor(answer(case["x"]))}


@bank.verdict("sample.double")
def is_double(outputs: Outputs, case: Case) -> None:
    close(outputs["y"], double(case["x"]))


def report_on(answer, **knobs):
    return checks.examine(Double(), answer, **knobs)


def test_right_answers_pass_whatever_form_they_take():
    for answer in (lambda x: x + x, lambda x: 2.0 * x, lambda x: x.numpy() * 2, lambda x: torch.stack([x, x]).sum(0)):
        assert report_on(answer).right


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (lambda x: x**2, "wrong", "squares"),
        (lambda x: 3 * x, "wrong", "values"),
        (lambda x: (2 * x)[:, None], "wrong", "shape"),
        (lambda x: (2 * x).float(), "wrong", "dtype"),
        (lambda x: None, "wrong", "return"),
        (lambda x: "two", "wrong", "returned a str"),
        (lambda x: x.mul_(2), "wrong", "in place"),
        (lambda x: (2 * x).to(torch.complex64), "wrong", "complex64"),
        (lambda x: 2 * x / 0 * 0, "wrong", "not finite"),
        (lambda x: x.nope, "error", "AttributeError"),
        (lambda x: exit(), "error", "ends the program"),
        (double, "copied", "write it yourself"),
        (lambda x: double(x), "copied", "write it yourself"),
        (lambda x: next(map(double, [x])), "copied", "write it yourself"),
    ],
)
def test_wrong_answers_are_told_why(answer, status, says):
    report = report_on(answer)
    assert report.status == status
    assert says in report.sentence
    assert not report.right


def test_a_stub_is_not_written_yet_and_an_operator_that_torch_lacks_is_an_error():
    def stub(x):
        raise NotImplementedError("YOUR CODE HERE")

    assert report_on(stub).status == "stub"
    assert report_on(lambda x: x.to("meta").cpu()).status == "error"  # torch raises NotImplementedError here


def test_the_smallest_failing_input_is_the_one_shown():
    only_vectors = lambda x: 2 * x if x.ndim == 1 else x  # noqa: E731
    report = report_on(only_vectors)
    assert report.case.startswith("float64")
    assert "(2, 3)" in report.case
    assert report_on(lambda x: x).case.startswith("one number")


def test_an_error_is_told_with_the_students_line_and_a_missing_answer_by_its_name():
    def uses_what_is_not_there(x):
        return nothing_of_that_name + x  # noqa: F821

    report = report_on(uses_what_is_not_there)
    assert "NameError" in report.sentence
    assert "return nothing_of_that_name + x" in report.sentence
    missing = NameError("name 'answer' is not defined", name="answer")
    assert wire.sentence_of(missing).startswith("`answer` is not defined: has the cell")


def test_the_reference_is_accepted_only_without_the_watch():
    assert report_on(double, watch=False).right
    assert not report_on(double).right


def test_the_profile_of_the_process_is_left_as_it_was():
    import sys

    before = sys.getprofile()
    report_on(double)
    report_on(lambda x: double(x))
    assert sys.getprofile() is before


def test_the_judge_needs_only_bytes_and_the_seed():
    data = wire.execute(Double(), lambda x: 2 * x, 5)
    assert wire.judge(Double(), data, 5).right
    assert not wire.judge(Double(), data, 6).right, "answers to another seed must not pass"


def test_an_answer_that_knows_the_public_seeds_fails_under_another():
    table = {case["x"].numpy().tobytes(): 2 * case["x"] for s in checks.PUBLIC_SEEDS for case in Double().inputs(s)}
    answer = lambda x: table.get(x.numpy().tobytes(), x)  # noqa: E731
    assert report_on(answer).right
    assert not report_on(answer, seeds=[secret := 123456789]).right, secret


def forged(records, tensors=None, key="sample.double"):
    metadata = {"labkit": json.dumps({"key": key, "records": records})}
    return safetensors.torch.save(tensors or {}, metadata=metadata)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"junk" * 100,
        (2**60).to_bytes(8, "little") + b"{}",
        safetensors.torch.save({"0/y": torch.ones(1)}),
        forged([]),
        forged([{"status": "ok"}]),
        forged([{"status": "right"}]),
        forged([{"status": "ok"}] * 9),
        forged([{"status": "ok"}] * 2, {"7/y": torch.ones(1)}),
        forged([{"status": "ok"}] * 2, key="sample.other"),
        forged("right"),
        forged([["status", "ok"]]),
    ],
)
def test_bytes_that_no_honest_run_sends_are_malformed(data):
    with pytest.raises((wire.Malformed, wire.CheckBroken)):
        wire.judge(Double(), data, 1)


def test_records_may_not_skip_a_case():
    whole = wire.execute(Double(), lambda x: 2 * x, 5)
    message, arrays = wire.opened(whole)
    cut = forged(message["records"][:1], {"0/y": torch.from_numpy(arrays["0/y"])})
    with pytest.raises(wire.Malformed):
        wire.judge(Double(), cut, 5)


def test_outputs_beyond_the_limit_are_a_sentence():
    data = wire.execute(Double(), lambda x: torch.zeros(10**6), 1, limit=1000)
    report = wire.judge(Double(), data, 1, limit=1000)
    assert not report.right
    assert "1000 bytes" in report.sentence


def test_a_verdict_that_breaks_is_never_a_wrong_answer():
    class Broken(Double):
        key = "sample.broken"

    @bank.verdict("sample.broken")
    def verdict(outputs, case):
        raise RuntimeError("a defect of the check")

    with pytest.raises(wire.CheckBroken, match=r"sample\.broken"):
        checks.examine(Broken(), lambda x: 2 * x)


def test_views_and_subclasses_of_tensors_travel_as_plain_tensors():
    class Agreeable(Tensor):
        def __eq__(self, other):
            return True

        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return super().__torch_function__(func, types, args, kwargs or {})

    assert report_on(lambda x: (2 * x).as_subclass(Agreeable)).right
    assert not report_on(lambda x: (3 * x).as_subclass(Agreeable)).right
    assert report_on(lambda x: torch.cat([2 * x, x])[: len(x)]).right


def test_what_an_answer_warns_of_is_shown_and_costs_nothing(capsys):

    class Quiet(Double):
        pass

    def warns(x):
        warnings.warn("use something newer", UserWarning, stacklevel=2)
        return 2 * x

    original = checks.find
    checks.find = lambda key: Quiet()  # type: ignore[assignment]
    try:
        checks.check("sample.double", warns)
    finally:
        checks.find = original
    shown = capsys.readouterr()
    assert "✓ sample.double: right, 2 points" in shown.out
    assert "use something newer" in shown.out
    assert shown.err == ""


def test_a_rejected_answer_shows_expected_given_and_the_case():
    text = "\n".join(lines(report_on(lambda x: 3 * x)))
    for piece in ("sample.double", "0 of 2 points", "wrong values", "expected", "given", "one number"):
        assert piece in text
    rejected = Rejected(report_on(lambda x: 3 * x))
    assert rejected._render_traceback_() == lines(rejected.report)
    assert "double" in str(rejected)


def test_markup_in_a_verdict_is_escaped():
    report = report_on(lambda x: 2 * x)
    html = Accepted(report, ("<script>alert(1)</script>",))._repr_html_()
    assert "<script>" not in html


def test_the_check_that_contributing_shows_works():
    page = (Path(__file__).resolve().parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    blocks = [block.partition("```")[0] for block in page.split("```python\n")[1:]]
    names = {"torch": torch, "Compare": Compare, "reference": bank.reference, "mistakes": bank.mistakes}
    assert sum(len([line for line in block.splitlines() if line.strip()]) for block in blocks[:2]) <= 25
    for block in blocks[:2]:
        exec(block, names)
    check = names["Standardise"]()
    assert checks.examine(check, lambda x: (x - x.mean(dim=0)) / x.var(0).sqrt()).right
    for mistake in bank.answer_key(check).mistakes:
        assert checks.examine(check, mistake.function).sentence == mistake.sentence
    assert "twice" in checks.examine(check, lambda x: 2 * (x - x.mean(0)) / x.std(0)).sentence


def test_an_unknown_check_names_its_neighbours():
    with pytest.raises(ValueError, match="no check called"):
        checks.find("nothing.at_all")
    for _, specification in EVERY[:1]:
        with pytest.raises(ValueError, match=specification.key):
            checks.find(specification.key + "x")


def test_descriptions_are_short_and_say_what_matters():
    assert describe(torch.tensor([1.0, 2.5])) == "float32 (2,) [1, 2.5]"
    assert "from 0 to 99" in describe(torch.arange(100))
    assert "empty" in describe(torch.empty(0, 3))
    assert describe((2, 3)) == "(2, 3)"


def test_tensor_takes_numbers_and_arrays_and_nothing_else():
    assert tensor(2.5) == 2.5
    assert tensor(np.arange(3)).tolist() == [0, 1, 2]
    with pytest.raises(Wrong, match="return"):
        tensor(None, name="f")


CHEAP = {
    "none": lambda *a, **k: None,
    "true": lambda *a, **k: True,
    "false": lambda *a, **k: False,
    "nothing at all": lambda *a, **k: 0,
    "minus seven": lambda *a, **k: -7,
    "a fraction": lambda *a, **k: 0.123,
    "a huge number": lambda *a, **k: 1e30,
    "nan": lambda *a, **k: float("nan"),
    "inf": lambda *a, **k: float("inf"),
    "complex": lambda *a, **k: 1 + 2j,
    "text": lambda *a, **k: "two",
    "bytes": lambda *a, **k: b"two",
    "an empty list": lambda *a, **k: [],
    "a list of numbers": lambda *a, **k: [1, 2, 3],
    "a list of lists": lambda *a, **k: [[1.0], [2.0, 3.0]],
    "an empty dictionary": lambda *a, **k: {},
    "a pair": lambda *a, **k: (torch.ones(2), torch.ones(2)),
    "a pair of nothing": lambda *a, **k: (None, None),
    "three numbers": lambda *a, **k: (1, 2, 3),
    "an empty tensor": lambda *a, **k: torch.empty(0),
    "a scalar of nan": lambda *a, **k: torch.tensor(float("nan")),
    "five dimensions": lambda *a, **k: torch.zeros(1, 1, 1, 1, 1),
    "seven booleans": lambda *a, **k: torch.ones(7, dtype=torch.bool),
    "integers": lambda *a, **k: torch.arange(4),
    "a complex tensor": lambda *a, **k: torch.ones(3, dtype=torch.complex64),
    "a sparse tensor": lambda *a, **k: torch.eye(3).to_sparse(),
    "a half tensor": lambda *a, **k: torch.ones(2, 3, dtype=torch.float16),
    "an array of texts": lambda *a, **k: np.array(["a", "b"]),
    "an array of objects": lambda *a, **k: np.array([None, 1], dtype=object),
    "a generator": lambda *a, **k: (i for i in range(3)),
    "a class": lambda *a, **k: Tensor,
    "a module": lambda *a, **k: nn.Linear(2, 2),
}


def test_every_answer_belongs_to_a_check_that_is_listed():
    for topic in checks.topics():
        listed = {specification.key for specification in checks.of(topic)}
        answered = {key for key in bank.KEYS if key.startswith(f"{topic}.")}
        assert answered <= listed, f"add {sorted(answered - listed)} to CHECKS in labkit/checks/{topic}.py"


@pytest.mark.parametrize(("topic", "specification"), EVERY, ids=lambda v: getattr(v, "key", v))
class TestEveryCheck:
    """What holds for each check of each topic."""

    def test_the_key_names_its_topic_and_points_are_given(self, topic, specification):
        assert specification.key.startswith(f"{topic}.")
        assert specification.points >= 1
        assert specification.__doc__

    def test_inputs_depend_on_the_seed_alone(self, topic, specification):
        for seed in SEEDS:
            torch.manual_seed(seed)
            first = specification.inputs(seed)
            torch.manual_seed(seed + 1)
            second = specification.inputs(seed)
            assert [case["case"] for case in first] == [case["case"] for case in second]
            for a, b in zip(first, second):
                for name, value in a.items():
                    if isinstance(value, Tensor):
                        torch.testing.assert_close(value, b[name], rtol=0, atol=0, equal_nan=True)

    def test_inputs_differ_between_seeds(self, topic, specification):
        def content(seed):
            return [plain(value) for case in specification.inputs(seed) for value in case.values()]

        assert content(1) != content(2)

    def test_the_reference_is_right(self, topic, specification):
        for seed in seeds_of(specification):
            report = checks.examine(specification, bank.answer_key(specification).reference, seeds=[seed], watch=False)
            assert report.right, report

    def test_a_stub_is_not_written_yet(self, topic, specification):
        def stub(*args, **knobs):
            raise NotImplementedError

        assert checks.examine(specification, stub).status == "stub"

    def test_the_reference_as_an_answer_is_told_to_be_written(self, topic, specification):
        assert checks.examine(specification, bank.answer_key(specification).reference).status == "copied"

    def test_a_function_that_returns_nothing_is_told_so(self, topic, specification):
        report = checks.examine(specification, lambda *args, **knobs: None)
        assert report.status == "wrong"
        assert "return" in report.sentence

    def test_there_are_mistakes_and_other_right_answers(self, topic, specification):
        assert bank.answer_key(specification).mistakes, f"{specification.key} has no mistake in answers/{topic}.py"
        keys = {answer.key for answer in rights.rights(topic)}
        assert specification.key in keys, f"{specification.key} has no right answer in tests/rights/{topic}.py"

    @pytest.mark.usefixtures("as_in_the_course")
    def test_a_cheap_answer_is_wrong_and_breaks_nothing(self, topic, specification):
        for name, answer in CHEAP.items():
            report = checks.examine(specification, answer, seeds=[1])
            assert report.status in ("wrong", "error"), (name, report)
            assert len(report.sentence) > 8, (name, report)

    def test_gradients_are_asked_for_wherever_the_reference_has_some(self, topic, specification):
        if not isinstance(specification, Compare) or specification.no_gradients:
            return
        reference = bank.answer_key(specification).reference
        for case in specification.inputs(1):
            arguments = specification.arguments(case)
            floats = [n for n, v in arguments.items() if isinstance(v, Tensor) and v.is_floating_point()]
            for name in floats:
                arguments[name] = arguments[name].detach().clone().requires_grad_()
            positional = [v for n, v in arguments.items() if n not in specification.keywords]
            result = reference(*positional, **{n: arguments[n] for n in specification.keywords if n in arguments})
            outputs = [v for v in (result if isinstance(result, tuple) else [result]) if isinstance(v, Tensor)]
            for output in (v for v in outputs if v.requires_grad):
                slopes = torch.autograd.grad(output.sum(), [arguments[n] for n in floats], allow_unused=True,
                                             retain_graph=True)  # fmt: skip
                flowing = {n for n, slope in zip(floats, slopes) if slope is not None}
                assert flowing <= set(specification.gradients), (
                    f"{specification.key}: a gradient flows through {flowing}; name it in `gradients`, or say in "
                    "`no_gradients` why none is asked for"
                )


@pytest.mark.usefixtures("as_in_the_course")
@pytest.mark.parametrize(("pair", "seeds"), each_under_one_seed_and_under_all(
    BANK, lambda pair: pair[0], lambda pair: f"{pair[0].key}:{pair[1].name}:{pair[1].sentence[:40]}"))  # fmt: skip
def test_every_mistake_of_the_bank_is_named(pair, seeds):
    specification, mistake = pair
    for seed in seeds:
        report = checks.examine(specification, mistake.function, seeds=[seed], watch=False)
        assert not report.right, f"seed {seed} accepts it"
        assert report.named, f"no sentence, or the diagnosis names it first (then give that as `says`): {report}"
        if mistake.says:
            assert mistake.says.lower() in report.sentence.lower(), report
        else:
            sentences = {mistake.text(case) for case in wire.cases_of(specification, seed)}
            assert report.sentence in sentences, report


@pytest.mark.usefixtures("as_in_the_course")
@pytest.mark.parametrize(("answer", "seeds"), each_under_one_seed_and_under_all(
    EVERY_RIGHT, lambda answer: checks.find(answer.key), lambda answer: f"{answer.key}:{answer.name}"))  # fmt: skip
def test_every_right_answer_is_accepted(answer, seeds):
    for seed in seeds:
        report = checks.examine(checks.find(answer.key), answer.function, seeds=[seed])
        assert report.right, report
