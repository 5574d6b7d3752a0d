"""Values as they are said: money, digits, ordinals, dates, times, numbers."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.flow.expressions import ExpressionError, Scope, Sensitive, Template

SCOPE = Scope({"x": None}, {"now": datetime.datetime(2026, 3, 1, 12, 0, tzinfo=datetime.UTC)})
LANGUAGES = ("en", "de", "es", "fr")


def said(expression: str, language: str = "en", **variables: Any) -> str:
    scope = Scope(variables, SCOPE.context)
    return str(Template.parse(f"{{{{ {expression} }}}}").render(scope, language).value)


# fmt: off
TABLE = [
    ('money(12.5, "EUR")', "twelve euros and fifty cents", "zwölf Euro und fünfzig Cent",
     "doce euros con cincuenta céntimos", "douze euros et cinquante centimes"),
    ('money(1, "EUR")', "one euro", "ein Euro", "un euro", "un euro"),
    ('money(0.01, "eur")', "one cent", "ein Cent", "un céntimo", "un centime"),
    ('money(0, "EUR")', "zero euros", "null Euro", "cero euros", "zéro euro"),
    ('money("1204.50", "EUR")', "one thousand two hundred and four euros and fifty cents",
     "eintausendzweihundertvier Euro und fünfzig Cent", "mil doscientos cuatro euros con cincuenta céntimos",
     "mille deux cent quatre euros et cinquante centimes"),
    ('money(21.01, "GBP")', "twenty-one pounds and one penny", "einundzwanzig Pfund und ein Penny",
     "veintiuna libras con un penique", "vingt et une livres et un penny"),
    ('money(200200, "GBP")', "two hundred thousand two hundred pounds", "zweihunderttausendzweihundert Pfund",
     "doscientas mil doscientas libras", "deux cent mille deux cents livres"),
    ('money(1000000, "EUR")', "one million euros", "eine Million Euro", "un millón de euros", "un million d'euros"),
    ('money(31000, "EUR")', "thirty-one thousand euros", "einunddreißigtausend Euro", "treinta y un mil euros",
     "trente et un mille euros"),
    ('money(101, "SEK")', "one hundred and one Swedish kronor", "einhunderteine schwedische Kronen",
     "ciento una coronas suecas", "cent une couronnes suédoises"),
    ('money(-3.2, "USD")', "minus three dollars and twenty cents", "minus drei Dollar und zwanzig Cent",
     "menos tres dólares con veinte centavos", "moins trois dollars et vingt cents"),
    ('money(1500.4, "JPY")', "one thousand five hundred yen", "eintausendfünfhundert Yen", "mil quinientos yenes",
     "mille cinq cents yens"),
    ('money(0.125, "EUR")', "thirteen cents", "dreizehn Cent", "trece céntimos", "treize centimes"),
    ('money(5.5, "PLN")', "five point five Polish zlotys", "fünf Komma fünf Polnische Złoty",
     "cinco coma cinco eslotis polacos", "cinq virgule cinq zlotys polonais"),
    ('number(1204.5)', "one thousand two hundred and four point five", "eintausendzweihundertvier Komma fünf",
     "mil doscientos cuatro coma cinco", "mille deux cent quatre virgule cinq"),
    ('number("-0.05")', "minus zero point zero five", "minus null Komma null fünf", "menos cero coma cero cinco",
     "moins zéro virgule zéro cinq"),
    ('ordinal(3)', "third", "dritte", "tercero", "troisième"),
    ('ordinal("21")', "twenty-first", "einundzwanzigste", "vigésimo primero", "vingt et unième"),
    ('ordinal(0)', "zero", "null", "cero", "zéro"),
    ('date("2026-03-02")', "the second of March", "zweiten März", "dos de marzo", "deux mars"),
    ('date("2026-03-01T10:00:00+01:00", "weekday")', "Sunday the first of March", "Sonntag, den ersten März",
     "domingo uno de marzo", "dimanche premier mars"),
    ('date("2027-10-21")', "the twenty-first of October twenty twenty-seven",
     "einundzwanzigsten Oktober zweitausendsiebenundzwanzig", "veintiuno de octubre de dos mil veintisiete",
     "vingt et un octobre deux mille vingt-sept"),
    ('time("14:30")', "two thirty PM", "vierzehn Uhr dreißig", "las dos y media de la tarde",
     "quatorze heures trente"),
    ('time("01:00")', "one AM", "ein Uhr", "la una de la madrugada", "une heure"),
    ('time("9:05")', "nine oh five AM", "neun Uhr fünf", "las nueve y cinco de la mañana", "neuf heures cinq"),
    ('time("2026-03-02T21:15:00Z")', "nine fifteen PM", "einundzwanzig Uhr fünfzehn",
     "las nueve y cuarto de la noche", "vingt et une heures quinze"),
    ('time("24:00")', "midnight", "null Uhr", "las doce de la noche", "minuit"),
    ('time(now)', "noon", "zwölf Uhr", "las doce del mediodía", "midi"),
    ('digits("+49 30 12*#")', "plus 4 9, 3 0, 1 2 star pound", "plus 4 9, 3 0, 1 2 Stern Raute",
     "más 4 9, 3 0, 1 2 asterisco almohadilla", "plus 4 9, 3 0, 1 2 étoile dièse"),
]
# fmt: on


@pytest.mark.parametrize(
    ("expression", "language", "wanted"),
    [(row[0], language, wanted) for row in TABLE for language, wanted in zip(LANGUAGES, row[1:], strict=True)],
)
def test_values_are_said_as_people_say_them(expression: str, language: str, wanted: str) -> None:
    assert said(expression, language) == wanted
    assert said(expression, language.upper() + "-XY") == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("", ""),
        ("7", "7"),
        ("4711", "4 7 1 1"),
        ("12345", "1 2 3, 4 5"),
        ("123456", "1 2 3, 4 5 6"),
        ("1234567", "1 2 3, 4 5 6 7"),
        ("555-0199", "5 5 5, 0 1 9 9"),
        ("ab12", "A B 1 2"),
        ("1" * 100, "1 1 1, " * 20 + "1 1 1 1"),
    ],
)
def test_digits_come_in_groups_that_people_can_follow(value: str, wanted: str) -> None:
    assert said("digits(x)", x=value) == wanted


def test_digits_come_in_groups_as_asked_for() -> None:
    assert said("digits(x, 2)", x="12 345") == "1 2, 3 4, 5"
    assert said("digits(x, 1)", x="123") == "1, 2, 3"


@pytest.mark.parametrize(
    ("expression", "italian", "unknown"),
    [
        ('money(1204.5, "EUR")', "1204,50 euro", "1204.50 EUR"),
        ("number(1204.5)", "1204,5", "1204.5"),
        ("ordinal(3)", "terzo", "3."),
        ('date("2026-03-02")', "2 marzo", "2026-03-02"),
        ('date("2027-03-02", "weekday")', "martedì, 2 marzo 2027", "2027-03-02"),
        ('time("9:05")', "09:05", "09:05"),
        ('digits("12#")', "1 2 #", "1 2 #"),
    ],
)
def test_other_languages_write_digits(expression: str, italian: str, unknown: str) -> None:
    assert said(expression, "it") == italian
    assert said(expression, "it-XX") == italian
    for tag in ("xx", "", "../../etc", "e" * 500):
        assert said(expression, tag or "-") == unknown


@pytest.mark.parametrize(
    "expression",
    [
        'money(null, "EUR")',
        'money("much", "EUR")',
        'money(true, "EUR")',
        'money(1, "euro")',
        "money(1, null)",
        'money([1], "EUR")',
        "ordinal(1.5)",
        "number(null)",
        'number("1_000")',
        'date("tomorrow")',
        "date(5)",
        'date("2026-03-02", "short")',
        'time("25:00")',
        "time(930)",
        "digits([[1]], 0)",
        "digits(1, 100)",
    ],
)
def test_what_is_no_value_of_the_kind_is_an_error(expression: str) -> None:
    with pytest.raises(ExpressionError):
        said(expression)


def test_secrets_stay_secret() -> None:
    scope = Scope({"pin": Sensitive("2468")})
    rendered = Template.parse("Your PIN is {{ digits(pin) }}.").render(scope, "en")
    assert rendered == ("Your PIN is 2 4 6 8.", True)


def test_the_language_is_that_of_the_text_and_else_of_the_scope() -> None:
    template = Template.parse('{{ money(1, "EUR") }}')
    scope = Scope({}, language="de")
    assert template.render(scope).value == "ein Euro"
    assert template.render(scope, "en").value == "one euro"


def test_the_year_is_said_where_the_day_of_the_call_is_not_known() -> None:
    assert Template.parse('{{ date("2026-03-02") }}').render(Scope({})).value.endswith("twenty twenty-six")


NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20), st.floats(), st.decimals(), st.text(max_size=50), st.none(), st.booleans()
)


@pytest.mark.parametrize("language", [*LANGUAGES, "it", "pt-BR", "ar", "ja", "xx"])
@pytest.mark.parametrize("function", ["money(x, 'EUR')", "number(x)", "ordinal(x)", "digits(x)", "date(x)", "time(x)"])
@given(value=NUMBERS | st.dates() | st.datetimes() | st.times())
def test_whatever_the_value_is_it_is_said_or_refused(language: str, function: str, value: object) -> None:
    try:
        text = Template.parse(f"{{{{ {function} }}}}").render(Scope({"x": value}), language).value
    except ExpressionError:
        return
    assert isinstance(text, str)
    assert len(text) < 1000
    assert text or function == "digits(x)"


@pytest.mark.parametrize("language", LANGUAGES)
@given(cents=st.integers(-(10**14), 10**14))
def test_money_is_all_words(language: str, cents: int) -> None:
    text = said(f'money("{cents / 100:.2f}", "EUR")', language)
    assert not any(character.isdigit() for character in text)
    assert text.count(" ") < 60


@pytest.mark.parametrize("language", LANGUAGES)
@given(moment=st.datetimes(datetime.datetime(1500, 1, 1), datetime.datetime(2200, 1, 1)), number=st.integers(0, 10**9))
def test_days_times_and_places_are_all_words(language: str, moment: datetime.datetime, number: int) -> None:
    scope = Scope({"x": moment, "n": number})
    template = Template.parse('{{ date(x, "weekday") }} {{ time(x) }} {{ ordinal(n) }}')
    text = str(template.render(scope, language).value)
    assert not any(character.isdigit() for character in text), text
    assert "  " not in text
