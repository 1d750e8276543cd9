"""The catalogue is read and written in one form."""

import unittest

from shop import catalogue


class CatalogueTest(unittest.TestCase):
    def test_the_own_catalogue_is_complete(self):
        self.assertEqual(list(catalogue.load()), ["kettle", "mug", "strainer", "tea"])

    def test_what_is_written_is_read_back(self):
        items = catalogue.load()
        self.assertEqual(catalogue.parse(catalogue.render(items)), items)


if __name__ == "__main__":
    unittest.main()
