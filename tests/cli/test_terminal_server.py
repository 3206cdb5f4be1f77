"""A server's life from the terminal: `sc up` in plain words, `sc` over TLS, `sc down`, `sc down --all`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from staycalm.cli import exits
from tests.cli.server import Server, clean_environment, run_sc
from tests.cli.terminal import Terminal
from tests.ports import free_port

SETTINGS = """\
[server]
port = 0
public_url = "https://staycalm.example.org"
certificate_file = "{certificate}"
key_file = "{key}"
[deployments]
people_deploy_freely = true
time_factor = 200
baseline_s = 1
verify_s = 1
"""


def certificate_for(name: str, folder: Path) -> tuple[Path, Path]:
    """Return a certificate of its own making for the name, and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-days", "2",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


def running_below(folder: Path) -> list[str]:
    """Return the command of every process that has to do with the folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().decode(errors="replace")
            where = os.readlink(entry / "cwd")
        except OSError:
            continue
        if f"{folder}/" in command or where.startswith(f"{folder}/"):
            found.append(command)
    return found


def test_a_server_is_started_asked_over_tls_and_ended_with_all_it_ran(tmp_path: Path) -> None:
    if shutil.which("openssl") is None or not Path("/proc/self").exists():
        pytest.skip("needs the openssl command and /proc")
    certificate, key = certificate_for("staycalm.example.org", tmp_path)
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "staycalm.toml").write_text(SETTINGS.format(certificate=certificate, key=key), encoding="utf-8")
    server = Server(tmp_path, "")
    shown = Terminal("up", env=server.environment(), columns=200)
    shown.wait_for("sc down --all")
    try:
        assert "StayCalm" in shown.text and "is up at https://staycalm.example.org" in shown.text
        assert "First start. Make the first account at https://" in shown.text
        assert '{"at"' not in shown.text

        me = server.sc("whoami", "--json")
        assert me.json["server"].startswith("https://127.0.0.1:")
        stranger = {"SC_SERVER": me.json["server"], "SC_TOKEN": server.token}
        said = run_sc("whoami", env=clean_environment(tmp_path, **stranger))
        assert said.code == exits.UNREACHABLE
        assert "certificate is not trusted" in said.err

        announced = json.loads((data / "server.json").read_text(encoding="utf-8"))
        other, _ = certificate_for("other.example.org", tmp_path)
        forged = {**announced, "certificate": other.read_text(encoding="ascii")}
        (data / "server.json").write_text(json.dumps(forged), encoding="utf-8")
        assert "another certificate" in server.sc("whoami").err
        (data / "server.json").write_text(json.dumps(announced), encoding="utf-8")

        port = free_port()
        assert server.sc("init").code == exits.OK
        file = tmp_path / "staycalm.yaml"
        file.write_text(file.read_text(encoding="utf-8").replace("8080", str(port)), encoding="utf-8")
        assert server.sc("apply", "--yes").code == exits.OK
        (tmp_path / "build").mkdir()
        (tmp_path / "build" / "index.html").write_text("calm", encoding="utf-8")
        deployed = server.sc("ops", "deploy", "shop", "./build", "--env=production")
        assert deployed.code == exits.OK, deployed

        stopped = server.sc("down")
        assert (stopped.code, shown.end()) == (exits.OK, exits.OK)
        assert "go on serving" in stopped.out and "Stopped." in shown.text
        assert len(running_below(data)) >= 2, "proxy and service go on"
        asked = server.sc("down", "--all")
        assert asked.code == exits.USAGE and "--yes" in asked.err
        assert len(running_below(data)) >= 2
    finally:
        ended = server.sc("down", "--all", "--yes")
    assert ended.code == exits.OK and "the proxy, shop-production-1" in ended.out
    assert running_below(data) == []
