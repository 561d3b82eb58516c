"""The check of the numbers in a lecture's text, itself checked."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests import claims

ROOT = Path(__file__).resolve().parents[1]
LECTURES = sorted((ROOT / "lectures").glob("[0-9]*.ipynb"))
BOUND = {path.stem for path in LECTURES if path.stem != "00_start"}


def notebook(*sources):
    """A notebook; a source that begins with # is text."""
    make = {True: nbformat.v4.new_markdown_cell, False: nbformat.v4.new_code_cell}
    cells = [make[source.startswith("#")](source) for source in sources]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    return nbformat.v4.new_notebook(cells=cells)


def run(*sources):
    """What is broken in a notebook that was bound and run."""
    made = notebook(*sources)
    claims.bind(made)
    NotebookClient(made, timeout=60, kernel_name="python3").execute()
    return claims.broken(made)


def test_true_numbers_pass_and_others_are_named():
    text = (
        "# It is 0.43 <!--= a: 0.43 ± 0.01 --> here, 2.5 <!--= b[1]: 2.5 ± 0 --> there, −1 <!--= -x: −1 ± 0 -->,"
        " 1,234 <!--= 'of … are all': 1,234 ± 0 --> in all; then 7 <!--=below a: 7 ± 0 -->,"
        ' and 12 <!--=below "got": 12 ± 1 --> %.'
    )
    first, last = (
        "a, b, x = 0.4342, (1, 2.5), 1\nprint('of  them 5 are\\nall 1,234', 5)",
        "a = 7\nprint('we got +12.9 %')",
    )
    assert run(first, text, last) == []
    wrong = text.replace("0.43 <", "0.47 <").replace(" 0.43 ±", " 0.47 ±").replace("12 ± 1", "12 ± 0.5")
    assert run(first, wrong, last) == [
        "cell-1: the text says 0.47 ± 0.01 for a, the run 0.4342",
        'cell-1: the text says 12 ± 0.5 for "got", the run 12.9',
    ]
    assert run("a = float('nan')", "# It is 1 <!--= a: 1 ± 5 -->.") == [
        "cell-1: the text says 1 ± 5 for a, the run nan"
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("# It is 0.5 <!--= a 0.5 ± 0.1 -->", "reads <!--= expression: number ± spread -->"),
        ("# It is 0.5 <!--= a: 0.5 -->", "reads <!--= expression: number ± spread -->"),
        ("# It is half <!--= a: 0.5 ± 0.1 -->", "the text does not hold the number 0.5"),
        ("# It is 10.5 <!--= a: 0.5 ± 0.1 -->", "the text does not hold the number 0.5"),
        ("# It is 0.5 <!--= a: 0.5 ± 0.1 -->", "there is no cell above for a"),
        ("# It is 0.5 <!--=below a: 0.5 ± 0.1 -->", "there is no cell below for a"),
    ],
)
def test_a_comment_that_binds_nothing_is_refused(text, says):
    with pytest.raises(ValueError, match=says):
        claims.bind(notebook(text))


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_the_comments_of_a_lecture_can_be_read(path):
    bound = claims.of(nbformat.read(path, as_version=4))
    assert bound or path.stem not in BOUND
