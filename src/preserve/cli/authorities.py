"""Which authorities a command asks, and as whom: the command line, then the environment, then config.toml."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from preserve.config import Config
    from preserve.model.settings import Authority


def configured(given: Sequence[str]) -> tuple[Config, tuple[Authority, ...]]:
    """The user's settings, and the authorities `given` as [NAME=]URL; where none is, those of the settings.

    One that the settings know by the same address is asked as they say: under their policy, with their password.
    """
    from dataclasses import replace

    from preserve.adapters.settings import read_config
    from preserve.places import config_folder
    from preserve.rules.authority import distinct, parse_authority

    config = read_config(config_folder())
    if not given:
        return config, config.authorities
    known = {authority.url: authority for authority in config.authorities}
    asked = []
    for authority in map(parse_authority, given):
        found = known.get(authority.url)
        asked.append(replace(found, name=authority.name) if found else authority)
    return config, distinct(asked)


def user_agent_of(config: Config, version: str) -> str:
    """Who is asking, in the words of the settings."""
    contact = f"; {'+' if config.contact.startswith('http') else ''}{config.contact}" if config.contact else ""
    return config.user_agent or f"Mozilla/5.0 (compatible; preserve/{version}; archiving of cited pages{contact})"
