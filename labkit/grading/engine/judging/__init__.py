"""Verdicts: ``judge`` gives them in processes of its own, ``decoys`` find out whether a process can be believed."""
