"""Copies are listed, whatever was renamed or moved; independent right answers, stubs and what was given are not."""

import functools
import html.parser
import os
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit import topics
from labkit.checks import bank, find
from labkit.grading import cli, notebooks, release, roster
from labkit.grading.course import Course
from labkit.grading.similar import compare, fingerprints, page, statements
from tests import tiny
from tests.copying import disguised, source
from tests.rights import rights

ROOT = Path(__file__).resolve().parents[1]
REAL = Course(ROOT, ROOT)


@functools.cache
def given_in(topic):
    """What everybody has in the exercise of a topic, and its answers in tests/rights by task."""
    slug = topics.find(topic).slug
    exercise = notebooks.read(ROOT / "exercises" / slug / f"{slug}.ipynb")
    tasks = {}
    for right in rights(topic):
        name = right.key.partition(".")[2]
        tasks.setdefault(name, {})[right.name] = source(right.function, name)
    return compare.everybody_has(REAL, slug, slug, exercise), tasks


def matched(answers, everybody):
    """What each two of some sources share, by their names."""
    aliases = {**everybody.aliases, "np": "numpy"}
    read = {name: fingerprints.answer(statements.of_code(s, aliases), everybody.code) for name, s in answers.items()}
    return fingerprints.matches(read)


# ── against the answers of tests/rights ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("topic", ["images", "attacks"])
def test_no_two_independent_right_answers_are_nearly_the_same(topic):
    everybody, tasks = given_in(topic)
    shares = [match.share for answers in tasks.values() for match in matched(answers, everybody).values()]
    assert sum(len(list(combinations(answers, 2))) for answers in tasks.values()) >= 12
    assert max(shares, default=0) < compare.SHARE


@pytest.mark.parametrize("topic", ["images", "attacks"])
def test_a_copy_with_new_names_and_another_order_shares_nearly_all(topic):
    everybody, tasks = given_in(topic)
    moved = 0
    for answers in tasks.values():
        for name, original in answers.items():
            copy, swaps = disguised(original, len(name))
            both = {"a": original, "b": copy}
            own = len(fingerprints.answer(statements.of_code(original, everybody.aliases), everybody.code).own)
            moved += swaps
            assert own < compare.LEAST or matched(both, everybody)["a", "b"].share > 0.85, name
    assert moved >= 3


@pytest.mark.slow
@pytest.mark.parametrize("topic", ["images", "attacks", "fair"])
def test_wrong_answers_that_are_the_model_answer_but_for_a_little_are_not_listed(topic):
    """Each known mistake is the reference with something wrong in it: no two of them fill a pair."""
    everybody, tasks = given_in(topic)
    compared = 0
    for name in tasks:
        functions = [mistake.function for mistake in bank.answer_key(find(f"{topic}.{name}")).mistakes]
        wrong = {f.__name__: source(f, name) for f in functions if f.__name__ != "<lambda>"}
        compared += len(wrong)
        for pair, match in matched(wrong, everybody).items():
            assert match.share < compare.SHARE or match.weight < compare.LISTED, (name, pair)
    assert compared >= 10


@pytest.mark.slow
def test_over_all_topics_copies_are_told_from_independent_answers():
    independent, copies = [], []
    for topic in topics.SYLLABUS:
        if not (ROOT / "tests" / "rights" / f"{topic.key}.py").is_file():
            continue
        everybody, tasks = given_in(topic.key)
        for answers in tasks.values():
            independent += [match.share for match in matched(answers, everybody).values()]
            for name, original in answers.items():
                match = matched({"a": original, "b": disguised(original, len(name))[0]}, everybody).get(("a", "b"))
                copies += [match] if match else []
    assert max(independent) < compare.SHARE
    assert len(copies) > 350
    assert sum(copy.share >= compare.SHARE for copy in copies) >= 0.99 * len(copies)
    assert sum(copy.weight >= compare.LISTED for copy in copies) >= 0.75 * len(copies)  # one answer alone is enough


# ── a class ───────────────────────────────────────────────────────────────────────────────────────────────────────────

EDGES = """def double(numbers):
    total = []
    known = {}
    for place, number in enumerate(numbers):
        known[place] = number
        total.append(known.get(place, 0) << 1)
    return total if len(total) == len(known) else list(known.values())"""
OTHER = """def double(numbers):
    import itertools
    pairs = itertools.chain.from_iterable((x, x) for x in numbers)
    return [sum(pair) for pair in zip(*[iter(pairs)] * 2)]"""
WHY = (
    "An image of a seven that hangs on its head may be read as an L by people who never saw the original, so nobody"
    " should turn it by more than a quarter."
)


def hand_in(course, student, **answers):
    made = notebooks.read(course.exercises / tiny.NAME / tiny.FILE)
    for name, text in answers.items():
        tiny.cell(made, name).source = text
    return tiny.hand_in(course, student, made)


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Eight hand in: an answer and its disguised copy, another way, the model answer twice, and two empty stubs."""
    made = tiny.build(tmp_path)
    release.release(made, tiny.NAME)
    model = tiny.DOUBLE.replace("    ### BEGIN SOLUTION\n", "").replace("\n    ### END SOLUTION", "")
    hand_in(made, "ada", double=EDGES)
    hand_in(made, "zoe", double=disguised(EDGES)[0])
    hand_in(made, "ben", double=OTHER)
    hand_in(made, "cem", double=model)
    hand_in(made, "dan", double=model.replace("number for", "n for").replace("2 * number", "n * 2"))
    hand_in(made, "eve", double=model.replace("number", "value").replace("2 * value", "value * 2"))
    hand_in(made, "fay")
    hand_in(made, "gus")
    monkeypatch.chdir(tmp_path)
    return made


def listed(course):
    return [(pair.left, pair.right) for pair in compare.pairs(compare.read(course, tiny.NAME))]


def test_the_copy_alone_is_listed(course, capsys):
    assert disguised(EDGES)[1] >= 1
    assert cli.run(["similar", "images"]) == 0
    shown = capsys.readouterr().out
    assert "ada, zoe" in shown
    assert "1 pair among 8 submissions" in " ".join(shown.split())
    assert "This proves nothing" in shown
    assert [name for name in ("ben", "cem", "dan", "eve", "fay", "gus") if name in shown] == []


def test_a_text_that_two_wrote_is_listed_and_the_model_answer_is_not(course):
    for student in ("ben", "fay"):
        hand_in_again(course, student, why=WHY)
    for student in ("cem", "gus"):
        hand_in_again(course, student, why="Because a label must stay true under every transform.")
    assert listed(course) == [("ada", "zoe"), ("ben", "fay")]


def hand_in_again(course, student, **answers):
    path = course.submitted / student / tiny.NAME / tiny.FILE
    made = notebooks.read(path)
    for name, text in answers.items():
        tiny.cell(made, name).source = text
    notebooks.write(path, notebooks.normal(made))


def test_what_many_wrote_counts_less():
    def weight(students):
        one = fingerprints.answer(statements.of_code(EDGES), frozenset())
        return fingerprints.matches(dict.fromkeys(students, one))["a", "b"].weight

    assert weight("ab") == pytest.approx(2 * weight("abcd"))


def test_members_of_one_team_are_no_pair(course):
    people = {name: roster.Person("1", name, team="Group A") for name in ("ada", "zoe")}
    roster.remember(course, tiny.NAME, "moodle", people)
    assert listed(course) == []


def test_code_in_a_cell_of_its_own_and_code_that_is_broken_are_compared(course):
    for student, broken in (("ben", EDGES + "\n    return ("), ("fay", EDGES.replace("total", "x") + "\n    return (")):
        hand_in_again(course, student, double=broken)
    assert ("ben", "fay") in listed(course)
    for student, text in (("cem", EDGES), ("gus", disguised(EDGES, 3)[0])):
        path = course.submitted / student / tiny.NAME / tiny.FILE
        made = notebooks.read(path)
        made.cells.append(tiny.code(text.replace("def double", "def helper")))
        notebooks.write(path, notebooks.normal(made))
    assert ("cem", "gus") in listed(course)


def test_a_submission_that_cannot_be_read_is_said_and_the_others_are_compared(course, capsys):
    (course.submitted / "ben" / tiny.NAME / tiny.FILE).write_text("{")
    linked = course.submitted / "cem" / tiny.NAME / tiny.FILE
    linked.unlink()
    linked.symlink_to(course.submitted / "ada" / tiny.NAME / tiny.FILE)
    assert cli.run(["similar", "images"]) == 1
    shown = capsys.readouterr()
    assert "ada, zoe" in shown.out
    assert "ben: not compared: 01_images.ipynb is damaged" in shown.err
    assert "cem: not compared:" in shown.err


# ── the page ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Tags(html.parser.HTMLParser):
    """The tags of a page, with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


HARMLESS = {"html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "h4", "p", "strong", "em",
            "table", "tr", "th", "td", "a", "section", "div", "pre", "mark", "span"}  # fmt: skip


def harmless(text):
    tags = Tags(text).found
    allowed = {"lang", "charset", "http-equiv", "content", "name", "href", "id", "class", "tabindex"}
    return {tag for tag, _ in tags} <= HARMLESS and all(
        set(attributes) <= allowed and attributes.get("href", "#").startswith("#") for _, attributes in tags
    )


@given(st.text(max_size=200))
def test_whatever_a_student_wrote_is_text_on_the_page(text):
    written = compare.Written(text, fingerprints.answer(statements.of_code(text), frozenset()))
    match = fingerprints.Match(30.0, 1.0, written.answer.own, written.answer.own)
    pair = compare.Pair(text, "<b>b</b>", (compare.Shared("<img src=x>", written, written, match),))
    assert harmless(page.html("<i>", [pair], compare.Class()))


def test_the_page_shows_both_side_by_side_and_can_load_nothing(course):
    attack = EDGES.replace("known", "v") + "\n    '</pre><script>alert(1)</script>\u202e'"
    hand_in_again(course, "zoe", double=attack)
    assert cli.run(["similar", "images"]) == 0
    path = course.local / "similar" / "01_images.html"
    text = path.read_text(encoding="utf-8")
    assert path.stat().st_mode & 0o077 == 0
    assert harmless(text)
    assert "default-src 'none'" in text
    assert "&lt;/pre&gt;&lt;script&gt;" in text
    assert "\u202e" not in text
    assert "<mark class=\"wrap\">        known[place] = number</mark>" in text  # fmt: skip
    assert "<mark class=\"wrap\">        v[place] = number</mark>" in text  # fmt: skip
    assert '<span class="line wrap given">def double(numbers):</span>' in text


def test_the_page_goes_where_it_is_told(course, tmp_path, capsys):
    assert cli.run(["similar", "images", "--page", "pairs.html"]) == 0
    assert "look at them in pairs.html" in capsys.readouterr().out
    assert "ada and zoe" in (tmp_path / "pairs.html").read_text()
    assert os.listdir(course.local) == ["similar"] if course.local.is_dir() else True


# ── bad input ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("topic", "says"),
    [("cooking", "no exercise is called 'cooking'"), ("images", "nobody handed in 01_images")],
)
def test_bad_input_is_one_sentence_and_exit_2(tmp_path, monkeypatch, capsys, topic, says):
    made = tiny.build(tmp_path)
    release.release(made, tiny.NAME)
    monkeypatch.chdir(tmp_path)
    assert cli.run(["similar", topic]) == 2
    shown = capsys.readouterr()
    assert says in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out == ""


# ── what is compared ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1\ny = x + 2", "count = 1\nsize = count + 2"),
        ("import numpy as np\na = np.ones(3)", "import numpy\nb = numpy.ones(3)"),
        ("from torch.nn import functional as F\ny = F.relu(x)", "from torch import nn\nz = nn.functional.relu(x)"),
        ("x = 0\nx += 3", "n: int = 0\nn = n + 3  # three"),
        ('def f(a):\n    """Text."""\n    return a * 2', "def g(b: int) -> int:\n    return (b * 2)"),
        ("%matplotlib inline\nx = 'a'", 'y = "a"'),
        ("class A:\n    def f(self):\n        self.x = 1", "class B:\n    def g(me):\n        me.y = 1"),
    ],
)
def test_names_layout_and_spelling_do_not_matter(one, other):
    def prints(code):
        return {window for statement in statements.of_code(code) for window in fingerprints.windows(statement)}

    assert prints(one) == prints(other)


def test_sentences_know_their_lines():
    found = statements.of_text("First one.\nSecond that\ngoes on. Third!\n\nFourth")
    assert [(s.tokens, s.first, s.last) for s in found] == [
        (("first", "one"), 1, 1),
        (("second", "that", "goes", "on"), 2, 3),
        (("third",), 3, 3),
        (("fourth",), 5, 5),
    ]


@given(st.text(max_size=80))
def test_no_source_is_too_broken(text):
    for statement in statements.of_code(text) + statements.of_text(text):
        assert statement.tokens
        assert 1 <= statement.first <= statement.last
