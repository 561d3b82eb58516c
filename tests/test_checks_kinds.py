"""Answers that are no tensors: lists, dictionaries, texts, arrays, data frames, figures, classes."""

import datetime
import subprocess
import sys

import matplotlib.figure
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from labkit import checks
from labkit.checks import bank, wire
from labkit.checks.kinds import figures
from labkit.checks.kinds.objects import Calls
from labkit.checks.protocol import Compare
from labkit.checks.values import agree, describe, freeze, thaw


def check_of(reference, cases, base=Compare, **members):
    """A check of one function, with its answer key."""
    key = f"sample.{reference.__name__}"
    bank.KEYS.pop(key, None)
    bank.reference(key)(reference)
    made = type("Sample", (base,), {"key": key, "rng": "numpy", "cases": lambda self, g: cases(g), **members})
    return made()


def told(check, answer):
    """The sentence on a wrong answer."""
    report = checks.examine(check, answer, watch=False)
    assert not report.right, report
    return report.sentence


def there_and_back(value):
    """A value as the judge gets it."""
    arrays = {}
    return thaw(freeze(value, "v", arrays), arrays)


FRAME = pd.DataFrame(
    {
        "name": ["a", "b", None],
        "age": [1, 2, 3],
        "size": [0.5, np.nan, 2.0],
        "day": pd.to_datetime(["2026-01-01", None, "2026-03-01"]),
        "kind": pd.Categorical(["x", "y", "x"]),
        "seen": [True, False, True],
        7: pd.array([1, None, 3], dtype="Int64"),
    },
    index=["r", "s", "t"],
)


@pytest.mark.parametrize(
    "value",
    [
        FRAME,
        FRAME["size"],
        FRAME.groupby(["kind", "seen"], observed=True)["age"].sum(),
        FRAME.iloc[:0],
        pd.DataFrame(),
        pd.DataFrame({("a", "b"): [1], ("a", "c"): [2]}),
        FRAME[["age", "age"]],
        np.array(["a", "bc"]),
        np.array([["a"], ["bc"]], dtype=object),
        {"mean": 1.5, "names": ["a", "b"], 3: {"x": np.arange(3)}},
        (1, "text", None, [True]),
        frozenset({1, 2}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_arrives_as_it_was_sent(value):
    back = there_and_back(value)
    assert type(back) is type(value)
    assert agree(value, back)
    assert agree(back, value)
    assert describe(value)
    if isinstance(value, pd.DataFrame):
        assert [str(d) for d in back.dtypes] == [str(d) for d in value.dtypes]


def test_dates_are_sent_as_texts():
    assert there_and_back(datetime.date(2026, 1, 31)) == "2026-01-31"
    assert there_and_back(pd.Timestamp("2026-01-31 12:00")) == "2026-01-31 12:00:00"
    assert there_and_back(np.array(["2026-01-31"], dtype="datetime64[D]")).tolist() == ["2026-01-31"]


@pytest.mark.parametrize(
    "change",
    [
        {"names": {"v": 1}},
        {"columns": []},
        {"dtypes": ["int64"] * 99},
        {"index": {"l": []}},
        {"columns": [{"l": []}] * 7},
        {"t": "panel"},
    ],
)
def test_a_forged_table_is_malformed(change):
    arrays = {}
    node = freeze(FRAME, "v", arrays) | change
    with pytest.raises((ValueError, KeyError, TypeError)):
        thaw(node, arrays)


# ── data frames ───────────────────────────────────────────────────────────────────────────────────────────────────────


def by_team(sales):
    """The mean amount of each team, by team."""
    return sales.groupby("team", as_index=False)["amount"].mean().sort_values("team", ignore_index=True)


def sales(g):
    for n in (3, 7, 12):
        teams = [f"t{i}" for i in g.integers(0, 4, n)]
        yield {"case": f"{n} sales", "sales": pd.DataFrame({"team": teams, "amount": g.normal(50, 9, n)})}


TABLE = check_of(by_team, sales, returns="the table of means")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda s: s.groupby("team")[["amount"]].mean(), "'team' is missing in the table of means: it is in the index"),
        (lambda s: by_team(s).assign(n=1), "the column 'n' does not belong in the table of means"),
        (lambda s: by_team(s)[["amount", "team"]], "are in another order: expected 'team', 'amount'"),
        (lambda s: by_team(s).iloc[::-1].reset_index(drop=True), "in reverse order"),
        (lambda s: by_team(s).set_axis([f"r{i}" for i in range(len(by_team(s)))]), "reset_index(drop=True)"),
        (lambda s: by_team(s).iloc[1:], "expected"),
        (lambda s: by_team(s).assign(amount=lambda t: 2 * t["amount"]), "'amount' of the table of means is twice"),
        (lambda s: by_team(s).assign(amount=lambda t: t["amount"].round(1)), "rounded to one decimal"),
        (lambda s: by_team(s).assign(amount=lambda t: t["amount"] + 3), "too large by 3"),
        (lambda s: by_team(s)["amount"], "returned a Series; expected a DataFrame"),
        (lambda s: by_team(s).to_dict(), "returned a dict; expected a DataFrame"),
        (lambda s: by_team(s).assign(team=lambda t: t["team"].astype("category")), "holds category; expected text"),
        (lambda s: None, "is a `return` missing?"),
        (lambda s: s.sort_values("team", inplace=True) or by_team(s), "it changes its input `sales`: work on a copy"),
    ],
)  # fmt: skip
def test_a_wrong_table_is_told_why(answer, says):
    assert says in told(TABLE, answer)


def test_a_right_table_is_right_however_its_texts_are_stored():
    assert checks.examine(TABLE, lambda s: by_team(s).astype({"team": object}), watch=False).right
    assert checks.examine(TABLE, lambda s: by_team(s).astype({"team": "string"}), watch=False).right


def test_a_table_that_lies_about_itself_is_compared_by_what_it_holds():
    class Liar(pd.DataFrame):
        def equals(self, other):
            return True

        def __eq__(self, other):
            return True

        __hash__ = None

    assert not checks.examine(TABLE, lambda s: Liar({"team": ["t0"], "amount": [1.0]}), watch=False).right


# ── lists, dictionaries, texts ────────────────────────────────────────────────────────────────────────────────────────


def summary(numbers):
    """Mean and largest of a list."""
    return {"mean": sum(numbers) / len(numbers), "largest": max(numbers)}


def lists(g):
    for n in (1, 4, 9):
        yield {"case": f"{n} numbers", "numbers": g.normal(5, 2, n).tolist()}


SUMMARY = check_of(summary, lists, returns="the summary")


def sorted_squares(numbers):
    """The squares, from the smallest."""
    return sorted(n * n for n in numbers)


SQUARES = check_of(sorted_squares, lists, returns="the squares")


@pytest.mark.parametrize(
    ("check", "answer", "says"),
    [
        (SUMMARY, lambda x: {"mean": sum(x) / len(x)}, "the key 'largest' is missing in the summary"),
        (
            SUMMARY,
            lambda x: summary(x) | {"mean": 2 * sum(x) / len(x)},
            "the value under 'mean' of the summary is twice",
        ),
        (SUMMARY, lambda x: summary(x) | {"largest": x[0]}, "the summary has the wrong value under 'largest'"),
        (SQUARES, lambda x: sorted_squares(x)[::-1], "in reverse order"),
        (SQUARES, lambda x: [n * n for n in x], "right, but in another order"),
        (SQUARES, lambda x: [n + 1 for n in sorted_squares(x)], "the squares are too large by 1"),
        (SQUARES, lambda x: sorted_squares(x)[1:], "the first entry of the squares is missing"),
        (SQUARES, lambda x: x.sort() or [n * n for n in x], "it changes the list `numbers`"),
        (SQUARES, lambda x: np.sort(np.square(x)), "returned an array; expected a list"),
    ],
)
def test_a_wrong_list_or_dictionary_is_told_why(check, answer, says):
    assert says in told(check, answer)


def test_constants_and_objects_that_equal_everything_are_wrong():
    class Equal(list):
        def __eq__(self, other):
            return True

        __hash__ = None

    class Any_:
        def __eq__(self, other):
            return True

        __hash__ = None

    assert not checks.examine(SQUARES, lambda x: Equal([1]), watch=False).right
    assert "returned a Any_" in told(SQUARES, lambda x: Any_())
    assert "1 everywhere" in told(SQUARES, lambda x: [1.0] * len(x))


# ── figures ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def draw(x, y):
    """A line with its labels."""
    _, axes = plt.subplots()
    axes.plot(x, y, label="measured")
    axes.set(xlabel="time", ylabel="height")
    axes.legend()
    return axes


def points(g):
    for n in (4, 6):
        yield {"case": f"{n} points", "x": np.arange(n), "y": g.normal(size=n)}


FIGURE = check_of(draw, points, returns="the figure")


def drawn(x, y, **changes):
    """A figure that differs in what is named."""
    figure = matplotlib.figure.Figure()
    axes = figure.add_subplot()
    axes.plot(x, changes.pop("y", y), label=changes.pop("label", "measured"))
    if changes.pop("bar", False):
        axes.bar([0], [1])
    axes.set(**{"xlabel": "time", "ylabel": "height"} | changes)
    axes.legend()
    return figure


def test_a_right_figure_is_right_in_any_colour_and_leaves_none_open():
    before = plt.get_fignums()
    assert checks.examine(FIGURE, lambda x, y: drawn(x, y), watch=False).right
    assert checks.examine(FIGURE, lambda x, y: draw(x, y), watch=False).right
    assert plt.get_fignums() == before


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda x, y: drawn(x, y, xlabel=""), "the label of the x axis is missing; expected 'time'"),
        (lambda x, y: drawn(x, y, ylabel="length"), "the label of the y axis is 'length'; expected 'height'"),
        (lambda x, y: drawn(x, y, yscale="log"), "the scale of the y axis is 'log'; expected 'linear'"),
        (lambda x, y: drawn(x, y, label="guess"), "the legend is ['guess']; expected ['measured']"),
        (lambda x, y: drawn(x, y, bar=True), "there is 1 bar in the figure; expected 0"),
        (lambda x, y: drawn(x, y, y=-y), "the sign is wrong: the y of the line is the negative"),
        (lambda x, y: drawn(x, y, y=2 * y), "the y of the line is twice what is expected"),
        (lambda x, y: plt.plot(x, y), "returned a Line2D; expected the figure or its axes"),
        (lambda x, y: None, "is a `return` missing?"),
    ],
)
def test_a_wrong_figure_is_told_why(answer, says):
    assert says in told(FIGURE, answer)


def test_only_the_parts_that_a_check_names_count():
    lines = check_of(draw, points, returns="the figure", drawn=("lines",))
    assert checks.examine(lines, lambda x, y: drawn(x, y, xlabel="", label="any"), watch=False).right
    assert "twice" in told(lines, lambda x, y: drawn(x, y, y=2 * y))


def test_bars_points_and_pictures_are_seen():
    _, (left, right) = plt.subplots(1, 2)
    left.bar(["a", "b"], [1, 2])
    left.scatter([0, 1], [3, 4])
    right.imshow(np.eye(3))
    seen = figures.picture(left.figure)
    plt.close(left.figure)
    assert seen["axes"][0]["bars"][:, 3].tolist() == [1, 2]
    assert seen["axes"][0]["names"] == ["a", "b"]
    assert seen["axes"][0]["points"][0].tolist() == [[0, 3], [1, 4]]
    assert seen["axes"][1]["pictures"][0].tolist() == np.eye(3).tolist()
    assert agree(seen, there_and_back(seen))


# ── classes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class Stack:
    """A pile of values, with room for some."""

    def __init__(self, room=99):
        self.values, self.room = [], room

    def push(self, value):
        if len(self.values) == self.room:
            raise OverflowError("full")
        self.values.append(value)

    def pop(self):
        return self.values.pop()

    @property
    def size(self):
        return len(self.values)


def calls(g):
    yield {"case": "one value", "calls": [("push", 3), ("size",), ("pop",), ("size",)]}
    yield {"case": "two values", "calls": [("push", 1), ("push", 2), ("pop",), ("pop",)]}
    yield {"case": "nothing to take", "calls": [("pop",)]}
    yield {"case": "room for one", "new": (1,), "calls": [("push", 1), ("push", 2)]}


STACK = check_of(Stack, calls, Calls)


class Queue(Stack):
    def pop(self):
        return self.values.pop(0)


class Endless(Stack):
    def __init__(self, room=99):
        super().__init__()


class Nameless:
    def push(self, value):
        pass


class Unwritten(Stack):
    def pop(self):
        raise NotImplementedError


def test_a_right_class_is_right():
    class Mine(Stack):
        pass

    assert checks.examine(STACK, Mine, watch=False).right


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Queue, "after `push(1)`, `push(2)`, `pop()` gives 1; expected: it gives 2"),
        (Endless, "after `push(1)`, `push(2)` gives None; expected: it raises OverflowError"),
        (Nameless, "Stack has no `size`"),
        (Unwritten, "not written yet"),
    ],
)
def test_a_wrong_class_is_told_at_which_call(answer, says):
    assert says in told(STACK, answer)


# ── what is imported ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_check_of_plain_answers_imports_neither_torch_nor_pandas_nor_matplotlib():
    code = """
import sys
from labkit import checks
from labkit.checks import bank, Compare

@bank.reference("sample.double")
def double(x):
    return [2 * v for v in x]

class Double(Compare):
    key = "sample.double"
    rng = "python"
    def cases(self, g):
        yield {"case": "some", "x": [g.random() for _ in range(5)]}

assert checks.examine(Double(), lambda x: [v + v for v in x]).right
assert not checks.examine(Double(), lambda x: [v * v for v in x]).right
print([name for name in ("torch", "pandas", "matplotlib") if name in sys.modules])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_an_unknown_source_of_numbers_is_refused():
    check = check_of(summary, lists, rng="dice")
    with pytest.raises(ValueError, match="expected 'torch', 'numpy' or 'python'"):
        wire.cases_of(check, 1)
