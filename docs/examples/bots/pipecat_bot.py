#!/usr/bin/env python3
"""A bot of pipecat (https://pipecat.ai), unmodified: speaks, can be interrupted, repeats what it hears, hangs up at 0.

    pip install 'pipecat-ai[websocket]>=1.14' uvicorn
    IVR_TOKEN=... python pipecat_bot.py --base-url http://127.0.0.1:8080     # ws://127.0.0.1:8765/ws

It needs no network and no model: put your services into the pipeline in the place of `Parrot`. `IVR_TOKEN` is the
`auth_token` of the agent in the configuration, and `--base-url` where the daemon's HTTP interface is.
"""

from __future__ import annotations

import argparse
import array
import math
import os
from collections.abc import Callable
from typing import Any

import uvicorn
from fastapi import FastAPI, WebSocket
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import (
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InputDTMFFrame,
    OutputAudioRawFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.runner.utils import parse_telephony_websocket
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport

RATE = 8000
GREETING_SECONDS = 6


def tone(seconds: float, hertz: float = 440.0) -> bytes:
    """A tone, as signed 16-bit samples."""
    return array.array(
        "h", (round(8000 * math.sin(2 * math.pi * hertz * at / RATE)) for at in range(round(seconds * RATE)))
    ).tobytes()


def loud(samples: bytes) -> bool:
    """Whether somebody speaks in it."""
    values = array.array("h", samples)
    return sum(abs(value) > 1000 for value in values) > len(values) // 4


class Parrot(FrameProcessor):
    """Says a greeting, until somebody speaks; then says what it hears."""

    def __init__(self) -> None:
        super().__init__()
        self.interrupted = False

    async def greet(self) -> None:
        """Speak first."""
        await self.push_frame(OutputAudioRawFrame(audio=tone(GREETING_SECONDS), sample_rate=RATE, num_channels=1))

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            if not self.interrupted and loud(frame.audio):
                self.interrupted = True
                print("interrupted", flush=True)
                await self.broadcast_interruption()
            elif self.interrupted:
                await self.push_frame(
                    OutputAudioRawFrame(audio=frame.audio, sample_rate=frame.sample_rate, num_channels=1)
                )
        elif isinstance(frame, InputDTMFFrame):
            print(f"key {frame.button.value}", flush=True)
            if frame.button is KeypadEntry.ZERO:
                await self.push_frame(EndFrame())
        else:
            await self.push_frame(frame, direction)


def application(base_url: str, token: str) -> FastAPI:
    """The server that the daemon connects to."""
    app = FastAPI()

    @app.websocket("/ws")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        _, call = await parse_telephony_websocket(socket)
        found: Any = call
        serializer = TwilioFrameSerializer(
            stream_sid=found["stream_id"],
            call_sid=found["call_id"],
            account_sid=os.environ["IVR_ACCOUNT"],
            auth_token=token,
            base_url=base_url,
        )
        transport = FastAPIWebsocketTransport(
            socket, FastAPIWebsocketParams(serializer=serializer, audio_in_enabled=True, audio_out_enabled=True)
        )
        parrot = Parrot()
        worker = PipelineWorker(
            Pipeline([transport.input(), parrot, transport.output()]),
            params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
        )
        connected: Callable[..., Any] = transport.event_handler("on_client_connected")
        gone: Callable[..., Any] = transport.event_handler("on_client_disconnected")

        @connected
        async def on_connected(_: object, __: object) -> None:
            print(f"call {found['body']}", flush=True)
            await parrot.greet()

        @gone
        async def on_gone(_: object, __: object) -> None:
            await worker.cancel()

        await PipelineRunner(handle_sigint=False).run(worker)
        print("over", flush=True)

    return app


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--base-url", default="http://127.0.0.1:8080")
    options = parser.parse_args()
    app = application(options.base_url, os.environ["IVR_TOKEN"])
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
