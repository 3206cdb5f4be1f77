"""Artifacts and releases over HTTP, with a real store on disk."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from staycalm.adapters.filestore import FileStore
from staycalm.domains.releases.intake import Intake
from tests.domains.deployments.bare import Caller

BYTES = b"a program" * 1000
DIGEST = "sha256:" + hashlib.sha256(BYTES).hexdigest()
ARTIFACTS = "/api/v1/releases/artifacts"


def left_behind(intake: Intake) -> list[str]:
    return [path.name for path in intake.directory.glob("*")] if intake.directory.exists() else []


def test_bytes_are_sent_then_registered_then_known(http: TestClient, intake: Intake) -> None:
    sent = http.put(ARTIFACTS, content=BYTES, params={"digest": DIGEST})
    assert (sent.status_code, sent.json()) == (201, {"digest": DIGEST, "size": len(BYTES)})
    assert http.head(f"{ARTIFACTS}/{DIGEST}").status_code == 200
    body = {
        "service": "shop", "digest": DIGEST, "commit_sha": "a3f2c1d8", "branch": "main",
        "build_timestamp": "2025-11-22T14:45:00Z", "tests_passed": ["unit_tests", "e2e_tests"],
    }  # fmt: skip
    made = http.post("/api/v1/releases", json=body)
    assert made.status_code == 201
    found = http.get("/api/v1/releases/a3f2c1d8").json()
    assert found["id"] == "REL-1" and found["tests_passed"] == ["unit_tests", "e2e_tests"]
    assert found["deployed_to"] == [] and found["size"] == len(BYTES)
    assert left_behind(intake) == []


def test_a_stream_of_unknown_length_is_taken_too(http: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        for at in range(0, len(BYTES), 100):
            yield BYTES[at : at + 100]

    assert http.put(ARTIFACTS, content=chunks()).json()["digest"] == DIGEST


def test_other_bytes_than_declared_are_refused(http: TestClient, intake: Intake) -> None:
    answer = http.put(ARTIFACTS, content=BYTES + b"!", params={"digest": DIGEST})
    assert (answer.status_code, answer.json()["code"]) == (422, "digest-differs")
    assert http.head(f"{ARTIFACTS}/{DIGEST}").status_code == 404
    assert left_behind(intake) == []


def test_too_many_bytes_and_none_are_refused(http: TestClient, intake: Intake) -> None:
    answer = http.put(ARTIFACTS, content=b"x" * 1_000_001)
    assert (answer.status_code, answer.json()["code"]) == (422, "artifact-too-large")
    assert http.put(ARTIFACTS, content=b"").json()["code"] == "empty-artifact"
    assert left_behind(intake) == []


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from staycalm.adapters.filestore import FileStore
from staycalm.domains.releases.intake import Intake, take_in
from staycalm.kit.clock import SystemClock
from staycalm.kit.ids import Ids

async def chunks():
    yield b"half of it"
    os.kill(os.getpid(), signal.SIGKILL)

store = FileStore(Path(sys.argv[1]))
asyncio.run(take_in(Intake(store, store.incoming, 10**6, Ids(SystemClock())), chunks(), declared=None))
"""


def test_half_an_upload_of_a_killed_server_is_swept(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert ended.returncode == -9
    store = FileStore(tmp_path)
    assert len(list(store.incoming.iterdir())) == 1
    assert asyncio.run(store.sweep()) == 1
    assert list(store.incoming.iterdir()) == []


def test_a_place_that_cannot_be_written_is_said(http: TestClient, intake: Intake, caller: Caller) -> None:
    intake.directory.parent.mkdir(parents=True, exist_ok=True)
    intake.directory.write_text("a file stands where the folder should be")
    answer = http.put(ARTIFACTS, content=BYTES)
    assert (answer.status_code, answer.json()["code"]) == (503, "cannot-store")


def test_bytes_that_were_never_sent_cannot_be_registered(http: TestClient) -> None:
    answer = http.post("/api/v1/releases", json={"service": "shop", "digest": DIGEST})
    assert (answer.status_code, answer.json()["code"]) == (404, "no-such-artifact")


def test_for_another_target_a_reference_is_enough(http: TestClient) -> None:
    body = {"service": "shop", "digest": DIGEST, "reference": "registry.example/shop@sha256:1"}
    made = http.post("/api/v1/releases", json=body).json()
    assert made["is_opaque"] and made["reference"] == body["reference"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"service": "shop", "digest": "sha256:12"}, 422),
        ({"service": "moon", "digest": DIGEST, "reference": "x"}, 404),
        ({"service": "shop", "digest": DIGEST, "reference": "x", "build_timestamp": "2025-11-22T14:45:00"}, 422),
        ({"service": "shop", "digest": DIGEST, "reference": "x", "colour": "green"}, 422),
    ],
)
def test_a_bad_record_is_refused(http: TestClient, body: dict[str, object], status: int) -> None:
    assert http.post("/api/v1/releases", json=body).status_code == status


def test_whoever_may_not_deploy_may_still_look(http: TestClient, caller: Caller) -> None:
    caller.may.clear()
    assert http.get("/api/v1/releases").status_code == 200
    assert http.put(ARTIFACTS, content=BYTES).status_code == 403
    assert http.post("/api/v1/releases", json={"service": "shop", "digest": DIGEST}).status_code == 403
