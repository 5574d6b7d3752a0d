"""Spanish."""

from __future__ import annotations

import datetime
import re
from typing import ClassVar

from ivr.flow.spoken.tongue import Coin, Currency, WordTongue

__all__ = ["Spanish"]

_CENT = Coin("centavo", "centavos")
_MILLION = 10**6


class Spanish(WordTongue):
    """Doce euros con cincuenta céntimos; dos de marzo; las dos y media de la tarde."""

    LANGUAGE = "es"
    MINUS = "menos"
    POINT = "coma"
    AND = "con"
    SIGNS: ClassVar[dict[str, str]] = {"+": "más", "*": "asterisco", "#": "almohadilla"}
    CURRENCIES: ClassVar[dict[str, Currency]] = {
        "EUR": Currency(Coin("euro", "euros"), Coin("céntimo", "céntimos")),
        "USD": Currency(Coin("dólar", "dólares"), _CENT),
        "CAD": Currency(Coin("dólar canadiense", "dólares canadienses"), _CENT),
        "AUD": Currency(Coin("dólar australiano", "dólares australianos"), _CENT),
        "GBP": Currency(Coin("libra", "libras", feminine=True), Coin("penique", "peniques")),
        "CHF": Currency(Coin("franco suizo", "francos suizos"), Coin("céntimo", "céntimos")),
        "MXN": Currency(Coin("peso mexicano", "pesos mexicanos"), _CENT),
        "JPY": Currency(Coin("yen", "yenes")),
        "INR": Currency(Coin("rupia", "rupias", feminine=True), Coin("paisa", "paisas", feminine=True)),
        "SEK": Currency(Coin("corona sueca", "coronas suecas", feminine=True), Coin("öre", "öre")),
        "DKK": Currency(Coin("corona danesa", "coronas danesas", feminine=True), Coin("øre", "øre")),
        "NOK": Currency(Coin("corona noruega", "coronas noruegas", feminine=True), Coin("øre", "øre")),
    }

    def whole(self, value: int, *, feminine: bool = False, counting: bool = False) -> str:
        text = _shortened(super().whole(value))
        if not counting:
            return text
        millions, _, rest = text.rpartition("mill") if value >= _MILLION else ("", "", text)
        tail = _feminine(rest) if feminine else re.sub(r"veintiuno$", "veintiún", re.sub(r"\buno$", "un", rest))
        return f"{millions}mill{tail}" if millions else tail

    def joined(self, number: int, coin: Coin) -> str:
        # un millón de euros, but un millón cien euros
        between = " de" if number and number % _MILLION == 0 else ""
        name = coin.one if number == 1 else coin.many
        return f"{self.whole(number, feminine=coin.feminine, counting=True)}{between} {name}"

    def date(self, day: datetime.date, *, weekday: bool, year: bool) -> str:
        text = f"{self.whole(day.day)} de {self.months[day.month]}"
        if weekday:
            text = f"{self.weekdays[day.weekday()]} {text}"
        return f"{text} de {self.whole(day.year)}" if year else text

    def time(self, at: datetime.time) -> str:
        hour = at.hour % 12 or 12
        text = "la una" if hour == 1 else f"las {self.whole(hour)}"
        if at.minute:
            text += f" y {_QUARTERS.get(at.minute) or self.whole(at.minute)}"
        part = next(name for until, name in _PARTS if at.hour < until)
        return f"{text} {part}"


_QUARTERS = {15: "cuarto", 30: "media"}
_PARTS = (
    (1, "de la noche"),
    (6, "de la madrugada"),
    (12, "de la mañana"),
    (13, "del mediodía"),
    (21, "de la tarde"),
    (24, "de la noche"),
)
"""Parts of the day by the hour before which they end."""


def _shortened(text: str) -> str:
    """One before thousand and million: `veintiún mil`, `treinta y un mil`."""
    text = re.sub(r"veintiuno (?=mil)", "veintiún ", text)
    return re.sub(r"\buno (?=mil)", "un ", text)


def _feminine(text: str) -> str:
    """The numbers below a million before a feminine noun: `doscientas mil veintiuna`."""
    text = re.sub(r"veintiún (?=mil)", "veintiuna ", text)
    text = re.sub(r"\bun (?=mil\b)", "una ", text)
    text = re.sub(r"uno$", "una", text)
    return re.sub(r"(cient|quinient)os\b", r"\1as", text)
