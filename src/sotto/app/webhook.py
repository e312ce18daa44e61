"""From settings to the webhook of finals."""

from __future__ import annotations

import math

from sotto.app.settings import Settings
from sotto.errors import BadOption
from sotto.interfaces.outbox import KeepsOutbox
from sotto.interfaces.store import TranscriptStore
from sotto.runtime.posting import place_of
from sotto.runtime.webhook import Webhook
from sotto.runtime.webhook_message import secrets_of


def build_webhook(settings: Settings, store: TranscriptStore) -> Webhook | None:
    """None where no address is given. Raises BadOption."""
    webhook = settings.webhook
    if webhook.url is None:
        return None
    if webhook.secret is None:
        raise BadOption("webhook.secret", "expected webhook.secret with webhook.url, got none")
    place = place_of("webhook.url", webhook.url)
    secrets = secrets_of(webhook.secret.get_secret_value())
    outbox = store.outbox if isinstance(store, KeepsOutbox) else None
    if outbox is None:
        raise BadOption("webhook.url", "expected a store with an outbox for webhook.url, got none")
    return Webhook(
        outbox=outbox,
        place=place,
        secrets=secrets,
        timeout=webhook.timeout,
        max_age=min(webhook.max_age, settings.store.keep or math.inf),
    )
