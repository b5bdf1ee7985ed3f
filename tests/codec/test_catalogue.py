"""The catalogue of the hotline: complete in every language, and nothing that is said can change it."""
# ruff: noqa: RUF001  # the Russian letters are meant

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keepclear.codec.catalogue import texts
from keepclear.codec.catalogue.body import catalogue_body, table_markdown
from keepclear.codec.catalogue.rendering import (
    FIRST_STRONG_ISOLATE,
    PHRASES,
    POP_DIRECTIONAL_ISOLATE,
    Phrase,
    inserts_of,
    isolated,
    phrase,
    phrase_texts,
    render,
    sentence,
    texts_of,
    written,
)
from keepclear.codec.catalogue.texts import (
    CATALOGUE_HASH,
    TEXTS,
    WORD_SETS,
    Language,
    hash_of,
    label,
    names_this_catalogue,
    title,
    word,
)
from keepclear.core.agreements import Agreement, Minima, Terms, Timers
from keepclear.core.conflicts import NO_BUFFER
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.messages import (
    ANSWER_CODES,
    MESSAGES,
    CallResult,
    ChannelState,
    Code,
    Field,
    FieldKind,
    Height,
    HeightAbove,
    Message,
    Nature,
    Position,
    Priority,
    Reason,
    Step,
    Unit,
    Value,
)
from keepclear.core.positions import read_position
from keepclear.core.refs import ItemRef, MessageRef
from keepclear.core.times import floor_ms
from tests.strategies_messages import HOSTILE, heights, instants, messages, positions, values

ENGLISH, RUSSIAN, ARABIC = Language.ENGLISH, Language.RUSSIAN, Language.ARABIC
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "messages.md"
_K = FieldKind

LANGUAGES = pytest.mark.parametrize("language", Language)
CODES = pytest.mark.parametrize("code", Code, ids=lambda code: code.value)


def plain(text: str) -> str:
    """Leave out the isolates."""
    return text.replace(FIRST_STRONG_ISOLATE, "").replace(POP_DIRECTIONAL_ISOLATE, "")


def around(text: str) -> str:
    """Leave out what went in, and check that the isolates close what they open."""
    kept, depth = [], 0
    for character in text:
        if character == FIRST_STRONG_ISOLATE:
            depth += 1
        elif character == POP_DIRECTIONAL_ISOLATE:
            depth -= 1
            assert depth >= 0, text
        elif depth == 0:
            kept.append(character)
    assert depth == 0, text
    return "".join(kept)


def ms(text: str) -> int:
    return floor_ms(datetime.fromisoformat(text))


def message(code: Code, fields: Mapping[str, Value] | None = None, **others: object) -> Message:
    given = {"to": PartyId("south"), "priority": MESSAGES[code].priority, "valid_until_ms": 0} | others
    return Message(code=code, fields=tuple((fields or {}).items()), **given)  # type: ignore[arg-type]


def all_texts(language: Language) -> Iterator[tuple[str, str]]:
    """Yield every text of a language with where it stands."""

    def walk(where: str, node: object) -> Iterator[tuple[str, str]]:
        if isinstance(node, dict):
            for name, inner in node.items():
                yield from walk(f"{where}/{name}", inner)
        else:
            assert isinstance(node, str)
            yield where, node

    yield from walk(language.value, json.loads(texts._SOURCES[language]))


# -- nothing is missing, nothing is left over -------------------------------------------------------


@LANGUAGES
def test_every_code_has_a_title_and_a_sentence_and_nothing_else_has(language: Language) -> None:
    assert list(TEXTS[language].messages) == [code.value for code in Code]


@LANGUAGES
def test_every_field_has_a_label_and_nothing_else_has(language: Language) -> None:
    wanted = {f"{field.name}.{field.kind.value}" for of in MESSAGES.values() for field in of.fields}
    assert TEXTS[language].labels.keys() == wanted


@LANGUAGES
def test_every_word_of_a_fixed_set_is_there_and_no_other(language: Language) -> None:
    told = {name: set(words) for name, words in TEXTS[language].words.items()}
    assert told == {name: {member.value for member in words} for name, words in WORD_SETS.items()}


@LANGUAGES
def test_every_phrase_is_there_and_no_other(language: Language) -> None:
    assert list(TEXTS[language].phrases) == [each.value for each in Phrase]
    assert list(PHRASES) == [*Phrase]


@LANGUAGES
def test_the_forms_of_values_hold_the_same_in_every_language(language: Language) -> None:
    def told(texts: texts.Texts) -> dict[str, list[str]]:
        return {name: sorted(inserts_of(form)) for name, form in texts.values.items()}

    assert told(TEXTS[language]) == told(TEXTS[ENGLISH])


def templates() -> Iterator[tuple[str, tuple[Field, ...], Language, str]]:
    for language in Language:
        for code in Code:
            text = TEXTS[language].messages[code.value].sentence
            yield code.value, MESSAGES[code].fields, language, text
        for each in Phrase:
            yield each.value, PHRASES[each], language, TEXTS[language].phrases[each.value]


@pytest.mark.parametrize(("name", "fields", "language", "text"), [*templates()])
def test_a_text_tells_each_field_once_and_only_what_may_be_missing_is_left_out(
    name: str, fields: tuple[Field, ...], language: Language, text: str
) -> None:
    optional = re.findall(r"\[([^\[\]]*)\]", text)
    always = re.sub(r"\[[^\[\]]*\]", "", text)
    assert sorted(inserts_of(always)) == sorted(field.name for field in fields if field.is_needed)
    told = [name for part in optional for name in inserts_of(part)]
    assert sorted(told) == sorted(field.name for field in fields if not field.is_needed)
    assert all(inserts_of(part) for part in optional)
    assert not set(re.sub(r"\{\w+\}", "", re.sub(r"[\[\]]", "", text))) & set("{}[]")


@LANGUAGES
def test_no_name_stands_twice_in_a_file(language: Language) -> None:
    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        assert len({name for name, _ in pairs}) == len(pairs), pairs
        return dict(pairs)

    json.loads(texts._SOURCES[language], object_pairs_hook=once)


@LANGUAGES
def test_no_two_codes_are_called_or_said_alike(language: Language) -> None:
    told = TEXTS[language].messages.values()
    assert len({each.title for each in told}) == len({each.sentence for each in told}) == len(Code)
    for words in TEXTS[language].words.values():
        assert len(set(words.values())) == len(words)


# -- the letters ------------------------------------------------------------------------------------

LATIN_WORDS = {"MSL", "WGS84"}


def words_in(text: str) -> list[str]:
    return re.findall(r"\w+", re.sub(r"\{\w+\}", " ", text))


def script(character: str) -> str:
    return unicodedata.name(character).split()[0]


@LANGUAGES
def test_each_language_is_written_in_its_own_letters(language: Language) -> None:
    own = {ENGLISH: "LATIN", RUSSIAN: "CYRILLIC", ARABIC: "ARABIC"}[language]
    for where, text in all_texts(language):
        for each in words_in(text):
            scripts = {script(character) for character in each if character.isalpha()}
            assert scripts <= {own} or each in LATIN_WORDS, (where, each)


@LANGUAGES
def test_there_are_only_western_digits_and_nothing_that_steers_text(language: Language) -> None:
    for where, text in all_texts(language):
        assert text.isprintable(), where
        assert unicodedata.normalize("NFC", text) == text, where
        assert text == text.strip(), where
        assert "  " not in text, where
        assert all(character in "0123456789" for character in text if character.isdecimal()), where


_OF_ARMS = {
    ENGLISH: r"target|weapon|strike|bomb|missile|attack|enemy|hostile|shoot|launch",
    RUSSIAN: r"\bцел[ьияе]|оруж|удар|бомб|ракет|атак|враг|враж|против[нн]ик|пуск\b",
    ARABIC: r"هدف|أهداف|سلاح|أسلحة|ضربة|قصف|قنبلة|صاروخ|هجوم|العدو|معاد",
}


@LANGUAGES
def test_no_text_speaks_of_arms_or_aims(language: Language) -> None:
    for where, text in all_texts(language):
        assert not re.search(_OF_ARMS[language], text, re.IGNORECASE), where


def test_phraseology_is_that_of_the_radio() -> None:
    def first(code: Code) -> list[str]:
        return [sentence_of(code, language).split(":")[0] for language in Language]

    def sentence_of(code: Code, language: Language) -> str:
        return TEXTS[language].messages[code.value].sentence

    assert first(Code.WILL_COMPLY) == ["WILCO", "ВЫПОЛНЯЮ", "سأنفذ"]
    assert first(Code.UNABLE) == ["UNABLE", "НЕ МОГУ", "لا أستطيع"]
    assert first(Code.STANDBY) == ["STANDBY", "ЖДИТЕ", "انتظر"]
    assert first(Code.ROGER) == ["ROGER", "ПОНЯЛ", "عُلم"]
    assert first(Code.AFFIRM) == ["AFFIRM", "ДА", "أؤكد"]
    assert first(Code.NEGATIVE) == ["NEGATIVE", "НЕТ", "كلا"]
    assert first(Code.SAY_AGAIN) == ["SAY AGAIN", "ПОВТОРИТЕ", "أعد الإرسال"]


# -- whole messages ---------------------------------------------------------------------------------

MAYDAY = message(
    Code.DISTRESS,
    {
        "call_sign": "RELIEF1",
        "nature": Nature.FIRE,
        "at": Position(latitude_e5=3_540_000, longitude_e5=3_590_000),
        "height": Height(value=6_000, unit=Unit.FEET, above=HeightAbove.SEA),
    },
)


def test_a_message_reads_like_this() -> None:
    told = texts_of(MAYDAY, MessageRef(party=PartyId("north"), n=17))
    assert {language: plain(text) for language, text in told.items()} == {
        "en": "north 17 to south: MAYDAY: RELIEF1 in distress: fire. Position 35.40000° N 35.90000° E,"
        " height 6000 ft (1829 m) MSL.",
        "ru": "north 17, кому: south. МЭЙДЭЙ: борт RELIEF1 терпит бедствие: пожар."
        " Место 35.40000° N 35.90000° E, высота 6000 фт (1829 м) над уровнем моря (MSL).",
        "ar": "north 17 إلى south: استغاثة (ماي داي): الطائرة RELIEF1 في خطر: حريق."
        " الموقع 35.40000° N 35.90000° E، الارتفاع 6000 قدم (1829 م) فوق مستوى سطح البحر (MSL).",
    }


def test_a_draft_has_no_number_and_names_nobody() -> None:
    assert render(MAYDAY, None, ENGLISH) == sentence(MAYDAY, ENGLISH)


def test_an_exercise_says_so_before_anything_else() -> None:
    exercise = message(Code.LINE_TEST, drill="joint 1")
    told = [render(exercise, MessageRef(party=PartyId("north"), n=3), language) for language in Language]
    assert plain(told[0]) == (
        "EXERCISE EXERCISE EXERCISE (drill joint 1): north 3 to south: LINE TEST: do you read? Answer ROGER."
    )
    assert told[1].startswith("УЧЕБНОЕ УЧЕБНОЕ УЧЕБНОЕ")
    assert told[2].startswith("تمرين تمرين تمرين")


def test_an_answer_and_a_correction_name_what_they_are_about() -> None:
    answer = message(
        Code.UNABLE,
        {"reason": Reason.FUEL},
        answers=MessageRef(party=PartyId("south"), n=4),
        corrects=MessageRef(party=PartyId("north"), n=8),
    )
    assert plain(render(answer, MessageRef(party=PartyId("north"), n=9), ENGLISH)) == (
        "north 9 to south: CORRECTION, in place of north 8: IN ANSWER TO south 4:"
        " UNABLE: cannot comply. Reason: fuel."
    )


def test_a_party_is_called_as_the_reader_knows_it_but_keeps_its_number() -> None:
    told = render(MAYDAY, MessageRef(party=PartyId("north"), n=17), ENGLISH, {PartyId("south"): "Relief"})
    assert plain(told).startswith("north 17 to Relief:")


def test_a_name_given_to_a_party_cannot_steer_the_text() -> None:
    names = {PartyId("south"): "x\u2069\u202e\n"}
    told = render(MAYDAY, MessageRef(party=PartyId("north"), n=17), ARABIC, names)
    assert "x\ufffd\ufffd\ufffd" in told
    assert around(told) == around(render(MAYDAY, MessageRef(party=PartyId("north"), n=17), ARABIC))


SAMPLES: dict[FieldKind, Value] = {
    _K.ITEM: ItemRef(party=PartyId("north"), id=ItemId("op-7"), version=2),
    _K.MESSAGE: MessageRef(party=PartyId("south"), n=4),
    _K.POSITION: Position(latitude_e5=3_540_000, longitude_e5=3_590_000),
    _K.HEIGHT: Height(value=900, unit=Unit.METRES, above=HeightAbove.ELLIPSOID),
    _K.REASON: Reason.WEATHER,
    _K.NATURE: Nature.MEDICAL,
    _K.RESULT: CallResult.CONTACT_AWAY,
    _K.STEP: Step.SENIOR,
    _K.STATE: ChannelState.DOWN,
    **dict.fromkeys((_K.PARTY, _K.PERSON, _K.CALL_SIGN, _K.SYMBOLS, _K.DRILL, _K.TEXT), "AB2"),
    **dict.fromkeys((_K.INSTANT, _K.FREQUENCY, _K.DISTANCE, _K.DURATION), 60_000),
    **dict.fromkeys((_K.SPEED, _K.TRACK, _K.COUNT), 45),
}


def check_sentence(told: Message, language: Language) -> None:
    text = sentence(told, language)
    for name, value in told.fields:
        kind = next(field.kind for field in told.type.fields if field.name == name)
        assert isolated(written(kind, value, language)) in text
    assert not set(around(text)) & set("{}[]")
    assert "  " not in text
    assert render(told, MessageRef(party=PartyId("north"), n=1), language).endswith(text)


@CODES
@LANGUAGES
def test_every_message_is_told_whole_with_and_without_what_may_be_missing(
    code: Code, language: Language
) -> None:
    answers = MessageRef(party=PartyId("south"), n=4) if code in ANSWER_CODES else None
    for with_all in (True, False):
        fields = {
            field.name: SAMPLES[field.kind] for field in MESSAGES[code].fields if with_all or field.is_needed
        }
        check_sentence(message(code, fields, answers=answers), language)


@pytest.mark.slow
@given(told=messages(), language=st.sampled_from(Language))
def test_every_message_is_told_whole_whatever_it_says(told: Message, language: Language) -> None:
    check_sentence(told, language)


@pytest.mark.slow
@given(told=messages())
@example(told=message(Code.FREE_TEXT, {"text": "{call_sign} [x] {0} %s"}))
def test_what_is_said_never_changes_the_sentence_round_it(told: Message) -> None:
    calm = tuple((name, "A" if isinstance(value, str) else value) for name, value in told.fields)
    other = Message(
        code=told.code,
        to=told.to,
        fields=calm,
        answers=told.answers,
        corrects=told.corrects,
        priority=told.priority,
        valid_until_ms=told.valid_until_ms,
        drill=told.drill and "A",
    )
    for language in Language:
        assert around(render(told, None, language)) == around(render(other, None, language))


@pytest.mark.slow
@given(told=messages())
def test_isolates_are_the_only_marks_of_direction(told: Message) -> None:
    for text in texts_of(told, MessageRef(party=PartyId("north"), n=1)).values():
        assert plain(text).isprintable()


@pytest.mark.parametrize("hostile", HOSTILE)
def test_free_text_is_shown_as_it_was_signed(hostile: str) -> None:
    told = sentence(message(Code.FREE_TEXT, {"text": hostile}), ARABIC)
    assert told == f"نص حر، ليس جوابًا: {isolated(hostile)}"


# -- values -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value", "english", "russian", "arabic"),
    [
        (_K.INSTANT, ms("2026-11-30T10:42:00Z"), *["2026-11-30 10:42Z"] * 3),
        (_K.INSTANT, ms("2026-11-30T10:42:07Z"), *["2026-11-30 10:42:07Z"] * 3),
        (_K.INSTANT, 0, *["1970-01-01 00:00Z"] * 3),
        (_K.DURATION, 0, "0 s", "0 с", "0 ثانية"),
        (_K.DURATION, 93_784, "1 d 2 h 3 min 4 s", "1 сут 2 ч 3 мин 4 с", "1 يوم 2 ساعة 3 دقيقة 4 ثانية"),
        (_K.DURATION, -61, "0 s", "0 с", "0 ثانية"),
        (_K.DURATION, 900, "15 min", "15 мин", "15 دقيقة"),
        (_K.DISTANCE, 0, "0 m", "0 м", "0 م"),
        (_K.DISTANCE, 99, "99 m", "99 м", "99 م"),
        (_K.DISTANCE, 5_556, "5556 m (3.00 NM)", "5556 м (3.00 мор. миль)", "5556 م (3.00 ميل بحري)"),
        (_K.DISTANCE, 12_300, "12.3 km (6.64 NM)", "12.3 км (6.64 мор. миль)", "12.3 كم (6.64 ميل بحري)"),
        (_K.DISTANCE, 12_345, "12345 m (6.67 NM)", "12345 м (6.67 мор. миль)", "12345 م (6.67 ميل بحري)"),
        (_K.DISTANCE, 40_000, "40 km (21.60 NM)", "40 км (21.60 мор. миль)", "40 كم (21.60 ميل بحري)"),
        (_K.SPEED, 120, "120 m/s (233 kt)", "120 м/с (233 уз)", "120 م/ث (233 عقدة)"),
        (_K.TRACK, 5, "005° true", "ист. 005°", "005° حقيقي"),
        (_K.FREQUENCY, 121_500, "121.500 MHz", "121.500 МГц", "121.500 ميغاهرتز"),
        (_K.FREQUENCY, 5_680, "5680 kHz", "5680 кГц", "5680 كيلوهرتز"),
        (_K.COUNT, 1_000_000, "1000000", "1000000", "1000000"),
        (_K.CALL_SIGN, "RF-76/1", *["RF-76/1"] * 3),
        (_K.MESSAGE, MessageRef(party=PartyId("north"), n=17), *["north 17"] * 3),
        (
            _K.ITEM,
            ItemRef(party=PartyId("north"), id=ItemId("op-7"), version=2),
            "north:op-7 (version 2)",
            "north:op-7 (версия 2)",
            "north:op-7 (الإصدار 2)",
        ),
        (_K.POSITION, Position(latitude_e5=-1, longitude_e5=-18_000_000), *["0.00001° S 180.00000° W"] * 3),
        (
            _K.HEIGHT,
            Height(value=1_500, unit=Unit.METRES, above=HeightAbove.ELLIPSOID),
            "1500 m (4921 ft) above the WGS84 ellipsoid",
            "1500 м (4921 фт) над эллипсоидом WGS84",
            "1500 م (4921 قدم) فوق مجسّم WGS84",
        ),
        (
            _K.HEIGHT,
            Height(value=-100, unit=Unit.FEET, above=HeightAbove.SEA),
            "100 ft (30 m) below MSL",
            "100 фт (30 м) ниже уровня моря (MSL)",
            "100 قدم (30 م) تحت مستوى سطح البحر (MSL)",
        ),
    ],
)
def test_a_value_is_written_like_this(
    kind: FieldKind, value: Value, english: str, russian: str, arabic: str
) -> None:
    assert [plain(written(kind, value, language)) for language in Language] == [english, russian, arabic]


@given(position=positions(), language=st.sampled_from(Language))
def test_a_position_can_be_typed_back_from_every_language(position: Position, language: Language) -> None:
    assert read_position(written(_K.POSITION, position, language)) == position


@given(instant=instants(), language=st.sampled_from(Language))
def test_an_instant_is_told_to_the_second(instant: int, language: Language) -> None:
    told = datetime.fromisoformat(written(_K.INSTANT, instant, language))
    assert told == datetime.fromtimestamp(instant / 1_000, UTC)


def numbers_in(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)]


@given(distance=values(Field("radius", _K.DISTANCE)), language=st.sampled_from(Language))
def test_a_distance_is_told_to_the_metre(distance: int, language: Language) -> None:
    told = written(_K.DISTANCE, distance, language)
    in_km = TEXTS[language].values["km"].format(value="").strip() in told.split(" (")[0].split()
    assert round(numbers_in(told)[0] * (1_000 if in_km else 1)) == distance


@given(height=heights(), language=st.sampled_from(Language))
def test_a_height_is_told_as_it_was_given_and_never_with_a_minus(height: Height, language: Language) -> None:
    told = written(_K.HEIGHT, height, language).replace("WGS84", "")
    given, other = numbers_in(told)
    assert given == abs(height.value)
    in_m, given_m = (other, given * 0.3048) if height.unit is Unit.FEET else (given, other * 0.3048)
    assert abs(in_m - given_m) <= 0.5
    assert not set(told) & set("-\u2212,\u066b")


# -- phrases ----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("of", Phrase, ids=lambda of: of.value)
@given(data=st.data())
def test_every_phrase_is_told_with_whatever_it_is_told_of(of: Phrase, data: st.DataObject) -> None:
    drawn = {field.name: data.draw(values(field)) for field in PHRASES[of]}
    for text in phrase_texts(of, drawn).values():
        assert not set(around(text)) & set("{}[]")


def test_a_position_that_is_far_from_everything_says_from_what() -> None:
    near = ItemRef(party=PartyId("north"), id=ItemId("drop-1"), version=1)
    told = phrase(Phrase.POSITION_FAR, {"item": near, "distance": 5_200, "bearing": 212}, ENGLISH)
    assert plain(told) == (
        "CHECK THE POSITION: it is far from everything declared; nearest is north:drop-1 (version 1),"
        " 5200 m (2.81 NM) away, bearing 212° true."
    )
    assert phrase(Phrase.POSITION_FAR, {}, ENGLISH) == (
        "CHECK THE POSITION: it is far from everything declared."
    )


def test_a_late_message_says_when_it_was_sent() -> None:
    told = phrase(Phrase.DELAYED, {"sent_at": ms("2026-11-30T22:05:00Z")}, ENGLISH)
    assert plain(told) == "SENT 2026-11-30 22:05Z - DELAYED."


def test_a_phrase_needs_all_that_it_is_told_of() -> None:
    with pytest.raises(KeyError):
        phrase(Phrase.DELAYED, {}, ENGLISH)


# -- the hash ---------------------------------------------------------------------------------------


def test_the_hash_does_not_depend_on_how_files_are_laid_out() -> None:
    def turned(node: object) -> object:
        if not isinstance(node, dict):
            return node
        return {name: turned(inner) for name, inner in reversed(node.items())}

    again = {
        language: json.dumps(turned(json.loads(source)), indent=3).replace("\n", "\r\n").encode()
        for language, source in reversed(texts._SOURCES.items())
    }
    assert hash_of(again) == hash_of(texts._SOURCES) == CATALOGUE_HASH
    assert re.fullmatch("[0-9a-f]{64}", CATALOGUE_HASH)


def test_another_text_in_any_language_gives_another_hash() -> None:
    hashes = {CATALOGUE_HASH}
    for language in Language:
        told = json.loads(texts._SOURCES[language])
        told["words"]["state"]["down"] += "!"
        hashes.add(hash_of(texts._SOURCES | {language: json.dumps(told).encode()}))
    assert len(hashes) == 4


@pytest.mark.parametrize(
    ("named", "is_this"), [(CATALOGUE_HASH, True), ("", False), (CATALOGUE_HASH.upper(), False)]
)
def test_an_agreement_names_this_catalogue_or_does_not(named: str, is_this: bool) -> None:
    agreement = Agreement(
        version=1,
        terms=(Terms(party=PartyId("north")), Terms(party=PartyId("south"))),
        minima=Minima(lateral_m=1_000.0, vertical_m=300.0),
        buffer=NO_BUFFER,
        timers=Timers(seen_s=60.0, answered_s=600.0),
        catalogue=named,
    )
    assert names_this_catalogue(agreement) is is_this


# -- the body and the page --------------------------------------------------------------------------


def test_the_body_tells_of_every_code_what_the_table_says() -> None:
    body = json.loads(json.dumps(catalogue_body()))
    assert body["hash"] == CATALOGUE_HASH
    assert [each["code"] for each in body["codes"]] == [code.value for code in Code]
    assert body["codes"][[*Code].index(Code.IDENTITY_REPORT)] == {
        "code": "identity_report",
        "speaker": "officer",
        "response": "R",
        "priority": "safety",
        "humanitarian": False,
        "valid_s": 3_600,
        "fields": [
            {
                "name": "call_sign",
                "kind": "call_sign",
                "needed": True,
                "labels": {"en": "Call sign", "ru": "Позывной", "ar": "نداء التعريف"},
            },
            {
                "name": "item",
                "kind": "item",
                "needed": False,
                "labels": {"en": "Item", "ru": "Объект", "ar": "العنصر"},
            },
        ],
        "answers": ["roger", "say_again"],
        "titles": {"en": "Identity report", "ru": "Ответ на запрос опознания", "ar": "بلاغ تعريف"},
    }
    assert body["words"]["reason"]["fuel"] == {"en": "fuel", "ru": "топливо", "ar": "الوقود"}
    assert body["words"].keys() == WORD_SETS.keys()


def test_titles_labels_and_words_are_those_of_the_files() -> None:
    assert title(Code.DISTRESS, RUSSIAN) == "Бедствие"
    assert label(Field("at", _K.INSTANT), ENGLISH) == "At"
    assert label(Field("at", _K.POSITION), ENGLISH) == "Position"
    assert word(Priority.DISTRESS, ARABIC) == "استغاثة"
    assert word(Nature.FUEL, ENGLISH) != word(Reason.FUEL, ENGLISH)


def test_the_page_of_messages_is_drawn_from_the_table_and_the_catalogue() -> None:
    drawn = PAGE.read_text(encoding="utf-8").partition("<!-- drawn from the code -->\n")[2]
    assert drawn == table_markdown(), "write it anew with the command that the page names"
