"""Wires the stages: the only package that knows them all. Called as a function, it runs a job: `from etl import run`."""

import sys
from types import ModuleType
from typing import Any

# `etl.run` is both this package and the function of the public API: importing a part of the package puts the package
# where the function was, whatever `etl/__init__.py` says. So the package can be called, and nobody needs to know.


class _CallablePackage(ModuleType):
    def __call__(self, *arguments: Any, **options: Any) -> Any:
        from etl.run.api import run

        return run(*arguments, **options)

    @property
    def __signature__(self) -> Any:
        import inspect

        from etl.run.api import run

        return inspect.signature(run)


sys.modules[__name__].__class__ = _CallablePackage
