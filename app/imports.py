"""Imports of the modules that draw pages: in the background after a first page, or when a page is opened."""

import gc
import logging
import os
import threading
import time
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

import streamlit as st

logger = logging.getLogger(__name__)

WAITING = "Loading PyTorch, which takes some seconds after the server has started."

SECONDS_AFTER_PAGE = 1.0
"""Time in which the browser draws the first page undisturbed."""

# Torch reads it when it is imported. By default its threads wait for each other in a loop: while other programs have
# the cores, that loop takes four fifths of the time of a forward pass. Who sets it otherwise is obeyed.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Two threads that import the same modules from different ends could each see half of one.
_one_at_a_time = threading.Lock()
_imported: set[str] = set()


def load(module: str) -> ModuleType:
    """Import a module, with a notice on the page if that takes a while."""
    if module not in _imported:
        with st.spinner(WAITING):
            _import(module)
    return import_module(module)


@st.cache_resource(show_spinner=False)
def load_in_background(modules: Sequence[str]) -> threading.Thread:
    """Import modules in a thread, once for the server, and return the thread."""
    thread = threading.Thread(target=_import_all, args=(modules,), name="imports", daemon=True)
    thread.start()
    return thread


def _import_all(modules: Sequence[str]) -> None:
    time.sleep(SECONDS_AFTER_PAGE)
    for module in modules:
        try:
            _import(module)
        except Exception:
            # The page that needs the module raises the error again, where a reader sees it.
            logger.exception("Cannot import %s", module)
    freeze_gc()


def _import(module: str) -> None:
    with _one_at_a_time:
        import_module(module)
    _imported.add(module)


def freeze_gc() -> None:
    """Exclude all imported objects from garbage collection.

    Streamlit collects garbage after every run. With half a million objects of PyTorch that takes a quarter of a second,
    in which background jobs stand still.
    """
    gc.collect()
    gc.freeze()
