"""The languages of the site: English, and each that has a catalogue. Adding a language needs only files."""

from pathlib import Path

from django.conf.locale import LANG_INFO


def languages_found(root: Path) -> list[tuple[str, str]]:
    """Code and own name of each language with a catalogue in `web/locale`, English first."""
    codes = sorted(path.parent.parent.name for path in root.glob("web/locale/*/LC_MESSAGES/django.po"))
    return [("en", "English"), *((code, _own_name(code)) for code in codes if code != "en")]


def _own_name(code: str) -> str:
    name = str(LANG_INFO.get(code, {}).get("name_local", code))
    return name[:1].upper() + name[1:]
