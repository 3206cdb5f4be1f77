"""A small deploy tool behind commands, as a site might have one, and a bench for the shared suite."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from staycalm.adapters.exec import Command, ExecSettings, ExecTarget
from staycalm.adapters.process import proc
from staycalm.core.placement import Placement
from staycalm.kit.clock import SystemClock
from staycalm.ports.deploy import RevisionSpec
from tests.adapters.target_suite import PYTHON, QUICK, SERVER, SHOP, Bench

# Starts servers by itself and remembers them in a directory: what a site's own deploy tool does.
DEPLOYER = r"""
import json, os, signal, socket, sys, time

directory, server = sys.argv[1:]
role, revision = os.environ["SC_ROLE"], os.environ.get("SC_REVISION", "")
path = f"{directory}/{revision}.json"

def load():
    try:
        with open(path) as file:
            return json.load(file)
    except FileNotFoundError:
        return None

def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True

def begin():
    # Bound until the server listens: nobody else is given the port.
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    port = held.getsockname()[1]
    log = os.open(f"{directory}/{revision}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    environment = {**os.environ, "PORT": str(port), "BEHAVIOUR": os.environ.get("SC_ENV_BEHAVIOUR", "")}
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.execve(sys.executable, [sys.executable, "-I", "-S", server], environment)
    while not answers(port):
        time.sleep(0.005)
    held.close()
    return [pid, port]

def end(copy):
    try:
        os.kill(copy[0], signal.SIGKILL)
    except ProcessLookupError:
        pass
    while answers(copy[1]):
        time.sleep(0.005)

def scale(wanted):
    state = load() or {"digest": os.environ["SC_DIGEST"], "copies": []}
    copies = [copy for copy in state["copies"] if answers(copy[1])]
    while len(copies) > wanted:
        end(copies.pop())
    while len(copies) < wanted:
        copies.append(begin())
    with open(path, "w") as file:
        json.dump({**state, "copies": copies}, file)
    for _, port in copies:
        print(f"127.0.0.1:{port}")

if role in ("start", "scale"):
    scale(int(os.environ["SC_INSTANCES"]))
elif role == "stop":
    if load() is not None:
        scale(0)
elif role == "remove":
    for name in (path, f"{directory}/{revision}.log"):
        if os.path.exists(name):
            os.unlink(name)
elif role == "status":
    state = load()
    told = [
        {"endpoint": f"127.0.0.1:{port}", "pid": pid, "ready": True} if answers(port)
        else {"endpoint": f"127.0.0.1:{port}", "readiness": "exited"}
        for pid, port in (state or {"copies": []})["copies"]
    ]
    print(json.dumps({"exists": state is not None, "digest": (state or {}).get("digest"), "instances": told}))
elif role == "list":
    for name in os.listdir(directory):
        if name.endswith(".json"):
            revision, path = name[:-5], f"{directory}/{name}"
            if any(answers(port) for _, port in load()["copies"]):
                print(revision)
elif role == "logs":
    with open(f"{directory}/{revision}.log") as file:
        print("".join(file.readlines()[-int(os.environ["SC_TAIL"]):]), end="")
"""
ROLES = ("start", "stop", "scale", "status", "remove", "list", "logs")
SPEC = RevisionSpec("shop-production-7", SHOP, "sha256:" + "a" * 64, "registry/shop:7", (), health=QUICK)


async def no_names(_: Placement) -> Mapping[str, str]:
    return {}


def target_of(tmp_path: Path, **commands: Command) -> ExecTarget:
    named = {name.replace("_", "-"): command for name, command in commands.items()}
    return ExecTarget(ExecSettings(commands=named), no_names, SystemClock(), directory=tmp_path / "exec")


def shell(script: str, **more: object) -> Command:
    return Command(("sh", "-c", script), **{"timeout_s": 30.0, **more})  # type: ignore[arg-type]


@asynccontextmanager
async def open_bench(tmp_path: Path) -> AsyncIterator[Bench]:
    deployments = tmp_path / "deployments"
    deployments.mkdir()
    (tmp_path / "deployer.py").write_text(DEPLOYER)
    (tmp_path / "server.py").write_text(SERVER)
    tool = Command((*PYTHON, str(tmp_path / "deployer.py"), str(deployments), str(tmp_path / "server.py")))
    bench = Bench(target_of(tmp_path, **dict.fromkeys(ROLES, tool)), SPEC)
    try:
        yield bench
    finally:
        for path in deployments.glob("*.json"):
            for pid, _ in json.loads(path.read_text())["copies"]:
                proc.send_signal(pid, proc.start_ticks(pid), signal.SIGKILL)
