"""uvicorn as our services run it: what it warns of is an event, and a signal ends it when requests are answered."""

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap

CODE = """
    import asyncio, sys
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route
    from stillwatch.serving.events import Events
    from stillwatch.serving.server import configured, run
    from stillwatch.serving.sockets import bound

    events = Events()

    async def slow(request):
        events.say("begun")
        await asyncio.sleep(0.5)
        return PlainTextResponse("done")

    async def faulty(request):
        raise KeyError("secret")

    app = Starlette(routes=[Route("/slow", slow), Route("/faulty", faulty)])
    config = configured(app, 5)
    with bound("127.0.0.1", 0) as listening:
        events.say("listening", port=listening.getsockname()[1])
        asyncio.run(run(config, listening, events, lambda: events.say("stopping")))
    events.say("stopped")
"""


def test_a_request_in_progress_is_answered_before_the_end():
    command = [sys.executable, "-c", textwrap.dedent(CODE)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        port = json.loads(process.stderr.readline())["port"]
        with socket.create_connection(("127.0.0.1", port), 10) as raw:
            raw.sendall(b"GET /faulty HTTP/1.1\r\nHost: x\r\n\r\n")
            assert raw.recv(12) == b"HTTP/1.1 500"
        told = json.loads(process.stderr.readline())
        assert (told["event"], told["kind"]) == ("server", "KeyError")
        with socket.create_connection(("127.0.0.1", port), 10) as raw:
            raw.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            assert json.loads(process.stderr.readline())["event"] == "begun"
            process.send_signal(signal.SIGTERM)
            answer = b""
            while piece := raw.recv(1000):
                answer += piece
        assert answer.endswith(b"done")
        rest = [json.loads(line) for line in process.stderr]
    assert process.returncode == 0
    assert [line["event"] for line in rest] == ["stopping", "stopped"]
    assert "secret" not in str(told)
