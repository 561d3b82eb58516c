"""The page that shows pairs of answers side by side: one file, offline, without a script.

What students wrote is text in it and nothing else: everything is escaped, and a policy in the page's head lets it load
nothing and run nothing, even if that were wrong.
"""

import base64
import hashlib
from collections.abc import Sequence
from html import escape

from labkit.grading.screen import count, plain
from labkit.grading.similar.compare import Class, Pair, Shared, Written

Places = frozenset[tuple[int, int]]

STYLE = """
:root { color-scheme: light dark; --both: #ffe9a8; --given: #6b6b6b; --line: #c8c8c8 }
@media (prefers-color-scheme: dark) { :root { --both: #5c4a00; --given: #a6a6a6; --line: #555 } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 90rem; padding: 0 1rem }
table { border-collapse: collapse } th, td { text-align: left; padding: .2rem 1.2rem .2rem 0; vertical-align: top }
section { border-top: 1px solid var(--line); margin-top: 2rem }
.sides { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem }
@media (max-width: 50rem) { .sides { grid-template-columns: 1fr } }
pre { border: 1px solid var(--line); overflow-x: auto; padding: .5rem 0; margin: 0; font-size: .875rem }
.line { display: block; min-height: 1.5em; padding: 0 .7rem 0 1.4rem }
mark { display: block; background: var(--both); color: inherit; padding: 0 .7rem 0 0 }
mark::before { content: "= " ; padding-left: .3rem }
.given { color: var(--given) }
.wrap { white-space: pre-wrap; overflow-wrap: anywhere }
"""

EXPLAINED = """
<p>Each pair below wrote nearly the same for some tasks, beyond what the exercise, its model answer and its lecture make
likely. <strong>This is a reason to look, and no proof of anything</strong>: two who learned together, a page that both
read, or a task with few ways to solve it give the same picture. Names of variables, comments, layout and the order of
statements are not compared.</p>
<p>A line with <em>=</em> at its edge holds something that both wrote and that nobody was given. Grey lines are as in
the exercise, its model answer or its lecture. The number counts what both share of their own, in words and signs of the
code; what many in the class wrote counts less.</p>
"""


def html(title: str, pairs: Sequence[Pair], class_: Class) -> str:
    """The page of an exercise.

    Args:
        title: of the exercise.
        pairs: in the order in which they are shown.
    """
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    heading = f"{text(title)}: answers that are nearly the same"
    body = "".join(section(number, pair) for number, pair in enumerate(pairs, start=1))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{heading}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>{heading}</h1>
{EXPLAINED}
<p>{count(len(class_.students), "submission")} compared, {count(len(pairs), "pair")} to look at.</p>
{contents(pairs)}
{body}
</main>
</body>
</html>
"""


def contents(pairs: Sequence[Pair]) -> str:
    """The table of the pairs, each with a link to its answers."""
    if not pairs:
        return ""
    rows = "".join(
        f'<tr><td><a href="#pair-{number}">{text(pair.left)} and {text(pair.right)}</a></td>'
        f"<td>{pair.weight:.0f}</td><td>{', '.join(text(task.task) for task in pair.tasks)}</td></tr>\n"
        for number, pair in enumerate(pairs, start=1)
    )
    return f"<table>\n<tr><th>students</th><th>in common</th><th>tasks</th></tr>\n{rows}</table>"


def section(number: int, pair: Pair) -> str:
    """One pair."""
    tasks = "".join(task(one, pair) for one in pair.tasks)
    return f'<section id="pair-{number}">\n<h2>{text(pair.left)} and {text(pair.right)}</h2>\n{tasks}</section>\n'


def task(shared: Shared, pair: Pair) -> str:
    """One task, the two answers beside each other."""
    sides = "".join(
        f"<div><h4>{text(student)}</h4>{source(written, places)}</div>\n"
        for student, written, places in (
            (pair.left, shared.left, shared.match.left),
            (pair.right, shared.right, shared.match.right),
        )
    )
    share = f"{shared.match.share:.0%} of what is their own, {shared.match.weight:.0f} in common"
    return f'<h3>{text(shared.task)}</h3>\n<p>{share}</p>\n<div class="sides">\n{sides}</div>\n'


def source(written: Written, shared: Places) -> str:
    """An answer, line by line: what both share is marked, what everybody was given is grey."""
    both, own = lines(written, shared), lines(written, written.answer.own)
    rows = []
    for number, line in enumerate(written.source.split("\n"), start=1):
        if number in both:
            rows.append(f'<mark class="wrap">{text(line)}</mark>')
        else:
            rows.append(f'<span class="line wrap{"" if number in own else " given"}">{text(line) or " "}</span>')
    return f'<pre tabindex="0">{"".join(rows)}</pre>'


def lines(written: Written, places: Places) -> set[int]:
    """The lines of the statements that hold some tokens."""
    rows = {row for row, _ in places}
    held = [statement for row, statement in enumerate(written.answer.statements) if row in rows]
    return {line for statement in held for line in range(statement.first, statement.last + 1)}


def text(given: object) -> str:
    """Text of unknown origin, for a page: escaped, and without characters that turn or hide others."""
    return escape(str(plain(str(given).expandtabs(4).replace("\r", ""))), quote=True)
