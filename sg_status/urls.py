"""URLs of the status pages, collected from `sg_status/pages`, and of the search, which knows all of them."""

from sg_status import search
from sg_status.registry import page_patterns

urlpatterns = [*page_patterns(), *search.urlpatterns]
