"""How one language says values; the classes here serve every language that has no module of its own."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

if TYPE_CHECKING:
    from babel import Locale

__all__ = ["MAX_SPOKEN", "Coin", "Currency", "Tongue", "tongue_of"]

MAX_SPOKEN = 10**15
"""Magnitude below which numbers are said in words; greater ones are read digit by digit, nobody follows such words."""

MAX_PLACES = 6
"""Decimal places said; further ones are rounded away."""

TONGUES_CACHED = 64
"""Languages kept ready; a daemon speaks a few."""

USUAL_PLACES = 2
"""Decimal places of money whose hundredth has a name."""


class Coin(NamedTuple):
    """A unit of money."""

    one: str
    """After the number one."""
    many: str
    """After any other number."""
    feminine: bool = False
    """Numbers before it take their feminine form."""


class Currency(NamedTuple):
    """A currency with its hundredth."""

    main: Coin
    """Euro, dollar."""
    part: Coin | None = None
    """Cent; None: there is none in use."""


class Tongue:
    """A language; this class knows nothing of it and writes digits."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        """As the flow names it."""

    def number(self, value: Decimal) -> str:
        """A number."""
        return f"{value:f}"

    def ordinal(self, value: int) -> str:
        """A place in an order."""
        return f"{value}."

    def money(self, value: Decimal, code: str) -> str:
        """An amount; `code` as in ISO 4217."""
        return f"{value:.2f} {code}"

    def date(self, day: datetime.date, *, weekday: bool, year: bool) -> str:
        """A day, with its weekday and its year where wanted."""
        return day.isoformat()

    def time(self, at: datetime.time) -> str:
        """A time of day, to the minute."""
        return f"{at.hour:02}:{at.minute:02}"

    def sign(self, key: str) -> str:
        """The name of `+`, `*` or `#`."""
        return key

    def digits(self, groups: Sequence[str]) -> str:
        """Signs one by one, a short stop between groups."""
        return ", ".join(" ".join(self.sign(key) for key in group) for group in groups)


class WrittenTongue(Tongue):
    """A language that babel knows: numbers and dates as its people write them."""

    def __init__(self, tag: str, locale: Locale) -> None:
        super().__init__(tag)
        self.locale = locale
        self.ordinals = _ordinals_of(locale)

    def number(self, value: Decimal) -> str:
        from babel.numbers import format_decimal

        return format_decimal(value, format="0.######", locale=self.locale)

    def ordinal(self, value: int) -> str:
        return super().ordinal(value) if self.ordinals is None or value <= 0 else self.ordinals(value)

    def money(self, value: Decimal, code: str) -> str:
        from babel.numbers import format_currency, get_currency_precision

        places = get_currency_precision(code)
        value = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
        whole = value == value.to_integral_value()
        if whole:
            value = value.to_integral_value()
        return format_currency(
            value,
            code,
            locale=self.locale,
            format_type="name",
            currency_digits=not whole,
            group_separator=False,
        )

    def date(self, day: datetime.date, *, weekday: bool, year: bool) -> str:
        from babel.dates import format_date, format_skeleton

        form = format_date(day, "long", locale=self.locale)
        text = form if year else format_skeleton("MMMMd", day, locale=self.locale)
        return f"{format_date(day, 'EEEE', locale=self.locale)}, {text}" if weekday else text

    def time(self, at: datetime.time) -> str:
        from babel.dates import format_time

        return format_time(at, "short", locale=self.locale)


class WordTongue(Tongue):
    """A language whose values are written out in words; subclasses say how."""

    LANGUAGE: ClassVar[str] = ""
    """As num2words and babel name it."""
    MINUS: ClassVar[str] = ""
    POINT: ClassVar[str] = ""
    """Between whole number and decimal places."""
    AND: ClassVar[str] = ""
    """Between euros and cents."""
    SIGNS: ClassVar[dict[str, str]] = {}
    """Names of keys and signs."""
    CURRENCIES: ClassVar[dict[str, Currency]] = {}
    """Names of the usual ones; others are called as babel calls them."""

    def __init__(self, tag: str) -> None:
        from babel.core import Locale
        from babel.dates import get_day_names, get_month_names
        from num2words import CONVERTER_CLASSES

        super().__init__(tag)
        self.locale: Locale = Locale(self.LANGUAGE)
        self.words: Any = CONVERTER_CLASSES[self.LANGUAGE]
        self.months = get_month_names("wide", locale=self.locale)
        self.weekdays = get_day_names("wide", locale=self.locale)

    # Parts that languages differ in

    def whole(self, value: int, *, feminine: bool = False, counting: bool = False) -> str:
        """A whole number from 0 up; `counting`: a noun follows."""
        return str(self.words.to_cardinal(value))

    def joined(self, number: int, coin: Coin) -> str:
        """So many of a coin."""
        name = coin.one if number == 1 else coin.many
        return f"{self.whole(number, feminine=coin.feminine, counting=True)} {name}"

    # Values

    def number(self, value: Decimal) -> str:
        if abs(value) >= MAX_SPOKEN:
            return self.digits([f"{value:.0f}".lstrip("-")])
        value = round(value, MAX_PLACES)
        whole, _, places = f"{abs(value):f}".partition(".")
        text = self.whole(int(whole))
        if places.rstrip("0"):
            text = f"{text} {self.POINT} {' '.join(self.whole(int(digit)) for digit in places.rstrip('0'))}"
        return f"{self.MINUS} {text}" if value < 0 else text

    def ordinal(self, value: int) -> str:
        return str(self.words.to_ordinal(value)) if 0 < value < MAX_SPOKEN else self.number(Decimal(value))

    def money(self, value: Decimal, code: str) -> str:
        from babel.numbers import get_currency_precision

        places = get_currency_precision(code)
        value = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
        if abs(value) >= MAX_SPOKEN:
            return f"{self.number(value)} {self._currency(code).main.many}"
        known = self._currency(code)
        whole, part = divmod(abs(value), 1)
        hundredths = int(part * 100)
        if not hundredths:
            text = self.joined(int(whole), known.main)
        elif known.part is None or places != USUAL_PLACES:
            text = f"{self.number(abs(value))} {known.main.many}"
        elif not whole:
            text = self.joined(hundredths, known.part)
        else:
            text = f"{self.joined(int(whole), known.main)} {self.AND} {self.joined(hundredths, known.part)}"
        return f"{self.MINUS} {text}" if value < 0 else text

    def _currency(self, code: str) -> Currency:
        from babel.numbers import get_currency_name

        known = self.CURRENCIES.get(code)
        if known is not None:
            return known
        one, many = (get_currency_name(code, count, locale=self.locale) for count in (1, 2))
        return Currency(Coin(one, many))

    def sign(self, key: str) -> str:
        return self.SIGNS.get(key, key)


@lru_cache(TONGUES_CACHED)
def tongue_of(tag: str) -> Tongue:
    """The language of a tag (`de`, `de-AT`, `pt_BR`); one that nobody knows writes digits."""
    from ivr.flow.spoken.english import English
    from ivr.flow.spoken.french import French
    from ivr.flow.spoken.german import German
    from ivr.flow.spoken.spanish import Spanish

    base = tag.replace("_", "-").lower().partition("-")[0]
    for known in (English, German, Spanish, French):
        if base == known.LANGUAGE:
            return known(tag)
    locale = _locale_of(tag)
    return Tongue(tag) if locale is None else WrittenTongue(tag, locale)


def _locale_of(tag: str) -> Locale | None:
    from babel.core import Locale, UnknownLocaleError

    parts = tag.replace("_", "-").split("-")
    for length in range(len(parts), 0, -1):
        try:
            return Locale.parse("-".join(parts[:length]), sep="-")
        except (UnknownLocaleError, ValueError, TypeError):
            continue
    return None


def _ordinals_of(locale: Locale) -> Callable[[int], str] | None:
    from num2words import CONVERTER_CLASSES

    converter: Any = CONVERTER_CLASSES.get(str(locale)) or CONVERTER_CLASSES.get(locale.language)
    if converter is None:
        return None

    def ordinal(value: int) -> str:
        try:
            return str(converter.to_ordinal(value))
        except Exception:  # what a language of num2words raises for a number it has no word for is its own affair
            return f"{value}."

    return ordinal
