"""Answers written without a look at the checks: whether what nobody listed is refused, and named.

``tests/fresh/<topic>.py`` holds ``FRESH = [("topic.check", function, "wrong" | "right"), ...]``.
"""
