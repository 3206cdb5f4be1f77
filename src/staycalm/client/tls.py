"""TLS for the connection to a server: the usual trust, or exactly the certificate a local server announced."""

from __future__ import annotations

import socket
import ssl

from staycalm.client.wire import Untrusted, Wrap


def wrap_for(host: str, certificate: str | None) -> Wrap:
    """Return what turns a connection into one to the named host; raises Untrusted and OSError when called.

    `certificate` (PEM) is what a server on this machine announced in its data directory, which only its owner
    can write. That is stronger than its host name, which is the public one and not 127.0.0.1.
    """

    def wrap(plain: socket.socket) -> socket.socket:
        if certificate is not None:
            return _pinned(plain, certificate)
        try:
            return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
        except ssl.SSLCertVerificationError as error:
            raise Untrusted(f"its certificate is not trusted: {error.verify_message}") from None

    return wrap


def _pinned(plain: socket.socket, certificate: str) -> socket.socket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    made = context.wrap_socket(plain)
    if ssl.DER_cert_to_PEM_cert(made.getpeercert(binary_form=True) or b"") != certificate:
        made.close()
        raise Untrusted("it shows another certificate than the server here announced")
    return made
