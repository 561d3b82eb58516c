"""The copy of labkit that a submission finds in its sandbox: without what its exercise asks to write.

``names`` reads what the package's modules define and use, ``reduction`` works out what must go, ``reduced`` makes the
archive.
"""
