"""Forms of pages that organizations write."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from fleet.wiki.models import WikiPage, WikiRevision
from fleet.wiki.services import POSITION_MOST, REMARK_MOST, SLUG_MOST, TEXT_MOST, TITLE_MOST, PageAsked


class WikiForm(forms.Form):
    """A page, new or changed. `number`: the revision that the writer started from."""

    title = forms.CharField(label=_("Title"), max_length=TITLE_MOST)
    text = forms.CharField(
        label=_("Text, in Markdown"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 24, "class": "full"}),
        help_text=_("A picture: ![Words](files/4711) or ![Words](photos/NAME). A page: [Words](pages/field-work)."),
    )
    remark = forms.CharField(label=_("What you changed"), max_length=REMARK_MOST, required=False)
    is_public = forms.BooleanField(
        label=_("Everybody can read it, without a login"),
        required=False,
        help_text=_("Outsiders see only pictures that are public photos of a public place."),
    )
    slug = forms.CharField(
        label=_("Name in addresses"),
        max_length=SLUG_MOST,
        required=False,
        help_text=_("Such as field-work; it cannot be changed later. Leave empty to make it from the title."),
    )
    position = forms.IntegerField(
        label=_("Position"),
        min_value=0,
        max_value=POSITION_MOST,
        required=False,
        help_text=_("Lists begin with the lowest number; pages with the same number are sorted by title."),
    )
    number = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def clean_text(self) -> str:
        """The text with plain line breaks. Its length is checked before anything renders it."""
        text: str = self.cleaned_data["text"].replace("\r\n", "\n")
        if len(text) > TEXT_MOST:
            words = gettext("The text has %(length)d characters: use at most %(most)d.")
            raise forms.ValidationError(words % {"length": len(text), "most": TEXT_MOST})
        return text

    @classmethod
    def of(cls, page: WikiPage, revision: WikiRevision, data: Any = None) -> "WikiForm":
        """The form with the page's current content. Its slug cannot change: somebody else may be editing it."""
        initial = {name: getattr(page, name) for name in ("title", "is_public", "position", "number")}
        form = cls(data, initial={**initial, "text": revision.text})
        del form.fields["slug"]
        return form

    def asked(self) -> PageAsked:
        """The page as entered."""
        told = self.cleaned_data
        return PageAsked(
            title=told["title"],
            text=told["text"],
            slug=told.get("slug", ""),
            is_public=told["is_public"],
            position=told["position"] or 0,
            remark=told["remark"],
        )

    def start_from(self, number: int) -> None:
        """Make the next submission of this form start from another revision; the typed text stays."""
        self.data = {**dict(self.data.items()), "number": str(number)}
