"""The sandbox, as the engine sees it: trusted code that runs a student's cells somewhere safe.

    with Sandbox(Limits()) as sandbox:                        # about two seconds, once a worker
        with sandbox.open({"data.csv": data}) as session:     # a submission: a fork in its own namespaces
            result = session.run_cell("print(6 * 7)")
            result.outputs                                     # nbformat v4 outputs, validated and capped
            result.died                                        # "" or one sentence; then the session is over
            check = session.run_check("attacks.fgsm", "fgsm", seed)
            check.data                                         # bytes for labkit.checks.wire.judge, or None

Names: ``Limits``, ``CellResult``, ``CheckResult``, ``Sandbox``, ``Session``, ``SandboxError``, ``probe``.

- A session that ``died`` answers every further ``run_cell`` and ``run_check`` with the same sentence: no cell runs
  and no outputs come. ``tampered`` is set besides where the reply channel was misused: flag it for a person.
- ``timed_out`` cells were interrupted and the session lives on; the outputs end in nbgrader's ``CellTimeoutError``.
- ``SandboxError`` is raised where the machinery failed (server gone and not restartable, disk full, no namespaces):
  never a student's fault, never a zero. The next ``open`` starts a new server if the old one is gone.
- Sessions of one ``Sandbox`` may be open side by side and used from different threads, one thread a session.
- A ``CheckResult`` with neither ``data`` nor ``died`` says in ``failed`` why: an unknown key, a broken check.
"""
