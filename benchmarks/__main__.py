"""The benchmarks of the whole course: ``python -m benchmarks [KEY ...] [-- ARGUMENTS ...]``.

Without a key, every topic of the syllabus that has a benchmark. Each runs in a process of its own, so that one that
fails stops no other. What stands behind ``--`` goes to each: ``python -m benchmarks attacks -- --seeds 1``.
"""

import subprocess
import sys
from pathlib import Path

from labkit.topics import SYLLABUS, find

HERE = Path(__file__).parent


def keys() -> list[str]:
    """The topics that have a benchmark, in the order of the syllabus."""
    return [topic.key for topic in SYLLABUS if (HERE / f"{topic.key}.py").exists()]


def main(arguments: list[str]) -> int:
    """Run them one after the other; 1 if one failed, 2 if there is none of that name."""
    wanted, rest = arguments, []
    if "--" in arguments:
        cut = arguments.index("--")
        wanted, rest = arguments[:cut], arguments[cut + 1 :]
    try:
        chosen = [find(name).key for name in wanted] or keys()
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    unmeasured = [key for key in chosen if key not in keys()]
    if unmeasured:
        print(f"{', '.join(unmeasured)} has no benchmark; there are {', '.join(keys())}", file=sys.stderr)
        return 2
    failed = []
    for key in chosen:
        print(f"── {key} ──", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{key}", *rest], check=False).returncode:
            failed.append(key)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
