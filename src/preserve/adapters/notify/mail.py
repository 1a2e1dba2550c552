"""Telling people by e-mail: a plain-text letter with the digest as JSON beside it, through an SMTP server (RFC 5321, RFC 3207)."""

from __future__ import annotations

import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256
from pathlib import Path

import certifi

from preserve.formats import digest as digest_format
from preserve.model.digest import Digest, MailSecurity, ToMail

_SILENCE = 20.0
_MAX_PASSWORD = 4096


class MailNotifier:
    """ports.Notifier: one mail server. `cacert` stands instead of the bundled trust anchors, `silence` is in seconds.

    With STARTTLS or TLS the server's certificate must be good; there is no way back to the clear.
    """

    def __init__(self, receiver: ToMail, *, cacert: Path | None = None, silence: float = _SILENCE) -> None:
        self._to = receiver
        self._cacert = cacert
        self._silence = silence

    def send(self, digest: Digest) -> str:
        """Return "" when the server took the letter for everybody; else why it did not."""
        try:
            password = self._password()
            with self._connected() as server:
                if self._to.user is not None:
                    server.login(self._to.user, password)
                refused = server.send_message(letter(digest, self._to))
        except (OSError, smtplib.SMTPException, ValueError) as problem:
            return f"{self._to.host}:{self._to.port}: {_words(problem)}"
        return f"{self._to.host}: {', '.join(sorted(refused))} refused" if refused else ""

    def _connected(self) -> smtplib.SMTP:
        to = self._to
        if to.security is MailSecurity.TLS:
            return smtplib.SMTP_SSL(to.host, to.port, timeout=self._silence, context=self._tls())
        server = smtplib.SMTP(to.host, to.port, timeout=self._silence)
        if to.security is MailSecurity.STARTTLS:
            try:
                server.starttls(context=self._tls())
                server.ehlo()
            except (OSError, smtplib.SMTPException):
                server.close()
                raise
        return server

    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._cacert or certifi.where())

    def _password(self) -> str:
        if self._to.password_file is None:
            return ""
        try:
            with Path(self._to.password_file).open(encoding="utf-8") as file:
                return file.readline(_MAX_PASSWORD).rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as problem:
            raise ValueError(f"the password cannot be read from {self._to.password_file}: {problem}") from problem


def letter(digest: Digest, to: ToMail) -> EmailMessage:
    """The message. Its header fields hold nothing from outside but the archive's name, escaped and in one line."""
    message = EmailMessage(policy=SMTP)
    body = digest_format.encode(digest)
    message["Subject"] = digest_format.subject(digest)
    message["From"] = Address("preserve", addr_spec=to.sender)
    message["To"] = tuple(Address(addr_spec=address) for address in to.to)
    message["Date"] = format_datetime(digest.at)
    message["Message-ID"] = f"<{sha256(body).hexdigest()[:32]}@{to.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(digest_format.text(digest))
    message.add_attachment(body, maintype="application", subtype="json", filename="digest.json")
    return message


def _words(problem: Exception) -> str:
    if isinstance(problem, smtplib.SMTPResponseException):
        said = problem.smtp_error
        return f"{problem.smtp_code} {said.decode('utf-8', 'backslashreplace') if isinstance(said, bytes) else said}"
    if isinstance(problem, smtplib.SMTPRecipientsRefused):
        return f"{', '.join(sorted(problem.recipients))} refused"
    return str(problem) or type(problem).__name__
