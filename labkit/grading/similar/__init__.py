"""Submissions whose answers are nearly the same, for a person to look at."""
