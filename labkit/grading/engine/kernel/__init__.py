"""A real Jupyter kernel in the sandbox: ``provisioner`` for Jupyter, ``session`` for ``labkit grade --real-kernel``."""
