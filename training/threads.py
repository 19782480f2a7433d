"""Threads of BLAS: one, where more of them only wait for each other."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

P = ParamSpec("P")
R = TypeVar("R")


def one_blas_thread(work: Callable[P, R]) -> Callable[P, R]:
    """Let a function's products of matrices run in one thread; LightGBM has as many as before.

    Products here are small or bound by memory, and threads of BLAS spin while they wait for the
    next one: a calibration took ten times its CPU seconds. One thread also rounds in the same way
    on every machine.
    """

    @wraps(work)
    def alone(*args: P.args, **kwargs: P.kwargs) -> R:
        with threadpool_limits(1, user_api="blas"):
            return work(*args, **kwargs)

    return alone
