"""Everything that can be asked of a node."""

from __future__ import annotations

from collections.abc import Callable

from keepclear.adapters.http.access_routes import AccessRoutes
from keepclear.adapters.http.draft_routes import DraftRoutes
from keepclear.adapters.http.endpoints import Endpoint
from keepclear.adapters.http.hotline_routes import HotlineRoutes
from keepclear.adapters.http.item_routes import ItemRoutes
from keepclear.adapters.http.link_routes import LinkRoutes
from keepclear.adapters.http.live_routes import LiveRoutes
from keepclear.adapters.http.log_routes import LogRoutes
from keepclear.adapters.http.node import Node
from keepclear.adapters.http.question_routes import QuestionRoutes
from keepclear.adapters.http.talk_routes import TalkRoutes
from keepclear.adapters.http.voice_routes import VoiceRoutes
from keepclear.adapters.http.watch_routes import WatchRoutes


class Routes:
    """All endpoints.

    Args:
        node: What they work with.
        description: Tells the OpenAPI description.
    """

    def __init__(self, node: Node, description: Callable[[], bytes]) -> None:
        self._parts = (
            LiveRoutes(node, description),
            AccessRoutes(node),
            ItemRoutes(node),
            QuestionRoutes(node),
            TalkRoutes(node),
            LogRoutes(node),
            LinkRoutes(node),
            HotlineRoutes(node),
            DraftRoutes(node),
            VoiceRoutes(node),
            WatchRoutes(node),
        )

    def endpoints(self) -> list[Endpoint]:
        """Return everything that can be asked."""
        return [endpoint for part in self._parts for endpoint in part.endpoints()]
