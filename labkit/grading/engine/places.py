"""What the two halves of the sandbox must agree on. Neither half imports the other; both import this."""

HOME = "/home/student"
PLACE = "/opt/labkit"
"""Where a submission finds its copy of labkit."""
STAGE = "/run"
"""Where the file systems of a submission are made, before they are put in their places."""

KERNEL_CHANNELS = ("shell", "iopub", "stdin", "hb", "control")
"""A kernel's channels, in the order of their sockets."""
CHECKED = "application/vnd.labkit.check+json"
"""The type of the display that carries the outputs of a check out of a kernel."""
