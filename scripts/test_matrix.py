"""Run the tests on every Airflow version that the provider supports, each in its own environment.

Environments are made in ``.matrix`` from the pins in ``requirements``, and made anew when those change.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".matrix"
UV = ROOT / ".venv/bin/uv"
PYTHONS = ">=3.10,<3.13"  # those that all of the versions run on
TESTS = (
    "tests/unit",
    "tests/contract",
    "tests/operators",
    "tests/waiting",
    "tests/assets",
    "tests/retry_policies",
    "tests/system/test_told.py",
    "tests/system/test_deferred_dags.py",
    "tests/system/test_upstream_text.py",
)
EXAMPLES = "tests/system/test_dags.py"


@dataclass(frozen=True)
class Environment:
    """An environment by name, the file with its pins, and what is run in it."""

    name: str
    pins: str
    tests: tuple[str, ...] = TESTS

    @property
    def folder(self) -> Path:
        """Where it is."""
        return FOLDER / self.name

    @property
    def python(self) -> str:
        """Its Python."""
        return str(self.folder / "bin/python")

    def make(self) -> bool:
        """Install what is pinned and the provider as it stands here; return whether there was anything to do."""
        ready = self.folder / "ready"
        files = [ROOT / self.pins, ROOT / "pyproject.toml"]
        pinned = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
        if ready.exists() and ready.read_text() == pinned:
            return False
        shutil.rmtree(self.folder, ignore_errors=True)
        uv("venv", "--python", PYTHONS, str(self.folder))
        uv("pip", "install", "--python", self.python, "-r", str(ROOT / self.pins))
        uv("pip", "install", "--python", self.python, "--no-deps", "--editable", str(ROOT))
        ready.write_text(pinned)
        return True

    def run(self) -> subprocess.CompletedProcess[str]:
        """Run its tests."""
        options = ["-q", "-p", "no:cacheprovider", "--color=no"]
        return started(self.python, "-m", "pytest", *options, *self.tests)


class Wheel(Environment):
    """The built wheel in an environment without the tests' dependencies."""

    def make(self) -> bool:
        """Leave it to the check itself, which installs step by step."""
        return False

    def run(self) -> subprocess.CompletedProcess[str]:
        """Build, install and check it."""
        return started(sys.executable, str(ROOT / "scripts/check_wheel.py"), str(self.folder))


@dataclass(frozen=True)
class Outcome:
    """What has become of one environment."""

    environment: Environment
    ok: bool
    told: str
    made_seconds: float
    seconds: float
    output: str


ENVIRONMENTS = (
    # it takes longest, so it comes first
    Environment("lowest", "requirements/lowest.txt", (*TESTS, "tests/bulk", EXAMPLES)),
    Environment("2.11.2", "requirements/airflow-2.11.2.txt", (*TESTS, EXAMPLES)),
    Environment("3.0.6", "requirements/airflow-3.0.6.txt"),
    Environment("3.1.8", "requirements/airflow-3.1.8.txt"),
    Environment("3.2.2", "requirements/airflow-3.2.2.txt"),
    Environment("3.3.2", "requirements-dev.txt", (*TESTS, EXAMPLES)),
    Wheel("wheel", "requirements-dev.txt"),
)


def main() -> None:
    """Run what was asked for, several at a time; end with 1 where one has failed."""
    names = [environment.name for environment in ENVIRONMENTS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("only", nargs="*", metavar="|".join(names), help="all, unless some are given")
    # half of the time, tests wait
    jobs = min(2 * (os.cpu_count() or 1), len(ENVIRONMENTS))
    parser.add_argument("--jobs", type=int, default=jobs, help="environments at a time")
    arguments = parser.parse_args()
    if unknown := set(arguments.only) - set(names):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    asked = [each for each in ENVIRONMENTS if not arguments.only or each.name in arguments.only]
    started_at = time.monotonic()
    with ThreadPoolExecutor(arguments.jobs) as pool:
        outcomes = list(pool.map(tested, asked))
    for outcome in outcomes:
        if not outcome.ok:
            print(f"\n==> {outcome.environment.name}\n{outcome.output}")
    print(f"\n{'':10}{'made in':>9}{'ran for':>9}  result")
    for outcome in outcomes:
        times = f"{outcome.made_seconds:7.0f} s{outcome.seconds:7.0f} s"
        print(f"{outcome.environment.name:10}{times}  {'' if outcome.ok else 'FAILED: '}{outcome.told}")
    print(f"{'all':10}{'':9}{time.monotonic() - started_at:7.0f} s")
    sys.exit(not all(outcome.ok for outcome in outcomes))


def tested(environment: Environment) -> Outcome:
    """Make an environment and run its tests."""
    begin = time.monotonic()
    try:
        environment.make()
    except subprocess.CalledProcessError as error:
        return Outcome(environment, False, "it could not be made", time.monotonic() - begin, 0, error.stderr)
    made = time.monotonic()
    done = environment.run()
    ended = time.monotonic()
    lines = done.stdout.strip().splitlines()
    told = re.sub(r" in [\d.]+s.*", "", lines[-1]) if lines else f"code {done.returncode}"
    print(f"{environment.name}: {told}", flush=True)
    output = done.stdout + done.stderr
    return Outcome(environment, done.returncode == 0, told, made - begin, ended - made, output)


def uv(*arguments: str) -> None:
    """Run uv; raise where it fails, with what it said."""
    started(str(UV), *arguments[:1], "--quiet", *arguments[1:]).check_returncode()


def started(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command from the repository; return what it printed."""
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    main()
