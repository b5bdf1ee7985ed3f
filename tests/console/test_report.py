"""The report of a check: one page that needs nothing else and says nothing wrong."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from keepclear.codec.reading import Assumption, Problem
from keepclear.codec.results import Answer, CheckResult
from keepclear.console import report_findings
from keepclear.console.report import check_report
from keepclear.core.conflicts import Buffer, ConflictRule
from keepclear.core.constraints import ConstraintRule
from keepclear.core.geodesy import LatLng
from keepclear.core.shapes import Circle
from keepclear.main import check
from tests.strategies import band, go, intent, square, volume, window, zone

VOID = {"meta", "br", "input", "path", "circle", "rect"}


class Page(HTMLParser):
    """A page, read strictly: every element is closed, in order."""

    def __init__(self, data: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.parts: list[str] = []
        self.scripts: list[str] = []
        self.feed(data.decode())
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), f"an attribute of {tag} stands twice"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif self.open and self.open[-1] != "style":
            self.parts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.parts))

    def all(self, name: str) -> list[str]:
        return [attributes[name] or "" for _, attributes in self.attributes if name in attributes]

    def tags(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.attributes if name == tag]


def page_of(result: CheckResult) -> Page:
    return Page(check_report(result, version="1.2.3"))


def circle(lat: float, lng: float, radius_m: float) -> Circle:
    return Circle(center=LatLng(lat, lng), radius_m=radius_m)


def scenario(**options) -> CheckResult:
    items = [
        intent("A1", volume(circle(35.0, 36.0, 3_000.0), band=band(0.0, 300.0)), party="north"),
        intent("B1", volume(circle(35.0, 36.04, 3_000.0), window(30, 90), band(200.0, 500.0)), party="south"),
        zone("Z1", volume(square(35.0, 35.96, 2_000.0)), party="relief", rule=ConstraintRule.NOTIFY_FIRST),
        zone("Z2", volume(square(35.02, 36.08, 2_000.0)), party="relief", rule=ConstraintRule.KEEP_OUT),
    ]
    return check(items, **options)


def changed(result: CheckResult, **changes: object) -> CheckResult:
    fields = {name: getattr(result, name) for name in CheckResult.__dataclass_fields__}
    return CheckResult(**(fields | changes))


def many(count: int) -> CheckResult:
    return check([intent(f"op {k}", volume(circle(35.0, 36.0, 2_000.0))) for k in range(count)])


PROBLEM = Problem(source="north.json", item="item 2", field="volumes[0].time_end", reason="it is missing")


# --- the page ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "result",
    [
        scenario(),
        check([]),
        changed(scenario(), problems=(PROBLEM,), findings=()),
        scenario(rule=ConflictRule.PER_INTENT),
        scenario(near=Buffer(lateral_m=5_000.0, vertical_m=500.0, time_s=600.0)),
    ],
)
def test_the_page_is_whole_and_refers_to_nothing_outside(result: CheckResult):
    data = check_report(result, version="1.2.3")
    page = Page(data)
    assert data.startswith(b"<!DOCTYPE html>")
    assert b"://" not in data
    assert b"//" not in re.sub(rb"<script>.*?</script>", b"", data, flags=re.DOTALL)
    assert not {"link", "img", "iframe", "object", "embed", "form", "base"} & {t for t, _ in page.attributes}
    assert not page.all("src")
    assert not [name for _, a in page.attributes for name in a if name.startswith("on")]


def test_every_link_leads_to_a_place_in_the_page():
    page = page_of(scenario())
    ids = page.all("id")
    assert len(ids) == len(set(ids))
    assert page.all("href")
    for name in ("href", "for", "aria-labelledby"):
        assert {target.lstrip("#") for target in page.all(name)} <= set(ids)


def test_the_policy_allows_nothing_but_the_one_script():
    page = page_of(scenario())
    policy = next(meta["content"] for meta in page.tags("meta") if "http-equiv" in meta) or ""
    digest = base64.b64encode(hashlib.sha256("".join(page.scripts).encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy
    assert "unsafe-inline" not in policy.replace("style-src 'unsafe-inline'", "")
    assert len(page.tags("script")) == 1


def test_without_the_script_the_whole_map_is_shown_and_no_control_without_use():
    page = page_of(scenario())
    control = next(attributes for tag, attributes in page.attributes if attributes.get("id") == "time")
    assert "hidden" in control
    assert ".kc-each{display:none}" in check_report(scenario()).decode()


def test_the_map_can_be_shown_at_an_instant():
    page = page_of(scenario())
    slider = next(attributes for attributes in page.tags("input") if attributes.get("type") == "range")
    first, last = int(slider["min"] or 0), int(slider["max"] or 0)
    assert last - first == 90 * 60_000
    spans = [
        (int(a["data-from"] or 0), int(a["data-to"] or 0)) for _, a in page.attributes if "data-from" in a
    ]
    assert all(first <= low <= high <= last for low, high in spans)
    assert (first + 30 * 60_000, first + 60 * 60_000) in spans  # the conflict of A1 and B1


def test_the_page_has_landmarks_headings_and_table_headings():
    page = page_of(scenario())
    tags = [tag for tag, _ in page.attributes]
    assert {"header", "nav", "main", "footer"} <= set(tags)
    assert tags.count("h1") == 1
    assert all(heading.get("scope") in {"col", "row"} for heading in page.tags("th"))
    assert next(iter(page.tags("html")))["lang"] == "en"
    pictures = [svg for svg in page.tags("svg") if svg.get("role") == "img"]
    assert all(svg.get("aria-label") for svg in pictures)


def test_the_same_result_gives_the_same_page():
    assert check_report(scenario()) == check_report(scenario())


# --- the answer --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "answer", "said"),
    [
        (check([]), Answer.CANNOT_DECIDE, "CANNOT DECIDE"),
        (changed(scenario(), problems=(PROBLEM,), findings=()), Answer.NO_VERDICT, "NO VERDICT"),
        (
            changed(scenario(), problems=(PROBLEM,), findings=(), is_partial=True),
            Answer.CANNOT_DECIDE,
            "CANNOT DECIDE",
        ),
        (scenario(), Answer.CONFLICT, "2 CONFLICTS AND 1 NOTICE REQUIRED"),
        (changed(scenario(), problems=(PROBLEM,), is_partial=True), Answer.CONFLICT, "2 CONFLICTS"),
    ],
)
def test_the_answer_is_said_and_clear_is_not(result: CheckResult, answer: Answer, said: str):
    assert result.answer is answer
    data = check_report(result).decode()
    assert not re.search(r"\bclear\b", data, re.IGNORECASE)
    assert said in Page(data.encode()).text
    assert f"<title>{said}" in data
    assert '"answer good"' not in data


def test_clear_is_said_if_it_is_the_answer_with_what_it_rests_on():
    result = check([intent("A", volume(circle(35.0, 36.0, 900.0)))])
    assumed = Assumption(source="a.kml", item="Placemark 1", text="no lower bound; taken as unbounded")
    page = page_of(changed(result, assumptions=(assumed, assumed)))
    assert "CLEAR No conflict found among 1 operation and 0 zones." in page.text
    assert "It rests on 1 assumption, and holds for what is listed below as checked" in page.text
    assert "no lower bound; taken as unbounded (2 items)" in page.text


def test_an_input_with_problems_is_never_called_checked():
    page = page_of(changed(scenario(), problems=(PROBLEM,), findings=()))
    assert "What was checked" not in page.text
    assert page.text.count("What was read") == 2  # the heading and the link to it
    assert "Nothing was checked: 1 problem in the input." in page.text
    assert "none of them was checked" in page.text
    for part in (PROBLEM.source, PROBLEM.item, PROBLEM.field, PROBLEM.reason):
        assert part in page.text


# --- what was checked --------------------------------------------------------------------------


def test_what_was_checked_is_told():
    result = scenario(buffer=Buffer(lateral_m=100.0, vertical_m=20.0, time_s=30.0))
    text = page_of(changed(result, sources=("north.geojson", "south.kml"))).text
    for part in (
        "north.geojson",
        "south.kml",
        "2 operations and 2 zones, 4 volumes in all",
        "2026-05-01 12:00:00 to 13:30:00 UTC",
        "per volume",
        "100.0 m lateral, 20.0 m vertical, 30 s in time",
        "nothing is judged against its own party",
    ):
        assert part in text


def test_the_foot_tells_the_version_and_the_span_of_the_data():
    text = page_of(scenario()).text
    assert "Keepclear 1.2.3. Not certified." in text
    assert "Data from 2026-05-01 12:00:00 UTC to 2026-05-01 13:30:00 UTC ." in text.replace("  ", " ")


# --- findings ----------------------------------------------------------------------------------


def test_the_numbers_on_the_map_in_the_table_and_of_the_sections_are_the_same():
    result = scenario()
    page = page_of(result)
    assert len(result.findings) == 3
    for number, finding in enumerate(result.findings, start=1):
        title = f"{number}: {finding.a.id} and {finding.b.id}"
        assert title in page.text.replace(" :", ":")
        assert f"finding-{number}" in page.all("id")
        assert page.all("href").count(f"#finding-{number}") == 2  # from the map and from the table
    numbers = re.findall(r'class="kc-number[^>]*>(\d+)<', check_report(result).decode())
    assert {int(number) for number in numbers} == {1, 2, 3}


def test_a_finding_is_explained_in_words():
    text = page_of(scenario()).text
    assert "A1 and B1 may be at the same place at the same time." in text
    assert "250.0 m (820 ft) above the WGS84 ellipsoid" in text
    assert "2026-05-01 12:45:00 UTC" in text
    assert "Vertically: overlap 100.0 m (328 ft)" in text
    assert "In time: overlap 30 min" in text
    assert "A1 enters the notify-first zone Z1 , whose party asks for notice first." in text
    assert "B1 enters the keep-out zone Z2 ." in text


def test_a_place_is_told_in_degrees_and_in_minutes_and_seconds():
    page = page_of(
        check([intent("A", volume(square(35.5, 36.0, 900.0))), intent("B", volume(square(35.5, 36.0, 90.0)))])
    )
    assert "35.50000° N, 36.00000° E" in page.text
    assert re.search("35°(30\u203200.0|29\u203259.9|30\u203200.1)\u2033 N", page.text)


def test_gaps_within_the_buffer_are_told_as_gaps():
    near = intent("A", volume(circle(35.0, 36.0, 900.0)))
    far = intent("B", volume(circle(*go(35.0, 36.0, 0.0, 2_000.0), 900.0)))
    text = page_of(check([near, far], buffer=Buffer(lateral_m=500.0))).text
    assert "A and B leave less room than the buffer asks for." in text
    assert "In the middle between them is the point" in text
    assert re.search(r"Laterally: (199|200)\.\d m apart", text)
    text = page_of(check([near, far], near=Buffer(lateral_m=500.0))).text
    assert "A and B do not meet, but come as near as was asked to be told." in text


def test_contact_without_a_buffer_is_not_called_a_lack_of_room():
    one = intent("A", volume(square(35.0, 36.0, 1_000.0), band=band(0.0, 100.0)))
    other = intent("B", volume(square(35.0, 36.0, 1_000.0), band=band(100.0000005, 200.0)))
    result = check([one, other])
    assert result.findings[0].witness.vertical_gap_m > 0.0  # within the tolerance of the judge
    text = page_of(result).text
    assert "A and B come so close that they count as touching." in text
    assert "buffer asks for" not in text


def test_by_the_rule_per_intent_bounds_are_those_of_the_items():
    early = volume(square(35.0, 36.0, 900.0), window(0, 10), band(0.0, 100.0))
    late = volume(square(35.5, 36.0, 900.0), window(50, 60), band(300.0, 400.0))
    middle = volume(square(35.0, 36.0, 500.0), window(20, 40), band(150.0, 250.0))
    result = check([intent("A", early, late), intent("B", middle)], rule=ConflictRule.PER_INTENT)
    text = page_of(result).text
    assert "Altitude and time are the bounds of the whole items" in text
    assert "0 to 400 m 2026-05-01 12:00:00 to 13:00:00 UTC" in text


def test_all_pairs_of_volumes_are_counted_and_the_first_are_listed():
    legs = [volume(circle(35.0, 36.0 + k / 1000, 900.0)) for k in range(8)]
    text = page_of(check([intent("A", *legs), intent("B", *legs[:4])])).text
    assert "32 pairs of volumes (of A with one of B ): 0 with 0 , 0 with 1" in text
    assert "and 12 more pairs" in text


@pytest.mark.slow
def test_findings_over_the_limits_are_counted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(report_findings, "SECTIONS_MAX", 5)
    monkeypatch.setattr(report_findings, "ROWS_MAX", 20)
    monkeypatch.setattr("keepclear.codec.drawing.limits.MARKS_MAX", 5)
    page = page_of(many(8))
    assert [i for i in page.all("id") if re.fullmatch(r"finding-\d+", i)] == [
        f"finding-{n}" for n in range(1, 6)
    ]
    assert "And 8 findings more." in page.text
    assert "23 findings more: the table above has them without a picture." in page.text
    assert "Marked are findings 1 to 5; 23 more are not." in page.text
    assert {h for h in page.all("href") if h.startswith("#finding-")} == {
        f"#finding-{n}" for n in range(1, 6)
    }


def test_every_mark_on_the_map_has_a_section():
    from keepclear.codec import drawing

    assert drawing.MARKS_MAX <= report_findings.SECTIONS_MAX


def test_no_findings_are_told_as_what_they_are():
    assert (
        "Nothing was checked, so nothing can be said."
        in page_of(changed(scenario(), problems=(PROBLEM,), findings=())).text
    )
    assert "None in what could be checked." in page_of(check([])).text


# --- text of others ----------------------------------------------------------------------------

HOSTILE = """</title><script>alert("1")</script><!-- &amp; '"]]>"""


def test_text_of_others_changes_nothing_in_the_page():
    first, second, *_ = scenario().items
    items = [
        intent(HOSTILE, *first.volumes, party=HOSTILE),
        intent("B", *second.volumes, party=HOSTILE + "2"),
    ]
    problem = Problem(source=HOSTILE, item=HOSTILE, field=HOSTILE, reason=HOSTILE)
    assumed = Assumption(source=HOSTILE, item=HOSTILE, text=HOSTILE)
    result = changed(
        check(items), problems=(problem,), assumptions=(assumed,), sources=(HOSTILE,), is_partial=True
    )
    data = check_report(result, version=HOSTILE)
    page = Page(data)
    plain = page_of(changed(scenario(), is_partial=True))
    assert len(page.tags("script")) == len(plain.tags("script")) == 1
    assert b"alert(&quot;1&quot;)" in data
    assert page.text.count("alert(") > 8
    assert "<script>alert" in page.text


def test_characters_that_turn_text_round_are_spelt_out_and_names_isolated():
    trick = "north\u202egnp.json\u2066\x00\u200f"
    problem = Problem(source=trick, item="i", reason=trick)
    data = check_report(changed(scenario(), problems=(problem,), sources=(trick,), is_partial=True))
    text = data.decode()
    assert not set(text) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u200e\u200f\x00")
    assert "<bdi>north\\u202egnp.json\\u2066\\u0000\\u200f</bdi>" in text
    assert text.count("<bdi>A1</bdi>") >= 4


def test_numbers_keep_their_order_in_text_that_runs_right_to_left():
    data = check_report(scenario()).decode()
    assert re.search(r'<span dir="ltr"[^>]*>2026-05-01 12:45:00 UTC</span>', data)
    assert '<html lang="en" dir="ltr">' in data
