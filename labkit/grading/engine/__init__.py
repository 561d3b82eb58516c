"""The grading engine: untrusted notebooks run in a warm sandbox, and everything that decides stays outside.

Its rooms, from the students' code outwards:

- ``inside`` shares its processes with students' code: the fork server, and its forks. Nothing outside imports it, and
  it imports nothing of the rest but ``frames`` and ``limits``; import contracts hold both.
- ``sandbox`` is the trusted half of the same: it starts the server in bubblewrap, sends one cell at a time, and
  believes nothing that comes back. ``copy`` makes the labkit that a submission finds there. ``kernel`` puts a real
  Jupyter kernel in the same place.
- ``judging`` turns the bytes of an answer into a verdict, in processes of its own.
- ``work`` is what goes to a worker, what a worker does, and where workers are: threads here, or a cluster.
- ``nbgrader`` is what slips into nbgrader: its ``Autograde`` in three movements, its feedback, its gradebook.

``run`` grades a class with all that; ``opening`` is its beginning, ``journal`` its memory, ``report`` what it says.
"""
