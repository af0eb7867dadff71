"""The hub's own description of its interface, held against what it answers, by schemathesis."""

import json
import os
import re
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

# Random ids name nothing, and everything would end in 404: some of them are those of what is there.
CONFIGURATION = """
[dictionaries]
collections = {{ values = {collections} }}
objects = {{ values = {objects} }}

[parameters]
"path.collection_id" = {{ dictionary = "collections", probability = 0.85 }}
"path.object_id" = {{ dictionary = "objects", probability = 0.85 }}
"path.status_id" = "{status}"
"""


def test_no_case_breaks_it(running, hub, anna, parts, tmp_path):
    made = [parts.indicator() for _ in range(200)]
    status = anna.post(*made)
    assert status.success_count == len(made)
    (tmp_path / "schemathesis.toml").write_text(
        CONFIGURATION.format(
            collections=json.dumps([hub.settings.collection]),
            objects=json.dumps([item["id"] for item in made]),
            status=status.id,
        )
    )
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
    answered = re.findall(
        r'requests_total{operation="(\w+)",status="(\d+)"}', running.call("GET", "/metrics").body.decode()
    )
    print(sorted(answered))
    good = {operation for operation, code in answered if code in ("200", "202")}
    assert {"objects", "manifest", "object", "versions", "delete_object", "add_objects", "status"} <= good
