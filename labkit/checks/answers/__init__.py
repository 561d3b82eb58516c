"""The other halves of the checks: references, mistakes, verdicts. This folder never enters a sandbox."""
