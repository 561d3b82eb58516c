"""What the command prints: results on stdout, what goes wrong or is under way on stderr."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

out = Console(highlight=False, soft_wrap=False)
err = Console(stderr=True, highlight=False, soft_wrap=True)

RIGHT, WRONG, OPEN = "[green]✓[/]", "[red]✗[/]", "[yellow]…[/]"


def table(*columns: str, title: str | None = None, right: tuple[str, ...] = ()) -> Table:
    """An empty table in the house style; the columns named in ``right`` hold numbers."""
    made = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def plain(text: object) -> Text:
    """Text of unknown origin: shown as it is, whatever brackets or escape sequences it holds."""
    return Text("".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in str(text)))


def number(value: float | None) -> str:
    """Points, without a needless ``.0``; ``–`` where there are none yet."""
    return "–" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


def count(amount: float, noun: str) -> str:
    """``1 point``, ``2 points``."""
    return f"{number(amount)} {noun}{'' if amount == 1 else 's'}"
