"""The one part that is compiled; all else that a build needs is in pyproject.toml."""

import atexit
import shutil
import tempfile

from setuptools import Extension, setup

# Not in the checkout: what an older state of it left there would become part of the next wheel.
workshop = tempfile.mkdtemp(prefix="preserve-build-")
atexit.register(shutil.rmtree, workshop, ignore_errors=True)

setup(
    ext_modules=[
        Extension(
            "preserve.formats._sha256pair",
            ["src/preserve/formats/_sha256pair.c"],
            py_limited_api=True,
            optional=True,  # without a compiler `preserve verify` is slower, and that is all
        )
    ],
    options={"build": {"build_base": workshop}, "bdist_wheel": {"py_limited_api": "cp311"}},
)
