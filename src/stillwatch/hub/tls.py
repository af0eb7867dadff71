"""TLS of the hub: its certificate, and which client certificates are looked at."""

import ssl
from pathlib import Path

from stillwatch.records.errors import InputError, plainly


def context(certificate: Path, key: Path | None, client_ca: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or newer, with clients' certificates asked for where their authorities are named.

    A client may come without a certificate and log in otherwise; one with a certificate of another authority is refused.
    Raises InputError for a file that can't be used.
    """
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # A key with a password would make OpenSSL ask for it on the terminal.
        made.load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ValueError) as error:
        raise InputError(
            f"the certificate and its key can't be used ({plainly(error)})",
            where=f"--tls-cert {certificate}",
            mend="give PEM files that belong together, the key without a password",
        ) from None
    if client_ca is not None:
        try:
            made.load_verify_locations(client_ca)
        except (OSError, ValueError) as error:
            raise InputError(
                f"the authorities can't be used ({plainly(error)})",
                where=f"--client-ca {client_ca}",
                mend="give a PEM file of certificates",
            ) from None
        made.verify_mode = ssl.CERT_OPTIONAL
    return made
