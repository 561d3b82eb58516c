"""JupyterHub for one course on one machine: system users, nbgrader's exchange, and one instructor with the formgrader.

Start it as root, with the course's environment: `jupyterhub -f jupyterhub_config.py`. docs/hub.md says what to prepare.
"""

import os
import shutil
import sys
from pathlib import Path

c = get_config()  # noqa: F821  traitlets defines it for this file

# ── what you may want to change ───────────────────────────────────────────────────────────────────────────────────────

PLACE = Path(os.environ.get("LABKIT_HUB", "/srv/labkit"))  # holds course/, exchange/, and hub/ with the hub's own files
INSTRUCTOR = os.environ.get("LABKIT_INSTRUCTOR", "instructor")  # the account that owns course/
STUDENTS = os.environ.get("LABKIT_STUDENTS", "students")  # the group of those who may log in

MEMORY = 3  # GB for a student
PROCESSORS = 2  # for a student
IDLE = 3600  # seconds after which a server that nobody uses is stopped
LONGEST = 12 * 3600  # seconds after which any server is stopped

# ── the hub ───────────────────────────────────────────────────────────────────────────────────────────────────────────

HERE = Path(__file__).resolve().parent
os.umask(0o077)  # what the hub writes is root's

c.JupyterHub.bind_url = "http://127.0.0.1:8000"  # a web server with TLS stands before it
c.JupyterHub.hub_bind_url = "http://127.0.0.1:8081"
c.JupyterHub.db_url = f"sqlite:///{PLACE / 'hub' / 'jupyterhub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(PLACE / "hub" / "cookie_secret")
c.ConfigurableHTTPProxy.pid_file = str(PLACE / "hub" / "proxy.pid")
c.ConfigurableHTTPProxy.command = [shutil.which("configurable-http-proxy") or "configurable-http-proxy"]
c.JupyterHub.cleanup_servers = True
c.JupyterHub.concurrent_spawn_limit = 20

# ── who may log in: accounts of this machine ──────────────────────────────────────────────────────────────────────────

c.JupyterHub.authenticator_class = "pam"
c.PAMAuthenticator.allowed_users = {INSTRUCTOR}
c.PAMAuthenticator.allowed_groups = {STUDENTS}
c.PAMAuthenticator.open_sessions = False
c.Authenticator.admin_users = set()  # nobody can enter somebody else's server, the instructor neither

# ── their servers ─────────────────────────────────────────────────────────────────────────────────────────────────────

c.Spawner.default_url = "/lab"
c.Spawner.http_timeout = c.Spawner.start_timeout = 120
c.Spawner.args = ["--ServerApp.terminado_settings={'shell_command': ['/bin/bash', '-l']}"]
threads = {name: str(PROCESSORS) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
c.Spawner.environment = {"PATH": f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin", "LABKIT_HUB": str(PLACE), **threads}
SERVER = [sys.executable, "-m", "jupyterhub.singleuser"]

if Path("/run/systemd/system").is_dir():
    # A control group for each user: together, all of a student's processes have so much and no more.
    c.JupyterHub.spawner_class = "systemd"
    c.SystemdSpawner.mem_limit = f"{MEMORY}G"
    c.SystemdSpawner.cpu_limit = float(PROCESSORS)
    c.SystemdSpawner.isolate_tmp = True
    c.SystemdSpawner.disable_user_sudo = True
    c.SystemdSpawner.cmd = SERVER
else:
    # Without systemd (in a container): each process has its limit, a student's sum has none.
    size = MEMORY * 2**30
    c.JupyterHub.spawner_class = "jupyterhub.spawner.LocalProcessSpawner"
    c.Spawner.cmd = ["prlimit", f"--data={size}:{size}", "--core=0:0", "--nproc=512:512", "nice", "-n", "5", *SERVER]


def prepare(spawner):
    """Close a student's home to others, and give each role its settings: the formgrader is the instructor's alone."""
    import pwd

    account = pwd.getpwnam(spawner.user.name)
    if account.pw_uid >= 1000:  # not a system's account, whose home others may need
        os.chmod(account.pw_dir, 0o700)
    role = "instructor" if spawner.user.name == INSTRUCTOR else "students"
    spawner.environment = {
        **spawner.environment,
        "JUPYTER_CONFIG_PATH": os.pathsep.join([str(HERE / role), str(HERE / "everybody")]),
    }
    if role == "instructor":
        spawner.notebook_dir = str(PLACE / "course")


c.Spawner.pre_spawn_hook = prepare

# ── servers that nobody uses are stopped ──────────────────────────────────────────────────────────────────────────────

c.JupyterHub.load_roles = [
    {
        "name": "idle-culler",
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        "services": ["idle-culler"],
    }
]
c.JupyterHub.services = [
    {
        "name": "idle-culler",
        "command": [sys.executable, "-m", "jupyterhub_idle_culler", f"--timeout={IDLE}", f"--max-age={LONGEST}"],
    }
]
