"""French."""

from __future__ import annotations

import datetime
from typing import ClassVar

from ivr.flow.spoken.tongue import Coin, Currency, WordTongue

__all__ = ["French"]

_CENT = Coin("cent", "cents")
_MILLION = 10**6


class French(WordTongue):
    """Douze euros et cinquante centimes; deux mars; quatorze heures trente."""

    LANGUAGE = "fr"
    MINUS = "moins"
    POINT = "virgule"
    AND = "et"
    SIGNS: ClassVar[dict[str, str]] = {"+": "plus", "*": "étoile", "#": "dièse"}
    CURRENCIES: ClassVar[dict[str, Currency]] = {
        "EUR": Currency(Coin("euro", "euros"), Coin("centime", "centimes")),
        "USD": Currency(Coin("dollar", "dollars"), _CENT),
        "CAD": Currency(Coin("dollar canadien", "dollars canadiens"), _CENT),
        "AUD": Currency(Coin("dollar australien", "dollars australiens"), _CENT),
        "GBP": Currency(Coin("livre", "livres", feminine=True), Coin("penny", "pence")),
        "CHF": Currency(Coin("franc suisse", "francs suisses"), Coin("centime", "centimes")),
        "MXN": Currency(Coin("peso mexicain", "pesos mexicains"), Coin("centavo", "centavos")),
        "JPY": Currency(Coin("yen", "yens")),
        "INR": Currency(Coin("roupie", "roupies", feminine=True), Coin("paisa", "paisas")),
        "SEK": Currency(Coin("couronne suédoise", "couronnes suédoises", feminine=True), Coin("öre", "öre")),
        "DKK": Currency(Coin("couronne danoise", "couronnes danoises", feminine=True), Coin("øre", "øre")),
        "NOK": Currency(Coin("couronne norvégienne", "couronnes norvégiennes", feminine=True), Coin("øre", "øre")),
    }

    def whole(self, value: int, *, feminine: bool = False, counting: bool = False) -> str:
        text = super().whole(value)
        return f"{text}e" if feminine and (text == "un" or text.endswith((" un", "-un"))) else text

    def joined(self, number: int, coin: Coin) -> str:
        name = coin.one if number < 2 else coin.many  # zéro euro, un euro, deux euros
        between = " "
        if number and number % _MILLION == 0:  # un million d'euros, but un million cent euros
            between = " d'" if name[0] in "aeiou" else " de "
        return f"{self.whole(number, feminine=coin.feminine, counting=True)}{between}{name}"

    def date(self, day: datetime.date, *, weekday: bool, year: bool) -> str:
        number = "premier" if day.day == 1 else self.whole(day.day)
        text = f"{number} {self.months[day.month]}"
        if weekday:
            text = f"{self.weekdays[day.weekday()]} {text}"
        return f"{text} {self.whole(day.year)}" if year else text

    def time(self, at: datetime.time) -> str:
        if at.minute == 0 and at.hour in (0, 12):
            return "midi" if at.hour else "minuit"
        text = f"{self.whole(at.hour, feminine=True)} {'heure' if at.hour < 2 else 'heures'}"
        return f"{text} {self.whole(at.minute, feminine=True)}" if at.minute else text
