"""play: what is heard, how long, and what a key does to it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ivr.flow.elements.play import PlayElement
from ivr.flow.ports import Play, PlayDone, PromptSpec, Voice
from tests.kit.flow import Talk


def talk(play: str, after: str = "bye", variables: str = "{}", **options: object) -> Talk:
    return Talk(
        f"""
variables: {variables}
elements:
  start: {{type: start_incoming_call, numbers: ["100"], next: hello}}
  hello: {{type: play, {play}, next: {after}}}
  keys: {{type: collect, max_digits: 1, next: bye, branches: {{no_match: bye}}}}
  bye: {{type: hang_up}}
""",
        **options,  # type: ignore[arg-type]
    )


def test_plays_to_the_end_and_goes_on() -> None:
    call = talk("text: Hello").start().finish()
    assert call.path == ["start", "hello", "bye"]
    assert call.branches[1] == "audio_played"
    assert call.elapsed == 2.0
    assert call.commands(Play)[0].prompts == (PromptSpec("text", "Hello"),)
    assert call.details("hello")["played"][0]["heard"] == 2.0


def test_voice_rate_pause_and_loop_are_said_to_the_media_plane() -> None:
    call = talk("text: Hi, voice: {gender: female, name: anna}, rate: 1.2, pause: 500ms, loop: 3").start().finish()
    command = call.commands(Play)[0]
    assert command.prompts[0].voice == Voice("female", "anna")
    assert (command.prompts[0].rate, command.pause, command.loop) == (1.2, 0.5, 3)
    assert call.elapsed == 6.5


@pytest.mark.parametrize(
    ("fields", "variables", "expected"),
    [
        ("text: Hallo, language: de", "{language: en}", "de"),
        ("text: Hallo", "{language: en}", "en"),
        ("text: Hallo", "{}", None),
        ('text: Hallo, language: "{{ other }}"', "{other: fr}", "fr"),
    ],
)
def test_language_is_the_field_then_the_variable_then_left_open(
    fields: str, variables: str, expected: str | None
) -> None:
    assert talk(fields, variables=variables).start().commands(Play)[0].prompts[0].language == expected


def test_a_key_stops_an_interruptible_prompt_and_is_the_first_digit() -> None:
    call = talk("text: Menu, interruptible: true", after="keys").start().wait(0.5).press("4").finish()
    assert call.details("keys")["digits"] == "4"
    assert call.elapsed == 0.8
    assert call.details("hello")["played"][0] == {
        "prompts": [{"kind": "text", "value": "Menu"}],
        "at": 0.0,
        "heard": 0.5,
        "reason": "stopped",
    }


def test_a_key_does_not_stop_an_uninterruptible_prompt_and_is_dropped() -> None:
    call = talk("text: Menu", after="keys").start().wait(0.5).press("4").finish()
    assert call.elapsed == 7.0
    assert call.details("keys")["status"] == "no_input"


def test_forever_ends_by_a_key_or_with_the_call() -> None:
    call = talk("text: Music, loop: forever, interruptible: true").start().wait(3000).press("1").finish()
    assert call.elapsed == 3000.3
    call = talk("text: Music, loop: forever, interruptible: true").start().wait(3000).hang_up()
    assert call.machine.finished
    assert call.branches == ["next", "user_hung_up"]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"text": "a", "file": "b.wav"},
        {"text": "a", "loop": "forever"},
        {"text": "a", "loop": 0},
        {"text": "a", "pause": "6s"},
        {"text": "a", "rate": 9},
        {"text": "a", "voice": {"gender": "robot"}},
        {"text": "a", "surprise": 1},
        {"text": 12},
    ],
)
def test_refuses(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PlayElement.model_validate({"type": "play", **fields})


def test_a_failed_prompt_is_noted_and_the_flow_goes_on() -> None:
    call = talk("file: missing.wav").start()
    call.send(PlayDone(call.commands(Play)[0].id, 0.0, "failed", "no such file"))
    assert call.path == ["start", "hello", "bye"]
    assert call.notes == ["a prompt could not be played"]


def test_an_expression_error_skips_the_prompt() -> None:
    call = talk('text: "{{ nothing.here }}"').start().finish()
    assert call.path == ["start", "hello", "bye"]
    assert not call.commands(Play)
    assert len(call.notes) == 1


@pytest.mark.parametrize(
    ("text", "said", "notes_wanted"),
    [
        ("Your balance is {{ money(v, 'EUR') }}.", ["Your balance is ."], 1),
        ("{{ count }} calls, you are {{ ordinal(2.5) }}, {{ ordinal(2.5) }}.", ["2 calls, you are , ."], 1),
        ("{{ money(v, 'EUR') }}, {{ nothing.here }}.", [], 2),
    ],
)
def test_only_the_expression_that_fails_is_left_out(text: str, said: list[str], notes_wanted: int) -> None:
    call = talk(f'text: "{text}"', variables="{v: null, count: 2}").start().finish()
    assert call.said == said
    notes = call.details("hello")["notes"]
    assert notes == call.notes
    assert len(notes) == notes_wanted
    assert all(note.startswith("words left out of the text: ") for note in notes)


def test_other_sources_fail_as_a_whole() -> None:
    call = talk("file: \"number-{{ money(v, 'EUR') }}.wav\"", variables="{v: null}").start().finish()
    assert not call.commands(Play)
    assert call.notes[0].startswith("file: ")


@pytest.mark.parametrize("text", ["PIN {{ pin }}, {{ money(v, 'EUR') }}", "Count {{ v }}: {{ money(pin, 'EUR') }}"])
def test_a_text_with_words_left_out_stays_sensitive(text: str) -> None:
    call = Talk(
        f"""
variables: {{pin: x4711, v: null}}
sensitive: [pin]
elements:
  start: {{type: start_incoming_call, numbers: ["100"], next: hello}}
  hello: {{type: play, text: "{text}"}}
"""
    )
    call.start().finish()
    assert call.notes
    assert call.commands(Play)[0].prompts[0].sensitive
    assert "4711" not in repr(call.machine.path()) + repr(call.notes)


def test_a_text_over_the_limit_is_cut() -> None:
    call = talk('text: "{{ word }}"', variables="{word: " + "a" * 1500 + "}").start()
    assert len(call.commands(Play)[0].prompts[0].value) == 1000


def test_a_sensitive_text_stands_in_no_trace() -> None:
    call = Talk(
        """
variables: {pin: "4711"}
sensitive: [pin]
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: hello}
  hello: {type: play, text: "Your PIN is {{ pin }}"}
"""
    )
    call.start().finish()
    assert call.said == ["Your PIN is 4711"]
    assert call.commands(Play)[0].prompts[0].sensitive
    assert "4711" not in repr(call.machine.path())


def test_voicemail_by_variable_or_expression() -> None:
    for field in ("voicemail: message", 'voicemail: "{{ message }}"'):
        call = talk(field, variables='{message: "rec/1.wav"}').start()
        assert call.commands(Play)[0].prompts[0] == PromptSpec("recording", "rec/1.wav")
    call = talk("voicemail: message", variables='{message: ""}').start().finish()
    assert not call.commands(Play)
    assert call.notes


def test_a_lost_end_of_a_prompt_does_not_keep_the_call() -> None:
    call = talk("text: Hello", prompt_seconds=1e9).start().finish()
    assert call.path[-1] == "bye"
    assert call.elapsed == 600.0
