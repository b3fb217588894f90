"""URLs of the status pages, collected from `sg_status/pages`."""

from sg_status.registry import page_patterns

urlpatterns = list(page_patterns())
