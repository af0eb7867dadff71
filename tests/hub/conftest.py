"""Gives the tests of the hub what parts.py holds, and hubs on both stores: an SQLite file and a real PostgreSQL."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest


def _load(name):
    """A module beside this one; the tests are no package, so it is loaded by its path."""
    full = f"hub_{name}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, Path(__file__).with_name(f"{name}.py"))
        module = importlib.util.module_from_spec(spec)
        sys.modules[full] = module
        spec.loader.exec_module(module)
    return sys.modules[full]


@pytest.fixture(scope="session")
def parts():
    return _load("parts")


@pytest.fixture(scope="session")
def postgres():
    """A running PostgreSQL. Absent, a test fails in CI (CI=true) and is skipped elsewhere."""
    servers = _load("postgres_server")
    if servers.binaries() is None:
        reason = "no PostgreSQL: run scripts/install-postgresql, or set STILLWATCH_POSTGRES to the folder of initdb"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    folder = servers.new_folder()
    try:
        server = servers.Server(folder)
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, parts, tmp_path):
    """Where a hub may be made: every test that asks for it runs on both stores."""
    # Lazily, so that tests on SQLite need no server.
    database = request.getfixturevalue("postgres").new_database() if request.param == "postgresql" else None
    made = parts.Store(tmp_path / "hub", database)
    yield made
    made.end()


@pytest.fixture
def hub(store):
    """A new hub."""
    return store.create()


@pytest.fixture
def anna(hub, parts):
    """A member."""
    return parts.Provider(hub, "anna")


@pytest.fixture
def bert(hub, parts):
    """Another member."""
    return parts.Provider(hub, "bert")


@pytest.fixture(scope="session")
def web():
    """What tests over HTTP share."""
    return _load("web")


@pytest.fixture(scope="session")
def certificates(web, tmp_path_factory):
    """Certificates for TLS on loopback."""
    return web.Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def serve(store, web):
    """Serve hubs of the test's store; all are ended with it. What is returned speaks for `anna`, unless told otherwise."""
    started = []

    def start(*options, **named):
        started.append(web.Running(store.folder, *options, **named))
        return started[-1]

    yield start
    for running in started:
        running.end()


@pytest.fixture
def running(hub, anna, serve, web):
    """A hub that is served, and speaks for `anna`."""
    made = serve()
    made.authorization = web.basic(anna.credentials)
    return made


@pytest.fixture(scope="module")
def shared(parts, web, tmp_path_factory):
    """One hub on SQLite for all tests of a module that leave it as it is: it is served, and speaks for `anna`."""
    store = parts.Store(tmp_path_factory.mktemp("shared") / "hub", None)
    anna = parts.Provider(store.create(), "anna")
    made = web.Running(store.folder)
    made.authorization, made.anna = web.basic(anna.credentials), anna
    yield made
    made.end()
    store.end()
