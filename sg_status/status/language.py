"""The language of an answer that is the same for everybody: only the header counts, neither cookies nor a login."""

from functools import lru_cache

from django.utils.translation import get_supported_language_variant
from django.utils.translation.trans_real import parse_accept_lang_header

#: Longer headers are nobody's choice.
_HEADER_MOST = 200


@lru_cache(maxsize=512)
def language_asked(header: str) -> str:
    """The first of these languages that the site has; empty if it has none of them, or none was named."""
    for code, _weight in parse_accept_lang_header(header[:_HEADER_MOST]):
        if code == "*":
            break
        try:
            return get_supported_language_variant(code)
        except LookupError:
            continue
    return ""
