"""The German translation is complete, and the compiled catalogue is current."""

import ast
import gettext
import re
from pathlib import Path
from unittest.mock import patch

import pytest
from django.template import Context, Engine
from django.utils.translation import gettext as gettext_of
from django.utils.translation import override
from django.utils.translation.template import templatize

from vigil_apps import dashboard, second_factor
from vigil_apps.dashboard.reasons import TEXTS, in_own_words, translations
from vigil_contracts.names import REASON_TEXTS, Reason

CATALOGUE = Path(dashboard.__file__).parent / "locale/de/LC_MESSAGES"
SECOND_FACTOR = Path(second_factor.__file__).parent
"""Its texts appear in the dashboard and in mails, and are in the dashboard's catalogue."""
_ENTRY = re.compile(r'^msgid "(.+)"\n(?:msgid_plural "(?:.+)"\n)?msgstr(?:\[0\])? "(.*)"$', re.MULTILINE)
_PLACE = re.compile(r"%\(\w+\)s")
_MARKS = ("_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy")
_MARKED = re.compile(r"""(?:n?gettext|\b_)\(u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")


def entries() -> dict[str, str]:
    return dict(_ENTRY.findall((CATALOGUE / "django.po").read_text()))


def _texts_of_template(path: Path) -> set[str]:
    """Return the texts that `makemessages` finds, including `blocktranslate` and plurals.

    A percent sign is doubled, as it is when Django looks up a template's text.
    """
    return _texts_of_source(path.read_text())


def _texts_of_source(source: str) -> set[str]:
    return {str(ast.literal_eval(text)) for text in _MARKED.findall(templatize(source))}


def _texts_of_code(path: Path) -> set[str]:
    calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call) and node.args)
    marked = (call for call in calls if isinstance(call.func, ast.Name) and call.func.id in _MARKS)
    return {str(text.value) for call in marked if isinstance(text := call.args[0], ast.Constant)}


def test_every_text_has_a_german_translation() -> None:
    app = CATALOGUE.parents[2]
    used = {text for path in (app / "templates").rglob("*.html") for text in _texts_of_template(path)}
    used |= {text for part in (app, SECOND_FACTOR) for path in part.rglob("*.py") for text in _texts_of_code(path)}
    assert len(used) > 200
    assert used - {text for text, german in entries().items() if german} == set()


@pytest.mark.parametrize(
    "source",
    ['{% translate "Above 95 % it is full." %}', "{% blocktranslate %}Above 95 % it is full.{% endblocktranslate %}"],
)
def test_a_percent_sign_in_a_template_is_looked_up_as_it_is_checked(source: str) -> None:
    """A catalogue with «95 %» would be complete, and the page would still be in English."""
    [text] = _texts_of_source(source)
    asked: list[str] = []

    def look_up(message: str) -> str:
        asked.append(message)
        return "Über 95 %% ist er voll."

    with patch("django.utils.translation._trans.gettext", look_up):
        page = Engine(libraries={"i18n": "django.templatetags.i18n"}).from_string("{% load i18n %}" + source)
        assert page.render(Context()) == "Über 95 % ist er voll."
    assert asked == [text] == ["Above 95 %% it is full."]


def test_every_text_of_a_reason_has_a_german_translation() -> None:
    translated = entries()
    assert [text for text in TEXTS if not translated.get(text)] == []


def test_a_message_keeps_its_detail_in_translation() -> None:
    text = REASON_TEXTS[Reason.STREAM_TIMEOUT]
    with override("de"):
        german = in_own_words(text)
        assert german.startswith("Die Kamera sendet kein Video mehr")
        assert in_own_words(f"{text} (no packet for 10 s)") == f"{german} (no packet for 10 s)"
        assert in_own_words("Something else.") == "Something else."
        assert translations()[text] == german
    with override("en"):
        assert in_own_words(text) == text
        assert translations() == {}


def test_placeholders_match_in_translations() -> None:
    for text, german in entries().items():
        assert sorted(_PLACE.findall(text)) == sorted(_PLACE.findall(german)), text


def test_compiled_catalogue_is_current() -> None:
    whole = (CATALOGUE / "django.po").read_text()
    with (CATALOGUE / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    text_of_plurals = {
        text for text in entries() if re.search(rf'^msgid "{re.escape(text)}"\nmsgid_plural', whole, re.MULTILINE)
    }
    for text, german in entries().items():
        if text not in text_of_plurals:
            assert compiled.gettext(text) == german


def test_no_other_catalogue_replaces_a_translation() -> None:
    """Django's admin has a «History», too, and an application that is installed earlier wins."""
    with override("de"):
        replaced = {text: found for text, german in entries().items() if (found := gettext_of(text)) != german}
    assert replaced == {}
