"""Serves ministack, a local AWS, on a free port of 127.0.0.1.

Prints one line, AWS_ENDPOINT_URL=http://127.0.0.1:<port>, once ministack answers. The log goes
to stderr. The server ends when its stdin is closed, kills the processes of its Lambda functions
and removes its files. Nothing outlives the test run, which holds the other end of stdin.
"""

import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import urllib.request


def main() -> None:
    os.setsid()  # a separate process group, killed as a whole
    directory = tempfile.mkdtemp(prefix="lambda-triggers-ministack-")
    threading.Thread(target=end_with_stdin, args=[directory], daemon=True).start()

    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    port = listener.getsockname()[1]
    configure(port, directory)
    threading.Thread(target=announce, args=[f"http://127.0.0.1:{port}"], daemon=True).start()
    serve(listener)


def end_with_stdin(directory: str) -> None:
    """Waits for the end of stdin, then removes all files and kills the process group."""
    while os.read(0, 4096):
        pass
    shutil.rmtree(directory, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def configure(port: int, directory: str) -> None:
    """Sets the variables that ministack reads once, at its import."""
    os.environ.update(
        GATEWAY_PORT=str(port),
        MINISTACK_HOST="127.0.0.1",
        TMPDIR=directory,
        STATE_DIR=directory,
        S3_DATA_DIR=os.path.join(directory, "s3"),
        SFTP_ENABLED="0",
        IOT_MTLS_ENABLED="0",
        LAMBDA_EXECUTOR="local",
        LOG_LEVEL=os.environ.get("LOG_LEVEL", "INFO"),
    )
    tempfile.tempdir = directory


def announce(url: str) -> None:
    """Prints the URL once the server answers. The kernel holds the request until then, so one is enough."""
    urllib.request.urlopen(f"{url}/_ministack/health", timeout=120).read()
    print(f"AWS_ENDPOINT_URL={url}", flush=True)


def serve(listener: socket.socket) -> None:
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config
    from ministack.app import app

    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.keep_alive_timeout = 75
    config.errorlog = config.accesslog = None
    asyncio.run(hypercorn_serve(app, config))


if __name__ == "__main__":
    sys.exit(main())
