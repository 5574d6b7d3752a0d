"""The one thing that pyproject.toml cannot say: the compiled socket loops of the media plane.

The extension is optional: without a compiler or the Python headers the install goes on, the media plane uses its pure
Python loops, and `ivr serve` says `batch=python` in its start log.
"""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension("media._batch", sources=["media/batch/batch.c"], extra_compile_args=["-O2"], optional=True),
    ]
)
