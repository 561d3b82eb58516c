"""What shares a process with students' code: it may be tampered with, and nothing outside believes it.

``server`` is started by ``sandbox.server`` and forks; ``submission`` is a fork's beginning, ``isolate`` its walls
(``seccomp``, ``syscalls``), ``loop`` its life, cell by cell, with ``shell`` and ``outputs``. ``kernel`` is a Jupyter
kernel in the same place.
"""
