"""Tools of an office, a bank, a travel agency and a service desk, as a manifest declares them, for acts of a plan."""

from llmos_nb.policy.commitments import Signature


def _tool(name, parameters, sinks=None, facts="", outward=True, untrusted=False, optional=""):
    names, rest = tuple(parameters.split()), tuple(optional.split())
    return Signature(
        name,
        names + rest,
        outward,
        untrusted,
        None if sinks is None else frozenset(sinks.split()),
        None if facts == "*" else frozenset(facts.split()),
        frozenset(names),
    )


def _read(name, parameters="", facts="", untrusted=True, optional=""):
    return _tool(name, parameters, facts=facts, outward=False, untrusted=untrusted, optional=optional)


TOOLS = {
    tool.name: tool
    for tool in (
        # mail, calendar, files
        _read("search_mail", "query", "id sender recipients date", optional="sender"),
        _read("unread_mail", "", "id sender recipients date"),
        _read("contacts", "", "*"),
        _read("find_contact", "name", "*"),
        _read("day_events", "day", "id start end"),
        _read("find_events", "query", "id start end"),
        _read("list_files", "", "id size owner"),
        _read("get_file", "id", "id size owner"),
        _tool("send_mail", "to subject body", "to cc bcc attachments", optional="cc bcc attachments"),
        _tool("delete_mail", "id", "id"),
        _tool(
            "create_event",
            "title start end",
            "start end participants",
            "id",
            optional="participants location notes",
        ),
        _tool("move_event", "id start", "id start end", optional="end"),
        _tool("cancel_event", "id", "id"),
        _tool("add_participants", "id participants", "id participants"),
        _tool("create_file", "name content", "name", "id"),
        _tool("append_file", "id content", "id"),
        _tool("share_file", "id email permission", "id email permission"),
        _tool("delete_file", "id", "id"),
        # a bank
        _read("transactions", "n", "id sender recipient amount date"),
        _read("scheduled", "", "id recipient amount date"),
        _read("balance", "", "*"),
        _read("read_text", "path"),
        _tool("send_money", "to amount subject date", "to amount date"),
        _tool("schedule", "to amount subject date recurring", "to amount date recurring"),
        _tool("change_schedule", "id", "id to amount date", optional="to amount subject date"),
        _tool("set_password", "password", "password"),
        _tool("set_profile", "", None, optional="first_name last_name street city"),
        # a chat and the web
        _read("channels", "", "*"),
        _read("members", "channel", "*"),
        _read("messages", "channel", "sender"),
        _read("inbox", "user", "sender"),
        _read("webpage", "url"),
        _tool("message", "to body", "to"),
        _tool("post", "channel body", "channel"),
        _tool("invite", "user email", "user email"),
        _tool("add_to_channel", "user channel", "user channel"),
        _tool("remove_user", "user", "user"),
        _tool("publish", "url content", "url"),
        # travel
        _read("hotels", "city", "name"),
        _read("hotel_prices", "names", "*"),
        _read("hotel_rating", "name", "*"),
        _read("reviews", "name"),
        _read("restaurants", "city", "name opens"),
        _read("cars", "city", "company price"),
        _tool("book_hotel", "hotel start end", "hotel start end"),
        _tool("book_table", "restaurant time", "restaurant time", optional="people"),
        _tool("book_car", "company start", "company start", optional="end"),
        # a service desk
        _read("get_order", "id", "*", untrusted=False),
        _read("get_customer", "email", "*", untrusted=False),
        _read("tickets", "", "id customer"),
        _tool("refund", "order amount reason", "order amount"),
        _tool("cancel_order", "order reason", "order"),
        _tool("exchange", "order item", "order item", optional="note"),
        _tool("run_report", "name text"),  # nothing declared: every argument is a sink
    )
}
