"""The one part that is compiled; all else that a build needs is in pyproject.toml."""

import atexit
import shutil
import sysconfig
import tempfile

from setuptools import Extension, setup

# Not in the checkout, which may not be ours to write to; and what an older state of it left there would become part of the next wheel.
workshop = tempfile.mkdtemp(prefix="preserve-build-")
atexit.register(shutil.rmtree, workshop, ignore_errors=True)
outside = {"build": {"build_base": workshop}, "egg_info": {"egg_base": workshop}}

if sysconfig.get_config_var("Py_GIL_DISABLED"):  # has no limited API
    setup(options=outside)
else:
    setup(
        ext_modules=[
            Extension(
                "preserve.formats._sha256pair",
                ["src/preserve/formats/_sha256pair.c"],
                py_limited_api=True,
                optional=True,  # without a compiler `preserve verify` is slower, and that is all
            )
        ],
        options=outside | {"bdist_wheel": {"py_limited_api": "cp311"}},
    )
