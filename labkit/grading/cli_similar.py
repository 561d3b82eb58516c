"""The subcommand ``labkit similar``. What it needs is imported when it runs, so that ``--help`` is quick."""

from pathlib import Path
from typing import Annotated

import typer

from labkit.grading.cli_teaching import NOT_ALL_RIGHT, Topic, shown, teaching


def similar(
    topic: Topic,
    page: Annotated[Path | None, typer.Option(help="Where the page goes; into .local/similar/ by default.")] = None,
    most: Annotated[int, typer.Option(min=1, help="How many pairs at most.")] = 50,
) -> None:
    """List submissions whose answers are nearly the same, with a page for you to judge. It accuses nobody."""
    from labkit.grading import notebooks
    from labkit.grading.screen import count, err, number, out, plain, table
    from labkit.grading.similar import compare
    from labkit.grading.similar import page as pages

    here = teaching()
    name = here.assignment(topic, here.sources())
    with err.status(f"comparing {name} …"):
        class_ = compare.read(here, name)
        pairs = compare.pairs(class_)
    for student, reason in sorted(class_.unread.items()):
        err.print(f"{student}: not compared: {reason}", markup=False)
    compared = count(len(class_.students), "submission")
    target = page.expanduser() if page else here.local / "similar" / f"{name}.html"
    if pairs:
        rows = table("students", "in common", "tasks", right=("in common",))
        for pair in pairs[:most]:
            tasks = ", ".join(one.task for one in pair.tasks)
            rows.add_row(plain(f"{pair.left}, {pair.right}"), number(round(pair.weight)), plain(tasks))
        out.print(rows)
        more = f"; {most} are shown" if len(pairs) > most else ""
        out.print(
            f"\n{count(len(pairs), 'pair')} among {compared}{more}. "
            f"This proves nothing: look at them in {shown(target)}.",
            markup=False,
            soft_wrap=True,
        )
    else:
        out.print(f"{compared} compared: no two are nearly the same beyond what everybody was given.", markup=False)
    # Nobody but the instructor reads what students wrote.
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    target.touch(mode=0o600)
    notebooks.write(target, pages.html(name, pairs[:most], class_))
    raise typer.Exit(NOT_ALL_RIGHT if class_.unread else 0)
