#!/usr/bin/env python3
"""What the real Gunicorn makes of command lines, without starting a server.

Reads a JSON list of {"arguments": [...], "environment": {...}} on standard input and writes a JSON
list of {"code", "last_line", "settings"} in the same order. Each case gets Gunicorn's modules
anew, because some defaults are read from the environment while they are loaded.
"""

import contextlib
import io
import json
import os
import sys
import traceback


def resolve(arguments):
    """Load the configuration, then look at everything that the arbiter looks at before it binds."""
    from gunicorn.app.wsgiapp import WSGIApplication

    sys.argv = ["gunicorn", *arguments]
    application = WSGIApplication("%(prog)s [OPTIONS] [APP_MODULE]", prog="gunicorn")
    settings = application.cfg
    try:
        settings.logger_class(settings)
        settings.worker_class, settings.address, settings.env
    except RuntimeError as error:
        print(f"\nError: {error}\n", file=sys.stderr)
        sys.exit(1)
    return {name: str(setting.value) for name, setting in settings.settings.items()}


def run(case):
    for name in [name for name in sys.modules if name.split(".")[0] == "gunicorn"]:
        del sys.modules[name]
    for name in ("GUNICORN_CMD_ARGS", "PORT", "WEB_CONCURRENCY"):
        os.environ.pop(name, None)
    os.environ.update(case["environment"])
    output = io.StringIO()
    code, settings = 0, None
    with contextlib.redirect_stderr(output), contextlib.redirect_stdout(io.StringIO()):
        try:
            settings = resolve(case["arguments"])
        except SystemExit as stop:
            code = stop.code or 0
        except Exception:  # What nobody catches ends Gunicorn with a traceback.
            traceback.print_exc()
            code = 1
    lines = [line for line in output.getvalue().splitlines() if line.strip()]
    return {"code": code, "last_line": lines[-1] if lines else "", "settings": settings}


if __name__ == "__main__":
    json.dump([run(case) for case in json.load(sys.stdin)], sys.stdout)
