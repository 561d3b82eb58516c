"""``python -m labkit``: the command, where its program is not on the path."""

from labkit.grading.cli import main

if __name__ == "__main__":
    main()
