"""Answers written by people who had not seen the checks: what becomes of them measures the checks, and stays so.

``tests/fresh/<topic>.py`` holds ``FRESH``: entries ``(key of the check, answer, "wrong" or "right")``.
"""
