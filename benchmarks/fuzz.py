"""Feed every parser of foreign bytes with mutated inputs: each ends in a value or in the documented error.

`python benchmarks/fuzz.py [--inputs 1000000] [--target WORD …] [--seed 1] [--minutes M] [--coverage]`

An input is an example with a few random changes: bytes, chunks, known words, repeats. An input that leads to an
answer not seen before becomes an example itself. `--coverage` runs the same targets under atheris (libFuzzer's
coverage feedback; `pip install atheris`), which is slower per input and sees further. A finding is an exception
that is not documented, over 2 s of processor time for one input, or memory that grows by over 256 MB; the first
ones of a target are printed as Python bytes, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from fuzz_targets import TARGETS, Target

LONGEST_INPUT = 4096
EXAMPLES_KEPT = 400
PATIENCE_S = 2
MEMORY_MB = 256
FINDINGS_KEPT = 5
NUMBERS = (b"0", b"-1", b"1", b"255", b"65536", b"2147483648", b"18446744073709551616", b"1e309", b"0x10")
_DETAIL = re.compile(r"['\"].*|\d+")


class TooSlow(BaseException):
    """One input took longer than it may."""


def mutated(draw: random.Random, examples: list[bytes], words: tuple[bytes, ...]) -> bytes:
    """Return one of the examples with one to five changes."""
    data = bytearray(draw.choice(examples))
    for _ in range(draw.choice((1, 1, 1, 2, 2, 3, 5))):
        at = draw.randrange(len(data) + 1)
        kind = draw.randrange(9)
        if kind == 0 and data:
            data[at - 1] ^= 1 << draw.randrange(8)
        elif kind == 1:
            data[at : at + 1] = bytes((draw.randrange(256),))
        elif kind == 2:
            del data[at : at + draw.randrange(1, 17)]
        elif kind in (3, 4) and words:
            data[at : at + draw.choice((0, 0, 1, 4))] = draw.choice(words)
        elif kind == 5:
            other = draw.choice(examples)
            start = draw.randrange(len(other) + 1)
            data[at:] = other[start:]
        elif kind == 6:
            chunk = bytes(data[at : at + draw.randrange(1, 9)])
            data[at:at] = chunk * draw.choice((1, 2, 8, 64, 400))
        elif kind == 7:
            data[at : at + draw.randrange(3)] = draw.choice(NUMBERS)
        else:
            data[at:at] = bytes(draw.randrange(256) for _ in range(draw.randrange(1, 5)))
    return bytes(data[:LONGEST_INPUT])


def inputs(target: Target, seed: int) -> Iterator[tuple[bytes, list[bytes]]]:
    """Yield inputs without end, and the list that a good one may be added to."""
    draw = random.Random(f"{seed} {target.name}")
    examples = list(target.examples)
    while True:
        yield mutated(draw, examples, target.words), examples


def shape(error: BaseException | None) -> str:
    """Return what kind of answer it was, without what varies in it."""
    return "a value" if error is None else f"{type(error).__name__} {_DETAIL.sub('', str(error))[:60]}"


def run(target: Target, most: int, seed: int, within_s: float) -> dict[str, Any]:
    """Return how many inputs were read, refused and failed, the longest time and the memory."""
    signal.signal(signal.SIGPROF, _give_up)
    read = refused = 0
    findings: list[str] = []
    failed = 0
    shapes: set[str] = set()
    slowest_s = 0.0
    memory_mb = _memory_mb()
    started = time.monotonic()
    source = inputs(target, seed)
    many = 0
    while many < most and time.monotonic() - started < within_s:
        many += 1
        data, examples = next(source)
        error: BaseException | None = None
        began = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, PATIENCE_S)
        try:
            target.read(data)
            read += 1
        except target.refusals as refusal:
            error = refusal
            refused += 1
        except (Exception, TooSlow) as finding:  # noqa: BLE001 - finding those is what this is for
            failed += 1
            told = f"{type(finding).__name__}: {str(finding)[:120]}"
            if told not in shapes and len(findings) < FINDINGS_KEPT:
                findings.append(f"{told} <- {data[:300]!r}")
            shapes.add(told)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        slowest_s = max(slowest_s, time.process_time() - began)
        if (seen := shape(error)) not in shapes and len(examples) < EXAMPLES_KEPT:
            shapes.add(seen)
            examples.append(data)
    grown_mb = _memory_mb() - memory_mb
    if grown_mb > MEMORY_MB:
        failed += 1
        findings.append(f"memory grew by {grown_mb:.0f} MB")
    return {
        "target": target.name, "inputs": many, "values": read, "refusals": refused, "findings": failed,
        "kinds_of_answer": len(shapes), "slowest_ms": round(slowest_s * 1000, 1), "memory_mb": round(grown_mb, 1),
        "per_s": round(many / (time.monotonic() - started)), "examples": findings,
    }  # fmt: skip


def run_under_atheris(name: str, many: int, seed: int) -> None:
    """The target has been run on so many inputs; libFuzzer ends the process with 0, or 77 after a finding."""
    import atheris  # optional: a large wheel that only this needs

    target = TARGETS[name]
    atheris.instrument_all()
    work = Path(os.environ["FUZZ_FOLDER"])
    for number, example in enumerate(target.examples):
        (work / f"example-{number}").write_bytes(example)
    (work / "words").write_text("".join(f'"{_escaped(word)}"\n' for word in target.words))

    def one(data: bytes) -> None:
        with suppress(*target.refusals):
            target.read(data)

    options = [f"-runs={many}", f"-seed={seed}", f"-max_len={LONGEST_INPUT}", f"-timeout={PATIENCE_S * 5}",
               f"-dict={work / 'words'}", f"-artifact_prefix={work}/found-", str(work)]  # fmt: skip
    atheris.Setup([sys.argv[0], *options], one)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


def _give_up(*_: object) -> None:
    raise TooSlow(f"longer than {PATIENCE_S} s")


def _memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--target", nargs="*", default=[], help="only targets whose name holds one of the words")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="longest time for one target")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--coverage", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        run_under_atheris(asked.one, asked.inputs, asked.seed)
        return 0
    chosen = [t for t in TARGETS.values() if not asked.target or any(word in t.name for word in asked.target)]
    print(
        f"{'parser':26} {'inputs':>9} {'values':>8} {'refused':>8} {'kinds':>6} {'slowest':>9} {'/s':>7} findings"
    )
    results = []
    for target in chosen:
        if asked.coverage:
            failed = _in_a_process(target, asked.inputs, asked.seed)
            results.append({"target": target.name, "inputs": asked.inputs, "findings": failed, "examples": []})
            print(f"{target.name:26} {asked.inputs:9,} under atheris{'':26} {failed}", flush=True)
            continue
        found = run(target, asked.inputs, asked.seed, asked.minutes * 60)
        results.append(found)
        print(
            f"{target.name:26} {found['inputs']:9,} {found['values']:8,} {found['refusals']:8,} "
            f"{found['kinds_of_answer']:6} {found['slowest_ms']:6.0f} ms {found['per_s']:7,} {found['findings']}",
            flush=True,
        )
        for example in found["examples"]:
            print(f"    {example}", flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 1 if any(each["findings"] for each in results) else 0


def _in_a_process(target: Target, many: int, seed: int) -> int:
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        command = [sys.executable, __file__, "--one", target.name, "--inputs", str(many), "--seed", str(seed)]
        environment = {**os.environ, "FUZZ_FOLDER": folder}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            print(done.stderr[-3000:], flush=True)
    return int(done.returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
