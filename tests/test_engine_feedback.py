"""Feedback shows sentences, points and comments, and gives nothing away: the html is searched for what must not be."""

import html
import re
import sys
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from labkit.grading.engine.nbgrader import feedback
from labkit.grading.engine.work.worker import secrets as seeds
from tests import engine_class
from tests.engine_class import ASSIGNMENT, RIGHT, submit
from tests.test_engine import course, grade, template  # noqa: F401  fixtures

HIDDEN = ("squares(5)", "secretmessage", "BEGIN HIDDEN", "END HIDDEN", "== 25")

NOSY = {
    "squares": "import sys\n\n\nclass L(list):\n    pass\n\n\ndef squares(n):\n    return [i for i in range(n)]",
    "half": "print(In)\nprint(sys.exec_prefix, sys.path)\nimport os\nprint(os.getcwd(), dict(os.environ))\n"
    "print([c.co_consts for c in __import__('gc').get_objects() if hasattr(c, 'co_consts')][:9])\n1 / 0",
    "drawing": "raise RuntimeError(repr(In[-4:]))",
    "saturation": "def saturation(x, factor):\n    print('I see', x.shape)\n    return x",
}


def read(root: Path, student: str) -> str:
    """A student's feedback, as text without markup."""
    pages = sorted((root / "feedback" / student / ASSIGNMENT).glob("*.html"))
    assert pages
    text = "".join(page.read_text() for page in pages)
    body = re.sub(r"<style.*?</style>|<script.*?</script>", "", text, flags=re.S)
    return html.unescape(re.sub(r"<[^>]*>", "", body))


@pytest.fixture
def told(course, monkeypatch):  # noqa: F811
    """The feedback of a nosy student beside another, and the secret seeds that were drawn."""
    root, settings = course
    drawn: list[int] = []

    def randbits(bits):
        drawn.append(seeds.SystemRandom().getrandbits(bits))
        return drawn[-1]

    monkeypatch.setattr(seeds, "randbits", randbits)
    submit(root, "nosy", NOSY)
    submit(root, "quiet", RIGHT | {"essay": "Nobody else may read this essay."})
    grade(settings)
    with Gradebook(f"sqlite:///{root}/gradebook.db") as book:
        book.find_comment("essay", "problem1", ASSIGNMENT, "nosy").manual_comment = "Say more about variance."
        book.db.commit()
    engine_class.convert(feedback.Feedback, settings)
    return root, drawn


def test_feedback_gives_nothing_away(told):
    root, drawn = told
    text = read(root, "nosy")
    for secret in HIDDEN:
        assert secret not in text, secret
    assert len(drawn) >= 2
    for seed in drawn:
        assert str(seed) not in text
    for path in (str(root), str(Path.home()) + "/", sys.prefix, sys.base_prefix):
        assert path not in text, path
    for other in ("quiet", "Nobody else", "gradebook.db"):
        assert other not in text, other


def test_no_raw_file_of_the_feedback_gives_anything_away(told):
    root, _ = told
    for path in (root / "feedback" / "nosy").rglob("*"):
        if path.is_file() and path.suffix == ".html":
            raw = path.read_text()
            assert "secretmessage" not in raw
            assert html.escape("squares(5)[-1]") not in raw
        assert path.suffix != ".ipynb"


def test_feedback_shows_sentences_points_and_comments(told):
    root, _ = told
    text = read(root, "nosy")
    assert "images.saturation" in text
    assert "0 of 2 points" in text
    assert "I see torch.Size" in text
    assert "Say more about variance." in text
    assert "assert squares(2) == [1, 4]" in text, "the visible part of a test stays"
    assert "hidden tests are not shown" in text
    assert "AssertionError" in text, "the error of a test without hidden parts stays"
    quiet = read(root, "quiet")
    assert "✓ images.saturation" in quiet
    assert "problem1 (Score: 6.5 / 19.0)" in quiet
    assert "problem2 (Score: 3.0 / 3.0)" in quiet


def test_outputs_before_hidden_tests_stay_and_those_after_are_withheld(told):
    root, _ = told
    text = read(root, "quiet")
    assert feedback.NOTE.strip() in text
    assert "free cell 3.14" not in text


def test_plain_nbgrader_feedback_would_leak(told):
    """The reason for all this; if nbgrader mends it, this module can go."""
    root, _ = told
    from nbgrader.converters import GenerateFeedback

    engine_class.convert(GenerateFeedback, engine_class.config(root), force=True)
    assert "secretmessage" in read(root, "nosy")
