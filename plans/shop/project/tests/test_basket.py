"""Baskets add up, and only the shop's own quotes are believed."""

import unittest
from decimal import Decimal

from shop import basket, catalogue

CATALOGUE = catalogue.parse(
    """
    [items.tea]
    name = "Tea"
    price = "6.50"
    since = "2024-03-01"
    """
)


class BasketTest(unittest.TestCase):
    def test_a_basket_adds_up(self):
        self.assertEqual(basket.total(CATALOGUE, {"tea": 3}), Decimal("19.50"))

    def test_what_is_not_sold_is_refused(self):
        with self.assertRaises(basket.UnknownItem):
            basket.total(CATALOGUE, {"coffee": 1})

    def test_a_quote_is_believed_and_a_changed_one_is_not(self):
        quote = basket.sign({"tea": 1}, Decimal("6.50"))
        self.assertEqual(basket.verify(quote), {"basket": {"tea": 1}, "total": "6.50"})
        self.assertIsNone(basket.verify(quote[:-1]))


if __name__ == "__main__":
    unittest.main()
