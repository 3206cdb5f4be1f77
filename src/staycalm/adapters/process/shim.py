"""The supervisor of one instance. A script of its own: `python -I -S shim.py < config.json`.

It uses the standard library alone and imports nothing heavy (no typing, no dataclasses): one runs per
instance, for as long as the instance does, also while the server that started it is dead or replaced.

It forks itself away from whoever started it, holds the instance's lock file, starts the program in a session
of its own, writes what the program prints to `log.jsonl`, starts it again after an exit, and tells
everything in `state.json` (replaced by one rename). SIGTERM ends it: the program's process group gets
SIGTERM, after the grace everything that is left of it gets SIGKILL, then the shim exits.
On Linux it is the subreaper of all that the program starts, so that nothing can escape it, and the kernel
kills the program if the shim itself is killed. Elsewhere it reaches the program's process group only.

This is a process without an injected clock: it reads the system's.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import select
import signal
import socket
import sys
import time

STATE_VERSION = 1
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LONGEST_LINE = 16 * 1024
TICK_S = 0.05
TELL_AGAIN_S = 1.0
LOCK_TRIES = 5
PORT_PATIENCE_S = 0.5
LOWEST_PORT = 20_000
PORT_TRIES = 64
PARENT_POLL_S = 0.5
IS_LINUX = sys.platform.startswith("linux")


def prctl(option: int, value: int) -> None:
    """The option of this process is set; where there is no prctl nothing happens."""
    if IS_LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def stat_fields(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the command name (state first, proc(5)), or none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return []


def start_ticks(pid: int) -> int | None:
    """Return when the process started, in clock ticks since boot (proc(5), field 22)."""
    fields = stat_fields(pid)
    return int(fields[19]) if fields else None


def children() -> list[int]:
    """Return the direct children of this process; empty where there is no /proc."""
    me = str(os.getpid())
    try:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []
    return [pid for pid in pids if (fields := stat_fields(pid)) and fields[1] == me]


def lowest_outgoing_port() -> int:
    """Return where the ports begin that the kernel gives to outgoing connections (ip(7), ip_local_port_range)."""
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
            return int(file.read().split()[0])
    except (OSError, ValueError, IndexError):
        return LOWEST_PORT


def send(pid: int, number: int, *, group: bool = False) -> None:
    """The process, or its group, got the signal, if it was there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        (os.killpg if group else os.kill)(pid, number)


class Log:
    """JSON lines {"t": seconds since the epoch, "s": "out" | "err", "m": text}, at most `size` bytes a file.

    `log.jsonl` is being written, `log.1.jsonl` is the one before, up to `files` in all. A full disk loses
    lines, never the program.
    """

    def __init__(self, directory: str, size: int, files: int) -> None:
        self.directory, self.size, self.files = directory, size, files
        self.fd, self.written, self.is_torn = -1, 0, False

    def path(self, number: int) -> str:
        return os.path.join(self.directory, f"log.{number}.jsonl" if number else "log.jsonl")

    def write(self, stream: str, lines: list[bytes]) -> None:
        now = time.time()  # noqa: TID251 - see the module's docstring
        records = [{"t": round(now, 6), "s": stream, "m": line.decode("utf-8", "replace")} for line in lines]
        block = b"".join(json.dumps(r, ensure_ascii=False).encode() + b"\n" for r in records)
        try:
            self.rotate(len(block))
            if self.is_torn:
                block = b"\n" + block
            done = os.write(self.fd, block)
            self.written += done
            self.is_torn = done < len(block)
        except OSError:
            self.is_torn = True

    def rotate(self, more: int) -> None:
        if self.fd >= 0 and self.written and self.written + more > self.size:
            os.close(self.fd)
            self.fd = -1
            for number in range(self.files - 1, 0, -1):
                with contextlib.suppress(FileNotFoundError):
                    os.replace(self.path(number - 1), self.path(number))
            if self.files == 1:
                os.unlink(self.path(0))
        if self.fd < 0:
            self.fd = os.open(self.path(0), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            self.written = os.fstat(self.fd).st_size


class Stream:
    """One of the program's output pipes, cut into lines."""

    def __init__(self, fd: int, name: str) -> None:
        self.fd, self.name, self.rest = fd, name, b""

    def take(self) -> tuple[list[bytes], bool]:
        """Return whole lines (long ones cut), and whether the pipe is at its end."""
        block = os.read(self.fd, 65536)
        *lines, self.rest = (self.rest + block).split(b"\n")
        if not block:
            lines, self.rest = ([self.rest] if self.rest else []), b""
        while len(self.rest) > LONGEST_LINE:
            lines.append(self.rest[:LONGEST_LINE])
            self.rest = self.rest[LONGEST_LINE:]
        cut = [line[i : i + LONGEST_LINE] for line in lines for i in range(0, max(1, len(line)), LONGEST_LINE)]
        return cut, not block


class Shim:
    """Phases: running, waiting (for the next start), stopping, stopped, failed (could not be run at all)."""

    def __init__(self, config: dict) -> None:  # type: ignore[type-arg]
        self.config = config
        self.directory: str = config["directory"]
        self.log = Log(self.directory, config["log_max_bytes"], config["log_files"])
        self.phase, self.reason = "running", None  # type: str, str | None
        self.pid: int | None = None
        self.group: int | None = None
        self.ticks: int | None = None
        self.started_at = self.started = 0.0
        self.restarts, self.delay = 0, config["restart_first_s"]
        self.deadline = self.port_given_up = 0.0
        self.is_told_to_stop = self.is_untold = False
        self.port: int | None = None
        self.reservation: socket.socket | None = None
        self.streams: dict[int, Stream] = {}
        self.poll = select.poll()
        self.parent_fd: int | None = None

    # -- being one, and being told -------------------------------------------------------------------

    def lock(self) -> bool:
        """Return whether this is the instance's only shim; the lock lasts as long as the process."""
        self.lock_fd = os.open(os.path.join(self.directory, "lock"), os.O_RDWR | os.O_CREAT, 0o600)
        # A server may hold it for an instant, to see whether anybody does.
        for _ in range(LOCK_TRIES):
            try:
                fcntl.flock(self.lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                select.select((), (), (), TICK_S)
            else:
                return True
        return False

    def listen(self) -> None:
        self.wake, wake_writer = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(wake_writer, False)
        signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self.on_terminate)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        self.poll.register(self.wake, select.POLLIN)

    def on_terminate(self, *_: object) -> None:
        self.is_told_to_stop = True

    def watch_parent(self) -> None:
        """From now on the death of the process `die_with` (pid, start ticks) is an order to stop."""
        watched = self.config["die_with"]
        if watched is None:
            return
        try:
            self.parent_fd = os.pidfd_open(watched[0])
            self.poll.register(self.parent_fd, select.POLLIN)
        except (AttributeError, OSError):
            self.parent_fd = None
        self.check_parent()

    def check_parent(self) -> None:
        watched = self.config["die_with"]
        if watched is None:
            return
        try:
            os.kill(watched[0], 0)
        except ProcessLookupError:
            self.is_told_to_stop = True
        except PermissionError:
            pass
        if watched[1] is not None and start_ticks(watched[0]) != watched[1]:
            self.is_told_to_stop = True

    def tell(self) -> None:
        """state.json says what is so now. A disk that is full is tried again every second."""
        state = {
            "version": STATE_VERSION,
            "boot": self.config["boot"],
            "phase": self.phase,
            "shim_pid": os.getpid(),
            "shim_ticks": start_ticks(os.getpid()),
            "pid": self.pid,
            "ticks": self.ticks,
            "started_at": self.started_at or None,
            "restarts": self.restarts,
            "port": self.port,
            "reason": self.reason,
        }
        path = os.path.join(self.directory, "state.json")
        self.is_untold = True
        with contextlib.suppress(OSError):
            with open(path + ".new", "w", encoding="utf-8") as file:
                json.dump(state, file)
            os.replace(path + ".new", path)
            self.is_untold = False

    # -- the port ------------------------------------------------------------------------------------

    def reserve(self, port: int, *, is_shared: bool = True) -> bool:
        """The port (0: any) is bound, but not listened on, until the program needs it."""
        self.release()
        reservation = socket.socket()
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, is_shared)
        try:
            reservation.bind((self.config["address"], port))
        except OSError as error:
            reservation.close()
            if error.errno != errno.EADDRINUSE:
                raise
            return False
        self.reservation, self.port = reservation, reservation.getsockname()[1]
        return True

    def choose(self) -> None:
        """A free port is reserved, if possible one that the kernel gives to no outgoing connection: between the
        end of the reservation and the program's own bind, such a connection could take it.
        """
        ports = range(LOWEST_PORT, lowest_outgoing_port())
        for n in range(min(PORT_TRIES, len(ports))):
            port = ports[(os.getpid() + n) % len(ports)]
            # Without SO_REUSEADDR: a port that another supervisor has reserved is not free.
            if self.reserve(port, is_shared=False):
                return
        self.reserve(0)

    def release(self) -> None:
        if self.reservation is not None:
            self.reservation.close()
            self.reservation = None

    # -- the program ---------------------------------------------------------------------------------

    def launch(self) -> str | None:
        """The program runs; or returns why it cannot, in words."""
        port = str(self.port or "")
        argv = [part.replace("{port}", port) for part in self.config["command"]]
        environment = {k: v.replace("{port}", port) for k, v in self.config["environment"].items()}
        out, err, told = os.pipe(), os.pipe(), os.pipe()
        self.release()
        pid = os.fork()
        if pid == 0:
            become(argv, environment, self.config["root"], out[1], err[1], told[1])
        for fd in (out[1], err[1], told[1]):
            os.close(fd)
        self.pid = self.group = pid
        self.ticks = start_ticks(pid)
        self.started_at, self.started = time.time(), time.monotonic()  # noqa: TID251 - see the module's docstring
        for fd, name in ((out[0], "out"), (err[0], "err")):
            self.streams[fd] = Stream(fd, name)
            self.poll.register(fd, select.POLLIN)
        with open(told[0], "rb") as file:
            problem = file.read().decode("utf-8", "replace")
        if problem:
            os.waitpid(pid, 0)
            self.pid = None
            return f"{argv[0]} cannot be run: {problem}"
        return None

    def read(self, stream: Stream) -> None:
        lines, is_at_end = stream.take()
        if lines:
            self.log.write(stream.name, lines)
        if is_at_end:
            self.poll.unregister(stream.fd)
            os.close(stream.fd)
            del self.streams[stream.fd]

    def note(self, text: str) -> None:
        self.log.write("err", [f"[staycalm] {text}".encode("utf-8", "replace")])

    def reap(self) -> bool:
        """Every dead child is gone; returns whether living ones are left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.pid:
                self.pid = None
                code = os.waitstatus_to_exitcode(status)
                self.reason = f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"

    def kill_rest(self) -> None:
        # The group's number may be somebody else's once its leader was reaped; only the kernel's list of
        # children is sure then, and only Linux has it.
        if self.group is not None and (self.pid is not None or not IS_LINUX):
            send(self.group, signal.SIGKILL, group=True)
        for pid in children():
            send(pid, signal.SIGKILL)

    # -- from phase to phase -------------------------------------------------------------------------

    def advance(self) -> float | None:
        """One look at what is so, and the step that follows; returns the seconds until the next, or None."""
        had_program = self.pid is not None
        has_children = self.reap()
        now = time.monotonic()
        if self.is_told_to_stop and self.phase in ("running", "waiting"):
            self.phase, self.deadline = "stopping", now + self.config["stop_grace_s"]
            if self.pid is not None:
                send(self.pid, signal.SIGTERM, group=True)
            self.tell()
        if self.phase == "running" and self.pid is None:
            self.wait_for_next_start(now)
        if self.phase == "stopping":
            return self.go_on_stopping(now, has_children, had_program)
        if self.phase == "waiting":
            if has_children:
                self.kill_rest()
                return TICK_S
            if self.config["needs_port"] and self.reservation is None and not self.reserve(self.port or 0):
                self.do_without_port(now)
            elif now >= self.deadline:
                self.start_again(now)
        if self.phase == "waiting":
            return max(0.0, self.deadline - now)
        return PARENT_POLL_S if self.config["die_with"] is not None and self.parent_fd is None else None

    def wait_for_next_start(self, now: float) -> None:
        """Exponential back-off; a program that ran for `restart_reset_s` has earned a quick start again."""
        if now - self.started >= self.config["restart_reset_s"]:
            self.delay = self.config["restart_first_s"]
        self.phase, self.deadline = "waiting", now + self.delay
        self.note(f"{self.reason}; starting again in {self.delay:g} s")
        self.delay = min(self.delay * 2, self.config["restart_max_s"])
        self.tell()

    def do_without_port(self, now: float) -> None:
        """Who has the port may soon be gone; if not, the program gets another: it is not the program's fault."""
        reason = f"port {self.port} is taken by another process"
        if self.reason != reason:
            self.reason, self.port_given_up = reason, now + PORT_PATIENCE_S
            self.note(reason)
            self.tell()
        if now >= self.port_given_up:
            self.choose()
            self.note(f"port {self.port} is taken instead")
        self.deadline = max(self.deadline, now + self.config["restart_first_s"])

    def start_again(self, now: float) -> None:
        self.restarts += 1
        problem = self.launch()
        if problem is None:
            self.phase = "running"
        else:
            self.reason = problem
            self.note(problem)
            self.deadline = now + self.config["restart_max_s"]
        self.tell()

    def go_on_stopping(self, now: float, has_children: bool, had_program: bool) -> float:
        if not has_children:
            self.phase = "stopped"
        elif now >= self.deadline:
            self.kill_rest()
        elif had_program and self.pid is None:
            for pid in children():
                send(pid, signal.SIGTERM)
        return TICK_S

    def run(self) -> None:
        wait_s: float | None = 0.0
        while self.phase != "stopped":
            for fd, _ in self.poll.poll(None if wait_s is None else wait_s * 1000):
                if fd == self.wake:
                    os.read(fd, 4096)
                elif fd == self.parent_fd:
                    self.is_told_to_stop = True
                    self.poll.unregister(fd)
                else:
                    self.read(self.streams[fd])
            if self.parent_fd is None:
                self.check_parent()
            wait_s = self.advance()
            if self.is_untold and self.phase != "stopped":
                self.tell()
                wait_s = TELL_AGAIN_S if wait_s is None else min(wait_s, TELL_AGAIN_S)
        while ready := [self.streams[fd] for fd, _ in self.poll.poll(0) if fd in self.streams]:
            for stream in ready:
                self.read(stream)
        self.tell()


def become(argv: list[str], environment: dict[str, str], root: str, out: int, err: int, told: int) -> None:
    """This fresh child is the program; a failure is written to `told`. Never returns."""
    try:
        supervisor = os.getppid()
        os.setsid()
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != supervisor:
            os._exit(127)
        signal.set_wakeup_fd(-1)
        for name in ("TERM", "CHLD", "INT", "HUP", "PIPE", "XFSZ"):
            signal.signal(signal.Signals[f"SIG{name}"], signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.umask(0o022)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.chdir(root)
        os.execvpe(argv[0], argv, environment)
    except OSError as error:
        os.write(told, (error.strerror or str(error)).encode())
    finally:
        os._exit(127)


def main() -> None:
    """Read the config from stdin, fork away, answer with one JSON line on stdout, and supervise."""
    config = json.loads(sys.stdin.buffer.read())
    if os.fork():
        os._exit(0)
    os.chdir("/")
    os.umask(0o077)
    shim = Shim(config)
    answer: dict[str, object] = {"is_busy": True}
    is_running = shim.lock()
    if is_running:
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        shim.listen()
        if config["needs_port"] and not (config["port"] and shim.reserve(config["port"])):
            shim.choose()
        problem = shim.launch()
        if problem is not None:
            shim.phase, shim.reason, is_running = "failed", problem, False
            shim.note(problem)
        shim.tell()
        answer = {"problem": problem}
    # Nobody may be left to read it: the program runs all the same, and is found by its state file.
    with contextlib.suppress(BrokenPipeError):
        os.write(1, json.dumps(answer).encode())
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1):
        os.dup2(null, fd)
    if is_running:
        shim.watch_parent()
        shim.run()


if __name__ == "__main__":
    main()
