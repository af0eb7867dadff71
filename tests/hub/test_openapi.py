"""The hub's own description of its interface, held against what it answers, by schemathesis."""

import os
import subprocess
import sys
from pathlib import Path


def test_every_path_is_described(shared):
    described = shared.call("GET", "/openapi.json").json
    assert described["openapi"].startswith("3.1")
    operations = [
        operation["operationId"]
        for methods in described["paths"].values()
        for name, operation in methods.items()
        if name in ("get", "post", "delete")
    ]
    assert len(operations) == len(set(operations)) > 25
    assert len(described["components"]["securitySchemes"]) >= 3


EXAMPLES = os.environ.get("STILLWATCH_FUZZ_EXAMPLES", "6")
"""Cases for each operation."""


def test_no_case_breaks_it(running, tmp_path):
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        f"{running.url}/openapi.json",
        "--header",
        f"Authorization: {running.authorization}",
        "--max-examples",
        EXAMPLES,
        "--exclude-path",
        "/stream",
        "--checks",
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        "--seed",
        "1",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    # pytest -rP shows how many cases there were.
    print(done.stdout[-2000:])
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-500:]
