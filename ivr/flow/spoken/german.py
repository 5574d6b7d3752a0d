"""German."""

from __future__ import annotations

import datetime
from typing import ClassVar

from ivr.flow.spoken.tongue import Coin, Currency, WordTongue

__all__ = ["German"]

_CENT = Coin("Cent", "Cent")
_DOLLAR = Coin("Dollar", "Dollar")


class German(WordTongue):
    """Zwölf Euro und fünfzig Cent; zweiten März (after am, vom, den); vierzehn Uhr dreißig."""

    LANGUAGE = "de"
    MINUS = "minus"
    POINT = "Komma"
    AND = "und"
    SIGNS: ClassVar[dict[str, str]] = {"+": "plus", "*": "Stern", "#": "Raute"}
    CURRENCIES: ClassVar[dict[str, Currency]] = {
        "EUR": Currency(Coin("Euro", "Euro"), _CENT),
        "USD": Currency(_DOLLAR, _CENT),
        "CAD": Currency(Coin("kanadischer Dollar", "kanadische Dollar"), _CENT),
        "AUD": Currency(Coin("australischer Dollar", "australische Dollar"), _CENT),
        "GBP": Currency(Coin("Pfund", "Pfund"), Coin("Penny", "Pence")),
        "CHF": Currency(Coin("Franken", "Franken"), Coin("Rappen", "Rappen")),
        "MXN": Currency(Coin("mexikanischer Peso", "mexikanische Pesos"), Coin("Centavo", "Centavos")),
        "JPY": Currency(Coin("Yen", "Yen")),
        "INR": Currency(Coin("Rupie", "Rupien", feminine=True), Coin("Paisa", "Paise")),
        "SEK": Currency(Coin("schwedische Krone", "schwedische Kronen", feminine=True), Coin("Öre", "Öre")),
        "DKK": Currency(Coin("dänische Krone", "dänische Kronen", feminine=True), Coin("Öre", "Öre")),
        "NOK": Currency(Coin("norwegische Krone", "norwegische Kronen", feminine=True), Coin("Öre", "Öre")),
    }

    def whole(self, value: int, *, feminine: bool = False, counting: bool = False) -> str:
        text = super().whole(value)
        if counting and text.endswith("eins"):
            text = text[:-1]
            return f"{text}e" if feminine else text
        return text

    def date(self, day: datetime.date, *, weekday: bool, year: bool) -> str:
        # The form after am, vom, bis zum and den, where dates mostly stand.
        text = f"{self.ordinal(day.day)}n {self.months[day.month]}"
        if weekday:
            text = f"{self.weekdays[day.weekday()]}, den {text}"
        return f"{text} {self.words.to_year(day.year)}" if year else text

    def time(self, at: datetime.time) -> str:
        hour = "ein" if at.hour == 1 else self.whole(at.hour)
        return f"{hour} Uhr {self.whole(at.minute)}" if at.minute else f"{hour} Uhr"
