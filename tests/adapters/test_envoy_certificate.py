"""A certificate that is renewed while the proxy serves it."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from pathlib import Path

import pytest

from staycalm.ports.errors import InvalidSpec
from staycalm.ports.traffic import Listener
from tests.adapters.envoys import running
from tests.adapters.shop import open_shop, until
from tests.ports import free_port

pytestmark = pytest.mark.envoy


def certify(directory: Path, name: str) -> tuple[Path, Path]:
    """Return (certificate, key) files of a new self-signed certificate for the name."""
    certificate, key = directory / "cert.pem", directory / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


async def served_certificate(port: int) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    shown: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return shown


def test_a_renewed_certificate_is_served_without_a_restart(tmp_path: Path) -> None:
    async def story() -> None:
        port = free_port()
        certificate, key = certify(tmp_path, "one.example")
        listener = Listener("127.0.0.1", port, str(certificate), str(key))
        async with running(tmp_path / "envoy") as router, open_shop(router, port, listener=listener) as shop:
            await shop.weigh(0)
            url, headers = f"https://127.0.0.1:{port}/", {"Host": shop.host}
            async with shop.http.get(url, headers=headers, ssl=False) as answer:
                assert (answer.status, await answer.text()) == (200, "blue")
                assert "Secure" in answer.headers["Set-Cookie"]
            old, pid = await served_certificate(port), router.pid
            assert old == ssl.PEM_cert_to_DER_cert(certificate.read_text())

            key.write_text("half a renewal")

            async def is_told() -> bool:
                return "stays in force" in ((await router.observe(shop.placement))[0].problem or "")

            await until(is_told)
            assert await served_certificate(port) == old
            certify(tmp_path, "two.example")
            new = ssl.PEM_cert_to_DER_cert(certificate.read_text())

            async def is_renewed() -> bool:
                return await served_certificate(port) == new

            await until(is_renewed)
            (edge,) = await router.observe(shop.placement)
            assert (router.pid, edge.problem) == (pid, None)
            with pytest.raises(InvalidSpec, match="cannot be used"):
                missing = Listener("127.0.0.1", free_port(), str(tmp_path / "no.pem"), str(key))
                await router.ensure(shop.spec(listener=missing))

    asyncio.run(story())
