"""`/v1/conversations`: those that have a name, read and deleted. Callers see their own."""

from __future__ import annotations

from typing import Any, TypeAlias

from fastapi import APIRouter, Request

from sotto.dialogue.keeping import items_of
from sotto.errors import UnknownConversation
from sotto.interfaces.conversations import ConversationStore
from sotto.runtime.service import Service
from sotto.transports.conversation_names import is_name, owner_of
from sotto.transports.realtime.item_shapes import item_view

PATH = "/v1/conversations/{id}"

Json: TypeAlias = dict[str, Any]


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["Conversations"])

    @routes.get(PATH, summary="Read a conversation")
    async def read(http: Request, id: str) -> Json:
        documents = await _store(service, id).load(owner_of(http.state.caller), id)
        if documents is None:
            raise UnknownConversation(id)
        items = [item_view(item) for item in items_of(id, documents)]
        return {"id": id, "object": "conversation", "items": items}

    @routes.delete(PATH, summary="Forget a conversation")
    async def forget(http: Request, id: str) -> Json:
        """One that is under way goes on, and nothing of it is kept any more."""
        if not await _store(service, id).delete(owner_of(http.state.caller), id):
            raise UnknownConversation(id)
        return {"id": id, "object": "conversation.deleted", "deleted": True}

    return routes


def _store(service: Service, id: str) -> ConversationStore:
    """Raises UnknownConversation for what no conversation is called."""
    store = service.conversations
    if store is None or not is_name(id):
        raise UnknownConversation(id)
    return store
