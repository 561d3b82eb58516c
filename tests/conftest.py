"""What every test runs under: checked shapes, one thread, no window, no clock, and every device there is."""

import os
from collections.abc import Iterator
from pathlib import Path

os.environ["MPLBACKEND"] = "Agg"
os.environ.setdefault("OMP_NUM_THREADS", "1")

import jaxtyping
import pytest
import torch
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

# Before anything imports labkit: from here on every call of the library has its tensor shapes and types verified. As
# in the language's own typing rules (PEP 484), an int will do where a float is asked for. Checks and grading run as
# they do for a student: their thousands of small functions would each be wrapped anew in every case.
AS_IT_IS = ("checks", "explore", "grading")
PARTS = [path.stem for path in Path(__file__).parents[1].joinpath("labkit").iterdir() if path.stem not in AS_IT_IS]
_hook = install_import_hook(
    [f"labkit.{part}" for part in PARTS], "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"
)

torch.set_num_threads(1)

# A shared machine may be slow at any moment, so no example has a deadline; the same examples every time.
settings.register_profile(
    "labkit",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("labkit")

import labkit  # noqa: E402, F401  before torchvision, whichever test file is run alone
from tests.cpu import Clock, Table  # noqa: E402
from tests.tables import Tables, record  # noqa: E402, F401  a fixture

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Give pytest the options ``--tables`` and ``--cpu``."""
    parser.addoption("--cpu", action="store_true", help="show the CPU seconds of each test file")
    parser.addoption("--tables", type=Path, metavar="PAGE", help="write what the tests record into this page's tables")


def pytest_configure(config: pytest.Config) -> None:
    """Collect what is recorded, in the one process that sees all tests."""
    page = config.getoption("--tables")
    if page and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Tables(page), "labkit tables")
    if config.getoption("--cpu"):
        config.pluginmanager.register(Clock(), "labkit clock")
        if not hasattr(config, "workerinput"):
            config.pluginmanager.register(Table(config), "labkit cpu")


@pytest.fixture(scope="session", params=DEVICES)
def device(request: pytest.FixtureRequest) -> torch.device:
    """Each device of this machine in turn: the cpu, and cuda where there is one."""
    return torch.device(request.param)


@pytest.fixture
def generator(device: torch.device) -> torch.Generator:
    """A generator on the test's device, seeded alike for every test."""
    return torch.Generator(device=device).manual_seed(0)


@pytest.fixture(autouse=True)
def _same_randomness() -> Iterator[None]:
    """The global generator starts alike in every test, whatever ran before it, and is put back afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture
def unchecked() -> Iterator[None]:
    """What a user meets, who runs without the type checker of the tests: bad input reaches labkit's own refusal."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with real data sets that ``LABKIT_DATA`` names; the test is skipped where there is none."""
    folder = os.environ.get("LABKIT_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs real data sets: set LABKIT_DATA to the folder that holds them")
    return Path(folder)
