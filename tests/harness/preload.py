"""Compiles the LD_PRELOAD shims with the machine's C compiler and gives the environment that loads them."""

import subprocess
import sys
from pathlib import Path
from shutil import which

SOURCES = Path(__file__).parent / "shims"


def compiled(name, folder):
    """The path of the compiled shim `name`, made in `folder`."""
    compiler = which("cc") or which("gcc")
    if not compiler:
        sys.exit("the fault tests need a C compiler (Debian: apt-get install gcc)")
    target = Path(folder) / f"{name}.so"
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", target,
                    SOURCES / f"{name}.c", "-ldl", "-lpthread"], check=True)
    return target


def loading(shim, watched, **settings):
    """The environment variables that load a shim for the files below `watched`."""
    return {"LD_PRELOAD": str(shim), "SHIM_FOLDER": str(watched), **{name: str(value) for name, value in settings.items()}}
