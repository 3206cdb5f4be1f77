"""`python -m staycalm.demo`: what `sc demo` runs."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from staycalm.adapters.envoy import find_binary
from staycalm.core.errors import PortError
from staycalm.demo.figures import Figure
from staycalm.demo.inbox import Inbox, Receiver
from staycalm.demo.load import Load
from staycalm.demo.stage import SHOP_HOST, Stage, StageError
from staycalm.demo.story import VIEWER, Story, act_four, act_one, act_three, act_two
from staycalm.demo.voice import Voice

TIME_FACTOR = 60.0
ESCALATION_S = 12.0
RATE_PER_S = 150.0


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return the options; prints help or a complaint and exits on anything else."""
    parser = argparse.ArgumentParser(
        prog="sc demo",
        description="Show the whole loop with real parts: server, Envoy, shop, visitors, mail. About two minutes.",
        epilog="Example: sc demo --slow --exit",
    )
    parser.add_argument("--slow", action="store_true", help="the bad release is 40 %% slower instead of failing")
    parser.add_argument("--exit", action="store_true", help="end by itself when the story is over")
    parser.add_argument(
        "--json", action="store_true", help="print the figures as JSON; the story goes to standard error"
    )
    parser.add_argument(
        "--rate", type=float, default=RATE_PER_S, help="visitors' requests per second (default: 150)"
    )
    parser.add_argument(
        "--data", type=Path, help="directory to work in (default: a temporary one, removed at the end)"
    )
    return parser.parse_args(arguments)


async def tell(options: argparse.Namespace, directory: Path) -> list[Figure]:
    """The story was told and everything it started has ended; returns its figures. Raises StageError."""
    voice = Voice(as_json=options.json)
    stage = Stage(directory, time_factor=TIME_FACTOR, escalation_s=ESCALATION_S)
    inbox, receiver = Inbox(), Receiver()
    load = Load(stage.shop_url, SHOP_HOST, rate=options.rate)
    story = Story(stage, load, inbox, receiver, voice)
    visitors: asyncio.Task[None] | None = None
    try:
        hook = await receiver.start()
        await stage.start_server(inbox.start())
        await story.open_account()
        _announce(stage)
        voice.act("0  The stage")
        voice.say("A server on SQLite, a real Envoy, a sample shop, visitors, a mail server, a webhook.")
        file = stage.write_catalog(hook)
        await story.sc("apply", str(file), "--yes", shown="apply staycalm.yaml")
        visitors = asyncio.create_task(_visit_once_it_serves(load, stage))
        await act_one(story)
        deployment = await act_two(story, slow=options.slow)
        incident = await act_three(story)
        found = act_four(story, deployment, incident)
        if options.json:
            print(json.dumps({"figures": [figure.data() for figure in found]}, indent=2), flush=True)
        if not options.exit:
            voice.say(f"Everything stays up. Look around at {stage.url}")
            voice.say(f"Sign in as {VIEWER} with the password {story.password}")
            voice.say(f"The command line talks to it with SC_DATA={stage.data}   Ctrl-C ends it all.")
            await asyncio.Event().wait()
        return found
    finally:
        if visitors is not None:
            visitors.cancel()
        await stage.tear_down()
        inbox.stop()
        await receiver.stop()


async def _visit_once_it_serves(load: Load, stage: Stage) -> None:
    """Visitors come when there is a shop: before the first deployment nobody knows its address."""
    while True:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", stage.proxy_port)
            writer.close()
            if await _is_open(stage):
                break
        await asyncio.sleep(0.1)
    await load.run()


async def _is_open(stage: Stage) -> bool:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.proxy_port)
    writer.write(f"GET /health HTTP/1.1\r\nHost: {SHOP_HOST}\r\nConnection: close\r\n\r\n".encode())
    status = await reader.readline()
    writer.close()
    return b" 200 " in status


def _announce(stage: Stage) -> None:
    for name, url in (
        ("page", stage.url),
        ("proxy", stage.shop_url),
        ("shop", f"http://{SHOP_HOST}:{stage.proxy_port}"),
    ):
        print(f"{name}: {url}", file=sys.stderr, flush=True)


async def _run(options: argparse.Namespace, directory: Path) -> int:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        found = await tell(options, directory)
    except StageError as error:
        print(f"sc demo: {error}", file=sys.stderr)
        return 1
    return 1 if any(figure.is_met is False for figure in found) else 0


def main() -> int:
    """Tell the story; returns 0 when it came out as it should, 130 after Ctrl-C, 1 otherwise."""
    options = parse(sys.argv[1:])
    try:
        asyncio.run(_check_platform())
    except PortError as error:
        print(f"sc demo: {error}", file=sys.stderr)
        return 1
    is_ours = options.data is None
    directory = Path(tempfile.mkdtemp(prefix="staycalm-demo-")) if is_ours else options.data.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        print(f"sc demo: {directory} is not empty; name a new directory", file=sys.stderr)
        return 1
    try:
        return asyncio.run(_run(options, directory))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("\nEnded; nothing is left running.", file=sys.stderr)
        return 130
    finally:
        if is_ours:
            shutil.rmtree(directory, ignore_errors=True)


async def _check_platform() -> None:
    await find_binary(None)


if __name__ == "__main__":
    sys.exit(main())
