"""`stillwatch intake`: commands that take usage in as it arises."""

from pathlib import Path

import click

from stillwatch.cli.extras import needing
from stillwatch.cli.options import BODY_SIZE, Strict


@click.group(epilog="Example: stillwatch intake serve --dir collected --token-file token.txt")
def intake() -> None:
    """Take usage from gateways as it arrives, and keep it for scans."""


@intake.command(
    cls=Strict,
    epilog="""\b
Example:
  stillwatch intake serve --dir collected --token-file token.txt --host 0.0.0.0
  stillwatch scan --usage collected/usage --out result""",
)
@click.option(
    "--dir", "folder", required=True, type=click.Path(path_type=Path), help="Folder for what is collected."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8610,
    show_default=True,
    help="Port to listen on; 0 for any that is free, which the first line of the log tells.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    help="File of bearer tokens, one a line: who sends none of them is refused. Needed beyond loopback.",
)
@click.option(
    "--no-auth", is_flag=True, help="Listen beyond loopback without tokens: anybody can write into the logs."
)
@click.option(
    "--rows",
    type=click.IntRange(1, 10_000_000),
    default=100_000,
    show_default=True,
    help="A file is due when this many rows have gathered.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, 86_400),
    default=60,
    show_default=True,
    help="A file is due when its first row has waited this long.",
)
@click.option(
    "--max-body",
    type=BODY_SIZE,
    default="32MiB",
    show_default=True,
    help="The largest body of a request, as sent and inflated.",
)
@click.option(
    "--mapping",
    "mappings",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Column-mapping file on top of litellm or otel; may be given once for each.",
)
@click.option(
    "--without-text",
    is_flag=True,
    help="Keep no texts. No content can be weighed then: a scan has to find both other families of evidence.",
)
def serve(
    folder: Path,
    host: str,
    port: int,
    token_file: Path | None,
    no_auth: bool,
    rows: int,
    seconds: float,
    max_body: int,
    mappings: tuple[Path, ...],
    without_text: bool,
) -> None:
    """Take LiteLLM's generic callback and OTLP over HTTP, and append Parquet that scan reads.

    POST /v1/litellm, /v1/traces and /v1/logs; GET /healthz, /readyz and /metrics. What was answered with 200 is on disk:
    in DIR/journal first, in DIR/usage at the latest --seconds later. Answers of models are not kept. The log is JSON
    lines on stderr; SIGTERM ends it when all is written.
    """
    with needing("gateway"):
        from stillwatch.collector.server import Settings
        from stillwatch.collector.server import serve as run
    run(
        Settings(
            folder=folder,
            host=host,
            port=port,
            rows=rows,
            seconds=seconds,
            body=max_body,
            text=not without_text,
            token_file=token_file,
            no_auth=no_auth,
            mappings=mappings,
        )
    )
