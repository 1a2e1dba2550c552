"""config.toml: the witnesses of one's own log."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from archives import WitnessPen
from preserve import config
from preserve.config import Config
from preserve.errors import ConfigError


def _parse(text: str) -> Config:
    return config.parse(text, "config.toml", PurePath("/home/a"))


_VKEY = "partner.example/witness+c56a29a3+BCxA4Cq5OWIUKx5P2YMZmEqvx4CKYGtLAq1Zx3WW3jTS"
_WITNESS = f'[[witness]]\nurl = "http://127.0.0.1:8470/"\nvkey = "{_VKEY}"\n'


def test_witnesses() -> None:
    named = _parse(
        _WITNESS + _WITNESS.replace("8470", "8471").replace("[[witness]]", '[[witness]]\nname = "x"', 1).replace(_VKEY, _OTHER)
    )
    assert [(one.name, one.url) for one in named.witnesses] == [
        ("partner.example/witness", "http://127.0.0.1:8470/"),
        ("x", "http://127.0.0.1:8471/"),
    ]


_OTHER = WitnessPen("other").key.encode()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (_WITNESS + _WITNESS, "line 1: two witnesses have one name"),
        (_WITNESS.replace("url", "address"), "line 2: unknown: 'address'"),
        (_WITNESS.replace("http:", "ftp:"), "is not the address of a witness"),
        (_WITNESS.replace("c56a29a3", "c56a29a4"), "key hash mismatch"),
        ('[[witness]]\nurl = "http://x.example/"\n', "'vkey' is missing"),
        (f'[[witness]]\nvkey = "{_VKEY}"\n', "'url' is missing"),
        ("witness = 1\n", "a witness's entry begins with [[witness]]"),
    ],
)
def test_a_witness_that_cannot_be_asked(text: str, why: str) -> None:
    with pytest.raises(ConfigError) as problem:
        _parse(text)
    assert why in problem.value.message
