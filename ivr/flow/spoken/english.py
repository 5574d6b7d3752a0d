"""English."""

from __future__ import annotations

import datetime
from typing import ClassVar

from ivr.flow.spoken.tongue import Coin, Currency, WordTongue

__all__ = ["English"]

_CENT = Coin("cent", "cents")


class English(WordTongue):
    """One thousand two hundred and four; the second of March; two thirty PM"""

    LANGUAGE = "en"
    MINUS = "minus"
    POINT = "point"
    AND = "and"
    SIGNS: ClassVar[dict[str, str]] = {"+": "plus", "*": "star", "#": "pound"}
    CURRENCIES: ClassVar[dict[str, Currency]] = {
        "EUR": Currency(Coin("euro", "euros"), _CENT),
        "USD": Currency(Coin("dollar", "dollars"), _CENT),
        "CAD": Currency(Coin("Canadian dollar", "Canadian dollars"), _CENT),
        "AUD": Currency(Coin("Australian dollar", "Australian dollars"), _CENT),
        "GBP": Currency(Coin("pound", "pounds"), Coin("penny", "pence")),
        "CHF": Currency(Coin("Swiss franc", "Swiss francs"), Coin("centime", "centimes")),
        "MXN": Currency(Coin("Mexican peso", "Mexican pesos"), Coin("centavo", "centavos")),
        "JPY": Currency(Coin("yen", "yen")),
        "INR": Currency(Coin("rupee", "rupees"), Coin("paisa", "paise")),
        "SEK": Currency(Coin("Swedish krona", "Swedish kronor"), Coin("öre", "öre")),
        "DKK": Currency(Coin("Danish krone", "Danish kroner"), Coin("øre", "øre")),
        "NOK": Currency(Coin("Norwegian krone", "Norwegian kroner"), Coin("øre", "øre")),
    }

    def whole(self, value: int, *, feminine: bool = False, counting: bool = False) -> str:
        return super().whole(value).replace(",", "")

    def ordinal(self, value: int) -> str:
        return super().ordinal(value).replace(",", "")

    def date(self, day: datetime.date, *, weekday: bool, year: bool) -> str:
        text = f"the {self.ordinal(day.day)} of {self.months[day.month]}"
        if weekday:
            text = f"{self.weekdays[day.weekday()]} {text}"
        return f"{text} {self.words.to_year(day.year)}" if year else text

    def time(self, at: datetime.time) -> str:
        if at.minute == 0 and at.hour in (0, 12):
            return "noon" if at.hour else "midnight"
        text = self.whole(at.hour % 12 or 12)
        if at.minute:
            text += f" oh {self.whole(at.minute)}" if at.minute < 10 else f" {self.whole(at.minute)}"
        return f"{text} {'AM' if at.hour < 12 else 'PM'}"
