"""What agents hear when they dial codes or are asked for a disposition, in English, German, Spanish and French; other
languages are told in English. `telephone_codes.texts` may have other sentences.

    words_of(settings).noted.format(result="Verkauft") -> "Verkauft: das ist notiert."
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from ivr.flow.spoken.tongue import tongue_of
from ivr.settings import Settings

__all__ = ["Words", "spoken_code", "words_of"]

OTHERWISE: Final = "en"
"""Spoken where the language has no sentences."""


@dataclass(frozen=True, slots=True)
class Words:
    """Sentences of one language; what stands in braces is put in."""

    language: str
    """Tag that they are spoken in."""
    logged_in: str
    logged_out: str
    paused: str
    resumed: str
    status: str
    gets_calls: str
    """Behind `status`, by its group."""
    gets_no_new_calls: str
    gets_no_calls: str
    noted: str
    which_status: str
    which_result: str
    choice: str
    then_hash: str
    """After the choices, where more than one key may be needed."""
    enter_status: str
    """Instead of the choices, where there are too many."""
    enter_result: str
    no_status: str
    """None has the code that was entered."""
    no_result: str
    nothing_to_choose: str
    no_conversation: str
    enter_code: str
    wrong_code: str
    locked: str
    taken: str
    nobody: str
    enter_digits: str
    """Again, after silence."""
    not_possible: str


WORDS: Final = {
    "en": Words(
        language="en",
        logged_in="{name}, you are logged in.",
        logged_out="You are logged out.",
        paused="You have a break.",
        resumed="You get calls again.",
        status="Your status is {status}.",
        gets_calls="You get calls.",
        gets_no_new_calls="You get no new calls.",
        gets_no_calls="You get no calls.",
        noted="{result}: this is noted.",
        which_status="What is your status?",
        which_result="What was the result?",
        choice="For {name}, press {code}.",
        then_hash="Then press the hash key.",
        enter_status="Enter the code of the status, then press the hash key.",
        enter_result="Enter the code of the result, then press the hash key.",
        no_status="There is no status with this code.",
        no_result="There is no result with this code.",
        nothing_to_choose="There is nothing to choose from.",
        no_conversation="This is not possible: you have had no call.",
        enter_code="Enter your code, then press the hash key.",
        wrong_code="This code is wrong.",
        locked="There were too many wrong codes. Try again later.",
        taken="Somebody else is logged in at this phone.",
        nobody="Nobody is logged in at this phone.",
        enter_digits="Enter the digits, then press the hash key.",
        not_possible="This is not possible.",
    ),
    "de": Words(
        language="de",
        logged_in="{name}, Sie sind angemeldet.",
        logged_out="Sie sind abgemeldet.",
        paused="Sie haben Pause.",
        resumed="Sie bekommen wieder Anrufe.",
        status="Ihr Status ist {status}.",
        gets_calls="Sie bekommen Anrufe.",
        gets_no_new_calls="Sie bekommen keine neuen Anrufe.",
        gets_no_calls="Sie bekommen keine Anrufe.",
        noted="{result}: das ist notiert.",
        which_status="Welchen Status haben Sie?",
        which_result="Wie ist das Gespräch ausgegangen?",
        choice="Für {name} drücken Sie {code}.",
        then_hash="Drücken Sie danach die Rautetaste.",
        enter_status="Geben Sie die Kennziffer des Status ein, dann die Rautetaste.",
        enter_result="Geben Sie die Kennziffer des Ergebnisses ein, dann die Rautetaste.",
        no_status="Es gibt keinen Status mit dieser Kennziffer.",
        no_result="Es gibt kein Ergebnis mit dieser Kennziffer.",
        nothing_to_choose="Es gibt nichts zur Auswahl.",
        no_conversation="Das ist nicht möglich: Sie hatten noch kein Gespräch.",
        enter_code="Geben Sie Ihre Kennziffer ein, dann die Rautetaste.",
        wrong_code="Diese Kennziffer ist falsch.",
        locked="Es waren zu viele falsche Kennziffern. Versuchen Sie es später noch einmal.",
        taken="An diesem Telefon ist schon jemand angemeldet.",
        nobody="An diesem Telefon ist niemand angemeldet.",
        enter_digits="Geben Sie die Ziffern ein, dann die Rautetaste.",
        not_possible="Das ist nicht möglich.",
    ),
    "es": Words(
        language="es",
        logged_in="{name}, ha iniciado sesión.",
        logged_out="Ha cerrado la sesión.",
        paused="Está en pausa.",
        resumed="Vuelve a recibir llamadas.",
        status="Su estado es {status}.",
        gets_calls="Recibe llamadas.",
        gets_no_new_calls="No recibe llamadas nuevas.",
        gets_no_calls="No recibe llamadas.",
        noted="{result}: queda anotado.",
        which_status="¿Cuál es su estado?",
        which_result="¿Cuál fue el resultado?",
        choice="Para {name}, pulse {code}.",
        then_hash="Después pulse almohadilla.",
        enter_status="Marque el código del estado y después pulse almohadilla.",
        enter_result="Marque el código del resultado y después pulse almohadilla.",
        no_status="No hay ningún estado con este código.",
        no_result="No hay ningún resultado con este código.",
        nothing_to_choose="No hay nada que elegir.",
        no_conversation="No es posible: todavía no ha tenido ninguna llamada.",
        enter_code="Marque su código y después pulse almohadilla.",
        wrong_code="Este código es incorrecto.",
        locked="Ha habido demasiados códigos incorrectos. Inténtelo más tarde.",
        taken="Otra persona ha iniciado sesión en este teléfono.",
        nobody="Nadie ha iniciado sesión en este teléfono.",
        enter_digits="Marque los dígitos y después pulse almohadilla.",
        not_possible="No es posible.",
    ),
    "fr": Words(
        language="fr",
        logged_in="{name}, vous êtes connecté.",
        logged_out="Vous êtes déconnecté.",
        paused="Vous êtes en pause.",
        resumed="Vous recevez de nouveau des appels.",
        status="Votre statut est {status}.",
        gets_calls="Vous recevez des appels.",
        gets_no_new_calls="Vous ne recevez pas de nouveaux appels.",
        gets_no_calls="Vous ne recevez pas d'appels.",
        noted="{result} : c'est noté.",
        which_status="Quel est votre statut ?",
        which_result="Quel est le résultat de l'appel ?",
        choice="Pour {name}, tapez {code}.",
        then_hash="Appuyez ensuite sur dièse.",
        enter_status="Composez le code du statut, puis appuyez sur dièse.",
        enter_result="Composez le code du résultat, puis appuyez sur dièse.",
        no_status="Il n'y a pas de statut avec ce code.",
        no_result="Il n'y a pas de résultat avec ce code.",
        nothing_to_choose="Il n'y a rien à choisir.",
        no_conversation="C'est impossible : vous n'avez pas encore eu d'appel.",
        enter_code="Composez votre code, puis appuyez sur dièse.",
        wrong_code="Ce code est faux.",
        locked="Il y a eu trop de codes faux. Réessayez plus tard.",
        taken="Quelqu'un d'autre est connecté à ce téléphone.",
        nobody="Personne n'est connecté à ce téléphone.",
        enter_digits="Composez les chiffres, puis appuyez sur dièse.",
        not_possible="C'est impossible.",
    ),
}


def words_of(settings: Settings) -> Words:
    """The sentences that agents hear: in the language of `telephone_codes`, else that of `speech`."""
    codes = settings.telephone_codes
    tag = codes.language or settings.speech.language
    base = tag.replace("_", "-").lower().partition("-")[0]
    words = replace(WORDS[base], language=tag) if base in WORDS else WORDS[OTHERWISE]
    own = codes.texts.model_dump(exclude_none=True)
    # Whoever has sentences of his own has them in the language that he names, be it one that has none here.
    return replace(words, language=tag, **own) if own else words


def spoken_code(code: str, language: str) -> str:
    """The digits of a code one by one."""
    return tongue_of(language).digits([code])
