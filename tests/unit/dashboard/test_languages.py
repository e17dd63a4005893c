"""The second language is whole, and the compiled catalogue is that of the text."""

import gettext
import re
from pathlib import Path

import surveillance

CATALOGUE = Path(surveillance.__file__).parent / "locale/de/LC_MESSAGES"
_ENTRY = re.compile(r'^msgid "(.+)"\n(?:msgid_plural "(?:.+)"\n)?msgstr(?:\[0\])? "(.*)"$', re.MULTILINE)
_PLACE = re.compile(r"%\(\w+\)s")
_USED = re.compile(r"""{% translate ["'](.+?)["'] %}|_\("((?:[^"\\]|\\.)+)"\)""")


def entries() -> dict[str, str]:
    return dict(_ENTRY.findall((CATALOGUE / "django.po").read_text()))


def test_every_text_of_the_pages_has_its_german() -> None:
    app = CATALOGUE.parents[2]
    sources = [*(app / "templates").rglob("*.html"), *(app / "dashboard").rglob("*.py")]
    used = {first or second for path in sources for first, second in _USED.findall(path.read_text())}
    assert used - {text for text, german in entries().items() if german} == set()


def test_places_for_values_are_the_same() -> None:
    for text, german in entries().items():
        assert sorted(_PLACE.findall(text)) == sorted(_PLACE.findall(german)), text


def test_the_compiled_catalogue_is_that_of_the_text() -> None:
    whole = (CATALOGUE / "django.po").read_text()
    with (CATALOGUE / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    text_of_plurals = {
        text for text in entries() if re.search(rf'^msgid "{re.escape(text)}"\nmsgid_plural', whole, re.MULTILINE)
    }
    for text, german in entries().items():
        if text not in text_of_plurals:
            assert compiled.gettext(text) == german
