"""Components of pages: how they render their arguments, and that they escape them."""

from types import SimpleNamespace

import pytest
from django import forms
from django.template import Context, Template
from django.utils.safestring import mark_safe

HOSTILE = "<b>&'\""
ESCAPED = "&lt;b&gt;&amp;&#x27;&quot;"


def shown(source: str, **context) -> str:
    return " ".join(Template("{% load components %}" + source).render(Context(context)).split())


@pytest.mark.parametrize(
    ("source", "markup"),
    [
        ("{% column x %}", f'<th scope="col">{ESCAPED}</th>'),
        ("{% cell x %}1{% endcell %}", f'<td data-label="{ESCAPED}">1</td>'),
        ("{% cell 'A' %}{{ x }}{% endcell %}", f'<td data-label="A">{ESCAPED}</td>'),
        ("{% cell 'A' title=x %}1{% endcell %}", f'<td data-label="A" title="{ESCAPED}">1</td>'),
        ("{% fact x %}{{ x }}{% endfact %}", f"<div><dt>{ESCAPED}</dt><dd>{ESCAPED}</dd></div>"),
        ("{% field x x %}{% endfield %}", f'<div class="f"><label for="{ESCAPED}">{ESCAPED}</label></div>'),
        ("{% empty_state %}{{ x }}{% endempty_state %}", f'<p class="dim">{ESCAPED}</p>'),
        ("{% total x 1 2 %}{{ x }}{% endtotal %}", f'<a href="{ESCAPED}">{ESCAPED}</a>'),
        ("{% fold x %}1{% endfold %}", f'<details class="ask"><summary>{ESCAPED}</summary>1</details>'),
        ("{% mark x x %}", f'#check"/></svg>{ESCAPED}</span>'),
        ("{% icon x %}", f'#{ESCAPED}"/></svg>'),
        ("{% strip_sign x %}", f'<rect class="{ESCAPED}" width="12" height="10"/>'),
        ("{% table x name=x %}{% endtable %}", f'<table class="{ESCAPED}" id="{ESCAPED}"></table>'),
        ("{% section x x %}{% endsection %}", f'<h2 id="{ESCAPED}">{ESCAPED}</h2>'),
        ("{% setting x x x %}{{ x }}{% endsetting %}", f'<p class="hint">{ESCAPED}</p>'),
        ("{% post_button x x %}", f'action="{ESCAPED}"'),
        ("{% post_form None x back=x keep=x %}", f'<a class="btn bare" href="{ESCAPED}">{ESCAPED}</a>'),
        ("{% ask_first x x %}{{ x }}{% endask_first %}", f"<p>{ESCAPED}</p>"),
        ("{% include 'sg_status/components/photo.html' with alt=x large=x small=x %}", f'alt="{ESCAPED}"'),
    ],
)
def test_what_people_wrote_is_text(source, markup):
    assert markup in shown(source, x=HOSTILE)
    assert HOSTILE not in shown(source, x=HOSTILE)


def test_an_empty_cell_says_so_and_one_with_a_zero_does_not():
    assert shown("{% cell 'A' 'number' %} {% endcell %}") == '<td class="number empty" data-label="A"></td>'
    assert shown("{% cell 'A' 'number' %}0{% endcell %}") == '<td class="number" data-label="A">0</td>'


def test_a_table_without_a_class_is_cards_on_a_phone():
    assert shown("{% table %}{% endtable %}") == '<table class="cards"></table>'
    assert shown("{% table '' %}{% endtable %}") == "<table></table>"
    framed = shown("{% table frame='scroll' start='2026-01-01' end='2026-01-02' %}{% endtable %}")
    assert framed.startswith('<div class="scroll"><table class="cards" ')
    assert 'data-from="2026-01-01"' in framed
    assert 'data-to="2026-01-02"' in framed


def test_the_keyboard_reaches_and_scrolls_a_tall_table_which_says_what_it_is():
    framed = shown("{% table frame='tall' labelled_by='h-hours' %}{% endtable %}")
    assert framed.startswith('<div aria-labelledby="h-hours" class="tall" role="group" tabindex="0"><table ')


@pytest.mark.parametrize(("chosen", "is_current"), [("silent", True), ("late", False), (None, False)])
def test_the_chosen_filter_is_the_current_one(chosen, is_current):
    found = shown("{% total to 'silent' chosen %}3{% endtotal %}", to="?a=1&b=2", chosen=chosen)
    assert ('aria-current="true"' in found) is is_current
    assert "?a=1&amp;b=2" in found


def test_a_station_without_a_name_is_called_by_its_serial():
    plain, named = SimpleNamespace(serial="SG-1", name=""), SimpleNamespace(serial="SG-1", name="<Lake>")
    assert shown("{% station_link s %}", s=plain) == '<a href="/stations/SG-1/">SG-1</a>'
    found = shown("{% station_link s prefix='a-' strong=True page='station-deliveries' %}", s=named)
    assert '<b>&lt;Lake&gt;</b></a> <span class="serial">SG-1</span>' in found
    assert 'id="a-SG-1"' in found
    assert 'href="/stations/SG-1/deliveries/"' in found


class Upload(forms.Form):
    photo = forms.FileField()


class Plain(forms.Form):
    word = forms.CharField(help_text="One word.")
    hidden = forms.CharField(widget=forms.HiddenInput, required=False)
    agreed = forms.BooleanField()


def test_a_form_has_a_token_its_fields_and_one_button():
    found = shown("{% post_form form 'Save' 'danger' action='/x/' part='one' %}", form=Plain({}), csrf_token="T")
    assert found.startswith('<form method="post" action="/x/" >')
    for part in (
        '<input type="hidden" name="csrfmiddlewaretoken" value="T">',
        '<input type="hidden" name="part" value="one">',
        '<label for="id_word">Word</label>',
        '<p class="hint" id="id_word_helptext">One word.</p>',
        '<p class="err" id="id_word_error">',
        '<a href="#id_word">Word</a>: This field is required.',
        '<input type="hidden" name="hidden" id="id_hidden">',
        '<button class="danger">Save</button>',
    ):
        assert part in found
    assert 'class="btn' not in found
    assert "enctype" not in found
    # A label, its help, its error, its control: in the order in which they are read.
    places = [found.index(f'id="id_word{part}"') for part in ("_helptext", "_error", "")]
    assert places == sorted(places)


def test_a_form_with_a_file_is_sent_in_parts():
    assert 'enctype="multipart/form-data"' in shown("{% post_form form 'Send' %}", form=Upload())


def test_a_question_without_fields_has_a_way_back():
    found = shown("{% post_form None 'Leave' 'danger' back='/o/' keep='Stay' %}")
    assert (
        '<p class="acts"> <button class="danger">Leave</button> <a class="btn bare" href="/o/">Stay</a> </p>' in found
    )


def test_a_dangerous_button_asks_first_and_sends_the_token():
    found = shown("{% ask_first 'Delete' '/d/' %}All is gone.{% endask_first %}", csrf_token="T")
    assert found.startswith(
        '<details class="ask"> <summary class="danger">Delete …</summary> <form method="post" action="/d/">'
    )
    assert 'name="csrfmiddlewaretoken" value="T"' in found
    assert '<p>All is gone.</p> <button class="danger">Delete</button>' in found


def test_a_safe_text_is_not_escaped_again():
    assert "<dt>a &amp; b</dt>" in shown("{% fact x %}1{% endfact %}", x=mark_safe("a &amp; b"))


def test_steps_without_page_numbers_need_an_address():
    source = "{% include 'sg_status/components/older.html' %}"
    assert shown(source) == ""
    found = shown(source, newest="?a=1&b=2", older="?after=3")
    assert '<a href="?a=1&amp;b=2">← Newest</a>' in found
    assert '<a rel="next" href="?after=3">Older →</a>' in found


def test_a_part_of_a_page_is_a_card_unless_it_is_open():
    assert shown("{% section 'h' 'A' %}1{% endsection %}").startswith('<section aria-labelledby="h" class="card part">')
    assert 'class="open"' in shown("{% section 'h' 'A' 'open' %}1{% endsection %}")


def test_a_state_is_a_shape_and_a_word_and_a_colour():
    found = " ".join(Template("{% load roost %}{% state 'silent' %}").render(Context()).split())
    assert found.startswith('<span class="st silent"><svg class="i" aria-hidden="true"><use href="')
    assert found.endswith('#silent"/></svg>silent</span>')
