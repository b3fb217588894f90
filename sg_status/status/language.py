"""The language of an answer that is the same for everybody: only the header counts, neither cookies nor a login."""

from functools import lru_cache

from django.utils.translation import get_supported_language_variant
from django.utils.translation.trans_real import parse_accept_lang_header

#: The rest of a longer header is ignored: nobody chooses that many languages.
_HEADER_MOST = 200


@lru_cache(maxsize=512)
def language_asked(header: str) -> str:
    """The header's first language that the site has; empty if it has none of them, or the header names none."""
    for code, _weight in parse_accept_lang_header(header[:_HEADER_MOST]):
        if code == "*":
            break
        try:
            return get_supported_language_variant(code)
        except LookupError:
            continue
    return ""
