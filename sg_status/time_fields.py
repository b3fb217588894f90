"""Form fields for times, days and decimals, in the page's time zone and with its language's decimal mark."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, NamedTuple

from django import forms
from django.utils.functional import lazy
from django.utils.translation import gettext as _

from fleet.core.errors import InvalidInput
from fleet.core.zones import (
    UTC_NAME,
    is_twice,
    offset_words,
    typed_moment,
    viewer_time,
    viewer_zone_name,
    zone_label,
    zone_of,
)

_MOST: Final = 40
#: Times outside these years are typing errors, and the moments next to them may not exist.
_YEARS = range(1900, 9000)


class Typed(NamedTuple):
    """A time or day as typed, the zone of its page, and which one is meant of a time that the clock shows twice."""

    text: str
    zone: str
    turn: int | None

    def moment(self) -> datetime:
        """The moment meant. A time that names its offset needs no zone. Raises `InvalidInput`."""
        try:
            read = datetime.fromisoformat(self.text)
        except ValueError as error:
            raise InvalidInput(_("Enter a time like 2026-05-01 12:30.")) from error
        _year_check(read)
        if read.tzinfo is not None:
            return read.astimezone(UTC)
        zone = zone_of(self.zone)
        return typed_moment(read, UTC if zone is None else zone, turn=self.turn)

    def day(self) -> date:
        """The day meant. Raises `InvalidInput`."""
        try:
            read = date.fromisoformat(self.text)
        except ValueError as error:
            raise InvalidInput(_("Enter a day like 2026-05-01.")) from error
        _year_check(read)
        return read


def _year_check(read: date) -> None:
    if read.year not in _YEARS:
        raise InvalidInput(_("Enter a time between the years 1900 and 8999."))


class _ZonedInput(forms.DateTimeInput):
    """A control that sends the page's zone with the typed text, so that switching to UTC meanwhile changes nothing.

    Text without a zone is in UTC.
    """

    template_name = "sg_status/components/zoned_input.html"

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Typed | None:  # noqa: ARG002 - Django's signature
        """The typed value, or None."""
        text = str(data.get(name) or "").strip()[:_MOST]
        turn = {"0": 0, "1": 1}.get(str(data.get(f"{name}_turn", "")))
        return Typed(text, str(data.get(f"{name}_zone") or UTC_NAME), turn) if text else None

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        """Add the zone, and the choices if the clock shows the time twice."""
        context = super().get_context(name, value, attrs)
        context["widget"] |= {"zone": _zone_name(value), "turns": self.turns(value)}
        return context

    def turns(self, value: Any) -> list[tuple[int, str, bool]]:  # noqa: ARG002 - for the one that has them
        """The two moments of a time that the clock shows twice: value, words, and whether that one is meant."""
        return []


class MomentInput(_ZonedInput):
    """A time to the minute; one that has seconds keeps them."""

    input_type = "datetime-local"

    def format_value(self, value: Any) -> str | None:
        """The time as browsers want it, on the clock of its zone."""
        if isinstance(value, datetime):
            local = viewer_time(value)
            return f"{local:%Y-%m-%dT%H:%M:%S}" if local.second else f"{local:%Y-%m-%dT%H:%M}"
        return value.text.replace(" ", "T", 1) if isinstance(value, Typed) else None

    def turns(self, value: Any) -> list[tuple[int, str, bool]]:
        """The two moments, if the clock shows the time twice."""
        zone = zone_of(_zone_name(value))
        try:
            naive = datetime.fromisoformat(self.format_value(value) or "")
        except ValueError:
            return []
        if zone is None or naive.tzinfo is not None or not is_twice(naive, zone):
            return []
        chosen = value.turn if isinstance(value, Typed) else viewer_time(value).fold
        words = (_("the first, %(offset)s"), _("the second, %(offset)s"))
        return [
            (fold, word % {"offset": offset_words(naive.replace(tzinfo=zone, fold=fold))}, chosen == fold)
            for fold, word in enumerate(words)
        ]


class DayInput(_ZonedInput):
    """A day."""

    input_type = "date"

    def format_value(self, value: Any) -> str | None:
        """The day as browsers want it."""
        if isinstance(value, datetime):
            return f"{viewer_time(value):%Y-%m-%d}"
        return value.text if isinstance(value, Typed) else None


class MomentField(forms.Field):
    """A time, labelled with the zone of the page; the value is a moment."""

    widget = MomentInput

    def __init__(self, *, label: Any, **options: Any) -> None:
        super().__init__(label=zoned(label), **options)

    def to_python(self, value: Any) -> datetime | None:
        """The moment, or None."""
        try:
            return value.moment() if isinstance(value, Typed) else None
        except InvalidInput as error:
            raise forms.ValidationError(str(error)) from error

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether another time was typed than the form showed."""
        shown = initial.replace(microsecond=0) if isinstance(initial, datetime) else initial
        return super().has_changed(shown, data)


class DayField(forms.Field):
    """A day in the zone of the page; the value is its beginning, or with `is_end` its end."""

    widget = DayInput

    def __init__(self, *, label: Any, is_end: bool = False, **options: Any) -> None:
        super().__init__(label=zoned(label), **options)
        self._days = timedelta(days=1 if is_end else 0)

    def to_python(self, value: Any) -> datetime | None:
        """The moment at which the day begins or ends, or None."""
        if not isinstance(value, Typed):
            return None
        try:
            day = value.day()
        except InvalidInput as error:
            raise forms.ValidationError(str(error)) from error
        return datetime.combine(day + self._days, time(), zone_of(value.zone) or UTC).astimezone(UTC)

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether the typed day differs from the one shown, even if the moment is not midnight in this zone."""
        if isinstance(initial, datetime) and isinstance(data, Typed):
            return f"{initial.astimezone(zone_of(data.zone) or UTC):%Y-%m-%d}" != data.text
        return super().has_changed(initial, data)


class NumberField(forms.FloatField):
    """A number with decimals; it is shown with the decimal mark of the language, and read with that or a point."""

    def __init__(self, **options: Any) -> None:
        super().__init__(localize=True, **options)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        """Ask phones for the keyboard of numbers."""
        return {**super().widget_attrs(widget), "inputmode": "decimal", "autocomplete": "off"}


def unchanged_kept(form: forms.Form) -> None:
    """Restore the exact moments of those times and days in a filled form that the person left as shown."""
    for name, field in form.fields.items():
        if isinstance(field, MomentField | DayField) and name in form.cleaned_data and name not in form.changed_data:
            form.cleaned_data[name] = form.initial.get(name)


def _with_zone(label: Any) -> str:
    return f"{label} ({zone_label(viewer_zone_name())})"


#: The label with the zone of the page, `Since (America/Toronto)`, finished when the page is rendered.
zoned = lazy(_with_zone, str)


def _zone_name(value: Any) -> str:
    return value.zone if isinstance(value, Typed) else viewer_zone_name()
