"""Settings of the section `accounts`."""

from __future__ import annotations

from dataclasses import dataclass

from staycalm.kit.settings import setting


@dataclass(frozen=True)
class AccountsSettings:
    """How people prove who they are, and for how long that holds."""

    session_absolute_s: float = setting(12 * 3600.0, unit="s", doc="A session ends this long after its log-in.")
    session_idle_s: float = setting(3600.0, unit="s", doc="A session ends after this long without a request.")
    token_longest_s: float = setting(90 * 86400.0, unit="s", doc="The longest an API token may be valid.")
    read_only_token_longest_s: float = setting(
        366 * 86400.0, unit="s", doc="The longest an API token that may only read may be valid."
    )
    login_token_s: float = setting(30 * 86400.0, unit="s", doc="How long the token of `sc login` is valid.")
    invitation_s: float = setting(7 * 86400.0, unit="s", doc="How long an invitation link is valid.")
    set_up_s: float = setting(24 * 3600.0, unit="s", doc="How long the first start's set-up link is valid.")
    password_shortest: int = setting(12, unit="characters", doc="The fewest characters of a password.")
    plain_http: bool = setting(
        False,
        doc="Whether people may sign in over plain HTTP from other machines; their secrets can be read then.",
    )

    def longest_token_s(self, *, is_read_only: bool) -> float:
        """Return how long a token of this kind may be valid."""
        return self.read_only_token_longest_s if is_read_only else self.token_longest_s
