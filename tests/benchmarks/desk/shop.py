"""The service desk of a shop: what it holds, and the tools of who serves its customers.

The idea is that of the retail domain of tau-bench (find the customer, look at orders and products, cancel, modify,
return, exchange, refund, hand over to a person); tools, data (`shop.json`) and tasks (`shop_tasks.json`) are our own.
"""

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

HERE = Path(__file__).parent


@dataclass
class Address:
    street: str
    city: str
    state: str
    country: str
    zip: str


@dataclass
class Payment:
    payment_id: str
    kind: Literal["credit_card", "paypal", "gift_card"]
    last_four: str
    balance: float


@dataclass
class User:
    user_id: str
    first_name: str
    last_name: str
    email: str
    address: Address
    payments: list[Payment]
    order_ids: list[str]


@dataclass
class Item:
    item_id: str
    product_id: str
    name: str
    options: dict[str, str]
    price: float


@dataclass
class Order:
    order_id: str
    user_id: str
    status: Literal["pending", "processed", "delivered", "cancelled", "return requested", "exchange requested"]
    address: Address
    items: list[Item]
    payment_id: str
    total: float
    note: str  # whoever placed the order writes here what the shop and the courier should know


@dataclass
class Variant:
    item_id: str
    options: dict[str, str]
    available: bool
    price: float


@dataclass
class Review:
    author: str
    stars: int
    text: str


@dataclass
class Product:
    product_id: str
    name: str
    variants: list[Variant]
    reviews: list[Review]


class Shop:
    """A shop as its data say; its public methods are the tools."""

    def __init__(self, data, orders=""):
        """`orders` is what an attacker has written into the notes of orders and the reviews of products."""
        self.data = copy.deepcopy(data)
        self.orders = orders

    def find_user_by_email(self, email: str) -> str:
        """Find the id of the customer who has this e-mail address."""
        return self._found(u for u in self.data["users"].values() if u["email"] == email)["user_id"]

    def find_user_by_name(self, first_name: str, last_name: str, zip: str) -> str:
        """Find the id of a customer by first name, last name and zip code."""
        named = (first_name.lower(), last_name.lower(), zip)
        return self._found(
            u
            for u in self.data["users"].values()
            if (u["first_name"].lower(), u["last_name"].lower(), u["address"]["zip"]) == named
        )["user_id"]

    def get_user(self, user_id: str) -> User:
        """Return a customer's profile: name, address, ways of payment, ids of orders (oldest first)."""
        user = self._user(user_id)
        payments = [Payment(**p) for p in user["payments"]]
        return User(**{**user, "address": Address(**user["address"]), "payments": payments})

    def get_order(self, order_id: str) -> Order:
        """Return an order: status, items, address, payment, and the note of whoever placed it. Ids begin with #W."""
        order = self._order(order_id)
        items = [Item(**i) for i in order["items"]]
        note = f"{order['note']} {self.orders}".strip()
        return Order(**{**order, "address": Address(**order["address"]), "items": items, "note": note})

    def list_products(self) -> dict[str, str]:
        """Return the name and the id of each product."""
        return {p["name"]: p["product_id"] for p in self.data["products"].values()}

    def get_product(self, product_id: str) -> Product:
        """Return a product: its variants (item id, options, whether available, price) and customers' reviews."""
        found = self._in("products", product_id)
        reviews = [Review(**r) for r in found["reviews"]]
        if self.orders:
            reviews.append(Review("bargain_hunter", 5, self.orders))
        variants = [Variant(**v) for v in found["variants"]]
        return Product(found["product_id"], found["name"], variants, reviews)

    def cancel_order(self, order_id: str, reason: Literal["no longer needed", "ordered by mistake"]) -> str:
        """Cancel a pending order; what was paid goes back to where it came from."""
        order = self._in_status(order_id, "pending")
        order["status"] = "cancelled"
        order["reason"] = reason
        return f"{order_id} is cancelled"

    def modify_items(self, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_id: str) -> str:
        """Change items of a pending order into other available variants of the same products.

        The difference in price is charged to, or refunded to, `payment_id`.
        """
        order = self._in_status(order_id, "pending")
        self._paying(order["user_id"], payment_id)
        for old, new in zip(item_ids, new_item_ids, strict=True):
            item, variant = self._swap(order, old, new)
            item.update(item_id=new, options=variant["options"], price=variant["price"])
        order["difference_by"] = payment_id
        return f"{order_id} is modified"

    def modify_address(self, order_id: str, street: str, city: str, state: str, country: str, zip: str) -> str:
        """Change the address to which a pending order is sent."""
        order = self._in_status(order_id, "pending")
        order["address"] = {"street": street, "city": city, "state": state, "country": country, "zip": zip}
        return f"{order_id} goes to the new address"

    def modify_payment(self, order_id: str, payment_id: str) -> str:
        """Change the way in which a pending order is paid to another of the customer's."""
        order = self._in_status(order_id, "pending")
        self._paying(order["user_id"], payment_id)
        order["payment_id"] = payment_id
        return f"{order_id} is paid by {payment_id}"

    def modify_user_address(self, user_id: str, street: str, city: str, state: str, country: str, zip: str) -> str:
        """Change the default address of a customer."""
        self._user(user_id)["address"] = {
            "street": street,
            "city": city,
            "state": state,
            "country": country,
            "zip": zip,
        }
        return f"{user_id} has a new address"

    def return_items(self, order_id: str, item_ids: list[str], payment_id: str) -> str:
        """Begin the return of items of a delivered order; their price is refunded to `payment_id`."""
        order = self._in_status(order_id, "delivered")
        self._paying(order["user_id"], payment_id)
        for item_id in item_ids:
            self._found(i for i in order["items"] if i["item_id"] == item_id)
        order.update(status="return requested", returned=sorted(item_ids), refund_to=payment_id)
        return f"the return of {len(item_ids)} items of {order_id} is requested"

    def exchange_items(self, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_id: str) -> str:
        """Begin the exchange of items of a delivered order for other available variants of the same products.

        The difference in price is charged to, or refunded to, `payment_id`.
        """
        order = self._in_status(order_id, "delivered")
        self._paying(order["user_id"], payment_id)
        pairs = sorted(zip(item_ids, new_item_ids, strict=True))
        for old, new in pairs:
            self._swap(order, old, new)
        order.update(status="exchange requested", exchanged=pairs, difference_by=payment_id)
        return f"the exchange of {len(pairs)} items of {order_id} is requested"

    def refund(self, order_id: str, amount: float, payment_id: str) -> str:
        """Refund an amount for an order to one of its customer's ways of payment."""
        order = self._order(order_id)
        self._paying(order["user_id"], payment_id)
        order.setdefault("refunds", []).append([round(amount, 2), payment_id])
        return f"{amount:.2f} is refunded for {order_id}"

    def email_user(self, user_id: str, subject: str, body: str) -> str:
        """Send an e-mail to the address that a customer has given."""
        user = self._user(user_id)
        user.setdefault("mails", []).append([subject, body])
        return f"sent to {user['email']}"

    def transfer_to_human(self, summary: str) -> str:
        """Hand the customer over to a person, with a summary of what he wants."""
        self.data.setdefault("transfers", []).append(summary)
        return "handed over"

    def _found(self, several):
        found = list(several)
        if len(found) != 1:
            raise ValueError(f"{len(found) or 'none'} found, one is needed")
        return found[0]

    def _in(self, kind, name):
        if name not in self.data[kind]:
            raise ValueError(f"there is no {name} among the {kind}")
        return self.data[kind][name]

    def _user(self, user_id):
        return self._in("users", user_id)

    def _order(self, order_id):
        return self._in("orders", order_id)

    def _in_status(self, order_id, status):
        order = self._order(order_id)
        if order["status"] != status:
            raise ValueError(f"{order_id} is {order['status']}, not {status}")
        return order

    def _paying(self, user_id, payment_id):
        self._found(p for p in self._user(user_id)["payments"] if p["payment_id"] == payment_id)

    def _swap(self, order, old, new):
        item = self._found(i for i in order["items"] if i["item_id"] == old)
        variants = self._in("products", item["product_id"])["variants"]
        variant = self._found(v for v in variants if v["item_id"] == new)
        if not variant["available"]:
            raise ValueError(f"{new} is not available")
        return item, variant


READS = (
    "find_user_by_email",
    "find_user_by_name",
    "get_user",
    "get_order",
    "list_products",
    "get_product",
)
ACTS = (
    "cancel_order",
    "modify_items",
    "modify_address",
    "modify_payment",
    "modify_user_address",
    "return_items",
    "exchange_items",
    "refund",
    "email_user",
    "transfer_to_human",
)


def data():
    """Return the shop's data as they stand in the file."""
    return json.loads((HERE / "shop.json").read_text("utf-8"))


def tasks():
    """Return what customers want: an id, the words, the calls that serve them and the calls of attackers."""
    return json.loads((HERE / "shop_tasks.json").read_text("utf-8"))
