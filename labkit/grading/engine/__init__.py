"""The grading engine: untrusted notebooks run in a warm sandbox, and everything that decides stays outside.

``sandbox`` is the trusted half that an engine talks to: it starts a fork server (``sandbox_server``) in bubblewrap
(``sandbox_launch``), sends one cell at a time (``sandbox_session``) over framed channels (``frames``), and believes
nothing that comes back (``sandbox_outputs``). ``inside`` and its sisters are the half that lives in the sandbox: the
server, and its forks with the student's code. ``limits`` says how much of everything a submission gets, and
``sandbox_cgroup`` and ``sandbox_watch`` hold all its processes together to it.
"""
