"""The former name of `python -m analysis.report`."""

import runpy

if __name__ == "__main__":
    runpy.run_module("analysis.report", run_name="__main__")
