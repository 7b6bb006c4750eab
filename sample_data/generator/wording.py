"""The words of a made-up documentation site: pages, questions, and what people say about answers."""

from typing import Final

__all__ = ["COMMENTS_BAD", "COMMENTS_GOOD", "COUNTRIES", "PAGES", "QUERIES", "SITE", "STAGING"]

SITE: Final = "https://docs.example.com"
STAGING: Final = "https://staging.docs.example.com"

PAGES: Final = (
    "/quickstart",
    "/guides/authentication",
    "/guides/webhooks/retries",
    "/guides/rate-limits",
    "/guides/migrating-from-v1",
    "/api/messages",
    "/api/messages#send-batch",
    "/api/errors?lang=python",
    "/sdks/python",
    "/sdks/typescript",
    "/self-hosting/kubernetes",
    "/changelog/2023-11",
)

COUNTRIES: Final = {
    "US": 40.0,
    "DE": 14,
    "GB": 9,
    "IN": 9,
    "FR": 6,
    "JP": 5,
    "BR": 5,
    "CA": 5,
    "NL": 4,
    "SE": 3,
}

COMMENTS_GOOD: Final = (
    "Thanks, that worked",
    "exactly what I was looking for 🎉",
    'Clear answer, and the "idempotency key" link helped',
    "Solved it in one go, faster than the forum.",
    "Danke, genau das habe ich gesucht!",
    "Super, merci — l’exemple en Python marche",
    "ありがとうございます。解決しました。",
    "Perfeito, funcionou de primeira 👏",
    "Great.\nOne thing: mention that the header is case-insensitive.",
)

COMMENTS_BAD: Final = (
    "The answer is for v1, we're on v2",
    'It says "see the dashboard", but there is no such page',
    "Code block doesn't compile, missing import, and the type is wrong",
    "Did not answer my question:\n1. how do I rotate keys\n2. does it cause downtime?",
    "Zu allgemein; es fehlt ein Beispiel für Kotlin",
    "Le lien vers la page “Webhooks” est cassé 😕",
    "回答が古いです。v2 の手順を教えてください。",
    "La respuesta inventa un parámetro que no existe (`retry_mode`)",
    "답변이 너무 길어요",
    "slow",
)

QUERIES: Final = (
    "rotate api key",
    "webhook signature verification",
    "429 too many requests",
    "python sdk async client",
    "idempotency key",
    "delete a user gdpr",
    "helm chart values",
    '"invalid_grant" error',
    "pricing per message",
    "batch send limit",
    "typescript types for events",
    "migrate v1 to v2",
    "wie setze ich das Passwort zurück",
    "limite de débit",
    "レート制限",
    "smtp relay tls 1.3",
    "sso with okta",
    "terraform provider",
)
