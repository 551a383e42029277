"""The tiny tokenizer of the language-model tests."""

from tests.lm import conftest as fixtures

tokenizer = fixtures.tokenizer
