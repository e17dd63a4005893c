"""Pages of lists."""

from rest_framework.pagination import CursorPagination


class ByIdPagination(CursorPagination):
    """A page starts after a row, not after a number of rows: as fast at the end as at the beginning.

    Rows that come in meanwhile shift nothing, since ids only grow.
    """

    ordering: str | tuple[str, ...] = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500


class OldestFirstPagination(ByIdPagination):
    """The same, in the order in which rows were made."""

    ordering = "id"
    page_size = 100


class NewestTokenPagination(ByIdPagination):
    """The same for tokens, whose key is a digest: by the time when they were made."""

    ordering = ("-created", "public_id")
