"""Kinds of answers besides numbers, texts, lists and arrays: data frames, figures, classes.

Neither pandas nor Matplotlib is imported here before an answer brings such a thing along.
"""
