"""The organisation of the scenarios, as its staycalm.yaml says it."""

from __future__ import annotations

# The virtual clock starts on Monday 2026-03-02 09:00 UTC, which is 10:00 in Berlin.
# Alice is primary, bob secondary.
PEOPLE = """
organisation: {name: Acme, time_zone: Europe/Berlin, escalation_policy: default}
people:
  alice: {name: Alice, email: alice@example.com}
  bob:
    name: Bob
    email: bob@example.com
    contact_methods: [{email: bob@example.com}, {ntfy: "https://ntfy.example/bob", after: failure}]
  carol: {name: Carol, email: carol@example.com}
teams:
  platform: {members: [alice, bob, carol]}
schedules:
  platform: {hand_off: monday 09:00, people: [alice, bob], starts_on: 2026-03-02}
escalation_policies:
  default:
    rounds: 1
    steps:
      - {page: team platform, wait: 10m}
  shop:
    rounds: 2
    steps:
      - {page: primary of platform, wait: 5m}
      - {page: secondary of platform, wait: 5m}
      - {page: person carol, wait: 10m}
environments:
  production: {production: true}
"""
QUIET = (
    PEOPLE
    + """
services:
  shop: {team: platform, escalation_policy: shop}
"""
)


def with_shop(*, tier: int = 3, rollback: str = "{warm_for: 10m}", more: str = "") -> str:
    """Return the file with a shop behind the proxy; `more` are further keys of its placement."""
    return (
        PEOPLE
        + f"""
services:
  shop:
    team: platform
    tier: {tier}
    escalation_policy: shop
    placements:
      production:
        listener: {{address: 127.0.0.1, port: 8080}}
        hosts: [shop.example]
        candidate_hosts: [green.shop.example]
        command: [shop, --port, "{{port}}"]
        instances: 2
        health: {{path: /health}}
        rollback: {rollback}
        smoke_tests:
          - {{path: /}}
{more}"""
    )


SHOP_FILE = with_shop()

RARELY_WATCHED = with_shop(
    more="        probes:\n          - {url: 'http://127.0.0.1:8080/health', interval: 5m, timeout: 5s}\n"
)
