"""What callers who wait are told, in their language: their place, how long it is likely to take, and the words of the
call back and the message. English, German, Spanish and French; other languages are told in English.

    phrases_of("de").ordinal(3) -> "Sie sind an dritter Stelle."
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from ivr.flow.spoken.functions import grouped
from ivr.flow.spoken.tongue import Coin, WordTongue, tongue_of

__all__ = ["Phrases", "phrases_of", "rounded_minutes"]

OTHERWISE = "en"
"""Spoken where the language has no phrases."""

MINUTE = 60.0
SOON = 50.0
"""Seconds of an estimate below which it is said to be less than a minute."""

EXACT = 5
"""Minutes up to which an estimate is said to the minute."""

LONGEST = 24 * 60
"""Minutes that are said at most."""

STEPS = ((20, 5), (60, 10), (LONGEST, 60))
"""Up to so many minutes an estimate is rounded up to a multiple of so many: nobody minds to be served early."""


def rounded_minutes(seconds: float) -> int:
    """The minutes that are said of an estimate; 0: less than one."""
    if not seconds > SOON:
        return 0
    minutes = min(seconds / MINUTE, LONGEST)
    if minutes < EXACT + 0.5:
        return min(EXACT, max(1, round(minutes)))
    step = next(step for until, step in STEPS if minutes <= until)
    return math.ceil(minutes / step) * step


@dataclass(frozen=True, slots=True)
class Words:
    """Sentences of one language; `{}` is where the value stands."""

    first: str
    """Nobody is before him."""
    place: str
    """The place, by an ordinal number."""
    one_before: str
    before: str
    """So many are before him."""
    about_before: str
    """A rounded number."""
    soon: str
    """Less than a minute."""
    wait: str
    minute: Coin
    hour: Coin
    confirm: str
    """The number of a call back: 1 confirms, 2 asks for another."""
    enter: str
    """Asks for a number."""
    uncallable: str
    """The number that he has named cannot be called; he is asked for another."""
    kept: str
    """The call back is taken."""
    not_kept: str
    """It is not; he goes on waiting."""
    refused: str
    """It cannot be taken."""
    message: str
    """Before the tone of a message."""
    called_back: str
    """He has answered the call back."""
    lost: str
    """The phone of the agent he talked to is gone: he waits again, and comes first."""


WORDS = {
    "en": Words(
        first="You are next in line.",
        place="You are {} in line.",
        one_before="There is one caller before you.",
        before="There are {} callers before you.",
        about_before="There are about {} callers before you.",
        soon="The wait should be less than a minute.",
        wait="The wait should be about {}.",
        minute=Coin("minute", "minutes"),
        hour=Coin("hour", "hours"),
        confirm="We will call you back on {}. If that is right, press 1. For another number, press 2.",
        enter="Please key in the number that we are to call, and then press the pound key.",
        uncallable="We cannot call that number.",
        kept="Thank you. We will call you back when it is your turn. Goodbye.",
        not_kept="You keep your place in line.",
        refused="We are sorry, we cannot call you back.",
        message="Please leave your message after the tone.",
        called_back="This is the call back that you asked for. One moment, please: you are connected.",
        lost="We are sorry, the connection to our colleague was lost. Please stay on the line, you are next.",
    ),
    "de": Words(
        first="Sie sind als Nächstes an der Reihe.",
        place="Sie sind an {}r Stelle.",
        one_before="Vor Ihnen ist ein Anrufer.",
        before="Vor Ihnen sind {} Anrufer.",
        about_before="Vor Ihnen sind etwa {} Anrufer.",
        soon="Die Wartezeit beträgt weniger als eine Minute.",
        wait="Die Wartezeit beträgt etwa {}.",
        minute=Coin("Minute", "Minuten", feminine=True),
        hour=Coin("Stunde", "Stunden", feminine=True),
        confirm="Wir rufen Sie unter {} zurück. Ist das richtig, drücken Sie die 1. Für eine andere Nummer die 2.",
        enter="Bitte geben Sie die Nummer ein, die wir anrufen sollen, und drücken Sie dann die Rautetaste.",
        uncallable="Diese Nummer können wir nicht anrufen.",
        kept="Vielen Dank. Wir rufen Sie zurück, wenn Sie an der Reihe sind. Auf Wiederhören.",
        not_kept="Sie behalten Ihren Platz in der Warteschlange.",
        refused="Leider können wir Sie nicht zurückrufen.",
        message="Bitte hinterlassen Sie Ihre Nachricht nach dem Ton.",
        called_back="Dies ist der Rückruf, um den Sie gebeten haben. Einen Moment bitte, Sie werden verbunden.",
        lost="Leider ist die Verbindung abgebrochen. Bitte bleiben Sie am Apparat, Sie sind als Nächstes an der Reihe.",
    ),
    "es": Words(
        first="Usted es el siguiente.",
        place="Ocupa el puesto {} de la cola.",
        one_before="Hay una llamada antes que la suya.",
        before="Hay {} llamadas antes que la suya.",
        about_before="Hay unas {} llamadas antes que la suya.",
        soon="La espera será de menos de un minuto.",
        wait="La espera será de aproximadamente {}.",
        minute=Coin("minuto", "minutos"),
        hour=Coin("hora", "horas", feminine=True),
        confirm="Le llamaremos al {}. Si es correcto, pulse 1. Para otro número, pulse 2.",
        enter="Marque el número al que debemos llamar y después pulse almohadilla.",
        uncallable="No podemos llamar a ese número.",
        kept="Gracias. Le llamaremos cuando sea su turno. Adiós.",
        not_kept="Usted conserva su lugar en la cola.",
        refused="Lo sentimos, no podemos devolverle la llamada.",
        message="Deje su mensaje después de la señal.",
        called_back="Le devolvemos la llamada, como nos pidió. Un momento, por favor, le ponemos en comunicación.",
        lost="Lo sentimos, se ha cortado la comunicación con nuestro agente. No cuelgue, usted es el siguiente.",
    ),
    "fr": Words(
        first="Vous êtes le prochain.",
        place="Vous êtes en {} position.",
        one_before="Il y a un appel avant le vôtre.",
        before="Il y a {} appels avant le vôtre.",
        about_before="Il y a environ {} appels avant le vôtre.",
        soon="L'attente devrait être de moins d'une minute.",
        wait="L'attente devrait être d'environ {}.",
        minute=Coin("minute", "minutes", feminine=True),
        hour=Coin("heure", "heures", feminine=True),
        confirm="Nous vous rappellerons au {}. Si c'est exact, tapez 1. Pour un autre numéro, tapez 2.",
        enter="Veuillez composer le numéro à rappeler, puis appuyer sur dièse.",
        uncallable="Nous ne pouvons pas appeler ce numéro.",
        kept="Merci. Nous vous rappellerons quand ce sera votre tour. Au revoir.",
        not_kept="Vous gardez votre place dans la file.",
        refused="Désolé, nous ne pouvons pas vous rappeler.",
        message="Veuillez laisser votre message après le signal sonore.",
        called_back="Nous vous rappelons, comme vous l'avez demandé. Un instant, nous vous mettons en relation.",
        lost="Désolé, la liaison avec notre conseiller a été coupée. Restez en ligne, vous êtes le prochain.",
    ),
}

FEMININE_CALLERS = frozenset({"es"})
"""Languages in which those before him are counted in the feminine form: `veintiuna llamadas`."""

COUNTED_PLACES = frozenset({"es"})
"""Languages in which a place is said by a plain number: ordinals beyond ten are hardly used."""


class Phrases:
    """The sentences of one language with values in them."""

    def __init__(self, words: Words, tongue: WordTongue, language: str) -> None:
        self.words = words
        """Sentences without values."""
        self.language = language
        """Tag that they are spoken in."""
        self._tongue = tongue

    def _number(self, number: int) -> str:
        feminine = self._tongue.LANGUAGE in FEMININE_CALLERS
        return self._tongue.whole(number, feminine=feminine, counting=True)

    def ordinal(self, position: int) -> str:
        """The place: you are third."""
        if position <= 1:
            return self.words.first
        tongue = self._tongue
        counted = tongue.LANGUAGE in COUNTED_PLACES
        return self.words.place.format(tongue.whole(position) if counted else tongue.ordinal(position))

    def cardinal(self, position: int) -> str:
        """Those before him: there are two."""
        if position <= 1:
            return self.words.first
        return self.words.one_before if position == 2 else self.words.before.format(self._number(position - 1))

    def about(self, number: int) -> str:
        """So many are before him, about."""
        return self.words.about_before.format(self._number(number))

    def wait(self, minutes: int) -> str:
        """How long it is likely to take; 0 minutes: less than one."""
        if minutes <= 0:
            return self.words.soon
        hours, rest = divmod(minutes, 60)
        coin, count = (self.words.hour, hours) if hours and not rest else (self.words.minute, minutes)
        return self.words.wait.format(self._tongue.joined(count, coin))

    def confirm(self, number: str) -> str:
        """The number of a call back, digit by digit, and the question whether it is right."""
        return self.words.confirm.format(self._tongue.digits(grouped(number)))


@lru_cache(64)
def phrases_of(tag: str) -> Phrases:
    """The sentences of a language (`de`, `de-AT`); in English for one that has none."""
    base = tag.replace("_", "-").lower().partition("-")[0]
    language = tag if base in WORDS else OTHERWISE
    tongue = tongue_of(language)
    assert isinstance(tongue, WordTongue)
    return Phrases(WORDS[base if base in WORDS else OTHERWISE], tongue, language)
