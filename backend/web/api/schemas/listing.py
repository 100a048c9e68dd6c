"""Request model of the list of pictures."""

from pydantic import Field

from backend.bounds import PAGE
from backend.store.schema import MediaStatus
from backend.store.search import MediaOrder
from backend.web.api.schemas.search import FilterInput


class MediaListInput(FilterInput):
    """Which pictures to list, and in which order."""

    status: MediaStatus | None = None
    order_by: MediaOrder = Field(
        MediaOrder.UPLOADED_NEWEST, description="By upload, or by the date on which pictures were taken."
    )
    limit: int = Field(50, ge=PAGE.low, le=PAGE.high, description="Rows per page.")
    cursor: str | None = Field(None, description="`next_cursor` from the previous page.")
