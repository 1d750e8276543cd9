"""The shop answers over HTTP."""

import unittest

from shop.web import create_app


class WebTest(unittest.TestCase):
    def setUp(self):
        self.client = create_app().test_client()

    def test_it_is_well(self):
        self.assertEqual(self.client.get("/health").json["status"], "ok")

    def test_the_page_lists_the_catalogue(self):
        self.assertIn("Mug: 11.90", self.client.get("/").text)

    def test_a_quote_holds(self):
        answer = self.client.post("/quote", json={"tea": 2, "mug": 1}).json
        self.assertEqual(answer["display"], "24.90")
        self.assertEqual(self.client.get(f"/quote/{answer['quote']}").json["total"], "24.90")

    def test_what_is_not_sold_is_named(self):
        answer = self.client.post("/quote", json={"coffee": 1})
        self.assertEqual(answer.status_code, 400)
        self.assertIn("coffee", answer.json["error"])


if __name__ == "__main__":
    unittest.main()
