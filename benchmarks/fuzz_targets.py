"""Every reader of bytes that strangers write, with examples to start from and the errors it may answer with.

A target takes bytes and returns; whatever it raises that is not in `refusals` is a finding. `tests/security` runs
the same targets on a few hundred inputs, `benchmarks/fuzz.py` on millions.
"""

from __future__ import annotations

import io
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
from starlette.requests import Request

from staycalm.adapters.envoy.access_log import AccessLog
from staycalm.adapters.envoy.counters import parse_statistics, readings
from staycalm.adapters.envoy.observing import read_cursor
from staycalm.adapters.exec.answers import read_counters, read_endpoints, read_status, read_weight
from staycalm.adapters.process.logs import parse_line
from staycalm.adapters.prometheus.adapter import read_answer
from staycalm.adapters.smtp.compose import normal_address
from staycalm.adapters.webhook.adapter import _url
from staycalm.app import wiring
from staycalm.app.settings import Settings
from staycalm.core.durations import parse_duration
from staycalm.core.errors import PortError, StayCalmError
from staycalm.core.pagination import numbered
from staycalm.core.placement import Placement
from staycalm.core.priority import parse_priority
from staycalm.domains.accounts.guard import SAFE_METHODS, _credential, check_origin
from staycalm.domains.accounts.pages import _local
from staycalm.domains.alerts.intake.wire import read_reports
from staycalm.domains.alerts.muting.decisions import parse_matcher
from staycalm.domains.audit.queries import _cursor
from staycalm.domains.catalog.decisions import parse_size
from staycalm.domains.catalog.parse import WebManaged, parse_file
from staycalm.domains.deployments.names import read_name as read_deployment_name
from staycalm.domains.incidents.queries import _number
from staycalm.domains.releases.decisions import check_digest
from staycalm.domains.releases.decisions import read_name as read_release_name
from staycalm.kit.settings import load
from staycalm.packing import is_packed, remove_tree, unpack

MEMORY = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path(tempfile.gettempdir())
SHOP = Placement("shop", "production")


@dataclass(frozen=True)
class Target:
    """One reader: what it is called with, what to begin from, which words it knows, and how it may refuse."""

    name: str
    read: Callable[[bytes], object]
    examples: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()
    refusals: tuple[type[BaseException], ...] = (StayCalmError, PortError)


def text_of(data: bytes) -> str:
    """Return the bytes as the server's own decoders give them: never a lone surrogate."""
    return data.decode("utf-8", "replace")


@cache
def sections() -> Any:
    return wiring.file_sections()


def configuration(data: bytes) -> object:
    return parse_file(text_of(data), "f", WebManaged(), sections())


def tar(data: bytes) -> object:
    file = io.BytesIO(data)
    if not is_packed(file):
        return None
    folder = Path(tempfile.mkdtemp(dir=MEMORY, prefix="fuzz-"))
    try:
        out = folder / "out"
        out.mkdir()
        unpack(file, out)
    finally:
        left = [each.name for each in folder.iterdir()]
        remove_tree(folder / "out")
        shutil.rmtree(folder)
    if left != ["out"]:
        raise AssertionError(f"the artifact wrote outside its tree: {left}")
    return None


def names(data: bytes) -> object:
    """Each id reader gets the same text; one that refuses does not hide the others."""
    text = text_of(data)
    readers = (read_deployment_name, read_release_name, check_digest, Placement.parse)
    for read in (*readers, parse_matcher, parse_priority, parse_size):
        try:
            read(text)
        except StayCalmError:
            continue
    if not _local(text).startswith("/") or _local(text).startswith(("//", "/\\")):
        raise AssertionError(f"leads away: {text!r}")
    return None


def cursors(data: bytes) -> object:
    text = text_of(data)
    for read in (numbered, _number, _cursor, read_cursor):
        try:
            found = read(text)
        except (StayCalmError, PortError):
            continue
        if isinstance(found, int) and not 0 <= found < 10**18:
            raise AssertionError(f"a cursor no database can hold: {found}")
    return None


def duration(data: bytes) -> object:
    found = parse_duration(text_of(data))
    if not found >= 0:
        raise AssertionError(f"a duration of {found} s")
    return found


def addresses(data: bytes) -> object:
    text = text_of(data)
    for read in (normal_address, _url):
        try:
            found = str(read(text))
        except PortError:
            continue
        if any(ord(each) < 33 or ord(each) == 127 for each in found):
            raise AssertionError(f"an address with a control character: {found!r}")
    return None


def headers(data: bytes) -> object:
    """The first line is the method, every further one `name: value`, as an HTTP parser gives them."""
    method, *lines = data.split(b"\n")
    pairs = [line.partition(b":") for line in lines]
    scope = {
        "type": "http", "method": text_of(method) or "GET", "scheme": "http", "path": "/", "query_string": b"",
        "server": ("127.0.0.1", 7700), "client": ("127.0.0.1", 1),
        "headers": [(name.strip().lower(), value.strip()) for name, _, value in pairs],
    }  # fmt: skip
    request = Request(scope)
    _credential(request)
    check_origin(request)
    if request.method not in SAFE_METHODS and "evil" in request.headers.get("origin", ""):
        host, origin = request.headers.get("host", "").lower(), request.headers["origin"].lower()
        if host not in origin:
            raise AssertionError("a foreign origin may write")
    return None


@cache
def _access_log() -> AccessLog:
    return AccessLog(MEMORY / "no-such-log", 1 << 30)


def access_log(data: bytes) -> object:
    log = _access_log()
    log._records.clear()
    log._rest = b""
    log._take(data + b"\n")
    return None


def proxy_counters(data: bytes) -> object:
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # as Admin.ask_json does
        return None
    return readings(parse_statistics(value), SHOP) if isinstance(value, dict) else None


def commands(data: bytes) -> object:
    text = text_of(data)
    for read in (read_endpoints, read_status, read_weight, read_counters):
        try:
            read(text)
        except PortError:
            continue
    return None


def log_line(data: bytes) -> object:
    place: Any = SimpleNamespace(revision="r", number=1)
    return parse_line(place, data)


@cache
def _settings_file() -> Path:
    return Path(tempfile.mkdtemp(dir=MEMORY, prefix="fuzz-settings-")) / "staycalm.toml"


def settings(data: bytes) -> object:
    _settings_file().write_bytes(data)
    return load(Settings, _settings_file(), {})


def _tar_of(*members: tuple[str, bytes, str, bytes], format: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as packed:
        for name, kind, target, body in members:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname, entry.size = kind, target, len(body)
            packed.addfile(entry, io.BytesIO(body))
    return buffer.getvalue()[:4096]


PLAIN, FOLDER, SOFT, HARD = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
TARS = (
    _tar_of(("a", PLAIN, "", b"x" * 9), ("d", FOLDER, "", b""), ("d/b", PLAIN, "", b"y")),
    _tar_of(("d", FOLDER, "", b""), ("d/l", SOFT, "../a", b""), ("h", HARD, "a", b"")),
    _tar_of(("a", PLAIN, "", b"x"), ("h", HARD, "a", b"")),
    _tar_of(("n" * 120, PLAIN, "", b"x")),
    _tar_of(("é" * 60, PLAIN, "", b"x")),
    _tar_of(("n" * 120, PLAIN, "", b"x"), format=tarfile.GNU_FORMAT),
)
TAR_WORDS = (
    *b"../ /etc/passwd ustar x g L K S D 1 2 5 77777777777 -1".split(),
    b"\x00", b"ustar\x0000", b"\xff" * 8, b"\x80" + b"\x00" * 7, b"30 path=../../evil\n", b"99999999 ",
    b"22 GNU.sparse.major=1\n", b"20 size=99999999999\n", b"12 size=-1\n",
)  # fmt: skip
FILES = (
    b"people:\n  al: {name: Al, email: al@x.example, roles: [devops]}\n",
    b"services:\n  shop: {tier: 2, team: t, depends_on: [db]}\nteams: {t: {members: [al]}}\n",
    b"environments: {p: {production: true}}\nservices:\n  s:\n    placements:\n      p: {command: [a]}\n",
    b"schedules: {s: {hand_off: monday 09:00, people: [al], starts_on: 2026-03-02}}\n",
    b"escalation_policies: {d: {rounds: 1, steps: [{page: person al, wait: 10m}]}}\n",
    b"organisation: {name: A, time_zone: Europe/Berlin}\n",
    b"a: 'b'\nc: \"\\u00e9\"\nd: |\n  e\nf: [1, 2.5, ~]\n",
    b"rules:\n  r: {expression: up, above: 1, for: 5m, priority: P1}\n",
)
FILE_WORDS = (
    *rb"""{ } [ ] | > ? ' " # \UFFFFFFFF \x00 1e99 ${env:X} ${file:/x} 10m -1 null true !!python/object""".split(),
    b"services:\n", b"people:\n", b"placements: ", b"  ", b"- ", b": ", b"&a ", b"*a", b"%YAML 1.2\n---\n", b"\t",
    b"%TAG ! x\n", b"---\n", b"|\n", b">-\n", b"<<: ", b"9" * 30, b"\xef\xbb\xbf", b"\xe2\x80\xa8",
)  # fmt: skip
REPORTS = (
    b'{"summary":"Disk full","service":"shop","environment":"production","priority":"P1","labels":{"a":"b"}}',
    b'[{"summary":"a","status":"resolved","dedup_key":"k"},{"summary":"b","details":{"x":[1,null]}}]',
)
JSON_WORDS = (
    *rb"""{ } [ ] , : " null true NaN Infinity 1e999 -0 "\ud800" "\u0000" \u001b "labels": "details":""".split(),
    b"9" * 40, b"\xff", b'"status":"resolved"', b'"priority":"P0"',
)  # fmt: skip
STATS = (
    b'{"stats":[{"name":"cluster.shop@production/blue.upstream_rq_5xx","value":3},{"histograms":[{"name":'
    b'"cluster.shop@production/blue.upstream_rq_time","buckets":[{"upper_bound":0.5,"cumulative":1}]}]}]}',
)
STAT_WORDS = (*JSON_WORDS, b'"histograms":', b'"buckets":')
ACCESS = (
    b'{"cluster":"shop@production/blue","route":"user","status":200,"flags":"-","took_us":1234,"client":"c"}',
    b'{"cluster":"shop@production/green/candidate","route":"user","status":503,"flags":"UF,URX","tries":2,'
    b'"served_by":"blue","took_ms":9,"request":"r"}',
)
ANSWERS = (
    b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"2.5"]}]}}',
    b'{"status":"success","data":{"resultType":"scalar","result":[1,"NaN"]}}',
    b'{"status":"error","error":"parse error"}',
)
OUTPUTS = (
    b"10.0.0.1:8080\nendpoint=[::1]:80\n",
    b"exists=true\nready=false\ndigest=sha256:aa\n",
    b"weight=12.5%",
    b'{"exists":true,"instances":[{"endpoint":"h:1","ready":true,"pid":3,"cpu_fraction":0.5}]}',
    b'{"slots":{"blue":{"total":5,"latency_buckets":[[5,1],[null,2]]},"green":{}}}',
)
NAMES = (
    *b"DEP-7 INC-12 REL-3 deadbeef shop@production service=shop* team!=x SEV1 512MiB /deployments?x=1".split(),
    *(b"sha256:" + b"ab" * 32, b"//evil.example", b"/\\evil"),
)
NAME_WORDS = (*rb"- @ sha256: = * / \ //".split(), b"\n", b"\xc2\xb2")
CURSORS = (b"12", b"9" * 18, b'{"process":"p","at_s":1.0,"position":2,"slots":{"blue":{"total":1}}}', b"P1.0190")
DURATIONS = tuple(b"90s 1h30m 2.5d 250ms 15".split())
DURATION_WORDS = (*b"ms w . inf -".split(), b"\xd9\xa1", b"9" * 400)
ADDRESSES = (b"ada@example.com", b"https://hooks.example/x?y=1")
ADDRESS_WORDS = (*rb"@ xn-- %0a [::1] : # \ //".split(), b"\r\n", b"\xe3\x80\x82")
HEADERS = (
    b"POST\nhost: calm.example\norigin: https://evil.example\ncookie: sc_session=sc_ses_x",
    b"POST\nhost: calm.example\norigin: https://calm.example\nauthorization: Bearer sc_pat_x",
    b"DELETE\nhost: h\nsec-fetch-site: same-origin",
)
HEADER_WORDS = (b"Bearer ", b"Basic ", b"\norigin: null", b"\nhost: ", b";", b"=", b"\x00", b"\xff", b"http://[")
SETTINGS = (
    b'[server]\nport = 7700\npublic_url = "https://calm.example"\n',
    b'[smtp]\nhost = "mail"\nport = 25\npassword = "${env:X}"\n[accounts]\nsession_idle_s = "1h"\n',
    b'[webhook]\nallow_networks = ["10.0.0.0/8"]\ntimeout_s = 3.5\n',
)
SETTING_WORDS = (*JSON_WORDS, b"=", b"inf", b"nan", b"${file:/x}", b"9" * 30, b"[[", b"'''")
NEVER: tuple[type[BaseException], ...] = ()


def prometheus(data: bytes) -> object:
    return read_answer(200, data)


TARGETS: dict[str, Target] = {
    each.name: each
    for each in (
        Target("configuration file", configuration, FILES, FILE_WORDS),
        Target("artifact tar", tar, TARS, TAR_WORDS, (StayCalmError, PortError, OSError)),
        Target("settings", settings, SETTINGS, SETTING_WORDS),
        Target("webhook body", read_reports, REPORTS, JSON_WORDS),
        Target("metrics: Prometheus", prometheus, ANSWERS, JSON_WORDS, NEVER),
        Target("metrics: proxy counters", proxy_counters, STATS, STAT_WORDS, (PortError,)),
        Target("metrics: command output", commands, OUTPUTS, (*JSON_WORDS, b"endpoint=", b"=", b"\n"), NEVER),
        Target("access-log line", access_log, ACCESS, (*JSON_WORDS, b"/", b"@", b"\n"), NEVER),
        Target("program-log line", log_line, (b'{"t":1.5,"s":"stdout","m":"hello"}',), JSON_WORDS, NEVER),
        Target("names and ids", names, NAMES, NAME_WORDS, NEVER),
        Target("cursors", cursors, CURSORS, (*JSON_WORDS, b".", b"P0", b"-", b"\xc2\xb2"), NEVER),
        Target("durations", duration, DURATIONS, DURATION_WORDS),
        Target("addresses", addresses, ADDRESSES, ADDRESS_WORDS, NEVER),
        Target("headers", headers, HEADERS, HEADER_WORDS),
    )
}
