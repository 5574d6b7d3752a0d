"""What people and machines say when a call is answered; a text is its sentences, ``{name}`` and ``{number}`` are drawn.

Those of the held-out set are other texts, most in other languages, than those of the development set.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

__all__ = ["DEVELOPMENT", "HELD_OUT", "Texts"]

Text = tuple[str, ...]


@dataclass(frozen=True)
class Texts:
    """All that is said in one language."""

    names: tuple[str, ...]
    hello: tuple[Text, ...]
    """A word or two of a person."""
    named: tuple[Text, ...]
    """People who say who they are."""
    asking: tuple[Text, ...]
    """People who say more at once."""
    company: tuple[Text, ...]
    """A person at a company's desk."""
    personal: tuple[Text, ...]
    """Recorded by the one who was called."""
    brief: tuple[Text, ...]
    """The same, as short as they come."""
    operator: tuple[Text, ...]
    """A network's voice mail."""
    office: tuple[Text, ...]
    """A company's, after hours."""


_FIRST: dict[str, Texts] = {
    "en": Texts(
        ("John", "Mary Smith", "Peter Jones", "Alice", "Doctor Brown", "Susan Taylor"),
        (("Hello?",), ("Hello.",), ("Yes?",), ("Hi.",), ("Hello, hello?",), ("Yeah?",), ("Hi, hello?",)),
        (("{name} speaking.",), ("Hello, {name}.",), ("This is {name}.",), ("Yes, {name} here.",), ("{name}, hello?",)),
        (
            ("Hello?", "Who is this?"),
            ("Yes, hello, this is {name}.",),
            ("Hi, sorry, just a second.",),
            ("Hello, can you hear me?",),
            ("Hello?", "Hello?"),
        ),
        (
            ("Good morning, Miller and Sons, {name} speaking.",),
            ("Acme Limited, how can I help you?",),
            ("Thank you for calling Brown's bakery, this is {name}, how can I help?",),
            ("Reception, good afternoon.",),
            ("Hotel Excelsior, {name} speaking, good evening.",),
        ),
        (
            (
                "Hi, this is {name}.",
                "I can't come to the phone right now.",
                "Please leave your name and number and I'll call you back.",
            ),
            ("Hello, you've reached {name}.", "I'm not in at the moment, please leave a message after the beep."),
            ("Hey, it's {name}.", "Sorry I missed your call.", "Leave me a message and I'll get back to you."),
            (
                "You have reached the mobile phone of {name}.",
                "I am either away from my desk or on another call.",
                "Please speak after the tone.",
            ),
            ("Hello.", "This is the answering machine of the {name} family.", "We are not at home."),
        ),
        (
            ("This is {name}, leave a message.",),
            ("Hi, {name} here, you know what to do.",),
            ("Please leave a message for {name} after the tone.",),
            ("{name}, please leave a message.",),
        ),
        (
            (
                "The person you are calling is not available.",
                "Please leave a message after the tone.",
            ),
            (
                "Your call has been forwarded to an automatic voice message system.",
                "{name}",
                "is not available.",
                "At the tone, please record your message.",
                "When you have finished recording, you may hang up, or press 1 for more options.",
            ),
            ("Welcome to the voice mail box of", "{number}", "Please leave a message after the tone."),
            ("The number you have called is currently switched off.", "Please try again later."),
        ),
        (
            (
                "Thank you for calling Miller and Sons.",
                "Our office is currently closed.",
                "Our hours are Monday to Friday, nine a.m. to five p.m.",
                "Please leave a message after the tone, and we will return your call on the next business day.",
            ),
            (
                "Welcome to Acme Limited.",
                "All our lines are busy.",
                "For sales, press one.",
                "For support, press two.",
                "Or stay on the line.",
            ),
        ),
    ),
    "de": Texts(
        ("Schmidt", "Anna Müller", "Weber", "Familie Huber", "Doktor Klein"),
        (("Hallo?",), ("Ja?",), ("Ja bitte?",), ("Ja, hallo?",), ("Hallo, wer ist da?",)),
        (("{name}.",), ("{name}, guten Tag.",), ("Ja, {name}?",), ("Hier ist {name}.",)),
        (("Ja, hallo?", "Wer spricht?"), ("Einen Moment bitte.",), ("Hallo, hören Sie mich?",)),
        (
            ("Firma Berger, {name}, guten Tag, was kann ich für Sie tun?",),
            ("Praxis {name}, guten Morgen.",),
            ("Stadtverwaltung, mein Name ist {name}, grüß Gott.",),
        ),
        (
            (
                "Hallo, hier ist der Anrufbeantworter von {name}.",
                "Ich bin zur Zeit nicht zu Hause.",
                "Bitte sprechen Sie nach dem Ton.",
            ),
            ("Guten Tag, Sie haben {name} erreicht.", "Leider kann ich gerade nicht ans Telefon gehen."),
            ("Hi, hier {name}.", "Ich kann gerade nicht.", "Sprich mir einfach was drauf."),
        ),
        (("Hier ist {name}, bitte sprechen Sie nach dem Piep.",), ("Anrufbeantworter {name}.",)),
        (
            (
                "Der gewünschte Gesprächspartner ist zur Zeit nicht erreichbar.",
                "Bitte hinterlassen Sie eine Nachricht nach dem Signalton.",
            ),
            ("Willkommen bei der Mailbox von", "{number}", "Bitte sprechen Sie nach dem Ton."),
        ),
        (
            (
                "Herzlich willkommen bei der Firma Berger.",
                "Sie rufen außerhalb unserer Geschäftszeiten an.",
                "Wir sind montags bis freitags von acht bis siebzehn Uhr für Sie da.",
                "Hinterlassen Sie uns gerne eine Nachricht.",
            ),
        ),
    ),
    "fr": Texts(
        ("Dupont", "Marie Laurent", "Jean", "Madame Petit"),
        (("Allô ?",), ("Oui ?",), ("Oui, allô ?",), ("Allô, oui ?",)),
        (("{name}, bonjour.",), ("Oui, {name} à l'appareil.",)),
        (("Allô ?", "Qui est à l'appareil ?"), ("Oui bonjour, ne quittez pas.",)),
        (
            ("Société Martin, {name}, bonjour.",),
            ("Cabinet du docteur {name}, bonjour, que puis-je faire pour vous ?",),
        ),
        (
            (
                "Bonjour, vous êtes bien chez {name}.",
                "Je ne suis pas disponible pour le moment.",
                "Laissez-moi un message après le bip.",
            ),
            ("Salut, c'est {name}.", "Je ne peux pas répondre.", "Laisse un message."),
        ),
        (("{name}, laissez un message.",),),
        (
            (
                "Bienvenue sur la messagerie vocale du",
                "{number}",
                "Veuillez laisser un message après le signal sonore.",
            ),
            ("Votre correspondant n'est pas joignable.", "Veuillez renouveler votre appel ultérieurement."),
        ),
        (
            (
                "Bonjour, vous êtes en communication avec la société Martin.",
                "Nos bureaux sont fermés.",
                "Vous pouvez laisser un message après le bip sonore.",
            ),
        ),
    ),
}

_MORE: dict[str, Texts] = {
    "en": Texts(
        ("Robert", "Emma Wilson", "Mister Clark", "Jennifer", "Paul and Linda", "the Hendersons"),
        (("Hello?",), ("Yes, hello?",), ("Yup?",), ("Hullo.",), ("Hiya.",), ("Go ahead.",), ("Hello there.",)),
        (("{name}.",), ("Hi, {name} speaking.",), ("It's {name}.",), ("Good morning, {name}.",)),
        (
            ("Hello, who's calling please?",),
            ("Hi, this is {name}, what's up?",),
            ("Hello?", "Yes?"),
            ("Yeah, hang on a moment.",),
            ("Hello?", "Is anybody there?"),
        ),
        (
            ("City library, {name} at the front desk.",),
            ("Good afternoon, Parker dental care, how may I direct your call?",),
            ("Garage Wilson, hello.",),
            ("Customer service, my name is {name}, what can I do for you today?",),
        ),
        (
            (
                "Hello, {name} is not able to take your call just now.",
                "If you leave your number, we'll ring you back as soon as we can.",
            ),
            ("Hi there!", "You've got through to {name}.", "I'm out at the moment.", "Talk to the machine."),
            ("Hello, this is {name}, I'm on holiday until the fifteenth.", "In urgent cases please call my colleague."),
            ("Hi, it's {name}.", "Well, it isn't, it's my voice mail.", "So say something nice."),
            ("We can't get to the phone.", "Please leave us a message.", "Thanks for calling, bye."),
        ),
        (
            ("Hi, it's {name}, leave me a message.",),
            ("Leave a message after the beep.",),
            ("You've reached {name}, please leave a message.",),
        ),
        (
            ("The customer you have dialled cannot take your call.", "Please leave your message after the signal."),
            (
                "The mobile subscriber at",
                "{number}",
                "is unavailable.",
                "To leave a message, wait for the tone.",
                "To send a page, press five now.",
            ),
            ("This mailbox is not set up yet.", "Please try your call again later.", "Goodbye."),
        ),
        (
            (
                "You have reached Parker dental care.",
                "If this is an emergency, hang up and dial the emergency number.",
                "Otherwise leave your name, date of birth and telephone number after the tone.",
            ),
            (
                "Hello and welcome to customer service.",
                "This call may be recorded for training and quality purposes.",
                "Please choose one of the following options.",
            ),
        ),
    ),
    "es": Texts(
        ("García", "María López", "Juan", "la familia Moreno"),
        (("¿Diga?",), ("¿Sí?",), ("¿Hola?",), ("¿Bueno?",), ("Dígame.",)),
        (("Soy {name}.",), ("Sí, {name}, dígame.",)),
        (("¿Sí, quién habla?",), ("Hola, un momento por favor.",)),
        (
            ("Talleres {name}, buenos días, dígame.",),
            ("Hotel Central, le atiende {name}, ¿en qué puedo ayudarle?",),
        ),
        (
            ("Hola, has llamado a {name}.", "Ahora no puedo atenderte.", "Deja tu mensaje después de la señal."),
            ("En este momento no estamos en casa.", "Por favor, deje su nombre y su número."),
        ),
        (("Soy {name}, deja tu mensaje.",),),
        (
            ("El teléfono al que llama está apagado o fuera de cobertura.", "Inténtelo de nuevo más tarde."),
            ("Este es el buzón de voz del", "{number}", "Deje su mensaje después de la señal."),
        ),
        (("Bienvenido a Talleres Moreno.", "Nuestro horario es de nueve a dos.", "Deje su mensaje."),),
    ),
    "it": Texts(
        ("Rossi", "Giulia Bianchi", "Marco"),
        (("Pronto?",), ("Sì?",), ("Sì, pronto?",)),
        (("Pronto, sono {name}.",), ("{name}.",)),
        (("Pronto, chi parla?",), ("Sì, un attimo.",)),
        (("Studio {name}, buongiorno, mi dica.",), ("Albergo Stella, buonasera.",)),
        (
            ("Ciao, sono {name}.", "Adesso non posso rispondere.", "Lascia un messaggio dopo il segnale acustico."),
            ("Risponde la segreteria telefonica di {name}.", "Siamo momentaneamente assenti."),
        ),
        (("Segreteria di {name}, lasciate un messaggio.",),),
        (
            ("Il cliente da lei chiamato non è al momento raggiungibile.", "La preghiamo di riprovare più tardi."),
            ("Segreteria telefonica del numero", "{number}", "Lasciate un messaggio."),
        ),
        (("Benvenuti allo studio Rossi.", "Gli uffici sono chiusi.", "Richiamate domani dalle nove."),),
    ),
    "nl": Texts(
        ("De Vries", "Anneke Jansen", "Bakker"),
        (("Hallo?",), ("Ja?",), ("Ja, hallo?",)),
        (("Met {name}.",), ("Goedemorgen, met {name}.",)),
        (("Hallo, met wie spreek ik?",),),
        (("Bakkerij Jansen, goedemiddag, met {name}.",),),
        (("Hallo, dit is het antwoordapparaat van {name}.", "Ik ben er even niet.", "Spreek na de piep."),),
        (("Dit is {name}, spreek een bericht in.",),),
        (("De persoon die u belt is niet bereikbaar.", "Spreek uw bericht in na de toon."),),
        (("Welkom bij bakkerij Jansen.", "Wij zijn gesloten.", "U kunt na de piep een bericht inspreken."),),
    ),
}


def _joined(first: Texts, second: Texts) -> Texts:
    return Texts(**{each.name: getattr(first, each.name) + getattr(second, each.name) for each in fields(Texts)})


DEVELOPMENT: dict[str, Texts] = {**_FIRST, **_MORE, "en": _joined(_FIRST["en"], _MORE["en"])}

HELD_OUT: dict[str, Texts] = {
    "en": Texts(
        ("Thomas", "Karen Young", "Bill", "Miss Parker", "Doctor Evans", "the Robinsons"),
        (("Hello?",), ("Yes.",), ("Hello!",), ("Hey.",), ("Oh, hello?",), ("Speaking.",), ("Who's there?",)),
        (("{name} here.",), ("Hello, this is {name}.",), ("{name}, good evening.",), ("You're speaking to {name}.",)),
        (
            ("Hello?", "Yes, I can hear you."),
            ("Hi, who am I talking to?",),
            ("Hello, one second, let me close the door.",),
            ("Yes?", "Hello?"),
        ),
        (
            ("Green Garden Centre, {name} speaking, how may I help?",),
            ("Good day, front office.",),
            ("Taxi central, where to?",),
            ("Thanks for calling Evans and Partners, you are speaking with {name}.",),
        ),
        (
            ("Hi, you've called {name}.", "I must be on the other line.", "Drop me a note and I'll ring you tonight."),
            ("Good day.", "Neither {name} nor I can answer just now.", "Kindly speak after the long tone."),
            ("This is {name}'s phone.", "I check my messages twice a day.", "Please say who you are, slowly."),
            ("Yo, it's {name}, I'm probably driving.", "Text me instead, or leave a message, whichever you like."),
        ),
        (
            ("{name}'s phone, message please.",),
            ("Sorry, can't talk now, leave your number.",),
            ("Hello, {name} is out, please speak after the tone.",),
        ),
        (
            ("I'm sorry, but the person you called has a voice mail box that has not been set up yet.", "Goodbye."),
            ("You have been transferred to the mailbox of", "{name}", "Record your message at the tone."),
            ("The subscriber cannot be reached at present.", "Please call again later.", "Thank you."),
        ),
        (
            (
                "Green Garden Centre, we are open daily from eight to six.",
                "At the moment there is nobody in the shop.",
                "Tell us your order and your address after the signal.",
            ),
            (
                "Thanks for calling Evans and Partners.",
                "If you know the extension of your party, dial it now.",
                "For billing, press one.",
                "For all other questions, hold the line.",
            ),
        ),
    ),
    "pt": Texts(
        ("Silva", "Ana Costa", "Pedro"),
        (("Alô?",), ("Estou?",), ("Sim?",), ("Está lá?",)),
        (("Fala {name}.",), ("Sim, {name}.",)),
        (("Estou, quem fala?",), ("Sim, só um momento.",)),
        (("Oficina {name}, bom dia, em que posso ajudar?",), ("Farmácia Central, boa tarde.",)),
        (
            ("Olá, ligou para {name}.", "Neste momento não posso atender.", "Deixe a sua mensagem após o sinal."),
            ("Não estamos em casa.", "Deixe o nome e o número, que ligamos de volta."),
        ),
        (("Aqui é {name}, deixe recado.",),),
        (
            ("O número que marcou não está disponível.", "Por favor tente mais tarde."),
            ("Caixa postal do número", "{number}", "Grave a sua mensagem depois do sinal."),
        ),
        (("Obrigado por ligar para a Farmácia Central.", "Estamos fechados.", "Abrimos amanhã às nove horas."),),
    ),
    "pl": Texts(
        ("Nowak", "Anna Kowalska", "Marek"),
        (("Halo?",), ("Słucham?",), ("Tak?",), ("Tak, słucham.",)),
        (("{name}, słucham.",), ("Tu {name}.",)),
        (("Halo, kto mówi?",), ("Tak, chwileczkę.",)),
        (("Firma {name}, dzień dobry, w czym mogę pomóc?",), ("Recepcja, dzień dobry.",)),
        (
            ("Dzień dobry, tu {name}.", "Nie mogę teraz odebrać.", "Proszę zostawić wiadomość po sygnale."),
            ("Nie ma nas w domu.", "Oddzwonimy, jak tylko wrócimy."),
        ),
        (("Tu {name}, zostaw wiadomość.",),),
        (
            ("Abonent ma wyłączony telefon lub jest poza zasięgiem sieci.", "Proszę zadzwonić później."),
            ("Poczta głosowa numeru", "{number}", "Nagraj wiadomość po sygnale."),
        ),
        (("Dziękujemy za telefon.", "Nasze biuro jest czynne od ósmej do szesnastej.", "Zapraszamy jutro."),),
    ),
    "sv": Texts(
        ("Andersson", "Karin Lund", "Erik"),
        (("Hallå?",), ("Ja?",), ("Ja, hallå?",), ("Hej.",)),
        (("{name}.",), ("Det är {name}.",)),
        (("Hallå, vem är det?",), ("Ja, ett ögonblick.",)),
        (("Bageri {name}, god morgon, vad kan jag hjälpa till med?",),),
        (
            ("Hej, du har kommit till {name}.", "Jag kan inte svara just nu.", "Lämna ett meddelande efter tonen."),
            ("Vi är inte hemma.", "Tala in ditt namn så ringer vi upp."),
        ),
        (("Det här är {name}, prata efter pipet.",),),
        (("Personen du söker kan inte nås för tillfället.", "Försök igen senare."),),
        (("Välkommen till bageriet.", "Vi har stängt.", "Vi öppnar igen klockan sex."),),
    ),
}
"""What no length was chosen by."""
