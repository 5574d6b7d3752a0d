from __future__ import annotations

import inspect

from ivr import errors
from ivr.errors import ConfigError, Fault, IvrError, OverloadedError


def test_the_docstring_shows_every_error() -> None:
    for name, value in vars(errors).items():
        if inspect.isclass(value) and issubclass(value, IvrError):
            assert f" {name} " in errors.__doc__ or f" {name}\n" in errors.__doc__, name  # type: ignore[operator]
            assert name in errors.__all__


def test_an_error_carries_what_to_answer() -> None:
    assert (OverloadedError.sip_status, OverloadedError.http_status, OverloadedError.retryable) == (503, 503, True)


def test_a_fault_reads_as_a_sentence_with_its_place() -> None:
    fault = Fault("not a duration", file="f.yaml", line=3, element="menu", field="wait", found="x", expected="5s")
    assert str(fault) == "f.yaml:3: element menu wait: not a duration (found x; expected 5s)"
    assert str(Fault("the file is empty")) == "the file is empty"
    assert str(ConfigError([fault, Fault("and this")])).count("\n") == 1
