"""Docstrings are written to be read in an editor: plain words with Unicode formulas. Here they become markup.

A bar, a star or a trailing underscore is itself, not markup; an indented block is shown as it stands; a column of
names with what each is becomes a list.
"""

import re

LITERAL = re.compile(r"(``.+?``)")
SPECIAL = re.compile(r"[|*]|(?<=\w)_(?!\w)|(?<!`)`(?!`)")
ENTRY = re.compile(r"^(?P<name>``[^`]+``(?:, ``[^`]+``)*) {2,}(?P<words>\S.*)$")
RULE = re.compile(r"^=+(?: +=+)+$")  # of a table
CLOSING = " \t.,;:!?-–—'\"”)]}>/\\"  # what reStructuredText lets follow the end of a literal
INDENT = "    "


def marked_up(lines: list[str], *, module: bool) -> list[str]:
    """The lines of a docstring as reStructuredText with Google's sections.

    Code after ``::`` and examples after ``>>>`` stay as they are. Only a module's docstring has indented blocks that
    are no section.
    """
    shown: list[str] = []
    verbatim = False  # inside a literal block or an example
    table = any(RULE.match(line) for line in lines)
    for line in lines:
        if table:  # its columns stand under each other
            shown.append(line)
            continue
        before = shown[-1] if shown else ""
        indented = line.startswith(INDENT)
        if line.strip().startswith(">>>"):
            verbatim = True
        elif verbatim and line.strip() and not indented and not before.strip():
            verbatim = False
        elif module and indented and not verbatim and not before.startswith((INDENT, "- ", "  ")):
            shown += ["::", ""] if not before.strip() else ["", "::", ""]
            verbatim = True
        entry = ENTRY.match(line) if module and not verbatim else None
        if entry:
            if not before.startswith(("- ", "  ")):
                shown.append("")
            shown.append(f"- {entry['name']}: {escaped(entry['words'])}")
        elif indented and before.startswith("- ") and module:
            shown.append("  " + escaped(line.strip()))
        elif verbatim:
            if not indented and before.startswith(INDENT) and module and line.strip():
                shown.append("")
            shown.append(line)
        else:
            shown.append(escaped(line))
        if line.rstrip().endswith("::"):
            verbatim = True
    return shown


def escaped(line: str) -> str:
    """A line whose signs mean themselves; what stands in double backquotes stays."""
    parts = LITERAL.split(line)
    shown = ""
    for number, part in enumerate(parts):
        if number % 2:
            after = parts[number + 1][:1]
            shown += part + ("\\ " if after and after not in CLOSING else "")
        else:
            shown += SPECIAL.sub(lambda match: "\\" + match[0], part)
    return shown
