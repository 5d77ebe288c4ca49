"""Shared by all tests: one thread each, so that tests run side by side, and quiet Lightning."""

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    torch.set_num_threads(1)
