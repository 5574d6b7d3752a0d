"""Make emulated modems, print their ports, and let them be called.

    python -m tests.kit.modem [CHIP=NUMBER ...] [--phone NUMBER] [--ring ON,OFF] [--id-first] [--release busy|loop]

CHIP is cx93010, usr5637 or v253. Modems may call each other by their numbers. Commands on standard input are done by a
telephone, whose number is 900 if not said otherwise:

    call NUMBER [CALLER [NAME]]    lift           hang      press DIGITS      tone HERTZ SECONDS
    unplug NUMBER                  plug NUMBER    what
"""

from __future__ import annotations

import argparse
import signal
import sys

from tests.kit.modem.chips import CHIPS
from tests.kit.modem.exchange import Caller
from tests.kit.modem.office import Office, level_of, tone


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.kit.modem", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("modems", nargs="*", default=["cx93010=100", "usr5637=200"], metavar="CHIP=NUMBER")
    parser.add_argument("--phone", default="900")
    parser.add_argument("--ring", default="2,4")
    parser.add_argument("--id-first", action="store_true")
    parser.add_argument("--release", choices=("busy", "loop"), default="busy")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # ports go with their modems
    on, off = (float(part) for part in options.ring.split(","))
    with Office((on, off), options.id_first, options.release) as office:
        modems = {}
        for text in options.modems:
            chip, _, number = text.partition("=")
            if chip not in CHIPS or not number:
                parser.error(f"not CHIP=NUMBER, of {', '.join(CHIPS)}: {text}")
            modems[number] = office.modem(chip, number)
            print(f"{chip} {number} {modems[number].port}", flush=True)
        phone = office.phone(options.phone)
        print("ready", flush=True)
        for line in sys.stdin:
            match line.split():
                case ["call", number, *who]:
                    phone.call(number, Caller(who[0], " ".join(who[1:])) if who else None)
                case ["lift"]:
                    phone.lift()
                case ["hang"]:
                    phone.hang()
                case ["press", digits]:
                    phone.press(digits)
                case ["tone", hertz, seconds]:
                    phone.play(tone(float(hertz), float(seconds)))
                case ["unplug", number] if number in modems:
                    modems[number].unplug()
                case ["plug", number] if number in modems:
                    modems[number].plug()
                case ["what"]:
                    sound = phone.recorded()[-8000:]
                    loudest = max((level_of(sound, hertz), hertz) for hertz in range(200, 3400, 10))
                    print(f"rung {phone.rung}, hears {phone.tone}: {loudest[1]} Hz at {loudest[0]:.0f}", flush=True)
                case []:
                    pass
                case _:
                    print("not understood", flush=True)


if __name__ == "__main__":
    main()
