"""Training in a child process of an app: `python -m gte.training.child FOLDER PRESET ...`, else as `gte.train`.

The process ends when its parent does: its standard input is held open until then. FOLDER, a temporary one with the run,
is then removed, because nobody else would do it.
"""

import os
import runpy
import shutil
import sys
import threading


def main() -> None:
    """Watch the parent and run `python -m gte.train` with the arguments after FOLDER."""
    folder = sys.argv.pop(1)

    def end_with_parent() -> None:
        sys.stdin.read()
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)

    threading.Thread(target=end_with_parent, name="parent watch", daemon=True).start()
    # As the main module, so that the checkpoint names the command with which anybody can repeat the run.
    runpy.run_module("gte.train", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
