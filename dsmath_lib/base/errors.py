"""Errors whose message is one line for the user."""

import traceback

try:
    import fcntl
except ImportError:  # Windows: no lock
    fcntl = None


class StageError(RuntimeError):
    """A stage cannot run: what is missing and which command makes it."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the line first, the trace below."""
        trace = traceback.format_exception(type(self), self, self.__traceback__)
        return [f"{type(self).__name__}: {self}", "", *"".join(trace).splitlines()]


class ParamsError(ValueError):
    """A parameter is unknown, missing, of the wrong type or out of range. The message is for the user."""
