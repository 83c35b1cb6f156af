"""Make .venv with the locked dependencies, on a machine that has only Python 3.11+ and a network.

Standard library only; also readable by old Pythons, so that they can say what is missing. `bootstrap.py run`
installs what Kizashi needs to run, `bootstrap.py dev` what its tests and checks need too.
"""

import os
import subprocess
import sys

UV = "uv==0.13.9"
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOOLS = os.path.join(ROOT, ".tools")


def fail(sentence):
    sys.stderr.write(sentence + "\n")
    sys.exit(1)


def quiet(command, what):
    """Run a command; show what it printed only if it fails, after a sentence of ours."""
    env = dict(
        os.environ,
        UV_PYTHON_DOWNLOADS="never",
        UV_NO_PROGRESS="1",
        UV_COMPILE_BYTECODE="1",
        UV_SYSTEM_CERTS="1",
        PIP_DISABLE_PIP_VERSION_CHECK="1",
    )
    env.pop("VIRTUAL_ENV", None)
    done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        said = done.stdout.decode("utf-8", "replace").strip()
        fail(said[-3000:] + "\n\n" + what)


def tool(name):
    return os.path.join(TOOLS, "bin", name)


def uv_command():
    """The pinned uv in .tools, installed by pip the first time."""
    stamp = os.path.join(TOOLS, UV.replace("==", "-"))
    if not os.path.exists(stamp):
        sys.stderr.write("Installing uv into .tools ...\n")
        quiet(
            [sys.executable, "-m", "venv", "--clear", TOOLS],
            "Python cannot make a virtual environment here. On Debian and Ubuntu: apt-get install python3-venv",
        )
        quiet(
            [tool("python"), "-m", "pip", "install", "--quiet", UV],
            "uv could not be installed. It comes from the Python package index: check the network and pip's settings.",
        )
        with open(stamp, "w"):
            pass
    return tool("uv")


def main():
    if sys.version_info < (3, 11):
        fail(
            "Kizashi needs Python 3.11 or newer; %s is %s. Install a newer one, or name it: make PYTHON=python3.12 ..."
            % (sys.executable, sys.version.split()[0])
        )
    wanted = ["--no-dev", "--inexact"] if sys.argv[1:] == ["run"] else []
    uv = uv_command()
    sys.stderr.write("Installing the locked dependencies into .venv ...\n")
    quiet(
        [uv, "sync", "--frozen", "--all-packages", "--python", sys.executable] + wanted,
        "The locked dependencies could not be installed. They come from the Python package index: check the network.",
    )


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        fail("Stopped. Nothing is lost: the same command goes on with the installation.")
