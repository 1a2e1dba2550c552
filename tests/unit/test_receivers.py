"""[[notify]] in config.toml: who is told, and what is refused with its line."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from preserve import config
from preserve.errors import ConfigError
from preserve.model.digest import MailSecurity, Receiver, ToCommand, ToMail, ToWebhook

HOME = PurePath("/home/ada/.config/preserve")


def receivers(text: str) -> tuple[Receiver, ...]:
    return config.parse(text, "config.toml", HOME).receivers


def test_the_three_ways() -> None:
    assert receivers("""
[[notify]]
name = "desk"
command = ["/usr/bin/tell", "--json", ""]
[[notify]]
name = "hook"
webhook = "https://hooks.example:8443/x"
secret_file = "hook.secret"
[[notify]]
smtp = "mail.example"
from = "preserve@library.example"
to = ["ada@library.example", "bo@library.example"]
user = "preserve"
password_file = "mail.password"
""") == (
        ToCommand(name="desk", command=("/usr/bin/tell", "--json", "")),
        ToWebhook(name="hook", url="https://hooks.example:8443/x", secret_file=HOME / "hook.secret"),
        ToMail(
            name="smtp", host="mail.example", port=587, security=MailSecurity.STARTTLS, sender="preserve@library.example",
            to=("ada@library.example", "bo@library.example"), user="preserve", password_file=HOME / "mail.password",
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "host", "port"),
    [
        ('smtp = "[::1]:2525"', "::1", 2525),
        ('smtp = "mail.example"\nsecurity = "tls"', "mail.example", 465),
        ('smtp = "mail.example"\nsecurity = "none"', "mail.example", 25),
    ],
)
def test_where_the_mail_server_is(given: str, host: str, port: int) -> None:
    (found,) = receivers(f'[[notify]]\nfrom = "a@b.example"\nto = ["c@d.example"]\n{given}\n')
    assert isinstance(found, ToMail)
    assert (found.host, found.port) == (host, port)


MAIL = 'smtp = "mail.example"\nfrom = "a@b.example"\nto = ["c@d.example"]\n'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('name = "x"', "one of 'command', 'webhook' and 'smtp'"),
        ('command = ["a"]\nwebhook = "http://x.example/"', "one of"),
        ("command = []", "'command' is empty"),
        ('command = "tell"', "not a list"),
        ('command = ["a"]\nto = ["c@d.example"]', "'to' does not belong"),
        ('webhook = "http://x.example/"', "'secret_file' is missing"),
        ('webhook = "ftp://x.example/"\nsecret_file = "s"', "not an address"),
        ('webhook = "http://u:p@x.example/"\nsecret_file = "s"', "holds a user or a password"),
        (MAIL + 'security = "ssl"', "security = 'ssl'"),
        (MAIL + 'user = "x"', "'user' and 'password_file' stand together"),
        (MAIL + 'user = "x"\npassword_file = "p"\nsecurity = "none"', "not sent in the clear"),
        (MAIL.replace("mail.example", "mail.example:99999"), "is not HOST or HOST:PORT"),
        (MAIL.replace("c@d.example", "c@d.example>, <x@evil.example"), "is not a mail address"),
        (MAIL.replace("a@b.example", "Ada <a@b.example>"), "is not a mail address"),
        (MAIL.replace("c@d.example", "c@d.example\\nBcc: x@evil.example"), "printable"),
        ('smtp = "mail.example"\nfrom = "a@b.example"', "'from' and 'to'"),
        ('command = ["a"]\nname = "A b"', "cannot be a receiver's name"),
        ('command = ["a"]\n[[notify]]\ncommand = ["b"]', "two receivers are called command"),
        ('command = ["a"]\ntypo = "b"', "unknown: 'typo'"),
    ],
)
def test_what_is_refused(text: str, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        receivers(f"# who is told\n[[notify]]\n{text}\n")
    assert why in caught.value.message
    assert "config.toml: line " in caught.value.message
