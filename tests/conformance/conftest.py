"""Shared by the conformance suite: what all its runs read is read once."""

import pytest

from tests.conformance.rows import digits_read_once


@pytest.fixture(autouse=True)
def one_reading_of_the_digits():
    with digits_read_once():
        yield
