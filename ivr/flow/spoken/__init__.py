"""Values as people say them: money, digits, ordinals, dates, times and numbers in the language of the text around them.

    tongue_of("de").money(Decimal("12.50"), "EUR") -> "zwölf Euro und fünfzig Cent"

English, German, Spanish and French are written out in words, so that any speech engine says them right. Any other
language that babel knows gets its own way of writing numbers and dates; one that nobody knows gets plain digits.
"""

from ivr.flow.spoken.languages import Languages
from ivr.flow.spoken.tongue import Tongue, tongue_of

__all__ = ["Languages", "Tongue", "tongue_of"]
