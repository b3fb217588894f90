"""Templates that can be read: short lines, texts that may be wrapped, and components instead of repeated markup."""

import re

import pytest

from operations.paths import REPOSITORY, TEMPLATES
from sg_status.templatetags import components

LONGEST = 120
COMPONENTS = REPOSITORY / "sg_status" / "templates" / "sg_status" / "components"
REFERENCE = (REPOSITORY / "docs" / "reference" / "components.md").read_text()
#: Markup, and the component to use instead.
REPEATED = {
    r'<th scope="col"(?! class="number" data-sum|><span)': "{% column %}",
    r"\bdata-label=": "{% cell %}",
    r"<table\b": "{% table %}",
    r"<dt\b": "{% fact %}",
    r'<section[^>]* aria-labelledby="[^"]*">\s*<h2[^>]*>\s*{% (?:block)?translate [^%]*%}[^<]*</h2>': "{% section %}",
    r'<label for="[^"{]*">[^<]*</label>\s*<(?:input|select)': "{% field %}",
    r'class="ask"': "{% fold %} or {% ask_first %}",
    r'class="mark': "{% mark %}",
    r'class="totals"': "{% totals %}",
    r'class="tabs"': "components/tabs.html",
    r'class="pages"': "components/pager.html or components/older.html",
    r'components/fields.html"[^%]*%}\s*<button(?: class="[^"]*")?>[^<]*</button>\s*</form>': "{% post_form %}",
    r"{% csrf_token %}\s*<button(?: class=\"[^\"]*\")?>[^<]*</button>\s*</form>": "{% post_button %}",
    r"data-passkey-failed": "mfa/passkey_failed.html",
}
#: Other templates that contain the markup of a component.
OWN = {"passkey_failed.html"}
BLOCKTRANSLATE = re.compile(r"{% blocktranslate([^%]*)%}(.*?){% endblocktranslate %}", re.DOTALL)


def templates():
    return sorted(path for folder in TEMPLATES for path in (REPOSITORY / folder).rglob("*") if path.is_file())


def name(path):
    return str(path.relative_to(REPOSITORY))


def line_of(text, match):
    return text.count("\n", 0, match.start()) + 1


def test_no_line_is_longer_than_one_can_read():
    found = [
        f"{name(path)}:{number}: {len(line)}"
        for path in templates()
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if len(line) > LONGEST
    ]
    assert len(templates()) > 100
    assert found == []


def test_a_text_over_several_lines_is_trimmed():
    found = [
        f"{name(path)}:{line_of(text, match)}"
        for path in templates()
        for text in [path.read_text()]
        for match in BLOCKTRANSLATE.finditer(text)
        if "\n" in match[2] and "trimmed" not in match[1].split()
    ]
    assert found == []


@pytest.mark.parametrize("markup", REPEATED)
def test_a_page_uses_the_component(markup):
    found = [
        f"{name(path)}:{line_of(text, match)}: {REPEATED[markup]}"
        for path in templates()
        if path.parent != COMPONENTS and path.name not in OWN
        for text in [path.read_text()]
        for match in re.finditer(markup, text)
    ]
    assert found == []


@pytest.mark.parametrize("tag", sorted(components.register.tags))
def test_a_tag_is_used_and_in_the_reference(tag):
    word = f"{{% {tag} "
    assert word in REFERENCE
    assert any(word in path.read_text() for path in templates())


@pytest.mark.parametrize("path", sorted(COMPONENTS.iterdir()), ids=lambda path: path.stem)
def test_a_component_names_its_arguments_and_is_in_the_reference(path):
    assert path.read_text().startswith("{# ")
    assert path.name in REFERENCE or f"{{% {path.stem} " in REFERENCE
