"""A private PostgreSQL for tests: a real server in a temporary folder, reached by a socket there and by nothing else."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psycopg


def binaries() -> Path | None:
    """The folder of `initdb` and `postgres`: STILLWATCH_POSTGRES, the path, or where Debian puts them."""
    named = os.environ.get("STILLWATCH_POSTGRES")
    found = [Path(named)] if named else []
    if not named:
        on_path = shutil.which("initdb")
        found += [Path(on_path).resolve().parent] if on_path else []
        versions = Path("/usr/lib/postgresql").glob("*/bin")
        found += sorted(versions, key=lambda path: int(path.parent.name) if path.parent.name.isdigit() else 0)
    for folder in found:
        if (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder
    return None


def _account() -> dict[str, object]:
    """How to run as somebody who is not root, which PostgreSQL refuses to be."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise RuntimeError("no account that PostgreSQL could run as")


class Server:
    """One server; `new_database` makes an empty database and gives its URL."""

    def __init__(self, folder: Path) -> None:
        """Make and start it in an empty folder."""
        self.folder = folder
        self._made = 0
        bin_folder = binaries()
        assert bin_folder is not None
        self._account = _account()
        if self._account:
            os.chown(folder, self._account["user"], self._account["group"])
        self.data = folder / "data"
        command = [bin_folder / "initdb", "-D", self.data, "-U", "stillwatch", "-A", "trust", "-E", "UTF8"]
        # Without a locale: and ids must sort alike whatever the locale.
        self._run([*command, "--no-locale", "--no-sync"])
        options = {
            "listen_addresses": "",
            "unix_socket_directories": folder,
            "fsync": "off",  # what is tested dies by SIGKILL, not by loss of power
            "max_connections": 200,
            "log_min_messages": "fatal",
        }
        self._command = [bin_folder / "postgres", "-D", self.data]
        self._command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self.start()

    def _run(self, command: list[object]) -> None:
        done = subprocess.run(
            [*map(str, command)],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            **self._account,
        )
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Start it, and wait until it answers."""
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            [*map(str, self._command)], cwd=self.folder, stdout=log, stderr=log, **self._account
        )
        log.close()
        end = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
                return
            except psycopg.OperationalError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < end, "PostgreSQL did not start"
                time.sleep(0.05)

    def stop(self) -> None:
        """End it at once, with all connections."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)

    def url(self, name: str) -> str:
        """The URL of a database."""
        return f"postgresql://stillwatch:a-password@/{name}?host={self.folder}"

    def new_database(self) -> str:
        """Make an empty database; its URL."""
        self._made += 1
        name = f"hub{self._made}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)


def new_folder() -> Path:
    """A folder that another account can reach, with a name short enough for a socket (108 bytes)."""
    return Path(tempfile.mkdtemp(prefix="stillwatch-pg-", dir="/tmp"))
