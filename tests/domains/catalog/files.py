"""Files the tests share."""

SHOP = """\
organisation:
  name: Example
  time_zone: Europe/Berlin
people:
  alice:
    name: Alice Liddell
    email: alice@shop.example
    roles: [devops]
  bob:
    name: Bob Builder
    email: bob@shop.example
    roles: [developer]
    time_zone: America/New_York
teams:
  shop-team:
    title: The shop
    members: [alice, bob]
    managers: [alice]
environments:
  staging:
  production: {production: true}
services:
  database:
    kind: worker
    tier: 1
  shop:
    title: The shop
    tier: 2
    team: shop-team
    owners: [alice]
    depends_on: [database]
    escalation_policy: default
    runbook: https://wiki.example/shop
    placements:
      production:
        listener: {address: 127.0.0.1, port: 8080}
        hosts: [shop.example]
        candidate_hosts: [green.shop.example]
        instances: 2
        command: [python3, -m, shop, --port, '{port}']
        env:
          SHOP_DSN: postgresql://shop:${file:/run/secrets/shop}@db/shop
          SHOP_KEY: ${env:SHOP_KEY}
          DEBUG: false
        health: {path: /health, timeout: 1s}
        stop_grace: 90s
        smoke_tests:
          - /health
          - {path: /api/version, contains: shop, status: 200}
          - {command: critical-path}
        strategy: linear-30
        rollback: {automatic: true, warm_for: 10m}
        business_metric: {name: orders, counter: orders_total}
        probes:
          - {url: 'http://127.0.0.1:8080/health', host: shop.example}
          - {tcp: '127.0.0.1:5432', interval: 30s}
        data_integrity: {command: check-orders, interval: 10m}
        capacity: {cpu: 2, memory: 512MiB, requests_per_second: 500}
"""
