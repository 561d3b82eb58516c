"""Imports nbgrader in half the time. Import this module before anything that imports nbgrader or nbformat.

nbformat uses jsonschema, which imports ``rfc3987_syntax`` if that is installed, which compiles a grammar of
international web addresses: a second of processor time for something that no notebook is checked for. jsonschema does
without it where it is missing, so it is missing for as long as the import takes.
"""

import sys
from typing import Any

MODULES: dict[str, Any] = sys.modules
SLOW = "rfc3987_syntax"

_there = SLOW in MODULES
if not _there:
    MODULES[SLOW] = None
try:
    import jsonschema  # noqa: F401
finally:
    if not _there:
        del MODULES[SLOW]
