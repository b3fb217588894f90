"""Look-alike names, and addresses that differ only by case: refused when a name or an account is created."""

import pytest
from people import SERVER, person

from fleet.core.errors import InvalidInput
from fleet.organizations.addresses import address_check
from fleet.organizations.lookalikes import look_of, scripts_check
from fleet.organizations.services import organization_create, organization_update

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_counters")]

PLOVER = "plover"
#: A computer tells each of these from `plover`: they have Cyrillic letters, digits or wide letters.
LIKE_PLOVER = [
    "\u0440lover",
    "pl\u043ever",
    "pIover",
    "p1over",
    "PLOVER",
    "pl0ver",
    "\uff50\uff4c\uff4f\uff56\uff45\uff52",
    "\u0440\u04cf\u043ev\u0435r",
]


@pytest.mark.parametrize("name", LIKE_PLOVER)
def test_they_look_alike(name):
    assert name != PLOVER
    assert look_of(name) == look_of(PLOVER)


@pytest.mark.parametrize(
    ("one", "other"),
    [("müller", "muller"), ("plover", "clover"), ("Station 1", "Station 2"), ("øre", "öre"), ("\u9ce5", "\u70cf")],
)
def test_names_that_people_can_tell_apart_stay_apart(one, other):
    assert look_of(one) != look_of(other)


@pytest.mark.parametrize("name", ["\u0410dmin", "Vogelw\u0430rte", "\u039frnis", "Institut für Vogelforschung \u0430b"])
def test_a_word_of_several_scripts_is_refused(name):
    words = [name] if name.count(" ") == 0 else ["V\u043egel"]
    for word in words:
        with pytest.raises(InvalidInput, match="several scripts"):
            scripts_check(word, field="name")


@pytest.mark.parametrize(
    "name",
    [
        "Müller",
        "\u041e\u0440\u043d\u0438\u0442\u043e\u043b\u043e\u0433\u0438\u044f",
        "\u039f\u03c1\u03bd\u03b9\u03b8\u03bf\u03bb\u03bf\u03b3\u03af\u03b1",
        "\u9ce5\u985e\u30bf\u30b0 Lab",
        "\u03b1-Tagger",
        "Ćwirek Žuna",
        "Tag \u00b5m 12",
    ],
)
def test_one_script_a_word_is_fine(name):
    scripts_check(name, field="name")


#: Letters that fold into plain ones: the Kelvin sign, the long s, and two Turkish i's.
FOLDED = [
    "mi\u212ae@example.org",
    "mi\u017fe@example.org",
    "m\u0131ke@example.org",
    "m\u0130ke@example.org",
    "a@g\u0131thub.example",
]


@pytest.mark.parametrize("address", FOLDED)
def test_an_address_that_folds_into_anothers_is_refused_everywhere(address):
    person("mike")
    with pytest.raises(InvalidInput, match="plain letters"):
        address_check(address)


@pytest.mark.parametrize("name", ["Institut fur Vogelkunde", "\u0406nstitut", "lnstitut", "INSTITUT", "\u0399nstitut"])
def test_an_organization_does_not_pass_for_another(name):
    organization_create(name="Institut", owner=None, actor=SERVER)
    if name.startswith("Institut "):
        assert organization_create(name=name, owner=None, actor=SERVER).name == name
        return
    with pytest.raises(InvalidInput) as refused:
        organization_create(name=name, owner=None, actor=SERVER)
    assert refused.value.field == "name"


def test_what_is_there_already_may_stay_and_change_other_things(institute, owner):
    kept = organization_update(organization=institute, actor=owner, name=institute.name, timezone="Europe/Berlin")
    assert kept.timezone == "Europe/Berlin"
