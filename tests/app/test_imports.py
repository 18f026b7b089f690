"""The first page does not wait for PyTorch, which is imported once that page is drawn."""

import subprocess
import sys
import textwrap

import pytest

from tests.browser.harness import APP

HEAVY = ("torch", "torchvision", "captum", "fvcore", "pandas", "scipy", "cv2", "tyro")


def printed_by(code: str) -> list[str]:
    """Run code in a fresh Python and return the words it printed."""
    command = [sys.executable, "-c", textwrap.dedent(code)]
    finished = subprocess.run(command, cwd=APP.parent, capture_output=True, text=True, check=True)
    return finished.stdout.split()


def test_the_first_page_is_drawn_without_the_heavy_packages():
    words = printed_by(f"""
        import sys
        from streamlit.testing.v1 import AppTest

        page = 'from app.navigation import PAGES, show; show(PAGES["start"])'
        at = AppTest.from_string(page, default_timeout=120).run()
        assert not at.exception and not at.error
        drawn = [element.proto.component_name for element in at.get("bidi_component")]
        print(*drawn, *(name for name in {HEAVY} if name in sys.modules))
    """)
    assert words == ["film_player"]


@pytest.mark.slow
def test_the_modules_of_all_pages_are_imported_and_left_to_no_collection_after_the_first_page():
    words = printed_by("""
        import gc, sys
        from streamlit.testing.v1 import AppTest
        from app import imports
        from app.navigation import PAGES

        at = AppTest.from_file("streamlit_app.py", default_timeout=120).run()
        assert not at.exception
        imports.load_in_background([page.module for page in PAGES.values()]).join()
        missing = [page.module for page in PAGES.values() if page.module not in sys.modules]
        print(*missing, "torch" in sys.modules, gc.get_freeze_count() > 100_000)
    """)
    assert words == ["True", "True"]


def test_a_page_that_cannot_be_imported_does_not_keep_the_others_from_it():
    words = printed_by("""
        import sys
        from app import imports

        imports.load_in_background(["app.pages.missing", "app.pages.start.page"]).join()
        print("app.pages.start.page" in sys.modules)
    """)
    assert words == ["True"]


@pytest.mark.parametrize(("given", "used"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")])
def test_threads_of_torch_sleep_while_they_wait_unless_the_server_owner_says_otherwise(given, used):
    words = printed_by(f"""
        import os, sys

        os.environ.pop("OMP_WAIT_POLICY", None)
        os.environ.update({given})
        from app import imports

        print("torch" in sys.modules, os.environ["OMP_WAIT_POLICY"])
    """)
    assert words == ["False", used]
