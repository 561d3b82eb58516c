"""A submission's work: ``job`` is what goes out and what comes back, ``worker`` does it, ``workers`` and ``cluster``
say where.
"""
