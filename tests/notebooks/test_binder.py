"""What Binder reads in `binder/`: files that parse, and say what the lessons need."""

import re
import stat
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
BINDER = ROOT / "binder"


def test_the_runtime_is_one_that_the_package_takes():
    found = re.fullmatch(r"python-3\.(\d+)\n?", (BINDER / "runtime.txt").read_text())
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert found and int(found[1]) >= int(re.search(r"3\.(\d+)", wanted)[1])


def test_the_requirements_install_this_package_with_an_extra_that_exists():
    lines = [line.strip() for line in (BINDER / "requirements.txt").read_text().splitlines()]
    found = [m for line in lines if (m := re.fullmatch(r"\.\[([\w,-]+)\]", line))]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert found and set(found[0][1].split(",")) <= set(extras)


@pytest.mark.parametrize("name", ["postBuild", "start"])
def test_binder_scripts_are_executable_shell_programs(name):
    file = BINDER / name
    assert file.read_text().startswith("#!/usr/bin/env bash\n")
    assert file.stat().st_mode & stat.S_IXUSR
    assert subprocess.run(["bash", "-n", file], check=False).returncode == 0


def test_start_script_executes_its_arguments(tmp_path):
    done = subprocess.run(
        [BINDER / "start", "printenv", "LLMOS_LOCAL_MODEL"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip()


def test_build_succeeds_without_the_weights(tmp_path):
    fake = tmp_path / "llmos"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run([BINDER / "postBuild"], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0 and "no weights" in done.stdout
