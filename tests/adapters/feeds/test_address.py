"""Addresses of feeds: what people write, and what they are told where that cannot be used."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.adapters.feeds.address import FEEDS_MAX, parse_feed, parse_feeds
from keepclear.adapters.feeds.formats import FORMATS, Way
from keepclear.core.errors import InvalidValueError
from keepclear.core.kinds import TrackKind


@pytest.mark.parametrize(
    ("text", "format_name", "way", "shown"),
    [
        ("readsb+http://pi.local/data/aircraft.json", "readsb", Way.HTTP, None),
        ("dump1090+https://pi.local:8443/data/aircraft.json", "dump1090", Way.HTTP, None),
        ("readsb:/run/readsb/aircraft.json", "readsb", Way.FILE, None),
        ("sbs://10.0.0.5:30003", "sbs", Way.TCP, None),
        ("sbs://[::1]:30003", "sbs", Way.TCP, None),
        ("beast://localhost:30005", "beast", Way.TCP, None),
        ("raw://localhost:30002", "raw", Way.TCP, None),
        ("ndjson://tracker:9000", "ndjson", Way.TCP, None),
        ("ndjson+listen://127.0.0.1:9000", "ndjson", Way.LISTEN, None),
        ("ndjson:-", "ndjson", Way.STDIN, None),
        ("cot://tak.local:8087", "cot", Way.TCP, None),
        ("cot+udp://239.2.3.1:6969", "cot", Way.UDP, None),
        ("tak://tak.local:8087", "tak", Way.TCP, None),
        (
            "f3411+https://uss.example/uss/flights?view=46,7,47,8",
            "f3411",
            Way.HTTP,
            "f3411+https://uss.example/uss/flights",
        ),
        ("flight.ndjson", "ndjson", Way.RECORDING, None),
        ("./a=b/flight.NDJSON.gz?speed=10", "ndjson", Way.RECORDING, "./a=b/flight.NDJSON.gz"),
        ("asterix+udp://239.1.1.1:8600", "asterix", Way.UDP, None),
        ("flight.csv.gz", "csv", Way.RECORDING, None),
        ("flight.json", "traffic", Way.RECORDING, None),
        ("/data/night.kcr", "kcr", Way.RECORDING, None),
        ("folder?format=kcr", "kcr", Way.RECORDING, "folder"),
    ],
)
def test_each_form_is_read(text: str, format_name: str, way: Way, shown: str | None) -> None:
    feed = parse_feed(text)
    assert (feed.format, feed.way, feed.shown) == (format_name, way, shown or text)


def test_options_are_read() -> None:
    feed = parse_feed("sbs://h:1?party=Red%20Cross&kind=helicopter&id_prefix=x-&silent=30s")
    assert (feed.options.party, feed.options.kind, feed.options.id_prefix, feed.options.silent_s) == (
        "Red Cross",
        TrackKind.HELICOPTER,
        "x-",
        30.0,
    )
    feed = parse_feed("a.ndjson?speed=10&from=2018-08-01T10:00:00Z&to=2018-08-01T12:00:00%2B01:00&loop=1")
    assert (feed.options.speed, feed.options.from_ms, feed.options.to_ms, feed.options.is_looped) == (
        10.0,
        1533117600000,
        1533121200000,
        True,
    )
    assert parse_feed("cot://h:1?send=1").options.sends
    assert parse_feed("ndjson+listen://0.0.0.0:9000?public=1").options.is_public


def test_what_is_no_option_of_ours_is_passed_on_to_an_http_server_and_not_shown() -> None:
    feed = parse_feed("f3411+https://uss.example/flights?view=1,2,3,4&party=uss&key=secret&every=3")
    assert feed.url == "https://uss.example/flights?view=1,2,3,4&key=secret"
    assert (feed.options.party, feed.options.every_s) == ("uss", 3.0)
    assert "secret" not in feed.shown


def test_a_password_is_never_shown() -> None:
    feed = parse_feed("home=readsb+https://me:secret@pi.local/data/aircraft.json")
    assert feed.url == "https://me:secret@pi.local/data/aircraft.json"
    assert "secret" not in feed.shown + repr(feed)
    for text in (
        "sbs://me:secret@h:1",
        "readsb+https://me:secret@/x",
        "readsb+https://me:secret@h:port/x",
        "redsb+https://me:secret@h/x",
        "sbs://me:secret@h",
        "readsb+https://me:secret@h/x#y",
        "readsb+http://me:secret@h/x?every=0",
    ):
        with pytest.raises(InvalidValueError) as refused:
            parse_feeds([text])
        assert "secret" not in str(refused.value)


def test_names_are_given_or_made_of_the_format_and_a_number() -> None:
    feeds = parse_feeds(["sbs://a:1", "sbs-2=sbs://b:1", "sbs://c:1", "north.radar=ndjson://d:1"])
    assert [feed.name for feed in feeds] == ["sbs-1", "sbs-2", "sbs-3", "north.radar"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "write for example sbs://host:30003"),
        ("nothing", "neither an address nor a recording"),
        ("sbz://h:1", "did you mean sbs://"),
        ("foo+bar://h:1", "known are readsb+http://"),
        ("sbs://h", "there is no port; write sbs://h:30003"),
        ("sbs://a..b:1", "host and port cannot be read; write sbs://host:30003"),
        ("sbs://:30003", "there is no host; write sbs://host:30003"),
        ("sbs://h:70000", "cannot be read"),
        ("sbs:h:30003", "write sbs://host:30003"),
        ("sbs://h:1/data", "have no path"),
        ("sbs://h:1?speed=2", "there is no option 'speed' here; known are party, kind, id_prefix, silent"),
        ("sbs://h:1?kind=ufo", "kind: write one of aeroplane"),
        ("sbs://h:1?party=", "party: it has no value"),
        ("sbs://h:1?party=a&party=b", "party: it stands there twice"),
        ("sbs://h:1?silent=nan", "silent: write a number from"),
        ("sbs://h:1?id_prefix=a:b", "without a colon"),
        ("sbs://h:1?send=1", "there is no option 'send'"),
        ("ndjson+listen://0.0.0.0:9000", "host: others could send to 0.0.0.0; write 127.0.0.1"),
        ("ndjson+listen://127.0.0.1", "write ndjson+listen://127.0.0.1:port"),
        ("cot+udp://0.0.0.0:6969", "add ?public=1"),
        ("cot+udp://127.0.0.1:6969?send=1", "send: it sends to a group"),
        ("readsb+http://h/x?token_file=t", "token_file: the token could be read on its way"),
        ("a.ndjson?speed=0", "speed: write a number"),
        ("a.ndjson?from=2018-08-01T10:00:00", "a time needs a zone"),
        ("a.ndjson?from=now", "from: write an instant"),
        ("a.ndjson?from=2018-08-01T10:00:00Z&to=2018-08-01T10:00:00Z", "from: it is not before to"),
        ("a.txt?format=sbs", "format: recordings are of"),
        ("a.ndjson?loop=maybe", "loop: write 1 or 0"),
    ],
)
def test_what_cannot_be_used_is_told_with_the_way_out(text: str, told: str) -> None:
    with pytest.raises(InvalidValueError) as refused:
        parse_feeds(["sbs://good:1", text])
    assert refused.value.field == "feed 2"
    assert told in refused.value.reason


def test_two_feeds_do_not_have_one_name() -> None:
    with pytest.raises(InvalidValueError, match="feed 3: feed 1 is called 'a', too; give it another name"):
        parse_feeds(["a=sbs://h:1", "b=sbs://h:1", "a=sbs://h:2"])


def test_there_are_not_too_many_feeds() -> None:
    assert len(parse_feeds(["sbs://h:1"] * FEEDS_MAX)) == FEEDS_MAX
    with pytest.raises(InvalidValueError, match="at most"):
        parse_feeds(["sbs://h:1"] * (FEEDS_MAX + 1))


@given(
    st.text()
    | st.builds(
        lambda scheme, rest: scheme + rest,
        st.sampled_from([f"{name}{way}:" for name in FORMATS for way in ("", "+udp", "+listen", "+http")]),
        st.text("/:@[]?=&%#.-0123456789ab"),
    )
)
def test_whatever_is_written_is_an_address_or_an_error_of_ours(text: str) -> None:
    try:
        feed = parse_feed(text)
    except InvalidValueError:
        return
    assert feed.format in FORMATS
    assert feed.way in FORMATS[feed.format].ways
