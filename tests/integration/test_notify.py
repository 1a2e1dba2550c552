"""Telling a program, an address and a mail server, each a real one; and what is said when they do not take it."""

from __future__ import annotations

import base64
import email
import email.policy
import json
import subprocess
import sys
import threading
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
import trustme

from postboxes import mail_server, webhook, write_secret
from preserve.adapters.notify.command import CommandNotifier
from preserve.adapters.notify.limited import Limited
from preserve.adapters.notify.mail import MailNotifier
from preserve.adapters.notify.webhook import WebhookNotifier, signed
from preserve.formats import digest as digest_format
from preserve.model.digest import Digest, Event, Kind, MailSecurity, ToCommand, ToMail, ToWebhook

EVENT = Event(
    kind=Kind.FAILED, schedule="s1", subject="http://a.example/\r\n.\r\nQUIT\r\n\u202e", after="failed", reason="no such host", attention=True
)  # fmt: skip
DIGEST = Digest(archive="news\r\nBcc: x@evil.example", archive_id=None, at=datetime(2026, 3, 1, tzinfo=UTC), events=(EVENT,))
SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four").decode()


# ------------------------------------------------------------------------------------------------------------- a program


def test_a_program_gets_the_digest(tmp_path: Path) -> None:
    out = tmp_path / "got"
    program = (sys.executable, "-c", "import sys; open(sys.argv[1], 'wb').write(sys.stdin.buffer.read())", str(out))
    assert CommandNotifier(ToCommand(name="c", command=program)).send(DIGEST) == ""
    assert out.read_bytes() == digest_format.encode(DIGEST)


def test_no_shell_reads_the_command(tmp_path: Path) -> None:
    program = (
        sys.executable,
        "-c",
        "import sys; open(sys.argv[1], 'w').write(sys.argv[2])",
        str(tmp_path / "got"),
        "$HOME; `id`",
    )
    assert CommandNotifier(ToCommand(name="c", command=program)).send(DIGEST) == ""
    assert (tmp_path / "got").read_text() == "$HOME; `id`"


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ((sys.executable, "-c", "import sys; sys.stdin.read(); sys.exit('no\\x1b way')"), "ended with 1: no"),
        ((sys.executable, "-c", "pass"), ""),  # it need not read what it is given
        (("/nonexistent/program",), "No such file"),
    ],
)
def test_what_a_program_fails_at_is_said(program: tuple[str, ...], why: str) -> None:
    said = CommandNotifier(ToCommand(name="c", command=program)).send(DIGEST)
    assert why in said
    assert bool(said) is bool(why)


def test_a_program_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    child = (
        "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); time.sleep(60)"
    )
    said = CommandNotifier(ToCommand(name="c", command=(sys.executable, "-c", child)), total=1).send(DIGEST)
    assert said.endswith("did not end within 1 s")


# ------------------------------------------------------------------------------------------------------------- an address


def test_an_address_gets_it_signed_so_that_openssl_agrees(tmp_path: Path) -> None:
    secret = write_secret(tmp_path / "secret", SECRET)
    with webhook() as hook:
        assert (
            WebhookNotifier(ToWebhook(name="w", url=hook.url, secret_file=secret), user_agent="preserve/0").send(DIGEST) == ""
        )
        assert (
            WebhookNotifier(ToWebhook(name="w", url=hook.url, secret_file=secret), user_agent="preserve/0").send(DIGEST) == ""
        )
    first, second = hook.posts
    assert first.body == digest_format.encode(DIGEST)
    assert first.fields["webhook-id"] == second.fields["webhook-id"]
    assert first.fields["content-type"] == "application/json"
    message = f"{first.fields['webhook-id']}.{first.fields['webhook-timestamp']}.".encode() + first.body
    done = subprocess.run(
        ["openssl", "dgst", "-sha256", "-hmac", "a secret of twenty-four", "-binary"],
        input=message,
        capture_output=True,
        check=True,
    )
    assert first.fields["webhook-signature"] == "v1," + base64.b64encode(done.stdout).decode()


def test_the_example_of_the_standard() -> None:
    """Standard Webhooks 1.0: the values that its reference libraries are tested with."""
    fields = signed(
        b'{"test": 2432232314}',
        id_="msg_p5jXN8AQM9LWM0D4loKWxJek",
        at=1614265330,
        secret=base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    )
    assert fields["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("status", "why"), [(500, "status 500"), (302, "status 302"), (401, "status 401"), (200, ""), (202, "")]
)
def test_only_success_is_success_and_no_redirect_is_followed(tmp_path: Path, status: int, why: str) -> None:
    secret = write_secret(tmp_path / "secret", SECRET)
    with webhook() as hook:
        hook.status = status
        said = WebhookNotifier(ToWebhook(name="w", url=hook.url, secret_file=secret), user_agent="x").send(DIGEST)
        assert [post.path for post in hook.posts] == ["/hook"]
    assert why in said
    assert bool(said) is bool(why)


@pytest.mark.parametrize(
    ("secret", "why"),
    [("whsec_%%%", "not base64"), ("short", "shorter than 16 bytes"), ("", "shorter than"), (None, "No such file")],
)
def test_a_secret_that_is_none_is_told(tmp_path: Path, secret: str | None, why: str) -> None:
    path = tmp_path / "secret"
    if secret is not None:
        write_secret(path, secret)
    said = WebhookNotifier(ToWebhook(name="w", url="http://127.0.0.1:1/", secret_file=path), user_agent="x").send(DIGEST)
    assert why in said


def test_an_address_where_nobody_is(tmp_path: Path) -> None:
    secret = write_secret(tmp_path / "secret", SECRET)
    said = WebhookNotifier(ToWebhook(name="w", url="http://127.0.0.1:1/", secret_file=secret), user_agent="x").send(DIGEST)
    assert "cannot be reached" in said


# ------------------------------------------------------------------------------------------------------------ a mail server


def to(port: int, security: MailSecurity, folder: Path | None = None) -> ToMail:
    return ToMail(
        name="m",
        host="127.0.0.1",
        port=port,
        security=security,
        sender="preserve@library.example",
        to=("ada@library.example", "bo@library.example"),
        user=None if folder is None else "preserve",
        password_file=None if folder is None else write_secret(folder / "password", "open sesame"),
    )


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.mark.parametrize("security", list(MailSecurity))
def test_a_letter_arrives_whole(tmp_path: Path, ca: trustme.CA, security: MailSecurity) -> None:
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    folder = None if security is MailSecurity.NONE else tmp_path
    with mail_server(security=security.value, ca=ca) as server:
        assert MailNotifier(to(server.port, security, folder), cacert=tmp_path / "ca.pem").send(DIGEST) == ""
    (letter,) = server.letters
    assert letter.encrypted is (security is not MailSecurity.NONE)
    assert letter.credentials == ("" if folder is None else "\0preserve\0open sesame")
    commands = [command.lower() for command in letter.commands]  # verbs may be written in any case: RFC 5321 section 2.4
    assert [command for command in commands if command.startswith("rcpt")] == [
        "rcpt to:<ada@library.example>",
        "rcpt to:<bo@library.example>",
    ]
    message = email.message_from_bytes(letter.data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert set(message.keys()) == {
        "Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
    }  # fmt: skip
    assert message["Subject"] == "preserve: news\\u{d}\\u{a}Bcc: x@evil.example: 1 to look at"
    assert message["To"] == "ada@library.example, bo@library.example"
    text = message.get_body()
    assert text is not None
    assert text.get_content().replace("\r\n", "\n") == digest_format.text(DIGEST)
    (attachment,) = message.iter_attachments()
    assert attachment.get_content() == digest_format.encode(DIGEST)
    assert json.loads(attachment.get_content())["events"][0]["subject"] == EVENT.subject


def test_a_certificate_that_is_not_trusted_ends_it(ca: trustme.CA) -> None:
    for security in (MailSecurity.STARTTLS, MailSecurity.TLS):
        with mail_server(security=security.value, ca=ca) as server:
            assert "certificate" in MailNotifier(to(server.port, security)).send(DIGEST).lower()
            assert server.letters == []


def test_a_server_without_starttls_gets_nothing(tmp_path: Path) -> None:
    with mail_server() as server:
        said = MailNotifier(to(server.port, MailSecurity.STARTTLS, tmp_path)).send(DIGEST)
    assert "STARTTLS" in said
    assert server.letters == []


@pytest.mark.parametrize(
    ("verb", "answer", "why"),
    [
        ("MAIL", "550 not you", "not you"),
        ("RCPT", "550 nobody", "ada@library.example, bo@library.example refused"),
        ("DATA", "451 later", "451 later"),
        ("EHLO", "421 busy", "421"),
    ],
)
def test_what_a_mail_server_refuses_is_said(verb: str, answer: str, why: str) -> None:
    with mail_server(answers={verb: answer, "HELO": answer}) as server:
        assert why in MailNotifier(to(server.port, MailSecurity.NONE)).send(DIGEST)


def test_a_password_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    settings = to(1, MailSecurity.TLS, tmp_path)
    (tmp_path / "password").unlink()
    assert "the password cannot be read" in MailNotifier(settings).send(DIGEST)


# ------------------------------------------------------------------------------------------------------------------ an end


def test_sending_that_never_ends_is_given_up() -> None:
    never = threading.Event()

    class Slow:
        def send(self, digest: Digest) -> str:
            never.wait(30)
            return ""

    assert Limited(Slow(), total=0.05).send(DIGEST) == "it did not finish within 0.05 s"
    never.set()
