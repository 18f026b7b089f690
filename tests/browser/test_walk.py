"""Four random visitors at once meet no error."""

from playwright.sync_api import Browser

from tests.browser.walk import walk


def test_four_random_visitors_meet_no_error(browser: Browser):
    num_steps, failures = walk(browser, seconds=60, seed=0)
    assert not failures, "\n\n".join(failures)
    assert num_steps > 10
