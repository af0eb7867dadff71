"""The tables that every part reads: columns, types, meanings and vocabularies (usage records, version 1).

All times are UTC with microseconds. Names follow the OpenTelemetry GenAI conventions where those have a
name for the thing; `otel` holds it.
"""

from dataclasses import dataclass

import pyarrow as pa

TIME = pa.timestamp("us", tz="UTC")
TEXT = pa.large_string()


@dataclass(frozen=True)
class Column:
    """One column of an input table.

    `values` is the closed vocabulary of a text column (empty: free text); `without` says what its
    absence costs a scan, as run.json reports it. `clamp`: a time outside the range of logs is moved to its edge.
    """

    name: str
    type: pa.DataType
    meaning: str
    required: bool = False
    otel: str | None = None
    values: tuple[str, ...] = ()
    without: str = ""
    clamp: bool = False


@dataclass(frozen=True)
class Table:
    """One input table: its name and its columns in order.

    `strict`: a bad value rejects its row, in an optional column too. Where null means "no limit", dropping a value
    that cannot be read would say more than the row does.
    """

    name: str
    columns: tuple[Column, ...]
    strict: bool = False

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema with every column, required ones not nullable."""
        return pa.schema([pa.field(c.name, c.type, nullable=not c.required) for c in self.columns])

    def __getitem__(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)


NETWORKS = ("hosting", "residential", "business", "education", "mobile", "vpn", "unknown")
PLANS = ("free", "paid", "enterprise", "education", "research", "startup")
PAYMENT_KINDS = ("card", "prepaid_card", "virtual_card", "invoice", "cloud_marketplace", "none")
STATUSES = ("ok", "refused", "rate_limited", "blocked", "error")
SURFACES = ("api", "app", "cloud")
PURPOSES = ("distillation", "evaluation", "resale", "research")

_I32, _I64, _F64, _BOOL = pa.int32(), pa.int64(), pa.float64(), pa.bool_()

USAGE = Table(
    "usage",
    (
        Column("event_id", TEXT, "unique id of the exchange", required=True, otel="gen_ai.response.id"),
        Column("time", TIME, "when the request arrived", required=True),
        Column("account_id", TEXT, "the billed principal at the provider", required=True, otel="user.id"),
        Column(
            "credential_id",
            TEXT,
            "which key or session of that account was used; a digest, never the key itself",
            without="accounts that use the same key are not tied by it",
        ),
        Column(
            "end_user_id",
            TEXT,
            "the account's own user, where the account passes one on",
            otel="enduser.pseudo.id",
            without="resellers are told by address and content alone",
        ),
        Column(
            "surface",
            TEXT,
            "api, app, or cloud (a third party's cloud)",
            values=SURFACES,
            without="nothing: no test reads it yet",
        ),
        Column(
            "operation",
            TEXT,
            "chat, text_completion, embeddings, ...",
            otel="gen_ai.operation.name",
            without="nothing: no test reads it yet",
        ),
        Column("model", TEXT, "model asked for", required=True, otel="gen_ai.request.model"),
        Column(
            "conversation_id",
            TEXT,
            "the conversation",
            otel="gen_ai.conversation.id",
            without="nothing: no test reads it yet",
        ),
        Column(
            "turn",
            _I32,
            "1 for the first exchange of a conversation",
            without="first turns are not told from later ones",
        ),
        Column(
            "client_address",
            TEXT,
            "IPv4 or IPv6 address that the request came from",
            otel="client.address",
            without="shared addresses, and accounts on ever-new addresses, are not examined",
        ),
        Column(
            "client_asn",
            _I64,
            "autonomous system number of that address",
            without="nothing: no test reads it",
        ),
        Column(
            "client_network",
            TEXT,
            "kind of network",
            values=NETWORKS,
            without="campus networks are not told from others",
        ),
        Column("client_country", TEXT, "ISO 3166-1 alpha-2", without="nothing: it is never evidence"),
        Column(
            "user_agent",
            TEXT,
            "the client's own name",
            otel="user_agent.original",
            without="shared clients are told by fingerprint and content alone",
        ),
        Column(
            "tls_ja4",
            TEXT,
            "JA4 fingerprint of the TLS client hello",
            without="shared rare client fingerprints are not examined",
        ),
        Column(
            "input_tokens",
            _I64,
            "tokens in",
            otel="gen_ai.usage.input_tokens",
            without="nothing: no test reads it yet",
        ),
        Column(
            "output_tokens",
            _I64,
            "tokens out",
            otel="gen_ai.usage.output_tokens",
            without="nothing: no test reads it yet",
        ),
        Column(
            "reasoning_tokens",
            _I64,
            "tokens of reasoning",
            otel="gen_ai.usage.reasoning.output_tokens",
            without="nothing: no test reads it yet",
        ),
        Column(
            "max_tokens",
            _I64,
            "limit asked for",
            otel="gen_ai.request.max_tokens",
            without="nothing: no test reads it yet",
        ),
        Column(
            "temperature",
            _F64,
            "sampling temperature",
            otel="gen_ai.request.temperature",
            without="nothing: no test reads it yet",
        ),
        Column(
            "choice_count",
            _I32,
            "answers asked for at once",
            otel="gen_ai.request.choice.count",
            without="nothing: no test reads it yet",
        ),
        Column(
            "stream",
            _BOOL,
            "streaming asked for",
            otel="gen_ai.request.stream",
            without="nothing: no test reads it yet",
        ),
        Column(
            "logprobs",
            _BOOL,
            "log probabilities asked for",
            without="nothing: no test reads it yet",
        ),
        Column(
            "tool_count",
            _I32,
            "how many tools the request defines",
            without="agentic and tool tasks are told by content alone",
        ),
        Column(
            "system_text",
            TEXT,
            "system instructions",
            otel="gen_ai.system_instructions",
            without="system prompts are not examined",
        ),
        Column(
            "input_text",
            TEXT,
            "the newest user message",
            otel="gen_ai.input.messages",
            without="all content evidence (templates, elicitation, divided work lists) is missing",
        ),
        Column(
            "output_text",
            TEXT,
            "the answer",
            otel="gen_ai.output.messages",
            without="nothing: no test reads it yet",
        ),
        Column(
            "status",
            TEXT,
            "how the exchange ended",
            values=STATUSES,
            without="blocks, what follows them, and refusals are not examined",
        ),
        Column(
            "finish_reason",
            TEXT,
            "why the answer ended",
            otel="gen_ai.response.finish_reasons",
            without="nothing: no test reads it yet",
        ),
        Column(
            "duration_s",
            _F64,
            "seconds from request to the end of the answer",
            without="nothing: no test reads it yet",
        ),
    ),
)

ACCOUNTS = Table(
    "accounts",
    (
        Column("account_id", TEXT, "the account", required=True),
        Column(
            "created_at", TIME, "when it was made", without="account age and sign-up bursts are not examined"
        ),
        Column("plan", TEXT, "the plan", values=PLANS, without="plan and use are not compared"),
        Column(
            "organisation",
            TEXT,
            "the name that the account holder declared",
            without="one company's accounts are not recognised by name, and agreements by name cover nothing",
        ),
        Column(
            "verified",
            _BOOL,
            "identity or business verified by the provider",
            without="verified accounts get no credit for it, and agreements by name cover nothing",
        ),
        Column("email_domain", TEXT, "domain of the address", without="nothing: no test reads it yet"),
        Column(
            "email_fingerprint",
            TEXT,
            "keyed digest of the whole address",
            without="shared mail addresses are not examined",
        ),
        Column(
            "phone_fingerprint",
            TEXT,
            "keyed digest of the telephone number",
            without="shared telephones are not examined",
        ),
        Column(
            "payment_fingerprint",
            TEXT,
            "keyed digest of the payment instrument",
            without="shared payment is not examined",
        ),
        Column(
            "payment_kind",
            TEXT,
            "kind of instrument",
            values=PAYMENT_KINDS,
            without="virtual and prepaid cards are not told from others",
        ),
        Column("billing_country", TEXT, "ISO 3166-1 alpha-2", without="nothing: it is never evidence"),
        Column(
            "signup_address",
            TEXT,
            "IP address at sign-up",
            without="shared sign-up addresses are not examined",
        ),
        Column(
            "signup_asn", _I64, "autonomous system number at sign-up", without="nothing: no test reads it"
        ),
    ),
)

RELEASES = Table(
    "releases",
    (
        Column("model", TEXT, "the model", required=True),
        Column("released_at", TIME, "when it was released", required=True),
    ),
)

AGREEMENTS = Table(
    "agreements",
    (
        Column("agreement_id", TEXT, "the agreement", required=True),
        Column("account_id", TEXT, "the account that it covers"),
        Column("organisation", TEXT, "or the verified organisation that it covers"),
        Column(
            "models",
            pa.list_(TEXT),
            "list of model names; null means all. In CSV: names with commas or semicolons between them",
        ),
        Column("purpose", TEXT, "what it allows", values=PURPOSES),
        Column("starts_at", TIME, "from when; null means always", clamp=True),
        Column("ends_at", TIME, "until when; null means for ever", clamp=True),
        Column("max_exchanges", _I64, "how many; null means no limit"),
    ),
    strict=True,
)

TABLES = (USAGE, ACCOUNTS, RELEASES, AGREEMENTS)
